"""The way to a provider over a websocket, by the `websockets` library: messages unchanged, nothing compressed, nothing
repeated, no redirect followed.

The library is imported at the first socket (4 MiB, 60 ms): most gateways never carry one.
"""

import logging
import socket
import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from yarl import URL

from proxy.adapters.egress import proxy_for, trusted
from proxy.ports.sockets import (
    HEADER_LINE_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    PING_S,
    PONG_S,
    Message,
    SocketClosedError,
    SocketRefusedError,
    SocketRequest,
)
from proxy.ports.upstream import Fault, RawHeaders, UpstreamError

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection, connect

MESSAGES_WAITING: Final = 2
"""Frames that are kept unread; then the provider is no longer read either."""
CLOSE_S: Final = 2.0
"""How long a provider may take to answer a close."""

_HANDSHAKE: Final = frozenset((b"connection", b"upgrade", b"date", b"content-length", b"transfer-encoding"))
_QUIET: Final = logging.getLogger("outlay.websockets")
"""At its debug level the library writes what messages say."""


class WebsocketsUpstream:
    """Fulfils ports.sockets.UpstreamSockets."""

    def __init__(self, proxies: Mapping[str, str] | None = None, tls: ssl.SSLContext | None = None) -> None:
        """`proxies`: 'http', 'https', 'all' and 'no' as the environment has them. `tls`: instead of the machine's."""
        self._proxies = proxies or {}
        self._tls = tls

    async def open(self, request: SocketRequest) -> "WebsocketsSocket":
        import websockets.exceptions as failed  # noqa: PLC0415  # at the first socket: see above

        try:
            return WebsocketsSocket(await self._connecting(request))
        except failed.InvalidStatus as error:
            answer = error.response
            raise SocketRefusedError(
                answer.status_code, _lines(answer.headers.raw_items()), bytes(answer.body or b"")
            ) from None
        except failed.InvalidProxy:
            raise UpstreamError(Fault.CONNECT, "the proxy can't be used") from None
        except failed.ProxyError:
            raise UpstreamError(Fault.CONNECT, "the proxy made no connection") from None
        except (failed.InvalidHandshake, failed.InvalidURI, EOFError) as error:
            raise UpstreamError(Fault.CUT, f"no websocket handshake ({type(error).__name__})") from None
        except TimeoutError:
            raise UpstreamError(Fault.CONNECT_TIMEOUT, f"no websocket within {request.connect_timeout_s} s") from None
        except OSError as error:
            raise UpstreamError(_fault(error), type(error).__name__) from None

    def _connecting(self, request: SocketRequest) -> "connect":
        from websockets.typing import Subprotocol  # noqa: PLC0415  # at the first socket: see above

        _QUIET.setLevel(logging.WARNING)
        origin = URL(request.base_url)
        proxy = proxy_for(origin, self._proxies)
        secure = origin.scheme == "https"
        tls: dict[str, Any] = {"ssl": self._tls or trusted()} if secure else {}
        return _client()(
            ("wss" if secure else "ws") + request.base_url.removeprefix(origin.scheme) + request.target.decode("ascii"),
            additional_headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers],
            user_agent_header=None,
            subprotocols=[Subprotocol(name) for name in request.subprotocols] or None,
            compression=None,
            proxy=str(proxy) if proxy else None,
            open_timeout=request.connect_timeout_s,
            ping_interval=PING_S,
            ping_timeout=PONG_S,
            close_timeout=CLOSE_S,
            max_size=MESSAGE_BYTES_MAX,
            max_queue=MESSAGES_WAITING,
            logger=_QUIET,
            **tls,
        )


@cache
def _client() -> "type[connect]":
    """The library's client, which would follow redirects: with the credential, to whoever an answer names."""
    from websockets.asyncio import client  # noqa: PLC0415  # at the first socket: see above

    class _Direct(client.connect):
        def process_redirect(self, exc: Exception) -> Exception | str:
            return exc

    allow_long_headers()
    return _Direct


def allow_long_headers() -> None:
    """The library's own limit is 8 KiB, and is read from the environment only."""
    from websockets import http11  # noqa: PLC0415  # at the first socket: see above

    http11.MAX_LINE_LENGTH = HEADER_LINE_BYTES_MAX


class WebsocketsSocket:
    """Fulfils ports.sockets.UpstreamSocket."""

    def __init__(self, connection: "ClientConnection") -> None:
        import websockets.exceptions as failed  # noqa: PLC0415  # at the first socket: see above

        self._connection = connection
        self._closed = failed.ConnectionClosed
        self.subprotocol: str = connection.subprotocol or ""
        assert connection.response is not None
        self.headers: RawHeaders = _lines(connection.response.headers.raw_items())

    async def receive(self) -> Message:
        try:
            return await self._connection.recv()
        except self._closed:
            raise self._ended() from None

    async def send(self, message: Message) -> None:
        try:
            await self._connection.send(message)
        except self._closed:
            raise self._ended() from None

    async def close(self, code: int, reason: str = "") -> None:
        with suppress(Exception):  # whatever it is, the connection is gone
            await self._connection.close(code, reason)

    def _ended(self) -> SocketClosedError:
        """By the provider's close, else by our own word (its message was too large, it answered no ping)."""
        protocol = self._connection.protocol
        close = protocol.close_rcvd or protocol.close_sent
        return SocketClosedError(close.code, close.reason) if close else SocketClosedError(1006)


def _lines(items: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    lines = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in items]
    return [line for line in lines if not _of_handshake(line[0].lower())]


def _of_handshake(name: bytes) -> bool:
    return name in _HANDSHAKE or name.startswith(b"sec-websocket-")


def _fault(error: OSError) -> Fault:
    if isinstance(error, ssl.SSLError):
        return Fault.TLS
    return Fault.DNS if isinstance(error, socket.gaierror) else Fault.CONNECT
