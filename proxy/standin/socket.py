"""Socket: the stand-in's end of a websocket, read all the time so that a hang-up shows, and an entry in the tally for
each call on it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final, Protocol
from uuid import uuid4

import msgspec
from starlette.types import Receive, Scope, Send

from proxy.model.usage import Usage
from proxy.standin import behaviour, errors
from proxy.standin.behaviour import Behaviour, UnknownBehaviourError
from proxy.standin.client import ClientGoneError
from proxy.standin.exchange import received
from proxy.standin.headers import JSON, response_headers
from proxy.standin.protocol import WrongRequestError
from proxy.standin.tally import Counted, Ended, Received, Tally

MESSAGES_WAITING: Final = 64
"""Kept unread; then the client is no longer read either."""
SUBPROTOCOL: Final = "realtime"


class CutError(Exception):
    """The stand-in was asked to close the connection without an end."""


class Socket:
    """One accepted websocket."""

    def __init__(self, receive: Receive, send: Send, headers: Mapping[str, str], scope: Scope) -> None:
        self.headers = headers
        self.behaviour: Behaviour = behaviour.read(headers)
        self.subprotocols: list[str] = scope["subprotocols"]
        self.query: bytes = scope["query_string"]
        self.request_id = f"req_{uuid4().hex}"
        self._received = received({**scope, "method": "WS"}, b"")
        self._receive = receive
        self._send = send
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue(MESSAGES_WAITING)
        self._gone = asyncio.Event()

    async def read(self) -> None:
        """Until the client is gone."""
        while (message := await self._receive())["type"] != "websocket.disconnect":
            if message["type"] == "websocket.receive":
                text = message.get("text")
                await self._messages.put(message["bytes"] if text is None else text.encode())
        self._gone.set()
        await self._messages.put(None)

    async def next(self) -> bytes:
        """Raises ClientGoneError."""
        message = await self._messages.get()
        if message is None:
            raise ClientGoneError
        return message

    async def say(self, event: bytes | dict[str, Any]) -> None:
        """Raises ClientGoneError, and then nothing was sent."""
        data = event if isinstance(event, bytes) else msgspec.json.encode(event)
        if self._gone.is_set():
            raise ClientGoneError
        try:
            await self._send({"type": "websocket.send", "text": data.decode()})
        except OSError:
            raise ClientGoneError from None
        await asyncio.sleep(0)

    async def pause(self, milliseconds: int) -> None:
        """Raises ClientGoneError as soon as the client hangs up."""
        if milliseconds:
            try:
                await asyncio.wait_for(self._gone.wait(), milliseconds / 1000)
            except TimeoutError:
                return
            raise ClientGoneError

    async def gone(self) -> None:
        await self._gone.wait()
        raise ClientGoneError

    def received(self, message: bytes) -> Received:
        return replace(self._received, body=sha256(message).digest(), body_bytes=len(message))


class Turn:
    """One call on a socket: begun, and ended exactly once with what it comes to."""

    def __init__(self, socket: Socket, tally: Tally, operation: str, model: str, message: bytes) -> None:
        self.usage = Usage()
        self.ended = Ended.HANGUP
        self.status = 200
        self._socket = socket
        self._tally = tally
        self._operation = operation
        self._model = model
        self._message = message

    def __enter__(self) -> "Turn":
        self._tally.begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is CutError:
            self.ended = Ended.CUT
        socket = self._socket
        marker = socket.behaviour.marker
        self._tally.end(
            Counted(
                *(socket.request_id, marker, self._operation, self._model, self.status, self.ended, self.usage),
                socket.received(self._message),
            )
        )


class Talk(Protocol):
    async def __call__(self, socket: Socket, tally: Tally) -> None:
        """Carry the socket to its end. Raises ClientGoneError, CutError, WrongRequestError."""
        ...


class SocketExchange:
    """An ASGI endpoint for one protocol."""

    def __init__(self, talk: Callable[[], Talk], tally: Tally) -> None:
        self._talk = talk
        self._tally = tally

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            socket = Socket(receive, send, headers, scope)
        except UnknownBehaviourError as error:
            return await _answer(send, 400, str(error))
        if socket.behaviour.status is not None:
            status = socket.behaviour.status
            return await _answer(send, status, f"The stand-in was asked to answer {status}.")
        chosen = SUBPROTOCOL if SUBPROTOCOL in socket.subprotocols else None
        lines = [line for line in response_headers("openai", socket.request_id, JSON) if line[0] != b"content-type"]
        await send({"type": "websocket.accept", "subprotocol": chosen, "headers": lines})
        reading = asyncio.create_task(socket.read())
        try:
            await self._talk()(socket, self._tally)
        except (ClientGoneError, CutError):
            # Without a close frame: uvicorn closes the connection of an application that has ended.
            return
        finally:
            reading.cancel()


async def _answer(send: Send, status: int, message: str) -> None:
    body = msgspec.json.encode(errors.body("openai", status, message, None, "req_refused"))
    lines = [(b"content-type", JSON), (b"content-length", str(len(body)).encode())]
    await send({"type": "websocket.http.response.start", "status": status, "headers": lines})
    await send({"type": "websocket.http.response.body", "body": body})


def wrong(error: WrongRequestError) -> dict[str, Any]:
    """The error event of both protocols."""
    told = errors.body("openai", error.status, str(error), error.param, "")["error"]
    return {"type": "error", "status": error.status, "error": {**told, "event_id": None}}
