"""Exchange: one request and its answer on one of aiohttp's connections.

aiohttp's protocol reads the answer (parser, flow control, silence timer); the request is written here. Whatever ends an
exchange before its answer's end (a cancellation, a timeout, a failed upload, a close) aborts the connection, so that
the provider sees it at once: closing would first wait for written bytes to leave and for TLS to say goodbye.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage, StreamWriter
from aiohttp.http_exceptions import HttpProcessingError

from proxy.adapters.idle_connections import IdleConnections
from proxy.adapters.lean_httpx import httpx
from proxy.adapters.protocol_aiohttp import READ_BUFFER_BYTES, Pieces, Protocol, forget_way

HEADER_BYTES_MAX: Final = 128 * 1024
"""Of one header line of an answer; also of its status line."""
HEADERS_MAX: Final = 256
INFORMATIONAL_MAX: Final = 100
"""Answers before the answer (100, 103)."""
JOINED_BYTES_MAX: Final = 128 * 1024
"""A body up to this is copied behind its head: one write costs less than two, a large copy more."""

_INFORMATIONAL: Final = range(100, 200)
_SWITCHING_PROTOCOLS: Final = 101
_FINAL: Final = range(200, 600)
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_BROKEN: Final = (aiohttp.ClientError, HttpProcessingError, OSError, httpx.TransportError)

Timeouts = Mapping[str, float | None]
"""Seconds: 'connect', 'read' and 'write' (silences) as httpx has them, and 'total' for the whole exchange."""


class Exchange(httpx.AsyncByteStream):
    """Begun once, then iterated once for the body of its answer."""

    status = 0
    lines: tuple[tuple[bytes, bytes], ...] = ()
    """Header lines of the answer as received."""

    def __init__(
        self, connection: Connection, protocol: Protocol, origin: str, timeouts: Timeouts, idle: IdleConnections
    ) -> None:
        self._connection = connection
        self._idle = idle
        self._protocol = protocol
        self._origin = origin
        self._timeouts = timeouts
        self._payload: aiohttp.StreamReader | None = None
        self._delimited = True
        self._upload: asyncio.Task[None] | None = None
        self.pumped: asyncio.Future[bytes] | None = None
        """Whoever waits for a piece that `_pass_on` doesn't take."""
        self._pass_on: Callable[[bytes], bool] | None = None
        self._failure: Exception | None = None
        """Why this exchange was broken off from our side; it outranks what the connection says then."""
        protocol.exchange = self
        total = timeouts.get("total")
        if total is not None:
            protocol.total.within(total)

    async def begin(self, head: bytes, body: bytes | httpx.AsyncByteStream, *, chunked: bool, bodiless: bool) -> None:
        """Send, and read up to the end of the answer's headers.

        `chunked`: how a streamed body goes, else as it is (the head has announced its length). `bodiless`: the answer
        has no body, whatever its headers say (HEAD). Raises httpx's TransportErrors, and what the body's stream raises.
        """
        self._protocol.set_response_params(
            skip_payload=bodiless,
            read_until_eof=True,
            auto_decompress=False,
            read_timeout=self._timeouts.get("read"),
            read_bufsize=READ_BUFFER_BYTES,
            max_line_size=HEADER_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
            max_headers=HEADERS_MAX,
        )
        try:
            self._send(head, body, chunked)
            message, self._payload = await self._answer()
        except _BROKEN as error:
            raise self._broken(error) from None
        except BaseException:
            self._abort()
            raise
        if type(self._payload) is aiohttp.StreamReader:
            # aiohttp's parser names the class that it makes; ours adds nothing but methods.
            self._payload.__class__ = Pieces
        self.status = message.code
        self.lines = message.raw_headers
        self._delimited = message.chunked or "content-length" in message.headers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self.read():
            yield chunk

    async def pieces(self, pass_on: Callable[[bytes], bool]) -> AsyncIterator[bytes]:
        """The same, without the pieces that `pass_on` takes: see AtOnce."""
        while True:
            piece = b""
            if isinstance(self._payload, Pieces) and self._payload.waits:
                self.pumped, self._pass_on = asyncio.get_running_loop().create_future(), pass_on
                try:
                    piece = await self.pumped
                finally:
                    self.pumped = self._pass_on = None
            piece = piece or await self.read()
            if not piece:
                return
            yield piece

    def pump(self) -> None:
        """Something has come, or happened: pass it on, and wake who waits only for what can't be."""
        waiter, payload = self.pumped, self._payload
        if waiter is None or waiter.done() or self._pass_on is None or not isinstance(payload, Pieces):
            return
        piece = payload.taken()
        try:
            refused = piece if piece and not self._pass_on(piece) else b""
        except Exception as error:  # whatever it is, whoever waits has passed the function in
            waiter.set_exception(error)
            return
        if refused:
            waiter.set_result(refused)
        self._protocol.resume_reading()
        if not waiter.done() and not payload.waits:
            waiter.set_result(b"")

    async def read(self) -> bytes:
        """What has come of the body; b'' at its end, and no more after that. Raises httpx's TransportErrors."""
        payload = self._payload
        assert payload is not None
        try:
            chunk = await payload.readany()
        except _BROKEN as error:
            raise self._broken(error) from None
        if not chunk:
            lost = self._protocol.exception()
            if not self._delimited and isinstance(lost, aiohttp.ClientOSError):
                raise self._broken(lost)  # where the connection's end is the answer's end, a reset is no end
            self._finish()
        return chunk

    def at_once(self) -> bytes | None:
        """All of the body, where it is here by now: then the connection is free again. None: it is to be read."""
        payload = self._payload
        if isinstance(payload, Pieces) and self._delimited and self._upload is None:
            body = payload.taken_whole()
            if body is not None:
                self._finish()
            return body
        return None

    async def aclose(self) -> None:
        """Before the body's end this closes the connection; after it, gives it back to the pool."""
        if self._payload is not None and self._payload.is_eof():
            self._finish()
        else:
            self._abort()

    def _send(self, head: bytes, body: bytes | httpx.AsyncByteStream, chunked: bool) -> None:
        protocol = self._protocol
        transport = protocol.transport
        if transport is None:
            raise aiohttp.ServerDisconnectedError
        if not isinstance(body, bytes):
            transport.write(head)
            self._upload = asyncio.create_task(self._send_streamed(body, chunked))
            return
        if len(body) <= JOINED_BYTES_MAX:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
        if protocol.writing_paused:
            self._upload = asyncio.create_task(self._flush())
        else:
            protocol.start_timeout()

    async def _send_streamed(self, parts: httpx.AsyncByteStream, chunked: bool) -> None:
        """Runs beside the answer, which may come before the body's end. Never raises."""
        try:
            try:
                await self._pass(parts, chunked)
            finally:
                await parts.aclose()
        except (aiohttp.ClientConnectionError, ConnectionError):
            return  # who reads the answer learns why
        except Exception as error:  # of the body's source, which may raise anything: the reader gets it
            self._fail(error)
        else:
            self._await_answer()

    async def _pass(self, parts: httpx.AsyncByteStream, chunked: bool) -> None:
        writer = StreamWriter(self._protocol, asyncio.get_running_loop())
        if chunked:
            writer.enable_chunking()
        async for part in parts:
            await writer.write(part, drain=False)
            if self._protocol.writing_paused:
                await self._drained(writer)
        await writer.write_eof()

    async def _flush(self) -> None:
        """A whole body that was too large to be written at once. Never raises."""
        try:
            await self._drained(StreamWriter(self._protocol, asyncio.get_running_loop()))
        except httpx.WriteTimeout as error:
            self._fail(error)
        except (aiohttp.ClientConnectionError, ConnectionError):
            return
        else:
            self._await_answer()

    async def _drained(self, writer: StreamWriter) -> None:
        """Wait while the provider is behind with reading."""
        silence_s = self._timeouts.get("write")
        try:
            async with asyncio.timeout(silence_s):
                await writer.drain()
        except TimeoutError:
            raise httpx.WriteTimeout(f"{self._origin}: read nothing for {silence_s} s") from None

    def _await_answer(self) -> None:
        """All is sent: from now on the provider's silence counts."""
        if self._payload is None or not self._payload.is_eof():
            self._protocol.start_timeout()

    async def _answer(self) -> tuple[RawResponseMessage, aiohttp.StreamReader]:
        protocol = self._protocol
        for _ in range(INFORMATIONAL_MAX):
            message, payload = await protocol.read()
            if message.code not in _INFORMATIONAL:
                self._check(message)
                return message, payload
            if message.code == _SWITCHING_PROTOCOLS:
                raise httpx.RemoteProtocolError(f"{self._origin}: switched protocols unasked")
            if not self._uploading:
                protocol.start_timeout()  # the informational answer stopped it
        raise httpx.RemoteProtocolError(f"{self._origin}: informational answers without end")

    def _check(self, message: RawResponseMessage) -> None:
        """The parser takes what no HTTP server may pass on (RFC 9110, sections 5.5 and 15)."""
        values = b"".join([value for _, value in message.raw_headers])
        if message.code not in _FINAL or _CONTROL.search(values):
            raise httpx.RemoteProtocolError(f"{self._origin}: not an HTTP answer (its status or a header's value)")

    @property
    def _uploading(self) -> bool:
        return self._upload is not None and not self._upload.done()

    def expire(self) -> None:
        """It has taken as long as it may."""
        self._fail(httpx.ReadTimeout(f"{self._origin}: not done within {self._timeouts.get('total')} s"))

    def _fail(self, failure: Exception) -> None:
        """Break the exchange off from outside its reader, who gets `failure`."""
        self._failure = self._failure or failure
        self._protocol.set_exception(failure)
        if self._payload is not None:
            self._payload.set_exception(failure)
        self._hang_up()

    def _broken(self, error: BaseException) -> Exception:
        """Close, and say why as httpx has it. Parsers' messages quote what they read: only an error's kind is told."""
        forget_way(error)
        self._abort()
        if self._failure is not None:
            return self._failure
        if isinstance(error, httpx.TransportError):
            return error
        kind = type(error.__cause__ or error).__name__
        if isinstance(error, TimeoutError):
            return httpx.ReadTimeout(f"{self._origin}: silent for {self._timeouts.get('read')} s")
        if isinstance(error, HttpProcessingError):
            return httpx.RemoteProtocolError(f"{self._origin}: not an HTTP answer ({kind})")
        if isinstance(error, aiohttp.ClientPayloadError):
            return httpx.RemoteProtocolError(f"{self._origin}: the answer broke off ({kind})")
        return httpx.ReadError(f"{self._origin}: connection lost ({kind})")

    def _finish(self) -> None:
        """The answer has ended. The connection is good for another call unless our upload still runs on it."""
        if self._uploading:
            self._abort()
        elif self._over():
            self._idle.keep(self._origin, self._connection)

    def _abort(self) -> None:
        if not self._over():
            return
        if self._upload is not None:
            self._upload.cancel()
        self._hang_up()
        self._connection.close()

    def _hang_up(self) -> None:
        if self._protocol.transport is not None:
            self._protocol.transport.abort()

    def _over(self) -> bool:
        """The connection is another's from now on; False: it was already."""
        if self._protocol.exchange is not self:
            return False
        self._protocol.exchange = None
        self._protocol.total.none()
        return True
