"""Bodies flow both ways at the pace of the slower side, and who leaves is seen to leave."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.adapters.protocol_aiohttp import PIECE_BYTES_MAX
from proxy.ports.upstream import AtOnce, Fault, Upstream, UpstreamError
from tests.contract.conftest import Connect
from tests.contract.upstream_calls import body_of, call, exchanged
from tests.servers.certificates import Certificate
from tests.servers.raw_provider import Line, answering, ok, provider

MIB = 1024 * 1024
PIECE = bytes(64 * 1024)
IN_BETWEEN_MAX = 16 * MIB
"""What two loopback sockets, their transports and their readers may hold between them."""
SOON_S = 20.0


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def settled(count: list[int]) -> int:
    """The count once it has begun to rise, and has stopped for 50 turns of the event loop and a little time."""
    last = -1
    while not count[0] or count[0] != last:
        last = count[0]
        for _ in range(50):
            await asyncio.sleep(0)
        await asyncio.sleep(0.02)
    return last


@pytest.mark.parametrize("length", [100 * MIB, None])
async def test_100_mb_go_up_in_bounded_memory(upstream: Upstream, length: int | None) -> None:
    given = taken = 0
    ahead_max = resident_max = 0
    resident = resident_bytes()

    async def parts() -> AsyncIterator[bytes]:
        nonlocal given, ahead_max, resident_max
        for _ in range(100 * MIB // len(PIECE)):
            given += len(PIECE)
            ahead_max = max(ahead_max, given - taken)
            if given % (8 * MIB) == 0:
                resident_max = max(resident_max, resident_bytes() - resident)
            yield PIECE

    async def script(line: Line) -> None:
        nonlocal taken
        await line.head()
        while taken < 100 * MIB:
            taken += len(await line.reader.read(MIB))
        await line.send(ok(b"got it"))
        await line.hung_up()

    async with provider(script) as running:
        assert await exchanged(upstream, call(running.url, body=parts(), body_length=length)) == b"got it"
    assert given == 100 * MIB
    assert ahead_max < IN_BETWEEN_MAX
    assert resident_max < 32 * MIB


async def test_a_provider_that_reads_slowly_slows_the_upload(upstream: Upstream) -> None:
    given = [0]
    go_on = asyncio.Event()

    async def parts() -> AsyncIterator[bytes]:
        while given[0] < 64 * MIB:
            given[0] += len(PIECE)
            yield PIECE

    async def script(line: Line) -> None:
        await line.head()
        await go_on.wait()
        await line.reader.readexactly(64 * MIB)
        await line.send(ok())
        await line.hung_up()

    async with provider(script) as running:
        task = asyncio.create_task(
            exchanged(upstream, call(running.url, body=parts(), body_length=64 * MIB, read_timeout_s=30.0))
        )
        assert 0 < await settled(given) < IN_BETWEEN_MAX
        go_on.set()
        assert await task == b"{}"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_client_that_reads_slowly_slows_the_provider(upstream: Upstream, chunked: bool) -> None:
    sent = [0]
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % (64 * MIB)
    frame = (b"%x\r\n%b\r\n" % (len(PIECE), PIECE)) if chunked else PIECE

    async def script(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % framing)
        while sent[0] < 64 * MIB:
            await line.send(frame)
            sent[0] += len(PIECE)
        await line.send(b"0\r\n\r\n" if chunked else b"")
        await line.hung_up()

    async with provider(script) as running:
        # A paused reader is not a silent provider: the silence limit doesn't run meanwhile.
        answer = await upstream.send(call(running.url, read_timeout_s=1.0))
        assert await settled(sent) < IN_BETWEEN_MAX
        await asyncio.sleep(1.1)
        assert len(await body_of(answer)) == 64 * MIB


@pytest.mark.parametrize("sizes", [[3 * MIB], [100, 70_000, 1, 64 * 1024, 200_000, 7] * 8, [500] * 2000])
async def test_what_is_read_at_once_is_bounded_and_in_order(upstream: Upstream, sizes: list[int]) -> None:
    """Of a client that is slow, what is read and not passed on yet waits in the gateway's memory."""
    content = b"".join(b"%08d" % number for number in range(sum(sizes) // 8 + 1))[: sum(sizes)]
    frames, at = [], 0
    for size in sizes:
        frames.append(b"%x\r\n%b\r\n" % (size, content[at : at + size]))
        at += size
    sent = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        line.writer.write(b"".join(frames) + b"0\r\n\r\n")
        sent.set()
        await line.hung_up()

    async with provider(script) as running:
        answer = await upstream.send(call(running.url, read_timeout_s=30.0))
        await sent.wait()
        pieces = []
        async for piece in answer.chunks():
            pieces.append(piece)
            await asyncio.sleep(0)
        await answer.close()
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= PIECE_BYTES_MAX


async def test_an_early_answer_is_given_while_the_upload_runs(upstream: Upstream) -> None:
    """The provider refuses at the headers and stops reading; the client is told at once, and the upload ends."""
    ended = asyncio.Event()

    async def parts() -> AsyncIterator[bytes]:
        try:
            while True:
                yield PIECE
                await asyncio.sleep(0)
        finally:
            ended.set()

    async def script(line: Line) -> None:
        await line.head()
        await line.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await asyncio.Event().wait()

    async with provider(script) as running:
        answer = await asyncio.wait_for(upstream.send(call(running.url, body=parts())), SOON_S)
        assert answer.status == 413
        assert await body_of(answer) == b"big"
        await asyncio.wait_for(ended.wait(), SOON_S)


async def test_an_early_answer_of_one_who_closes_at_once_is_given(upstream: Upstream) -> None:
    """It has read all that was sent so far, so no reset overtakes its answer."""
    more = asyncio.Event()

    async def parts() -> AsyncIterator[bytes]:
        yield b"abc"
        await more.wait()
        yield PIECE

    async def script(line: Line) -> None:
        await line.head()
        await line.reader.readexactly(len(b"3\r\nabc\r\n"))
        await line.send(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig")
        line.close()

    async with provider(script) as running:
        answer = await asyncio.wait_for(upstream.send(call(running.url, body=parts())), SOON_S)
        more.set()
        assert (answer.status, await body_of(answer)) == (413, b"big")


async def test_an_upload_goes_on_beside_an_answer_that_began_early(upstream: Upstream) -> None:
    """As a provider that transcribes while it listens."""
    answer_begun = asyncio.Event()

    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        await answer_begun.wait()
        yield b"second"

    async def script(line: Line) -> None:
        await line.head()
        await line.reader.readexactly(len(b"5\r\nfirst\r\n"))
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok")
        rest = await line.reader.readuntil(b"0\r\n\r\n")
        assert rest == b"6\r\nsecond\r\n0\r\n\r\n"
        await line.send(b"ay")
        await line.hung_up()

    async with provider(script) as running:
        answer = await upstream.send(call(running.url, body=parts()))
        answer_begun.set()
        assert await body_of(answer) == b"okay"


async def hang_up_seen(line: Line, seen: asyncio.Event) -> None:
    await line.hung_up()
    seen.set()


@pytest.mark.parametrize("secure", [False, True])
async def test_a_cancelled_wait_hangs_up(connect: Connect, tls: Certificate, secure: bool) -> None:
    asked, seen = asyncio.Event(), asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        asked.set()
        await hang_up_seen(line, seen)

    async with provider(script, tls=tls.server() if secure else None) as running:
        upstream = connect(tls=tls.trusting())
        task = asyncio.create_task(exchanged(upstream, call(running.url)))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(seen.wait(), SOON_S)


async def test_a_cancelled_handshake_hangs_up(upstream: Upstream) -> None:
    begun, seen = asyncio.Event(), asyncio.Event()

    async def script(line: Line) -> None:
        await line.reader.read(1)
        begun.set()
        await hang_up_seen(line, seen)

    async with provider(script) as running:
        task = asyncio.create_task(exchanged(upstream, call(running.url.replace("http:", "https:"))))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(seen.wait(), SOON_S)


@pytest.mark.parametrize("cancelled", [False, True])
@pytest.mark.parametrize("secure", [False, True])
async def test_an_answer_closed_or_cancelled_midway_hangs_up(
    connect: Connect, tls: Certificate, secure: bool, cancelled: bool
) -> None:
    got, seen = asyncio.Event(), asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await hang_up_seen(line, seen)

    async with provider(script, tls=tls.server() if secure else None) as running:
        upstream = connect(tls=tls.trusting())

        async def client() -> None:
            answer = await upstream.send(call(running.url))
            try:
                async for _ in answer.chunks():
                    got.set()
                    if not cancelled:
                        break
            finally:
                await answer.close()

        task = asyncio.create_task(client())
        await got.wait()
        if cancelled:
            task.cancel()
        await asyncio.wait([task])
        await asyncio.wait_for(seen.wait(), SOON_S)


async def test_pieces_pass_in_the_moment_in_which_they_come_and_the_others_in_their_place(upstream: Upstream) -> None:
    came: list[bytes] = []
    more = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(20):
            await line.send(b"3\r\n%03d\r\n" % number)
            await more.wait()
            more.clear()
        await line.send(b"0\r\n\r\n")

    def pass_on(piece: bytes) -> bool:
        if int(piece) % 3 == 0:
            return False
        came.append(piece)
        more.set()
        return True

    async with provider(script) as running:
        answer = await upstream.send(call(running.url))
        assert isinstance(answer, AtOnce)
        async for piece in answer.pieces(pass_on):
            came.append(piece)
            more.set()
        await answer.close()
    assert came == [b"%03d" % number for number in range(20)]


async def test_what_goes_wrong_in_passing_on_is_told_to_who_reads(upstream: Upstream) -> None:
    seen = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not seen.is_set():
            await line.send(b"3\r\nabc\r\n")
            await asyncio.sleep(0)
        await hang_up_seen(line, asyncio.Event())

    def pass_on(piece: bytes) -> bool:
        seen.set()
        raise RuntimeError("no")

    async with provider(script) as running:
        answer = await upstream.send(call(running.url))
        assert isinstance(answer, AtOnce)
        with pytest.raises(RuntimeError):
            async for _ in answer.pieces(pass_on):
                pass
        await answer.close()


@pytest.mark.parametrize("body", [b"", b"abc", bytes(64 * 1024)])
async def test_a_body_that_is_here_by_now_is_had_at_once_and_its_connection_is_free(
    upstream: Upstream, body: bytes
) -> None:
    async with provider(answering(*[ok(body)] * 3)) as running:
        for _ in range(2):
            answer = await upstream.send(call(running.url))
            assert isinstance(answer, AtOnce)
            got = answer.at_once()
            if got is None:
                assert await body_of(answer) == body
            else:
                assert got == body
        assert await exchanged(upstream, call(running.url)) == body
    assert running.connections == 1


async def test_a_body_of_which_a_part_is_here_is_not_had_at_once(upstream: Upstream) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        await asked.wait()
        await line.send(b"def")

    asked = asyncio.Event()
    async with provider(script) as running:
        answer = await upstream.send(call(running.url))
        assert isinstance(answer, AtOnce)
        assert answer.at_once() is None
        asked.set()
        assert await body_of(answer) == b"abcdef"


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_cancelled_upload_ends_there_though_the_provider_is_behind(upstream: Upstream, streamed: bool) -> None:
    """What hasn't left yet never does, and the body's source is told."""
    given = [0]
    cancelled, ended = asyncio.Event(), asyncio.Event()
    arrived = asyncio.get_running_loop().create_future()

    async def parts() -> AsyncIterator[bytes]:
        try:
            while True:
                given[0] += len(PIECE)
                yield PIECE
        finally:
            ended.set()

    async def script(line: Line) -> None:
        await line.head()
        given[0] += 1
        await cancelled.wait()
        arrived.set_result(await line.hung_up())

    async with provider(script) as running:
        request = call(running.url, body=parts() if streamed else bytes(64 * MIB), read_timeout_s=30.0)
        task = asyncio.create_task(exchanged(upstream, request))
        await settled(given)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        cancelled.set()
        assert await asyncio.wait_for(arrived, SOON_S) < IN_BETWEEN_MAX
        if streamed:
            await asyncio.wait_for(ended.wait(), SOON_S)


async def test_a_timeout_hangs_up(upstream: Upstream) -> None:
    seen = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await hang_up_seen(line, seen)

    async with provider(script) as running:
        with pytest.raises(UpstreamError) as caught:
            await upstream.send(call(running.url, read_timeout_s=0.1))
        assert caught.value.fault is Fault.READ_TIMEOUT
        await asyncio.wait_for(seen.wait(), SOON_S)
