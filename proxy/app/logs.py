"""Structured logs on stderr: text for people at a terminal, JSON lines for machines. No secret ever enters an event."""

import logging
import sys
from contextlib import suppress
from textwrap import indent
from typing import Any, Final, TextIO, cast

import structlog

from proxy.model.visible import visible, visible_lines
from proxy.settings import Settings

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(settings: Settings, plane: str) -> None:
    """Set up structlog and the standard library's logging (uvicorn's) for this process."""
    stderr = cast(TextIO, _Stderr())
    level = _LEVELS.get(settings.log_level, logging.INFO)
    as_text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S" if as_text else "iso", utc=not as_text)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        stamp,
    ]
    # Plain tracebacks: the pretty ones show local variables, and those hold prompts and keys.
    text = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), pad_event_to=0, pad_level=False, exception_formatter=structlog.dev.plain_traceback
    )
    # JSON escapes by itself what a terminal would obey.
    rendering: list[structlog.typing.Processor] = [_inert, text] if as_text else [structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Loggers aren't kept: lines are rare, and what is configured anew later holds for each of them.
        logger_factory=structlog.PrintLoggerFactory(stderr),
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

    Where it can't be written (a file on a full disk, a pipe that nobody reads any more) a line is lost: whoever has
    something to say, of that disk perhaps, must not fail by saying it.
    """

    def write(self, text: str) -> int:
        with suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


def _inert(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """No word of a provider, a file or a caller may begin a line of its own, or steer the terminal."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = indent(visible_lines(value), "    ") if name == "exception" else visible(value)
    return event
