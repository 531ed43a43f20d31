"""What goes wrong is told apart by what may have been spent, and no error repeats what was sent or answered."""

import asyncio
import contextlib
import gc
import socket
import traceback
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from proxy.adapters.exchange_aiohttp import Exchange
from proxy.adapters.protocol_aiohttp import Protocol
from proxy.ports.upstream import NOTHING_SENT, Fault, Upstream, UpstreamError, UpstreamRequest
from tests.contract.conftest import Connect
from tests.contract.upstream_calls import CANARY, call, exchanged
from tests.servers.certificates import Certificate
from tests.servers.processes import free_port
from tests.servers.raw_provider import Line, Script, answering, ok, provider

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SHORT_S = 0.15


class NoNames(AbstractResolver):
    """A resolver for which no name exists."""

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def close(self) -> None:
        return


def secretive(url: str, **more: Any) -> UpstreamRequest:
    """A call with the canary wherever a secret may stand."""
    canary = CANARY.encode()
    more.setdefault("body", b'{"prompt": "%b"}' % canary)
    return call(url, b"/v1/x?key=" + canary, headers=[(b"x-api-key", canary)], **more)


async def fault_of(upstream: Upstream, request: UpstreamRequest) -> Fault:
    with pytest.raises(UpstreamError) as caught:
        await exchanged(upstream, request)
    told = "".join(traceback.format_exception(caught.value))
    assert CANARY not in told
    assert caught.value.args[0]
    return caught.value.fault


async def test_a_refused_connection(upstream: Upstream) -> None:
    assert await fault_of(upstream, secretive(f"http://127.0.0.1:{free_port()}")) is Fault.CONNECT


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_name_that_nobody_knows(connect: Connect, scheme: str) -> None:
    assert await fault_of(connect(resolver=NoNames()), secretive(f"{scheme}://nobody.test")) is Fault.DNS


async def test_a_certificate_that_nobody_vouches_for(upstream: Upstream, tls: Certificate) -> None:
    async with provider(answering(ok()), tls=tls.server()) as running:
        assert await fault_of(upstream, secretive(running.url)) is Fault.TLS
    assert not running.seen


async def test_a_certificate_of_another_name(connect: Connect, tls: Certificate) -> None:
    async with provider(answering(ok()), host="127.0.0.2", tls=tls.server()) as running:
        assert await fault_of(connect(tls=tls.trusting()), secretive(running.url)) is Fault.TLS


async def test_a_server_without_tls_where_it_was_expected(upstream: Upstream) -> None:
    async def script(line: Line) -> None:
        await line.reader.read(1)
        await line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await line.hung_up()

    async with provider(script) as running:
        url = running.url.replace("http:", "https:")
        assert await fault_of(upstream, secretive(url)) is Fault.TLS


async def test_a_handshake_that_never_ends(upstream: Upstream) -> None:
    async with provider(Line.hung_up) as running:
        url = running.url.replace("http:", "https:")
        fault = await fault_of(upstream, secretive(url, connect_timeout_s=SHORT_S))
    assert fault is Fault.CONNECT_TIMEOUT


