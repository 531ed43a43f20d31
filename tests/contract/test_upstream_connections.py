"""Connections are kept and used again, but no call is ever sent twice."""

import asyncio
import socket

import pytest

from proxy.ports.upstream import Fault, Upstream, UpstreamError
from tests.contract.conftest import Connect
from tests.contract.upstream_calls import body_of, call, exchanged
from tests.servers.certificates import Certificate
from tests.servers.raw_provider import Line, RawProvider, answering, ok, provider


async def test_one_connection_serves_call_after_call(connect: Connect, tls: Certificate) -> None:
    upstream = connect(tls=tls.trusting())
    async with provider(answering(*[ok()] * 5), tls=tls.server()) as running:
        for _ in range(5):
            await exchanged(upstream, call(running.url))
    assert (len(running.seen), running.connections) == (5, 1)


async def test_calls_at_once_have_a_connection_each(upstream: Upstream) -> None:
    all_there = asyncio.Barrier(10)

    async def script(line: Line) -> None:
        await line.request()
        await all_there.wait()
        await line.send(ok())
        await line.hung_up()

    async with provider(script) as running:
        await asyncio.gather(*(exchanged(upstream, call(running.url)) for _ in range(10)))
    assert running.connections == 10


async def test_calls_beyond_the_limit_wait_their_turn(connect: Connect) -> None:
    upstream = connect(connections_max=2)
    async with provider(answering(*[ok()] * 10)) as running:
        await asyncio.gather(*(exchanged(upstream, call(running.url)) for _ in range(10)))
    assert (len(running.seen), running.connections) == (10, 2)


async def test_a_connection_that_rests_is_in_nobodys_way(connect: Connect) -> None:
    upstream = connect(connections_max=1)
    async with provider(answering(ok(b"a"), ok(b"b"))) as one, provider(answering(ok(b"c"))) as other:
        assert await exchanged(upstream, call(one.url, connect_timeout_s=5.0)) == b"a"
        assert await exchanged(upstream, call(other.url, connect_timeout_s=5.0)) == b"c"
        assert await exchanged(upstream, call(one.url, connect_timeout_s=5.0)) == b"b"


async def test_a_connection_whose_call_has_ended_goes_to_who_waits(connect: Connect) -> None:
    upstream = connect(connections_max=1)
    async with provider(answering(*[ok(b"a")] * 4)) as one, provider(answering(*[ok(b"b")] * 4)) as other:
        for _ in range(2):
            answer = await upstream.send(call(one.url))
            waiting = [
                asyncio.create_task(exchanged(upstream, call(each.url, connect_timeout_s=5.0))) for each in (other, one)
            ]
            await asyncio.sleep(0)
            assert await body_of(answer) == b"a"
            assert await asyncio.gather(*waiting) == [b"b", b"a"]


async def test_origins_share_no_connection(upstream: Upstream) -> None:
    async with provider(answering(ok(b"a"))) as one, provider(answering(ok(b"b"))) as other:
        assert await exchanged(upstream, call(one.url)) == b"a"
        assert await exchanged(upstream, call(other.url)) == b"b"


async def test_an_answer_closed_before_its_end_takes_its_connection_along(upstream: Upstream) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"
    async with provider(answering(raw)) as running:
        for _ in range(2):
            answer = await upstream.send(call(running.url))
            await answer.close()
    assert running.connections == 2


async def test_an_answer_that_came_whole_leaves_its_connection_though_nobody_read_it(upstream: Upstream) -> None:
    async with provider(answering(ok(b"whole"), ok(b"next"))) as running:
        answer = await upstream.send(call(running.url))
        await answer.close()
        await answer.close()
        assert await exchanged(upstream, call(running.url)) == b"next"
    assert running.connections == 1


