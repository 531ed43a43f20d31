"""The provider of streams for `bench.gateway`: answers at once, so that it is never what is measured.

`python -m bench.gateway_upstream PORT`, on loopback, until it is ended. By the path of a call: `/paced/…` gives one
event at a time, with a pause after each, `/burst/…` all events as fast as they can be written.
"""

import asyncio
import sys
from typing import Final, cast

import uvloop

from bench.gateway_bodies import EVENT, LAST

CHUNKS: Final = {b"/paced/": 200, b"/burst/": 2000}
"""Events of one stream, each in an HTTP chunk of its own."""
PACE_S: Final = 0.005
_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_CHUNK: Final = _framed(EVENT)
_END: Final = _framed(LAST) + b"0\r\n\r\n"


class Provider(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._got = b""

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._got = body[length:]
        kind = next(kind for kind in CHUNKS if kind in head[: head.index(b"\r\n")])
        self._transport.write(_HEAD)
        (self._hurry if kind == b"/burst/" else self._pace)(CHUNKS[kind])

    def _hurry(self, left: int) -> None:
        """A write a turn of the loop: in one turn they would leave as one."""
        if self._transport.is_closing():
            return
        self._transport.write(_CHUNK if left else _END)
        if left:
            asyncio.get_running_loop().call_soon(self._hurry, left - 1)

    def _pace(self, left: int) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(_CHUNK if left else _END)
        if left:
            asyncio.get_running_loop().call_later(PACE_S, self._pace, left - 1)


async def serve(port: int) -> None:
    await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
