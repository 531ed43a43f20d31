"""HttpxUpstream: the way to a provider, over any httpx transport."""

import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from proxy.adapters.exchange_aiohttp import Exchange
from proxy.adapters.lean_httpx import httpx
from proxy.adapters.transport_aiohttp import OWNED, AiohttpTransport
from proxy.ports.upstream import AtOnce, Fault, RawHeaders, UpstreamError, UpstreamRequest

ORIGINS_MAX: Final = 1000
NAMES_MAX: Final = 1000
"""Of headers that are known again."""
CAUSES_MAX: Final = 20
"""So far down the causes of an error are followed: they can go in a circle."""
_NOT_QUOTED: Final = "/?%:@!$&'()*+,;="

_CONNECTION_ONLY: Final = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)


class HttpxUpstream:
    """An Upstream (see ports/upstream.py). Closing the transport is up to who made it.

    Any transport will do (tests put a mock there); through an AiohttpTransport calls go without httpx's objects, which
    changes nothing but their cost.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport
        self._origins: dict[str, httpx.URL] = {}

    async def send(self, request: UpstreamRequest) -> "HttpxAnswer":
        body = request.body if isinstance(request.body, bytes) else _Source(request.body, request.body_length)
        transport = self._transport
        try:
            if not isinstance(transport, AiohttpTransport):
                return await self._handle(request, body)
            exchange = await transport.open(
                request.method,
                self._origin(request.base_url),
                request.target,
                request.headers,
                body,
                request.body_length,
                _timeouts(request.connect_timeout_s, request.read_timeout_s, request.total_timeout_s),
            )
            return HttpxAnswer(exchange.status, exchange.lines, exchange)
        except httpx.TransportError as error:
            raise _explained(error) from None

    async def _handle(self, request: UpstreamRequest, body: "bytes | _Source") -> "HttpxAnswer":
        url = _with_target(self._origin(request.base_url), request.target)
        lines = [(b"Host", url.netloc), *(line for line in request.headers if line[0].lower() not in OWNED)]
        length = len(body) if isinstance(body, bytes) else request.body_length
        if length is not None:
            lines.append((b"Content-Length", b"%d" % length))
        connect_s = request.connect_timeout_s
        stream = httpx.ByteStream(body) if isinstance(body, bytes) else body
        extensions = {
            "target": request.target,
            "timeout": dict(_timeouts(connect_s, request.read_timeout_s, request.total_timeout_s)),
        }
        response = await self._transport.handle_async_request(
            httpx.Request(request.method, url, headers=lines, stream=stream, extensions=extensions)
        )
        assert isinstance(response.stream, httpx.AsyncByteStream)
        return HttpxAnswer(response.status_code, response.headers.raw, response.stream)

    def _origin(self, base_url: str) -> httpx.URL:
        url = self._origins.get(base_url)
        if url is None:
            if len(self._origins) >= ORIGINS_MAX:
                self._origins.clear()
            url = self._origins[base_url] = httpx.URL(base_url)
        return url


class HttpxAnswer(AtOnce):
    """An UpstreamAnswer."""

    __slots__ = ("_stream", "headers", "status")

    def __init__(self, status: int, lines: RawHeaders, stream: httpx.AsyncByteStream) -> None:
        self.status = status
        self.headers: RawHeaders = _end_to_end(lines)
        self._stream = stream

    def at_once(self) -> bytes | None:
        return self._stream.at_once() if isinstance(self._stream, Exchange) else None

    async def pieces(self, pass_on: Callable[[bytes], bool]) -> AsyncIterator[bytes]:
        stream = self._stream
        given = stream.pieces(pass_on) if isinstance(stream, Exchange) else self.chunks()
        try:
            async for chunk in given:
                yield chunk
        except httpx.TransportError as error:
            raise _explained(error) from None

    async def chunks(self) -> AsyncIterator[bytes]:
        stream = self._stream
        try:
            if isinstance(stream, Exchange):
                # Without a generator within this one: half of what a piece costs on its way up.
                while chunk := await stream.read():
                    yield chunk
                return
            async for chunk in stream:
                yield chunk
        except httpx.TransportError as error:
            raise _explained(error) from None

    async def close(self) -> None:
        await self._stream.aclose()


class _Source(httpx.AsyncByteStream):
    """A streamed body. Its own failure is told as such, also a length other than announced: that would let a part of
    one request be read as the beginning of another."""

    def __init__(self, parts: AsyncIterator[bytes], length: int | None) -> None:
        self._parts = parts
        self._length = length
        self._given = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            part = await anext(self._parts)
        except StopAsyncIteration:
            if self._length is not None and self._given < self._length:
                raise UpstreamError(Fault.BODY_SOURCE, "the request's body is shorter than announced") from None
            raise
        except Exception as error:  # of the client's side, whatever it is: its text may hold what was sent
            raise UpstreamError(Fault.BODY_SOURCE, f"the request's body broke off: {type(error).__name__}") from None
        self._given += len(part)
        if self._length is not None and self._given > self._length:
            raise UpstreamError(Fault.BODY_SOURCE, "the request's body is longer than announced")
        return part

    async def aclose(self) -> None:
        if isinstance(self._parts, AsyncGenerator):
            await self._parts.aclose()


def _with_target(origin: httpx.URL, target: bytes) -> httpx.URL:
    """For transports that look at the URL (mocks). What goes on the wire is the target itself, byte for byte."""
    try:
        return origin.copy_with(raw_path=quote(target, safe=_NOT_QUOTED).encode())
    except httpx.InvalidURL:
        return origin


@lru_cache(maxsize=100)
def _timeouts(connect_s: float, silence_s: float, total_s: float) -> Mapping[str, float]:
    return {"connect": connect_s, "pool": connect_s, "read": silence_s, "write": silence_s, "total": total_s}


_USUAL: Final = frozenset(
    (
        *((b"Connection", b"keep-alive"), (b"connection", b"keep-alive")),
        *((b"Transfer-Encoding", b"chunked"), (b"transfer-encoding", b"chunked")),
    )
)
"""What nearly every answer says of its connection: it names no other header."""


class _Kept(dict[bytes, bool]):
    """Whether a header goes on to the client, by its name as it came: names are the same ones in most answers."""

    def __missing__(self, name: bytes) -> bool:
        kept = name.lower() not in _CONNECTION_ONLY
        if len(self) < NAMES_MAX:
            self[name] = kept
        return kept


_KEPT: Final = _Kept()


def _end_to_end(lines: RawHeaders) -> Sequence[tuple[bytes, bytes]]:
    kept = [line for line in lines if _KEPT[line[0]]]
    if len(kept) == len(lines):
        return kept
    dropped = [line for line in lines if not _KEPT[line[0]]]
    if not _USUAL.issuperset(dropped) and (named := _named_by_connection(dropped)):
        kept = [line for line in kept if line[0].lower() not in named]
    return kept


def _named_by_connection(lines: RawHeaders) -> frozenset[bytes]:
    """Headers that the answer's `connection` header declares to be for this connection only."""
    values = b",".join([value for name, value in lines if name.lower() == b"connection"])
    return frozenset([token.strip().lower() for token in values.split(b",")])


def _explained(error: httpx.TransportError) -> Exception:
    """The UpstreamError that stands for `error`; `error` itself where it is a mistake of ours."""
    return error if isinstance(error, httpx.LocalProtocolError) else UpstreamError(_fault(error), str(error))


def _fault(error: httpx.TransportError) -> Fault:
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return Fault.CONNECT_TIMEOUT
        case httpx.ReadTimeout() | httpx.WriteTimeout():
            return Fault.READ_TIMEOUT
        case httpx.ConnectError():
            return _connect_fault(error)
        case httpx.ProxyError() | httpx.UnsupportedProtocol():
            return Fault.CONNECT
    return Fault.CUT


def _connect_fault(error: BaseException | None) -> Fault:
    """By what lies beneath it: a ConnectError alone doesn't tell."""
    for _ in range(CAUSES_MAX):
        if error is None:
            break
        if isinstance(error, socket.gaierror):
            return Fault.DNS
        if isinstance(error, ssl.SSLError):
            return Fault.TLS
        error = error.__cause__
    return Fault.CONNECT
