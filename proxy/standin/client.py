"""Client: the other end of a connection, watched for a hang-up during the whole call.

`send()` to a client that is gone raises nothing in ASGI; only `receive()` tells, and at once.
"""

import asyncio
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from proxy.standin.coding import BODY_BYTES_MAX
from proxy.standin.protocol import WrongRequestError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

SENDS_BETWEEN_TURNS: Final = 32
"""After so many writes without a pause, others get their turn, and a hang-up is seen."""


class ClientGoneError(Exception):
    """The client hung up."""


class Client:
    """Reads one request, then sends one answer. `close` when done."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._watch: asyncio.Task[None] | None = None
        self._sends = 0
        self.hurried: asyncio.Event | None = None
        """Once set, it pauses no more."""

    async def body(self) -> bytes:
        """The whole body, at most BODY_BYTES_MAX. Raises ClientGoneError, WrongRequestError."""
        parts: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            part = message.get("body", b"")
            size += len(part)
            if size <= BODY_BYTES_MAX:
                parts.append(part)
            more = message.get("more_body", False)
        self._watch = asyncio.create_task(self._until_gone())
        if size > BODY_BYTES_MAX:
            raise WrongRequestError("the body is too large", status=413)
        return b"".join(parts)

    async def pause(self, milliseconds: int) -> None:
        """Wait, unless hurried. Raises ClientGoneError as soon as the client hangs up."""
        if self._watch is not None and not (self.hurried and self.hurried.is_set()):
            told = [asyncio.create_task(self.hurried.wait())] if self.hurried else []
            try:
                await asyncio.wait((self._watch, *told), timeout=milliseconds / 1000, return_when=FIRST_COMPLETED)
            finally:
                for each in told:
                    each.cancel()
        self._still_there()

    async def gone(self) -> None:
        """Wait until the client hangs up."""
        if self._watch is not None:
            await self._watch

    async def start(self, status: int, headers: Headers) -> None:
        self._still_there()
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def send(self, data: bytes, *, more: bool) -> None:
        """Raises ClientGoneError, and then nothing was sent."""
        self._still_there()
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
        self._sends += 1
        if more and self._sends % SENDS_BETWEEN_TURNS == 0:
            await asyncio.sleep(0)

    def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()

    def _still_there(self) -> None:
        if self._watch is not None and self._watch.done():
            raise ClientGoneError

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
