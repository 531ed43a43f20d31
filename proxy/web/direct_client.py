"""DirectClient: the caller's side of a call that our own server carries: what AsgiClient does over ASGI's messages, at
the connection itself.

A message for each piece, the look at its shape, and a task that waits for a hang-up are a tenth of a small call's cost,
and of each piece of a stream. Where anything stands between server and endpoint (a middleware, a test), the call goes
over ASGI.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.types import Receive, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from proxy.dialects.dialect import Dialect
from proxy.web.asgi_client import AsgiClient, HeaderLines
from proxy.web.call_cycle import CallCycle, ends_with_its_connection, reset

_WITHOUT_BODY: Final = (204, 304)


def client(receive: Receive, send: Send, dialect: Dialect) -> AsgiClient:
    """The client of a call, as direct as it can be had."""
    cycle = getattr(receive, "__self__", None)
    if getattr(send, "__self__", None) is not cycle or not isinstance(cycle, CallCycle):
        return AsgiClient(receive, send, dialect)
    return DirectClient(receive, send, dialect, cycle)


class DirectClient(AsgiClient):
    def __init__(self, receive: Receive, send: Send, dialect: Dialect, cycle: CallCycle) -> None:
        super().__init__(receive, send, dialect)
        self._cycle = cycle
        self._bodiless = cycle.scope["method"] == "HEAD"
        self._chunked = False
        self._to_the_close = False
        """The answer ends where its connection does."""
        self._left = 0
        """Bytes that the answer's stated length still has room for."""
        self._head = b""
        """Status and headers, until they are written: with the first bytes of the body where those are there by the end
        of this turn of the loop, since each write is a system call that wakes the client."""

    def body_at_once(self) -> bytes | None:
        cycle = self._cycle
        if cycle.more_body or cycle.disconnected or cycle.response_complete:
            return None
        body = cycle.take()
        cycle.flow.resume_reading()
        return body

    async def start(self, status: int, headers: HeaderLines) -> None:
        cycle = self._cycle
        self.started = True
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        cycle.response_started, cycle.waiting_for_100_continue = True, False
        if status in _WITHOUT_BODY:
            self._bodiless = True
            headers = [line for line in headers if line[0] != b"content-length"]
        length = dict(headers).get(b"content-length")
        self._to_the_close = length is None and not self._bodiless and ends_with_its_connection(cycle)
        self._chunked = length is None and not (self._bodiless or self._to_the_close)
        self._left = 0 if length is None or self._bodiless else int(length)
        self._head = _head(status, headers, chunked=self._chunked, keep=cycle.keep_alive)
        if self._chunked or self._to_the_close or self._left:
            asyncio.get_running_loop().call_soon(self._write)  # else it is the whole answer: `end` writes it

    async def write(self, data: bytes) -> None:
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if data and not (cycle.disconnected or self._bodiless):
            self._write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else self._counted(data))

    def write_now(self, data: bytes) -> bool:
        cycle = self._cycle
        if cycle.disconnected or self._bodiless:
            return True
        if cycle.flow.write_paused:
            return False
        self._write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else self._counted(data))
        return True

    async def end(self, data: bytes = b"") -> None:
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        if self._chunked:
            self._write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n")
        else:
            self._write(b"" if self._bodiless else self._counted(data))
        if self._left:
            raise RuntimeError("an answer is shorter than it said")
        cycle.response_complete = True
        cycle.tell()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()

    def abort(self) -> None:
        # What has begun is seen to have begun, before the server closes the connection.
        self._write()
        if self._to_the_close:
            reset(self._cycle.transport)

    def _write(self, data: bytes = b"") -> None:
        """Behind the head, if that still waits."""
        if self._head:
            data, self._head = self._head + data, b""
        if data and not self._cycle.disconnected:
            self._cycle.transport.write(data)

    def when_gone(self, told: Callable[[], None]) -> Callable[[], None]:
        cycle = self._cycle
        later: list[Callable[[], None]] = []

        def tell() -> None:
            # While its body is still being read, its reader learns of it and knows what that means, unless it has all.
            if self.read:
                told()
            else:
                later.append(super(DirectClient, self).when_gone(told))

        def stop() -> None:
            cycle.told = None
            for each in later:
                each()

        if cycle.disconnected:
            return super().when_gone(told)
        cycle.told = tell
        return stop

    def _counted(self, data: bytes) -> bytes:
        if self._to_the_close:
            return data
        self._left -= len(data)
        if self._left < 0:
            raise RuntimeError("an answer is longer than it said")
        return data


def _head(status: int, headers: HeaderLines, *, chunked: bool, keep: bool) -> bytes:
    """Names are lower-cased already. Raises RuntimeError where a line could be read as more than itself."""
    block = b"".join([b"%b: %b\r\n" % line for line in headers])
    if block.count(b"\n") != len(headers) or block.count(b"\r") != len(headers) or b"\0" in block:
        raise RuntimeError("a header of an answer holds a line break or a null byte")
    closing = b"" if keep else b"connection: close\r\n"
    framing = b"transfer-encoding: chunked\r\n" if chunked else b""
    return b"%b%b%b%b\r\n" % (STATUS_LINE[status], block, closing, framing)
