"""One end of a websocket, played from a test."""

import asyncio
from collections.abc import Sequence

from proxy.ports.sockets import Message, SocketClosedError, SocketRequest


class FakeSocket:
    """Fulfils ports.sockets.UpstreamSocket and gateway.socket_relay.ClientSocket.

    `gives` are the messages that come from this end, an error its close; `await took(n)` waits until n messages have
    been sent to it.
    """

    def __init__(self, *gives: Message | SocketClosedError, subprotocol: str = "") -> None:
        self.sent: list[Message] = []
        self.closed: tuple[int, str] | None = None
        self.subprotocol = subprotocol
        self.headers: Sequence[tuple[bytes, bytes]] = ((b"x-request-id", b"req_1"),)
        self.stopping = asyncio.Event()
        self.reading = asyncio.Event()
        """Cleared: this end reads nothing, so that sending to it waits."""
        self.reading.set()
        self._given: asyncio.Queue[Message | SocketClosedError] = asyncio.Queue()
        self._changed = asyncio.Condition()
        for message in gives:
            self.give(message)

    def give(self, message: Message | SocketClosedError) -> None:
        self._given.put_nowait(message)

    async def receive(self) -> Message:
        message = await self._given.get()
        if isinstance(message, SocketClosedError):
            raise message
        return message

    async def send(self, message: Message) -> None:
        await self.reading.wait()
        if self.closed is not None:
            raise SocketClosedError(1006)
        self.sent.append(message)
        async with self._changed:
            self._changed.notify_all()

    async def close(self, code: int, reason: str = "") -> None:
        if self.closed is None:
            self.closed = (code, reason)

    async def took(self, count: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.sent) >= count)


class FakeSockets:
    """Fulfils ports.sockets.UpstreamSockets: gives the socket, or raises the error, that it was made with."""

    def __init__(self, socket: "FakeSocket | Exception") -> None:
        self.socket = socket
        self.requests: list[SocketRequest] = []

    async def open(self, request: SocketRequest) -> FakeSocket:
        self.requests.append(request)
        if isinstance(self.socket, Exception):
            raise self.socket
        return self.socket
