"""Confinement: what the translation process may do, which is next to nothing.

An audit hook (PEP 578) can't be taken back. It holds off what a library does by mistake, or because a caller's words
made it; it is no wall against code written to break out.
"""

import asyncio
import os
import signal
import sys
from typing import Any, Final

_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_FORBIDDEN: Final = frozenset(
    (
        *("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"),
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"),
        *("os.remove", "os.rename", "os.mkdir"),
    )
)


def confine() -> None:
    """From here on: no connection, no program, no file but the libraries' to read. Raises PermissionError at each."""
    package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    folders = {os.path.realpath(path) for path in (*sys.path, sys.prefix, sys.base_prefix) if path}
    # In a checkout this package lies beside a data folder, so the folder that holds it is not a library's.
    libraries = tuple(path + os.sep for path in {*folders - {os.path.dirname(package)}, package})

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _FORBIDDEN:
            raise PermissionError(event)
        if event == "open" and isinstance(arguments[0], str | bytes):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            if arguments[2] & _WRITING or not path.startswith(libraries):
                raise PermissionError(event)

    sys.addaudithook(audit)


async def ended_when_stuck(stuck_s: int) -> None:
    """While this task runs, the process is ended (SIGALRM) once its event loop has stood still for so many seconds:
    whatever keeps it busy keeps every call waiting, and the library has loops that a caller's words make endless."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    while True:
        signal.alarm(stuck_s)
        await asyncio.sleep(stuck_s / 4)