async def test_a_pool_without_a_free_connection(connect: Connect) -> None:
    upstream = connect(connections_max=1)
    async with provider(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")) as running:
        holding = await upstream.send(call(running.url))
        fault = await fault_of(upstream, secretive(running.url, connect_timeout_s=SHORT_S))
        await holding.close()
    assert fault is Fault.CONNECT_TIMEOUT
    assert len(running.seen) == 1


def after_request(*sent: bytes, then: str = "wait") -> Script:
    async def script(line: Line) -> None:
        await line.request()
        for data in sent:
            await line.send(data)
        if then == "close":
            line.close()
        elif then == "reset":
            line.reset()
        await line.hung_up()

    return script


@pytest.mark.parametrize(
    "sent",
    [
        (),
        (b"HTTP/1.1 200 OK\r\nX: ",),
        (b"HTTP/1.1 100 Continue\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",),
        (CHUNKED + b"3\r\nabc\r\n",),
        (b"HTTP/1.1 200 OK\r\n\r\nabc",),
    ],
)
async def test_silence(upstream: Upstream, sent: tuple[bytes, ...]) -> None:
    async with provider(after_request(*sent)) as running:
        assert await fault_of(upstream, secretive(running.url, read_timeout_s=SHORT_S)) is Fault.READ_TIMEOUT
    assert len(running.seen) == 1


@pytest.mark.parametrize("size", [2, 8 * 1024 * 1024])
@pytest.mark.parametrize("streamed", [False, True])
async def test_silence_after_any_upload(upstream: Upstream, streamed: bool, size: int) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield bytes(size)

    async with provider(after_request()) as running:
        body = parts() if streamed else bytes(size)
        request = secretive(running.url, body=body, body_length=size, read_timeout_s=SHORT_S)
        assert await fault_of(upstream, request) is Fault.READ_TIMEOUT
    # What is sent may still wait in the sockets: a slow machine's provider hasn't read all of it by then.
    assert running.connections == 1


async def test_silence_is_measured_from_the_last_byte(upstream: Upstream) -> None:
    """Each piece comes within the limit, all together take longer."""

    async def script(line: Line) -> None:
        await line.request()
        await line.send(CHUNKED)
        for _ in range(12):
            await asyncio.sleep(0.12)
            await line.send(b"1\r\nx\r\n")
        await line.send(b"0\r\n\r\n")

    async with provider(script) as running:
        assert await exchanged(upstream, call(running.url, read_timeout_s=1.2)) == b"x" * 12


@pytest.mark.parametrize("head", [b"", CHUNKED])
async def test_an_answer_that_goes_on_for_ever(upstream: Upstream, head: bytes) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.send(head or b"HTTP/1.1 200 OK\r\n")
        while True:
            await line.send(b"1\r\nx\r\n" if head else b"x-more: 1\r\n")
            await asyncio.sleep(0.02)

    async with provider(script) as running:
        assert await fault_of(upstream, secretive(running.url, total_timeout_s=SHORT_S)) is Fault.READ_TIMEOUT


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_provider_that_does_not_read(upstream: Upstream, streamed: bool) -> None:
    async def script(line: Line) -> None:
        await line.head()
        await asyncio.Event().wait()

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(1024 * 1024)

    body = parts() if streamed else bytes(64 * 1024 * 1024)
    async with provider(script) as running:
        fault = await fault_of(upstream, secretive(running.url, body=body, read_timeout_s=SHORT_S))
    assert fault is Fault.READ_TIMEOUT


canary = CANARY.encode()


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX: %b" % canary,
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n%b" % canary,
        CHUNKED + b"ff\r\n%b" % canary,
        CHUNKED + b"3\r\nabc\r\n",
    ],
)
async def test_an_answer_that_breaks_off(upstream: Upstream, sent: bytes, then: str) -> None:
    async with provider(after_request(sent, then=then)) as running:
        assert await fault_of(upstream, secretive(running.url)) is Fault.CUT
    assert len(running.seen) == 1, "nothing is repeated"


async def test_a_reset_is_not_the_end_of_a_body(upstream: Upstream) -> None:
    """Of one that ends with its connection."""
    async with provider(after_request(b"HTTP/1.1 200 OK\r\n\r\nabc", then="reset")) as running:
        assert await fault_of(upstream, secretive(running.url)) is Fault.CUT


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", CHUNKED + b"63\r\n"])
async def test_what_came_before_an_answer_broke_off_is_given_first(upstream: Upstream, head: bytes) -> None:
    """Also where both are seen in one turn of the event loop, or before anybody reads: it is billed."""
    left = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.send(head + b"delivered")
        line.writer.close()
        await line.writer.wait_closed()
        left.set()

    async with provider(script) as running:
        answer = await upstream.send(secretive(running.url))
        await left.wait()
        for _ in range(50):
            await asyncio.sleep(0)
        await asyncio.sleep(0.02)  # by now the close has come, mostly; what is true is so either way
        chunks = answer.chunks()
        came = b""
        while len(came) < len(b"delivered"):
            came += await anext(chunks)
        assert came == b"delivered"
        with pytest.raises(UpstreamError):
            await anext(chunks)


async def test_a_get_that_breaks_off_is_not_repeated(upstream: Upstream) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.send(ok())
        if await line.request() is not None:
            line.close()

    async with provider(script) as running:
        await exchanged(upstream, call(running.url, method="GET", body=b""))
        fault = await fault_of(upstream, secretive(running.url, method="GET", body=b""))
    assert fault is Fault.CUT
    assert (len(running.seen), running.connections) == (2, 1)


