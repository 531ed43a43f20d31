"""Structured logs on stderr: text for people at a terminal, JSON lines for machines. No secret ever enters an event."""

import logging
import os
import select
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from textwrap import indent
from threading import Lock
from typing import Any, Final, TextIO, cast

import structlog

from proxy.model.visible import visible, visible_lines
from proxy.settings import Settings

PATIENCE_MS: Final = 250
"""How long a line waits for a reader who is behind; the next ones don't, until it was heard."""
PIECE_BYTES: Final = 4096
"""What a pipe that can be written takes whole."""
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(settings: Settings, plane: str) -> None:
    """Set up structlog and the standard library's logging (uvicorn's) for this process."""
    stderr = cast(TextIO, _Stderr())
    level = _LEVELS.get(settings.log_level, logging.INFO)
    at_terminal = sys.stderr is not None and sys.stderr.isatty()
    as_text = settings.log_format == "text" or (settings.log_format == "auto" and at_terminal)
    stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S" if as_text else "iso", utc=not as_text)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        stamp,
    ]
    # Plain tracebacks: the pretty ones show local variables, and those hold prompts and keys.
    text = structlog.dev.ConsoleRenderer(
        colors=at_terminal, pad_event_to=0, pad_level=False, exception_formatter=structlog.dev.plain_traceback
    )
    # JSON escapes by itself what a terminal would obey.
    rendering: list[structlog.typing.Processor] = [_inert, text] if as_text else [structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Loggers aren't kept: lines are rare, and what is configured anew later holds for each of them.
        logger_factory=structlog.WriteLoggerFactory(stderr),
    )
    structlog.contextvars.bind_contextvars(plane=plane)
    handler = logging.StreamHandler(stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                *rendering,
            ],
        )
    )
    # Says on every form that can't be read what a caller put there, and nothing that isn't in the answer.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


class _Stderr:
    """Whatever stderr is when a line is written: a command that runs within another program may outlive the one that it
    began with, and loggers keep theirs.

    Where it can't be written (a file on a full disk, a pipe that nobody reads, a terminal that was stopped) a line is
    lost: whoever has something to say, of that disk perhaps, must not fail by saying it, nor wait for a reader.
    """

    def __init__(self) -> None:
        self._turn = Lock()
        self._stuck = False
        """Nobody reads: there is no more waiting until somebody does."""
        self._torn = False
        """The last line stands there in part."""

    def write(self, line: str) -> int:
        stream = sys.stderr
        if stream is not None:
            with suppress(OSError, ValueError), self._turn:
                if _may_wait(stream):
                    self._send(stream.fileno(), line.encode(stream.encoding, "backslashreplace"))
                else:
                    stream.write(line)
                    stream.flush()
        return len(line)

    def flush(self) -> None:
        """Each line is."""

    def _send(self, descriptor: int, line: bytes) -> None:
        """To a pipe, a terminal or a socket. Raises OSError."""
        rest = b"\n" + line if self._torn else line
        with _unwaiting(descriptor) as own:
            while rest:
                taken = _written(own, rest[:PIECE_BYTES], 0 if self._stuck else PATIENCE_MS)
                if not taken:
                    self._stuck, self._torn = True, self._torn or len(rest) < len(line)
                    return
                rest = rest[taken:]
        self._stuck = self._torn = False


def _may_wait(stream: TextIO) -> bool:
    """Whether writing may wait for somebody to read."""
    try:
        return not stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):  # of memory, or closed
        return False


@contextmanager
def _unwaiting(descriptor: int) -> Iterator[int]:
    """The same pipe or terminal, opened anew so as never to wait: what it was opened as is shared with others. Where
    that can't be (a socket, another user's pipe), itself."""
    own = descriptor
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        with suppress(OSError):
            own = os.open(f"/dev/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        yield own
    finally:
        if own != descriptor:
            os.close(own)


def _written(descriptor: int, piece: bytes, within_ms: int) -> int:
    """How many bytes of it; 0: nobody makes room. Raises OSError."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    try:
        return os.write(descriptor, piece) if poll.poll(within_ms) else 0
    except BlockingIOError:
        return 0


def _inert(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """No word of a provider, a file or a caller may begin a line of its own, or steer the terminal."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = indent(visible_lines(value), "    ") if name == "exception" else visible(value)
    return event
