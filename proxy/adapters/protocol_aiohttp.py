"""What aiohttp reads an answer with: its protocol and its reader of a body, with faults mended and less to do."""

import asyncio
import select
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler

from proxy.gateway.deadline import Deadline

if TYPE_CHECKING:
    from proxy.adapters.exchange_aiohttp import Exchange

READ_BUFFER_BYTES: Final = 64 * 1024
"""Of each answer: reading from the provider stops at twice this, plus one read, while the client is slow."""
PIECE_BYTES_MAX: Final = 64 * 1024
"""Of an answer read at once: what is read is held for a slow client outside of the reader's own buffer, twice."""


class Protocol(ResponseHandler):
    """aiohttp's, with two faults mended, lazy timers and a memory. The conformance tests tell when they are mended
    upstream."""

    used = False
    """True once an exchange has run on this connection."""
    poll: "select.poll | None" = None
    """Tells whether something waits to be read on its socket."""
    exchange: "Exchange | None" = None
    """The one that runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._silence = Deadline(self._on_read_timeout)
        self.total = Deadline(self._expire)
        """Of the exchange."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        exchange = self.exchange
        if exchange is not None and exchange.pumped is not None:
            exchange.pump()

    def connection_lost(self, exc: BaseException | None) -> None:
        payload = self._payload
        super().connection_lost(exc)
        broken = payload.exception() if payload is not None else None
        if broken is not None and broken.__cause__ is not None:
            forget_way(broken.__cause__)
        self._silence.stop()
        self.total.stop()
        if self.exchange is not None:
            self.exchange.pump()

    def _expire(self) -> None:
        if self.exchange is not None:
            self.exchange.expire()

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """aiohttp tells who waits for headers, but not who waits for more of a body: framing that breaks within one
        would leave its reader waiting for ever."""
        payload = self._payload
        super().set_exception(exc, *cause)
        if payload is not None and not payload.is_eof() and payload.exception() is None:
            payload.set_exception(exc, *cause)
        if self.exchange is not None:
            self.exchange.pump()

    def _reschedule_timeout(self) -> None:
        """aiohttp makes another timer for each piece that is read, which costs as much as reading it."""
        if self._read_timeout:
            self._silence.within(self._read_timeout)

    def _drop_timeout(self) -> None:
        self._silence.none()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """aiohttp calls this for each chunk read, and then wakes parser and socket though they never slept."""
        if self._reading_paused:
            super().resume_reading(resume_parser)


class Pieces(aiohttp.StreamReader):
    """aiohttp's reader of a body, without its account of where each HTTP chunk ended: nobody here asks for that, and it
    is a third of what a burst of small chunks costs. What is read is all that has come, up to `PIECE_BYTES_MAX`."""

    __slots__ = ()

    def begin_http_chunk_receiving(self) -> None:
        return

    def end_http_chunk_receiving(self) -> None:
        return

    async def readany(self) -> bytes:
        # What came before a fault was delivered, and is billed: it is given first.
        while not self._buffer:
            if self._exception is not None:
                raise self._exception
            if self._eof:
                break
            await self._wait("readany")
        if self._size > PIECE_BYTES_MAX:
            return self._part()
        data = self.taken()
        self._protocol.resume_reading()
        return data

    def _part(self) -> bytes:
        """As much as is read at once, of more. Nothing is read of the connection until the rest is taken, too."""
        pieces, begin, left = self._buffer, self._buffer_offset, PIECE_BYTES_MAX
        part = []
        while left:
            piece = pieces[0][begin : begin + left]
            part.append(piece)
            left -= len(piece)
            begin += len(piece)
            if begin == len(pieces[0]):
                pieces.popleft()
                begin = 0
        self._buffer_offset = begin
        self._cursor += PIECE_BYTES_MAX
        self._size -= PIECE_BYTES_MAX
        return b"".join(part)

    def taken(self) -> bytes:
        """What is here. Reading must be resumed then, which may bring more at once."""
        pieces = self._buffer
        if self._buffer_offset:
            pieces[0] = pieces[0][self._buffer_offset :]
            self._buffer_offset = 0
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._cursor += self._size
        self._size = 0
        return data

    def taken_whole(self) -> bytes | None:
        """All of it, where its end has come and nothing was read before; else None, and nothing is taken."""
        if self._exception is not None or not self._eof or self._cursor or self._size > READ_BUFFER_BYTES:
            return None
        data = self.taken()
        self._protocol.resume_reading()
        return data

    @property
    def waits(self) -> bool:
        """Nothing is here, and more may come."""
        return not (self._buffer or self._eof or self._exception)


def forget_way(error: BaseException) -> None:
    """The frames that an error came through hold connection and reader, and those hold it: none of them would leave
    memory before somebody looks for such circles, which among many objects takes long, and so is seldom done."""
    error.__traceback__ = None
