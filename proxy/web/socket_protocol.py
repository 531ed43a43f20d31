"""The server's side of a websocket: uvicorn's protocol over the `websockets` library, quiet and with an orderly stop.

uvicorn would log the path of each socket, whose query may hold a key; would write what messages say at its debug level;
and at a stop would close every socket at once, the answers on them included.
"""

import logging
from collections import deque
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets import http11
from websockets.frames import CloseCode, Frame

from proxy.ports.sockets import HEADER_LINE_BYTES_MAX
from proxy.web.body_room import BodyRoom, NoRoomError

FRAGMENTS_MAX: Final = 4096
"""Of one message: each takes more memory than it may have bytes. Clients send whole messages."""
WAITING_BYTES: Final = 512
"""What a message takes beside its bytes while it waits: many small ones arrive at once."""
STOP: Final = "outlay.stop"
"""Type of the message that tells an endpoint that the server is being stopped."""

_quiet: Final = logging.getLogger("outlay.websocket")
_BAD_REQUEST: Final = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

http11.MAX_LINE_LENGTH = HEADER_LINE_BYTES_MAX


class SocketProtocol(WebSocketsSansIOProtocol):
    def __init__(self, room: BodyRoom, **given: Any) -> None:
        """`room`: what messages may take that are on their way in, together with the bodies of calls over HTTP."""
        super().__init__(**given)
        self._share = room.share()
        self._sizes: deque[int] = deque()
        self._queued = 0
        """Bytes of messages that wait for the endpoint; each one's in `_sizes`."""
        self._passing = 0
        """Of the one that it took last."""
        _quiet.setLevel(logging.WARNING)
        self.logger = _quiet
        self.conn.logger = _quiet
        self.conn.debug = False

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._take_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._share.leave()
        super().connection_lost(exc)

    def send_receive_event_to_app(self) -> None:
        if not self.close_sent:
            self._sizes.append(sum(map(len, self.frames)) + WAITING_BYTES)
            self._queued += self._sizes[-1]
        super().send_receive_event_to_app()

    async def receive(self) -> Any:
        self._passing = 0
        self._take_room()
        message = await super().receive()
        if message["type"] == "websocket.receive":
            self._passing = self._sizes.popleft()
            self._queued -= self._passing
        return message

    def _take_room(self) -> None:
        """As much as there is now: what the endpoint works on, what waits for it, and what has no end yet."""
        self._share.leave()
        if self.disconnected:
            return
        unfinished = len(self.conn.reader.buffer) + sum(map(len, self.frames))
        try:
            self._share.take(self._passing + self._queued + unfinished)
        except NoRoomError:
            self._turn_away()

    def _turn_away(self) -> None:
        if not self.handshake_complete:
            self.transport.abort()
        elif self.conn.close_sent is None:
            self.conn.fail(CloseCode.TRY_AGAIN_LATER, "outlay holds as much as it may (OUTLAY_BODIES_BYTES_MAX)")
            self.handle_parser_exception()

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= FRAGMENTS_MAX:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            self.handle_parser_exception()
        else:
            super().handle_cont(event)

    def handle_ping(self) -> None:
        if self.writable.is_set():
            super().handle_ping()
        else:
            # Nobody reads: answers to pings would pile up without an end.
            self.conn.data_to_send()

    def handle_parser_exception(self) -> None:
        if self.conn.close_sent is None:
            # A handshake that the library can't read, and HTTP could.
            self.transport.write(_BAD_REQUEST)
            self.close_sent = True
            self.transport.close()
        else:
            super().handle_parser_exception()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            # uvicorn would report an answer over HTTP as an application that forgot the handshake.
            self.handshake_complete = True

    def shutdown(self) -> None:
        """The endpoint closes the socket when its calls have ended, and sooner where it is cancelled."""
        stop: Any = {"type": STOP}
        self.queue.put_nowait(stop)
