"""TranslationProcess: litellm in a process of its own, started when the first call needs it.

It has no credential, no way to the network and no file but its own libraries (translation_worker): all it does is put
one dialect into another. The gateway hands it one end of a new socket pair for each call, over a socket that only the
two of them have; when the gateway is gone that socket closes, and the process ends.
"""

import asyncio
import socket
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import structlog

from proxy.adapters.translation_frames import Kind, frame, read_frame
from proxy.ports.upstream import Fault, UpstreamError

log = structlog.get_logger("outlay.translation")

MODULE: Final = "proxy.adapters.translation_worker"
CLOSE_S: Final = 2.0
ROOT: Final = Path(__file__).resolve().parents[2]
"""Where the child finds this package."""


class Session:
    """One call's talk with the process."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, fresh: bool) -> None:
        self.fresh = fresh
        """True: the process was started for this call."""
        self._reader = reader
        self._writer = writer

    async def say(self, kind: Kind, data: bytes = b"") -> None:
        """Waits while the process reads slower. Raises OSError where it is gone."""
        if self._writer.is_closing():
            raise BrokenPipeError  # uvloop raises a RuntimeError where one writes there
        self._writer.write(frame(kind, data))
        await self._writer.drain()

    async def hear(self, within_s: float) -> tuple[Kind, bytes]:
        """Raises EOFError or OSError where the process is gone, TimeoutError where it stays silent."""
        async with asyncio.timeout(within_s):
            return await read_frame(self._reader)

    def close(self) -> None:
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class TranslationProcess:
    def __init__(self, module: str = MODULE) -> None:
        self._module = module
        self._child: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._starting = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """Of the process that runs, None where none does."""
        return self._child.pid if self._alive() and self._child else None

    async def session(self) -> Session:
        """A talk with the process, started where it doesn't run. Raises UpstreamError."""
        ours, theirs = socket.socketpair()
        try:
            async with self._starting:
                fresh = not (self._alive() and self._given(theirs))
                if fresh:
                    await self._start()
                    self._given(theirs)
            reader, writer = await asyncio.open_unix_connection(sock=ours)
        except OSError as error:
            ours.close()
            raise UpstreamError(Fault.TRANSLATION, f"no translation process: {type(error).__name__}") from None
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return Session(reader, writer, fresh=fresh)

    async def close(self) -> None:
        """End the process. A later session starts another."""
        child, self._child = self._child, None
        self._hang_up()
        if child is None:
            return
        try:
            async with asyncio.timeout(CLOSE_S):
                await child.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()

    def _alive(self) -> bool:
        return self._child is not None and self._child.returncode is None

    def _given(self, call: socket.socket) -> bool:
        """Hand a call's socket over. False: nobody is there to take it. Raises OSError where too many wait."""
        if self._control is None:
            return False
        try:
            socket.send_fds(self._control, [b"c"], [call.fileno()])
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    async def _start(self) -> None:
        if self._child is not None:
            log.warning("the translation process had ended")
            with suppress(ProcessLookupError):
                self._child.kill()
        self._hang_up()
        self._control, theirs = socket.socketpair()
        self._control.setblocking(False)
        try:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                self._module,
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,  # its library prints, and prompts could be in that
                stderr=asyncio.subprocess.DEVNULL,
                cwd="/",
                # No credential goes along. litellm reads no .env file, and its price list is the installed one.
                env={
                    "PYTHONPATH": str(ROOT),
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "LITELLM_MODE": "PRODUCTION",
                    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                    "LITELLM_LOG": "CRITICAL",
                },
                start_new_session=True,  # Ctrl-C is for the gateway, which still has calls to finish
            )
        finally:
            theirs.close()
        log.info("translation process started", pid=self._child.pid)

    def _hang_up(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
