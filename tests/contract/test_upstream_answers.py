"""What a provider answers is what is given back, byte for byte and as it comes."""

import asyncio
import gzip

import pytest

from proxy.ports.upstream import Upstream
from tests.contract.upstream_calls import body_of, call, exchanged
from tests.servers.raw_provider import Line, answering, ok, provider

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (ok(b'{"a": 1}'), b'{"a": 1}'),
        (ok(b""), b""),
        (CHUNKED + b"3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\n\r\n", b"abcdefg"),
        (CHUNKED + b"3\r\nabc\r\n0\r\nX-Trailer: t\r\n\r\n", b"abc"),
        (CHUNKED + b"0\r\n\r\n", b""),
        (ok(bytes(range(256)) * 500), bytes(range(256)) * 500),
        (ok(gzip.compress(b"x" * 100, mtime=0), b"Content-Encoding: gzip\r\n"), gzip.compress(b"x" * 100, mtime=0)),
        (ok(b"not gzip", b"Content-Encoding: gzip\r\n"), b"not gzip"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok(b"after"), b"after"),
    ],
)
async def test_a_body_comes_as_it_was_sent_and_the_connection_is_kept(
    upstream: Upstream, raw: bytes, body: bytes
) -> None:
    async with provider(answering(raw, ok(b"second"))) as running:
        assert await exchanged(upstream, call(running.url)) == body
        assert await exchanged(upstream, call(running.url)) == b"second"
    assert running.connections == 1


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\nX: y\r\n\r\n"])
async def test_a_body_may_end_with_the_connection(upstream: Upstream, head: bytes) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.send(head + b"to the end")
        line.close()

    async with provider(script) as running:
        assert await exchanged(upstream, call(running.url)) == b"to the end"


async def test_head_has_the_headers_of_a_body_and_none(upstream: Upstream) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    async with provider(answering(raw, ok(b"second"))) as running:
        answer = await upstream.send(call(running.url, method="HEAD", body=b""))
        assert list(answer.headers) == [(b"Content-Length", b"1000")]
        assert await body_of(answer) == b""
        assert await exchanged(upstream, call(running.url)) == b"second"
    assert running.connections == 1


@pytest.mark.parametrize("status", [200, 201, 302, 307, 400, 401, 413, 429, 500, 503, 529, 599])
async def test_every_status_passes_with_its_headers_and_body(upstream: Upstream, status: int) -> None:
    raw = b"HTTP/1.1 %d Some Reason\r\nRetry-After: 7\r\nLocation: /x\r\nContent-Length: 4\r\n\r\nbody" % status
    async with provider(answering(raw)) as running:
        answer = await upstream.send(call(running.url))
        assert answer.status == status
        assert (b"Retry-After", b"7") in answer.headers
        assert await body_of(answer) == b"body"
    assert len(running.seen) == 1, "no redirect followed, nothing repeated"


async def test_header_lines_keep_order_case_duplicates_and_bytes(upstream: Upstream) -> None:
    lines = [
        (b"X-Request-ID", b"req_1"),
        (b"Set-Cookie", b"a=b; Path=/"),
        (b"set-cookie", b"c=d"),
        (b"x-latin", b"caf\xe9"),
        (b"Content-Type", b"application/json"),
        (b"Content-Type", b"text/plain"),
        (b"x-empty", b""),
        (b"Content-Length", b"2"),
    ]
    raw = b"HTTP/1.1 200 OK\r\n" + b"".join(b"%b: %b\r\n" % line for line in lines) + b"\r\n{}"
    async with provider(answering(raw)) as running:
        answer = await upstream.send(call(running.url))
        assert list(answer.headers) == lines
        await answer.close()


async def test_headers_of_the_connection_stay_with_it(upstream: Upstream) -> None:
    raw = (
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
        b"Transfer-Encoding: chunked\r\nTrailer: X-T\r\nX-Kept: 1\r\n\r\n0\r\n\r\n"
    )
    async with provider(answering(raw)) as running:
        answer = await upstream.send(call(running.url))
        assert list(answer.headers) == [(b"X-Kept", b"1")]
        await body_of(answer)


@pytest.mark.parametrize("lines", [1, 64])
async def test_64_kib_of_headers_pass(upstream: Upstream, lines: int) -> None:
    block = b"".join(b"x-%03d: %b\r\n" % (number, b"v" * (65536 // lines)) for number in range(lines))
    async with provider(answering(ok(b"{}", block))) as running:
        answer = await upstream.send(call(running.url))
        assert sum(len(value) for _, value in answer.headers) > 65536
        assert await body_of(answer) == b"{}"


async def test_a_stream_is_passed_on_while_it_comes(upstream: Upstream) -> None:
    """Each event is read before the provider sends the next."""
    events = [b": ping\r\n\r\n", b"data: {}\n\n", "data: \u2028 ☃\n\n".encode(), b"data: [DONE]\n\n"]
    read = asyncio.Semaphore(0)

    async def script(line: Line) -> None:
        await line.request()
        await line.send(CHUNKED)
        for event in events:
            await line.send(b"%x\r\n%b\r\n" % (len(event), event))
            await read.acquire()
        await line.send(b"0\r\n\r\n")

    async with provider(script) as running:
        answer = await upstream.send(call(running.url))
        got = []
        async for chunk in answer.chunks():
            got.append(chunk)
            read.release()
        await answer.close()
    assert got == events


async def test_headers_come_before_the_body(upstream: Upstream) -> None:
    may_go_on = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        await may_go_on.wait()
        await line.send(b"ok")

    async with provider(script) as running:
        answer = await upstream.send(call(running.url))
        assert answer.status == 200
        may_go_on.set()
        assert await body_of(answer) == b"ok"
