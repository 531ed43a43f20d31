"""AiohttpTransport: httpx requests over aiohttp's connections, with exact bytes both ways.

aiohttp's connector gives connections (pool, names, happy eyeballs, TLS, proxies). What its session adds on top is left
out, because each part of it changes bytes or repeats calls: no cookies, no netrc, no redirects, no repeat of a GET on a
closed connection, no URL type that rewrites paths, no headers of its own. The head is rendered here, byte for byte.

Nothing is ever sent twice. A pooled connection is used only when it is provably still open at that moment (`_stale`);
one found closed is replaced before a byte is written. After the first byte written, every failure is final.
"""

import asyncio
import re
import select
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final, Literal, cast

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from proxy.adapters.egress import proxy_for, proxy_url, trusted
from proxy.adapters.exchange_aiohttp import Exchange, Timeouts
from proxy.adapters.idle_connections import IdleConnections
from proxy.adapters.lean_httpx import httpx
from proxy.adapters.names import Names
from proxy.adapters.protocol_aiohttp import Protocol
from proxy.ports.upstream import SentLines

CONNECTIONS_MAX: Final = 2000
IDLE_S: Final = 15.0
"""How long an unused connection is kept: less than the 60 s and more after which providers' front ends close theirs."""
DNS_CACHE_S: Final = 10
KEEPALIVE_PROBE_S: Final = 60
"""TCP keep-alive: a model may think for minutes without a byte, and NAT gateways forget a silent connection (350 s)."""
ORIGINS_MAX: Final = 1000

OWNED: Final = frozenset(
    b"host content-length transfer-encoding connection keep-alive proxy-connection te trailer upgrade expect "
    b"proxy-authorization".split()
)
"""Headers that belong to a connection, so the transport writes its own or none. `expect` too: the server in front of us
has told the client to go on before we have its body."""
_TARGET: Final = re.compile(rb"(?:/[^\x00-\x20\x7f]*|\*)")
_METHOD: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_WITHOUT_BODY: Final = frozenset(("GET", "HEAD", "OPTIONS", "DELETE"))
"""An empty body of these is none; with others it is announced as empty."""


