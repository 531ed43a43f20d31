"""What the way to a provider costs: CPU of this process per call, beside bare aiohttp and beside a raw socket.

    python -m bench.upstream

A provider of a few lines runs as a second process on loopback. Each way makes the same calls, 16 in flight, with
OpenAI-like headers. Rounds are interleaved, and the ratios are taken within a round. About 20 s.
"""

import argparse
import asyncio
import multiprocessing
import resource
import statistics
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import cast

import uvloop

BASE_RSS_MIB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

import aiohttp  # noqa: E402

from proxy.adapters.transport_aiohttp import AiohttpTransport  # noqa: E402
from proxy.adapters.upstream_httpx import HttpxUpstream  # noqa: E402
from proxy.ports.upstream import UpstreamRequest  # noqa: E402

IMPORTED_RSS_MIB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

IN_FLIGHT = 16
ROUNDS = 5
CALLS = {"json": 2000, "stream": 100}
"""Calls of one way in one round."""
STREAM_CHUNKS = 200

BODY = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 1440 + b'"}]}'
HEADERS = [
    (b"accept", b"application/json"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"content-type", b"application/json"),
    (b"user-agent", b"OpenAI/Python 2.54.0"),
    (b"x-stainless-arch", b"x64"),
    (b"x-stainless-async", b"false"),
    (b"x-stainless-lang", b"python"),
    (b"x-stainless-os", b"Linux"),
    (b"x-stainless-package-version", b"2.54.0"),
    (b"x-stainless-retry-count", b"0"),
    (b"x-stainless-runtime", b"CPython"),
    (b"x-stainless-runtime-version", b"3.11.7"),
    (b"authorization", b"Bearer benchmark"),
]
ANSWER_HEADERS = b"".join(b"x-ratelimit-%d: %d\r\n" % (number, number) for number in range(12))
ANSWERS = {
    "json": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 800\r\n%b\r\n" % ANSWER_HEADERS
    + b"j" * 800,
    "stream": b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n%b\r\n"
    % ANSWER_HEADERS,
}
EVENT = b'data: {"id":"chatcmpl-1","choices":[{"delta":{"content":" token"}}]}' + b" " * 120 + b"\n\n"
CHUNK = b"%x\r\n%b\r\n" % (len(EVENT), EVENT)

Way = Callable[[str], Awaitable[int]]
"""Makes one call ('json' or 'stream') and gives the bytes of the answer's body."""


class Provider(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.got = b""

    def data_received(self, data: bytes) -> None:
        self.got += data
        head, found, body = self.got.partition(b"\r\n\r\n")
        if found and len(body) >= len(BODY):
            self.got = b""
            kind = "stream" if b" /stream" in head[:20] else "json"
            self.transport.write(ANSWERS[kind])
            if kind == "stream":
                asyncio.get_running_loop().create_task(self.stream())

    async def stream(self) -> None:
        """One write a chunk, each in a turn of its own: the client wakes for nearly each of them."""
        for _ in range(STREAM_CHUNKS):
            self.transport.write(CHUNK)
            await asyncio.sleep(0)
        self.transport.write(b"0\r\n\r\n")


def provide(port: Connection) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(main())


async def measured(way: Way, kind: str, calls: int) -> float:
    """CPU microseconds of this process per call."""
    left = iter(range(calls))

    async def caller() -> None:
        for _ in left:
            expected = 800 if kind == "json" else STREAM_CHUNKS * len(EVENT)
            got = await way(kind)
            assert got == expected, (got, expected)

    before = time.process_time()
    await asyncio.gather(*(caller() for _ in range(IN_FLIGHT)))
    return (time.process_time() - before) / calls * 1e6


def ours(port: int, transport: AiohttpTransport) -> Way:
    upstream = HttpxUpstream(transport)

    async def call(kind: str) -> int:
        answer = await upstream.send(
            UpstreamRequest("POST", f"http://127.0.0.1:{port}", b"/" + kind.encode(), HEADERS, BODY)
        )
        size = 0
        async for chunk in answer.chunks():
            size += len(chunk)
        await answer.close()
        return size

    return call


def bare(port: int, session: aiohttp.ClientSession) -> Way:
    headers = [(name.decode(), value.decode()) for name, value in HEADERS]

    async def call(kind: str) -> int:
        size = 0
        async with session.post(f"http://127.0.0.1:{port}/{kind}", data=BODY, headers=headers) as answer:
            async for chunk in answer.content.iter_any():
                size += len(chunk)
        return size

    return call


def raw(port: int) -> Way:
    """The floor: a socket of one's own, no HTTP at all beyond counting bytes."""
    free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    head = b"POST /%b HTTP/1.1\r\n" + b"".join(b"%b: %b\r\n" % line for line in HEADERS)
    head += b"host: h\r\ncontent-length: %d\r\n\r\n" % len(BODY)

    async def call(kind: str) -> int:
        reader, writer = free.pop() if free else await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.replace(b"%b", kind.encode(), 1) + BODY)
        await reader.readuntil(b"\r\n\r\n")
        wanted = 800 if kind == "json" else STREAM_CHUNKS * len(CHUNK) + 5
        left = wanted
        while left:
            left -= len(await reader.read(left))
        free.append((reader, writer))
        return 800 if kind == "json" else STREAM_CHUNKS * len(EVENT)

    return call


async def compare(port: int, rounds: int, share: float) -> None:
    transport = AiohttpTransport()
    async with aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as session:
        ways = {"ours": ours(port, transport), "aiohttp": bare(port, session), "socket": raw(port)}
        for kind, most in CALLS.items():
            calls = max(1, int(most * share))
            costs = [{name: await measured(way, kind, calls) for name, way in ways.items()} for _ in range(rounds)]
            for name in ways:
                cost = statistics.median(round_[name] for round_ in costs)
                ratio = statistics.median(round_[name] / round_["aiohttp"] for round_ in costs)
                each = f", {cost / STREAM_CHUNKS:5.1f} us a chunk" if kind == "stream" else ""
                print(f"{kind:7} {name:8} {cost:8.1f} us CPU a call{each}, {ratio:5.2f} x aiohttp's session")
    await transport.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--share", type=float, default=1.0, help="of the calls of a round")
    asked = parser.parse_args()
    print(f"memory: {IMPORTED_RSS_MIB - BASE_RSS_MIB:.1f} MiB for the imports, on top of {BASE_RSS_MIB:.1f} MiB")
    receiver, sender = multiprocessing.Pipe(duplex=False)
    provider = multiprocessing.get_context("spawn").Process(target=provide, args=(sender,), daemon=True)
    provider.start()
    try:
        uvloop.run(compare(receiver.recv(), asked.rounds, asked.share))
    finally:
        provider.terminate()
        provider.join()


if __name__ == "__main__":
    main()
