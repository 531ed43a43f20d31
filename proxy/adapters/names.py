"""Names of hosts, each looked up in a thread of its own: one that no name server answers for holds up no other.

The event loop would look up two at a time, and a lookup that isn't answered takes ten seconds and more.
"""

import asyncio
import errno
import socket
from contextlib import suppress
from threading import Thread
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult

LOOKUPS_MAX: Final = 100
"""At once; of each name there is one at most."""

_NUMERIC: Final = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


class Names(AbstractResolver):
    def __init__(self) -> None:
        self._room = asyncio.Semaphore(LOOKUPS_MAX)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError."""
        async with self._room:
            infos = await _apart(host, port, family)
        return [
            ResolveResult(
                hostname=host,
                host=socket.getnameinfo(address, _NUMERIC)[0],  # with the scope of one that is local to a link
                port=address[1],
                family=found,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found, _, protocol, _, address in infos
        ]

    async def close(self) -> None:
        """Nobody waits for what is still being looked up."""


async def _apart(host: str, port: int, family: int) -> list[Any]:
    """In a thread that ends with the process, so that it holds up no stop. Raises OSError."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[list[Any]] = loop.create_future()

    def settle(found: list[Any] | Exception) -> None:
        if done.done():
            return
        if isinstance(found, Exception):
            done.set_exception(found)
        else:
            done.set_result(found)

    def run() -> None:
        found: list[Any] | Exception
        try:
            found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        except UnicodeError as error:
            found = socket.gaierror(socket.EAI_NONAME, f"not a name: {error}")
        except Exception as error:
            # Raised again where it is awaited.
            found = error
        with suppress(RuntimeError):  # of a loop that is closed: nobody waits for it any more
            loop.call_soon_threadsafe(settle, found)

    try:
        Thread(target=run, name="name", daemon=True).start()
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, str(error)) from None
    return await done
