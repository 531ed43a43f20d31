"""CallCycle: uvicorn's state of one request and its answer, lean, and able to tell of a hang-up.

uvicorn's own is made with a dozen values that are the same for every request, and with an event that nobody waits for
where a body came at once; here such values stand on the class, and the event is made for whoever waits.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable
from typing import Any, Final

from starlette.types import ASGIApp
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

log: Final = logging.getLogger("uvicorn.error")


class CallCycle(RequestResponseCycle):
    access_log = False
    default_headers: list[tuple[bytes, bytes]] = []  # noqa: RUF012  # uvicorn's name; nobody adds to it
    logger = log
    disconnected = False
    response_started = False
    response_complete = False
    chunked_encoding: bool | None = None
    expected_content_length = 0
    told: Callable[[], None] | None = None
    """Called once, when the client hangs up before the answer's end."""
    _event: asyncio.Event | None = None
    _news = False
    """Something happened before there was an event."""

    def __init__(
        self,
        scope: Any,
        transport: asyncio.Transport,
        flow: FlowControl,
        on_response: Callable[[], None],
        *,
        keep_alive: bool,
        expect_100_continue: bool = False,
        body: bytes = b"",
        more_body: bool = True,
    ) -> None:
        self.scope = scope
        self.transport = transport
        self.flow = flow
        self.on_response = on_response
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = expect_100_continue
        self.body: Any = body
        """bytes or a bytearray: uvicorn only makes bytes of it."""
        self.more_body = more_body
        self._news = bool(body) or not more_body

    @property
    def message_event(self) -> asyncio.Event:  # type: ignore[override]  # as uvicorn reads it
        """Set where something happened that `receive` tells of."""
        if self._event is None:
            self._event = asyncio.Event()
            if self._news:
                self._event.set()
        return self._event

    def tell(self) -> None:
        """What `message_event.set()` does, without making one."""
        self._news = True
        if self._event is not None:
            self._event.set()

    def take(self) -> bytes:
        """All of a body that is here."""
        body, self.body = bytes(self.body), b""
        self._news = False
        if self._event is not None:
            self._event.clear()
        return body

    def add(self, piece: bytes) -> None:
        """More of the body; the first piece as a rule is all of it, and isn't copied."""
        if not self.body:
            self.body = piece
        else:
            if type(self.body) is bytes:
                self.body = bytearray(self.body)
            self.body += piece
        self.tell()

    async def run_asgi(self, app: ASGIApp) -> None:  # type: ignore[override]
        """The application's whole answer. One that it began and didn't end is broken off, as the provider's was."""
        closed = self.on_response
        try:
            await app(self.scope, self.receive, self.send)  # type: ignore[arg-type]
            if not (self.response_started or self.disconnected):
                log.error("ASGI callable returned without starting response.")
                await self.send_500_response()
        except BaseException as error:
            log.error("Exception in ASGI application\n", exc_info=error)
            if not self.response_started:
                await self.send_500_response()
        if not (self.response_complete or self.disconnected):
            self._break_off()
        self.on_response = _nothing
        if self.transport.is_closing() and not (self.response_complete or self.disconnected):
            # An answer that broke off has closed the connection, and nobody was told.
            closed()

    def _break_off(self) -> None:
        self.transport.close()

    def hang_up(self) -> None:
        """The connection is gone."""
        if not self.response_complete:
            self.disconnected = True
            self.tell()
            told, self.told = self.told, None
            if told is not None:
                told()


class OldCycle(CallCycle):
    """Of a client that speaks HTTP/1.0, and so reads no chunks (RFC 9112, section 6.1): an answer without a stated
    length ends with its connection."""

    _to_the_close = False

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._to_the_close = not any(name.lower() == b"content-length" for name, _ in message["headers"])
            if self._to_the_close:
                self.chunked_encoding = False
        elif self._to_the_close:
            # uvicorn counts down to the end of a body.
            self.expected_content_length = len(message["body"])
        await super().send(message)

    def _break_off(self) -> None:
        if self._to_the_close:
            reset(self.transport)
        else:
            super()._break_off()


def ends_with_its_connection(cycle: CallCycle) -> bool:
    """Whether an answer without a stated length does."""
    return isinstance(cycle, OldCycle)


def reset(transport: asyncio.Transport) -> None:
    """Break a connection off so that its client sees it: where an answer's end is the connection's, an orderly end
    would pass for the whole answer."""
    connected = transport.get_extra_info("socket")
    if connected is not None and not transport.is_closing():
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _nothing() -> None:
    """Of an answer that is over."""
