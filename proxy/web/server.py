"""The HTTP server of both planes: uvicorn, with a limit on headers that uvicorn's fast parser doesn't have.

uvicorn's own `date` and `server` headers are off, so that a provider's pass alone; its access log is off, because a
line a call costs more than the call and the journal has it all.
"""

import asyncio
import logging
import signal
import socket
import ssl
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from proxy.ports.sockets import MESSAGE_BYTES_MAX, PING_S, PONG_S
from proxy.web.body_room import BodyRoom

HEADER_BYTES_MAX: Final = 256 * 1024
"""Request line and headers together. Agent CLIs send up to some 20 KiB; one client was seen to feed 60 MiB."""
HEADER_WAIT_S: Final = 30.0
"""How long a client may take to finish its headers."""
KEEP_ALIVE_S: Final = 75
STALLED_S: Final = 600.0
"""How long a client may take nothing of an answer that waits for it. Without an end it would hold its call for ever."""
BACKLOG: Final = 2048
RAW_TARGET: Final = "outlay.raw_target"
"""Scope key of the request target exactly as it came; ASGI itself loses a bare '?'."""

_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with bounded headers in size and time, bounded patience with clients that don't read,
    hang-ups told to the request being answered, and the raw target kept."""

    stalled_s = STALLED_S

    _header_bytes = 0
    _reading_headers = True
    _header_timer: asyncio.TimerHandle | None = None
    _stalled_timer: asyncio.TimerHandle | None = None
    _answering: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # as the base class has it
        self._header_timer = self.loop.call_later(HEADER_WAIT_S, self._header_timeout)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._reading_headers and self.parser is not None:
            self._header_bytes += len(data)
            if self._header_bytes > HEADER_BYTES_MAX and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._reading_headers = True
        self._header_bytes = 0
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(HEADER_WAIT_S, self._header_timeout)

    def _should_upgrade(self) -> bool:
        # Anything else than GET is answered as the request over HTTP that it may be (RFC 6455, section 4.1).
        return bool(super()._should_upgrade()) and self.scope["method"] == "GET"

    def on_headers_complete(self) -> None:
        self._reading_headers = False
        self._stop_timer()
        self.scope[RAW_TARGET] = self.url  # type: ignore[typeddict-unknown-key]  # ASGI allows own keys
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_stalled()
        super().connection_lost(exc)
        answering = self._answering
        if answering is not None and not answering.response_complete:
            # uvicorn tells only the newest of pipelined requests, and this one may be older.
            answering.disconnected = True
            answering.message_event.set()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stop_stalled()
        self._stalled_timer = self.loop.call_later(self.stalled_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_stalled()
        super().resume_writing()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _header_timeout(self) -> None:
        self._header_timer = None
        if self._reading_headers and not self.transport.is_closing():
            self.transport.close()

    def _stop_stalled(self) -> None:
        if self._stalled_timer is not None:
            self._stalled_timer.cancel()
            self._stalled_timer = None

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None


class _CutAnswers(logging.Filter):
    """An answer that broke off at the provider is broken off here by not ending it; that is no error of ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "returned without completing response" not in record.getMessage()


def _socket_protocol(room: BodyRoom, **given: Any) -> asyncio.Protocol:
    """What takes a connection over that becomes a websocket. Imported then: most gateways never carry one."""
    from proxy.web.socket_protocol import SocketProtocol  # noqa: PLC0415  # see above

    return SocketProtocol(room, **given)


def server(
    app: ASGIApp, *, stop_s: float, websockets: BodyRoom | None = None, tls: ssl.SSLContext | None = None
) -> uvicorn.Server:
    """A uvicorn server for `app`; the caller hands it bound sockets (`serve(sockets=[…])`).

    `websockets`: the room for what their clients send; None: there are none.
    """
    logging.getLogger("uvicorn.error").addFilter(_CutAnswers())
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=BoundedHttpProtocol,
        ws="none" if websockets is None else cast(type[asyncio.Protocol], partial(_socket_protocol, websockets)),
        ws_max_size=MESSAGE_BYTES_MAX,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PONG_S,
        ws_per_message_deflate=False,
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, int(stop_s)),
        backlog=BACKLOG,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )
    return uvicorn.Server(config)


def tcp_socket(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A bound TCP socket, IPv4 or IPv6. `shared`: several processes accept on the same port."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise OSError(error.errno, f"can't listen on {host}:{port}: {error.strerror}") from None
    bound.set_inheritable(True)
    return bound


def unix_socket(path: Path) -> socket.socket:
    """A bound Unix socket that only this user can open; one left behind by a dead process is replaced."""
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound.bind(str(path))
    path.chmod(0o600)
    return bound


async def serve_all(servers: list[tuple[uvicorn.Server, list[socket.socket]]]) -> None:
    """Run several servers in one loop until SIGTERM or SIGINT, then stop each gracefully.

    uvicorn's own signal handling would end the process by the signal before anything else could be put in order.
    A second signal doesn't wait for calls in flight.
    """

    def stop() -> None:
        for each, _ in servers:
            each.force_exit = each.should_exit
            each.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await asyncio.gather(*(each._serve(sockets) for each, sockets in servers))
