"""The caller's side of a websocket over ASGI: fulfils gateway.socket_relay.ClientSocket."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from starlette.types import Receive, Send

from proxy.ports.sockets import Message, SocketClosedError

HeaderLines = list[tuple[bytes, bytes]]


class AsgiSocket:
    """Before it is accepted, a websocket may be answered over HTTP instead."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._closed = False
        self.answered = False
        """Accepted, or answered over HTTP."""
        self.stopping = asyncio.Event()

    async def accept(self, subprotocol: str, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Raises SocketClosedError."""
        self.answered = True
        await self._pass({"type": "websocket.accept", "subprotocol": subprotocol or None, "headers": list(headers)})

    async def answer(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        """Over HTTP, in place of a websocket; nobody may be there any more to read it."""
        self.answered = self._closed = True
        with suppress(SocketClosedError):
            await self._pass({"type": "websocket.http.response.start", "status": status, "headers": list(headers)})
            await self._pass({"type": "websocket.http.response.body", "body": body})

    async def receive(self) -> Message:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.receive":
                text: str | None = message.get("text")
                data: bytes | None = message.get("bytes")
                return text if text is not None else data or b""
            if message["type"] == "websocket.disconnect":
                self._closed = True
                raise SocketClosedError(message.get("code", 1005), message.get("reason") or "")
            if message["type"] != "websocket.connect":
                self.stopping.set()

    async def send(self, message: Message) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        await self._pass({"type": "websocket.send", kind: message})

    async def close(self, code: int, reason: str = "") -> None:
        if self._closed:
            return
        self._closed = True
        with suppress(SocketClosedError):
            await self._pass({"type": "websocket.close", "code": code, "reason": reason})

    async def _pass(self, message: dict[str, object]) -> None:
        try:
            await self._send(message)
        except (OSError, RuntimeError):
            # Gone, or closed while this message waited: uvicorn's ClientDisconnected is an OSError.
            raise SocketClosedError(1006) from None
