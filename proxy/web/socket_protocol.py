"""The server's side of a websocket: uvicorn's protocol over the `websockets` library, quiet and with an orderly stop.

uvicorn would log the path of each socket, whose query may hold a key; would write what messages say at its debug level;
and at a stop would close every socket at once, the answers on them included.
"""

import logging
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets import http11
from websockets.frames import CloseCode, Frame

from proxy.ports.sockets import HEADER_LINE_BYTES_MAX

FRAGMENTS_MAX: Final = 4096
"""Of one message: each takes more memory than it may have bytes. Clients send whole messages."""
STOP: Final = "outlay.stop"
"""Type of the message that tells an endpoint that the server is being stopped."""

_quiet: Final = logging.getLogger("outlay.websocket")
_BAD_REQUEST: Final = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

http11.MAX_LINE_LENGTH = HEADER_LINE_BYTES_MAX


class SocketProtocol(WebSocketsSansIOProtocol):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        _quiet.setLevel(logging.WARNING)
        self.logger = _quiet
        self.conn.logger = _quiet
        self.conn.debug = False

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