@pytest.mark.parametrize(
    "sent",
    [
        b"%b is no HTTP\r\n\r\n" % canary,
        b"\x16\x03\x01%b\r\n\r\n" % canary,
        b"HTTP/1.1 200 OK\r\nno colon %b\r\n\r\n" % canary,
        b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n" % canary,
        b"HTTP/1.1 200 OK\r\nX: %b\r\n\r\n" % (canary * 20000),
        b"HTTP/1.1 200 OK\r\n%b\r\n" % (b"X: %b\r\n" % canary * 1000),
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n%b" % canary,
        CHUNKED + b"zz%b\r\nabc\r\n0\r\n\r\n" % canary,
        CHUNKED + b"3\r\nabc\r\nzz%b\r\n" % canary,
        CHUNKED + b"3\r\nabc%b\r\n" % canary,
        CHUNKED + b"-3\r\nabc%b\r\n" % canary,
        CHUNKED + b"%b\r\nabc%b\r\n" % (b"F" * 20, canary),
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: %b\r\n\r\n" % canary * 200,
    ],
)
async def test_an_answer_that_is_no_http(upstream: Upstream, sent: bytes) -> None:
    async with provider(after_request(sent)) as running:
        fault = await asyncio.wait_for(fault_of(upstream, secretive(running.url)), 60)
    assert fault is Fault.CUT


async def test_bad_framing_after_the_answer_began(upstream: Upstream) -> None:
    """The reader waits for more of the body when it comes."""
    read = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.send(CHUNKED + b"3\r\nabc\r\n")
        await read.wait()
        await line.send(b"zz\r\n")
        await line.hung_up()

    async with provider(script) as running:
        answer = await upstream.send(call(running.url))
        chunks = answer.chunks()
        assert await anext(chunks) == b"abc"
        read.set()
        with pytest.raises(UpstreamError) as caught:
            await asyncio.wait_for(anext(chunks), 60)
        await answer.close()
    assert caught.value.fault is Fault.CUT


@pytest.mark.parametrize("length", [None, 10])
async def test_a_body_whose_source_fails(upstream: Upstream, length: int | None) -> None:
    hung_up = asyncio.Event()

    async def script(line: Line) -> None:
        await line.head()
        await line.hung_up()
        hung_up.set()

    async def parts() -> AsyncIterator[bytes]:
        yield b"abc"
        await asyncio.sleep(0)
        raise RuntimeError(CANARY)

    async with provider(script) as running:
        request = secretive(running.url, body=parts(), body_length=length)
        assert await fault_of(upstream, request) is Fault.BODY_SOURCE
        await asyncio.wait_for(hung_up.wait(), 60)


@pytest.mark.parametrize("length", [2, 4])
async def test_a_body_of_another_length_than_announced(upstream: Upstream, length: int) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"abc"

    async def script(line: Line) -> None:
        await line.head()
        await line.hung_up()

    async with provider(script) as running:
        request = secretive(running.url, body=parts(), body_length=length)
        assert await fault_of(upstream, request) is Fault.BODY_SOURCE


async def test_a_source_that_fails_after_the_answer_began(upstream: Upstream) -> None:
    answered = asyncio.Event()

    async def script(line: Line) -> None:
        await line.head()
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        await line.hung_up()

    async def parts() -> AsyncIterator[bytes]:
        yield b"abc"
        await answered.wait()
        raise RuntimeError(CANARY)

    async with provider(script) as running:
        answer = await upstream.send(secretive(running.url, body=parts()))
        chunks = answer.chunks()
        assert await anext(chunks) == b"abc"
        answered.set()
        with pytest.raises(UpstreamError) as caught:
            await anext(chunks)
        await answer.close()
    assert caught.value.fault is Fault.BODY_SOURCE


def test_only_what_fails_before_sending_is_free() -> None:
    connecting = {Fault.DNS, Fault.CONNECT, Fault.TLS, Fault.CONNECT_TIMEOUT}
    assert connecting | {Fault.TRANSLATION, Fault.CREDENTIAL} == NOTHING_SENT


async def test_what_broke_off_leaves_memory_at_once(upstream: Upstream) -> None:
    """A collection of garbage is seldom, where many objects are."""

    def kept() -> int:
        return sum(type(each) in (Exchange, Protocol) for each in gc.get_objects())

    async def cut(line: Line) -> None:
        await line.head()
        await line.send(CHUNKED + b"5\r\nhello\r\n")

    async with provider(cut) as running:
        gc.collect()
        gc.disable()
        try:
            before = kept()
            for _ in range(10):
                with contextlib.suppress(UpstreamError):
                    await exchanged(upstream, call(running.url))
            await asyncio.sleep(0)
            assert kept() - before <= 2
        finally:
            gc.enable()