@pytest.mark.parametrize(
    "raw",
    [
        ok(headers=b"Connection: close\r\n"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        ok() + ok(b"unasked, for whoever comes next"),
    ],
)
async def test_a_connection_that_can_not_be_kept_is_not(upstream: Upstream, raw: bytes) -> None:
    async with provider(answering(raw)) as running:
        assert await exchanged(upstream, call(running.url)) == b"{}"
        assert await exchanged(upstream, call(running.url)) == b"{}"
    assert running.connections == 2


async def test_an_idle_connection_is_given_up(connect: Connect) -> None:
    upstream = connect(idle_s=0.1)
    gone = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.send(ok())
        await line.hung_up()
        gone.set()

    async with provider(script) as running:
        await exchanged(upstream, call(running.url))
        await asyncio.wait_for(gone.wait(), 60)


async def test_a_connection_that_the_provider_closed_meanwhile_is_replaced(upstream: Upstream) -> None:
    closed = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.send(ok())
        line.close()
        await line.writer.wait_closed()
        closed.set()

    async with provider(script) as running:
        for calls in (1, 2, 3):
            await exchanged(upstream, call(running.url))
            await closed.wait()
            closed.clear()
            assert (len(running.seen), running.connections) == (calls, calls)


class BlockingProvider:
    """Sockets in the hands of the test itself, so that it can close one while the event loop is busy."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests = 0

    def accept(self) -> socket.socket:
        taken, _ = self._listener.accept()
        return taken

    def serve(self, line: socket.socket) -> None:
        got = b""
        while not got.endswith(b"\r\n\r\n{}"):
            got += line.recv(65536)
        self.requests += 1
        line.sendall(ok())

    def close(self) -> None:
        self._listener.close()


async def test_a_close_that_the_event_loop_has_not_seen_yet_costs_no_call(upstream: Upstream) -> None:
    """No turn of the loop lies between the provider's closing and the next call."""
    there = BlockingProvider()
    first = asyncio.create_task(exchanged(upstream, call(there.url)))
    line = await asyncio.to_thread(there.accept)
    await asyncio.to_thread(there.serve, line)
    await first

    line.close()
    second = asyncio.create_task(exchanged(upstream, call(there.url)))
    line = await asyncio.to_thread(there.accept)
    await asyncio.to_thread(there.serve, line)
    assert await second == b"{}"
    line.close()
    there.close()
    assert there.requests == 2


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_a_close_that_meets_the_request_is_a_cut(upstream: Upstream, method: str, how: str) -> None:
    """The provider may have begun to work on it: whether to repeat it is the client's decision."""

    async def script(line: Line) -> None:
        await line.request()
        await line.send(ok())
        if await line.request() is not None:
            line.close() if how == "close" else line.reset()

    async with provider(script) as running:
        await exchanged(upstream, call(running.url, method=method))
        with pytest.raises(UpstreamError) as caught:
            await exchanged(upstream, call(running.url, method=method))
    assert caught.value.fault is Fault.CUT
    assert (len(running.seen), running.connections) == (2, 1)


async def test_ipv6(upstream: Upstream) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    async with provider(answering(ok(b"six")), host="::1") as running:
        assert await exchanged(upstream, call(running.url)) == b"six"
    assert running.seen[0].lines[0] == b"Host: [::1]:%d" % running.port


async def test_a_name_is_looked_up(upstream: Upstream) -> None:
    async with provider(answering(ok(b"named")), name="localhost") as running:
        assert await exchanged(upstream, call(running.url)) == b"named"
    assert running.seen[0].lines[0] == b"Host: localhost:%d" % running.port


async def test_a_lost_connection_leaves_room_for_the_next(connect: Connect) -> None:
    """Whatever happens to a call, its place in the pool is free again."""
    upstream = connect(connections_max=1)

    async def script(line: Line) -> None:
        await line.request()
        line.close()

    async with provider(script) as rude, provider(answering(ok())) as polite:
        await _failing(upstream, rude)
        waiting = asyncio.create_task(upstream.send(call(polite.url)))
        answer = await waiting
        stalled = asyncio.create_task(upstream.send(call(rude.url)))
        await asyncio.sleep(0)
        stalled.cancel()
        await asyncio.wait([stalled])
        await body_of(answer)
        await _failing(upstream, rude)


async def _failing(upstream: Upstream, running: RawProvider) -> None:
    with pytest.raises(UpstreamError):
        await upstream.send(call(running.url, connect_timeout_s=2.0))