class AiohttpTransport(httpx.AsyncBaseTransport):
    """For use without httpx.AsyncClient, or under it. In one event loop only; `aclose()` when done.

    Of a request it reads, beside method, URL, headers and stream, the extensions "target" (bytes: path and query as
    they go on the wire) and "timeout" (httpx's, and 'total' for the whole exchange). `open` does the same without
    httpx's objects: they are half the CPU of a small call.

    Raises httpx's TransportErrors, whose messages name the origin and hold no header, body or target. An error of the
    request's own stream is raised as it is.
    """

    def __init__(
        self,
        *,
        proxies: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        connections_max: int = CONNECTIONS_MAX,
        connections_per_origin_max: int = CONNECTIONS_MAX,
        idle_s: float = IDLE_S,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """`proxies`: 'http', 'https', 'all' and 'no' as the environment has them. `tls`: instead of the machine's.

        Raises ProxyError where a proxy can't be used.
        """
        self._proxies = proxies or {}
        for kind in ("http", "https", "all"):
            if text := self._proxies.get(kind):
                proxy_url(text)
        self._tls = tls
        self._connections_max = connections_max
        self._connections_per_origin_max = connections_per_origin_max
        self._idle_s = idle_s
        self._resolver = resolver
        self._connector: aiohttp.TCPConnector | None = None
        self._idle: IdleConnections | None = None
        self._origins: dict[tuple[bytes, bytes, int | None], _Origin] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        stream = request.stream
        body: bytes | httpx.AsyncByteStream
        length = None
        if isinstance(stream, httpx.ByteStream):
            body = b"".join(stream)
        else:
            assert isinstance(stream, httpx.AsyncByteStream)
            body = stream
            declared = request.headers.get("content-length")
            length = None if declared is None else int(declared)
        target = request.extensions.get("target", request.url.raw_path)
        timeouts = request.extensions.get("timeout") or {}
        lines = request.headers.raw
        exchange = await self.open(request.method, request.url, target, lines, body, length, timeouts)
        return httpx.Response(exchange.status, headers=list(exchange.lines), stream=exchange)

    async def open(
        self,
        method: str,
        url: httpx.URL,
        target: bytes,
        lines: Iterable[tuple[bytes, bytes]],
        body: bytes | httpx.AsyncByteStream,
        length: int | None,
        timeouts: Timeouts,
    ) -> Exchange:
        """Send to `url`'s origin; gives the exchange with its answer begun. `length`: of a streamed body, where known;
        it must be right, or the next request on the connection would begin within this one's body."""
        origin = self._origin(url)
        head = _head(method, origin, target, lines, len(body) if isinstance(body, bytes) else length)
        idle = self._idle
        if idle is None:
            idle = self._idle = IdleConnections(self._idle_s)
        connection = self._kept(idle, origin) or await self._connect(idle, origin, timeouts.get("connect"))
        exchange = Exchange(connection, cast(Protocol, connection.protocol), origin.name, timeouts, idle)
        await exchange.begin(head, body, chunked=length is None, bodiless=method == "HEAD")
        return exchange

    async def aclose(self) -> None:
        if self._idle is not None:
            self._idle.close()
        if self._connector is not None:
            await self._connector.close()

    def _origin(self, url: httpx.URL) -> "_Origin":
        key = (url.raw_scheme, url.raw_host, url.port)
        origin = self._origins.get(key)
        if origin is None:
            if len(self._origins) >= ORIGINS_MAX:
                self._origins.clear()
            plain = URL(f"{url.scheme}://{url.netloc.decode()}")
            origin = self._origins[key] = _Origin.of(plain, self._proxies, self._tls or trusted())
        return origin

    def _kept(self, idle: IdleConnections, origin: "_Origin") -> Connection | None:
        while (connection := idle.take(origin.name)) is not None:
            if not _stale(cast(Protocol, connection.protocol)):
                return connection
            connection.close()
        return None

    async def _connect(self, idle: IdleConnections, origin: "_Origin", timeout_s: float | None) -> Connection:
        connector = self._connector or self._open_connector()
        try:
            with idle.asked():
                while True:
                    connection = await connector.connect(origin.request, [], _connect_timeout(timeout_s))
                    protocol = cast(Protocol, connection.protocol)
                    if not (protocol.used and _stale(protocol)):
                        protocol.used = True
                        return connection
                    connection.close()
        except TimeoutError:
            raise httpx.ConnectTimeout(f"{origin.name}: no connection within {timeout_s} s") from None
        except aiohttp.ClientHttpProxyError as error:
            raise httpx.ProxyError(f"{origin.name}: the proxy answered {error.status}") from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise httpx.ConnectError(f"{origin.name}: {error.certificate_error}") from error.certificate_error
        except aiohttp.ClientConnectorError as error:
            raise httpx.ConnectError(f"{origin.name}: {error.os_error}") from error.os_error
        except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
            raise httpx.ConnectError(f"{origin.name}: connecting failed ({type(error).__name__})") from None

    def _open_connector(self) -> aiohttp.TCPConnector:
        self._connector = aiohttp.TCPConnector(
            limit=self._connections_max,
            limit_per_host=self._connections_per_origin_max,
            keepalive_timeout=self._idle_s,
            ttl_dns_cache=DNS_CACHE_S,
            resolver=self._resolver or Names(),
            socket_factory=_socket,
        )
        factory = partial(Protocol, loop=asyncio.get_running_loop())
        self._connector._factory = factory  # type: ignore[assignment]  # it makes ResponseHandlers, as declared
        return self._connector


@dataclass(frozen=True, slots=True)
class _Origin:
    """One scheme, host and port, with the way there."""

    name: str
    host: bytes
    """The Host header's value: without the scheme's default port."""
    request: ClientRequest
    """What aiohttp's connector needs to know for a connection there; never sent."""
    target_prefix: bytes
    """What stands before the target: a plain proxy wants absolute URLs."""
    lines: bytes
    """Header lines for that proxy."""

    @classmethod
    def of(cls, origin: URL, proxies: Mapping[str, str], tls: ssl.SSLContext | Literal[True]) -> "_Origin":
        proxy = proxy_for(origin, proxies)
        host = origin.host_port_subcomponent or ""
        credential = _basic(proxy)
        # Host is what the connector would add: were it missing, the pool's key would change after the first use.
        proxy_headers = {"Host": host, "Proxy-Authorization": credential} if credential else None
        plain = proxy is not None and origin.scheme == "http"
        return cls(
            name=f"{origin.scheme}://{host}",
            host=host.encode(),
            request=ClientRequest(
                "GET",
                origin,
                loop=asyncio.get_running_loop(),
                proxy=proxy.with_user(None) if proxy else None,
                proxy_headers=proxy_headers,
                ssl=tls,
                session=cast(Any, None),  # only kept for answers that aiohttp itself reads
            ),
            target_prefix=f"http://{host}".encode() if plain else b"",
            lines=f"Proxy-Authorization: {credential}\r\n".encode() if plain and credential else b"",
        )


def _head(
    method: str, origin: _Origin, target: bytes, lines: Iterable[tuple[bytes, bytes]], length: int | None
) -> bytes:
    """Request line and headers, in their order. `length` of the body; None: it goes chunked.

    Raises httpx.LocalProtocolError where a part could be read as more than itself.
    """
    if isinstance(lines, SentLines):
        # Written once for all calls that they go out with.
        block = lines.written = lines.written or _block(lines)
    else:
        block = _block(lines)
    if not _TARGET.fullmatch(target):
        raise httpx.LocalProtocolError("the target doesn't begin with a slash, or holds a space or a control character")
    if not _METHOD.fullmatch(method):
        raise httpx.LocalProtocolError("the method is no token")
    if length is None:
        framing = b"Transfer-Encoding: chunked\r\n"
    elif length or method not in _WITHOUT_BODY:
        framing = b"Content-Length: %d\r\n" % length
    else:
        framing = b""
    return b"%b %b%b HTTP/1.1\r\nHost: %b\r\n%b%b%b\r\n" % (
        *(method.encode(), origin.target_prefix, target, origin.host),
        *(block, framing, origin.lines),
    )


def _block(lines: Iterable[tuple[bytes, bytes]]) -> bytes:
    kept = [b"%b: %b\r\n" % line for line in lines if line[0].lower() not in OWNED]
    block = b"".join(kept)
    if block.count(b"\n") != len(kept) or block.count(b"\r") != len(kept) or b"\0" in block:
        raise httpx.LocalProtocolError("a header holds a line break or a null byte")
    return block


def _stale(protocol: Protocol) -> bool:
    """True: something waits to be read on a connection that owes nothing, so the other side closed it (or is mad).

    aiohttp looks only at what the event loop has seen; a loop that was busy hasn't seen the last milliseconds.
    """
    transport = protocol.transport
    if transport is None:
        return True
    poll = protocol.poll
    if poll is None:
        poll = protocol.poll = select.poll()
        poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _basic(proxy: URL | None) -> str:
    if proxy is None or not proxy.user:
        return ""
    return aiohttp.encode_basic_auth(proxy.user, proxy.password or "")


def _socket(info: Any) -> socket.socket:
    family, kind, protocol, _, _ = info
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_PROBE_S)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_PROBE_S)
    return made


@lru_cache(maxsize=100)
def _connect_timeout(seconds: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=seconds, sock_connect=seconds)
