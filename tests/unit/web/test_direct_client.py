"""The direct way to a client and the way over ASGI: the same bytes on the wire, the same news of a hang-up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from proxy.dialects.openai import OpenAI
from proxy.gateway.faults import INTERNAL
from proxy.web.asgi_client import AsgiClient
from proxy.web.direct_client import DirectClient, client
from proxy.web.door import Door
from proxy.web.http_protocol import BoundedHttpProtocol

Answer = Callable[[AsgiClient], Awaitable[None]]
JSON = (b"content-type", b"application/json")
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\nhost: x\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


def direct(receive: Receive, send: Send) -> AsgiClient:
    found = client(receive, send, OpenAI())
    assert isinstance(found, DirectClient)
    return found


def over_asgi(receive: Receive, send: Send) -> AsgiClient:
    return AsgiClient(receive, send, OpenAI())


WAYS = [direct, over_asgi]
Way = Callable[[Receive, Send], AsgiClient]


@asynccontextmanager
async def listening(
    app: Callable[[Scope, Receive, Send], Awaitable[None]], made_here: list[BoundedHttpProtocol] | None = None
) -> AsyncIterator[int]:
    config = uvicorn.Config(app, lifespan="off", log_config=None)
    door, state = Door(), ServerState()
    state.connections = door.connections

    def made() -> BoundedHttpProtocol:
        made = BoundedHttpProtocol(door, config=config, server_state=state, app_state={})
        if made_here is not None:
            made_here.append(made)
        return made

    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in list(door.connections):
            connection.transport.abort()


async def on_the_wire(way: Way, answer: Answer, sent: bytes = GET) -> bytes:
    """All that comes back until the connection is closed, by the server or for want of more."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told = way(receive, send)
        told.body_was_read()
        await answer(told)

    async with listening(app) as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        writer.write_eof()
        got = await reader.read()
        writer.close()
        return got


async def whole(told: AsgiClient) -> None:
    await told.start(200, [JSON, (b"content-length", b"6"), (b"set-cookie", b"a"), (b"set-cookie", b"b")])
    await told.write(b"abc")
    await told.write(b"")
    await told.end(b"def")


async def streamed(told: AsgiClient) -> None:
    await told.start(200, [(b"content-type", b"text/event-stream")])
    await told.write(b"data: 1\n\n")
    await told.write(b"")
    await told.write(b"data: 2\n\n")
    await told.end()


async def streamed_now(told: AsgiClient) -> None:
    """As a relay does whose pieces needn't wait."""
    await told.start(200, [])
    for piece in (b"data: 1\n\n", b"data: 2\n\n"):
        if not told.write_now(piece):
            await told.write(piece)
    await told.end(b"data: 3\n\n")


async def stated_now(told: AsgiClient) -> None:
    await told.start(200, [(b"content-length", b"4")])
    if not told.write_now(b"ab"):
        await told.write(b"ab")
    await told.end(b"cd")


async def streamed_to_the_last(told: AsgiClient) -> None:
    await told.start(404, [])
    await told.end(b"x" * 20)


async def nothing(told: AsgiClient) -> None:
    await told.start(204, [(b"content-length", b"3")])
    await told.end()


async def empty(told: AsgiClient) -> None:
    await told.start(200, [(b"content-length", b"0")])
    await told.end()


async def refused(told: AsgiClient) -> None:
    await told.refuse(INTERNAL, "call-1")


async def cut(told: AsgiClient) -> None:
    await told.start(200, [])
    await told.write(b"half")
    told.abort()


async def too_short(told: AsgiClient) -> None:
    await told.start(200, [(b"content-length", b"10")])
    await told.end(b"short")


async def too_long(told: AsgiClient) -> None:
    await told.start(200, [(b"content-length", b"2")])
    await told.write(b"longer")


async def two_headers_in_one(told: AsgiClient) -> None:
    await told.start(200, [(b"x-a", b"1\r\nx-b: 2")])


ANSWERS = [whole, streamed, streamed_now, stated_now, streamed_to_the_last, nothing, empty, refused, cut, too_short]


@pytest.mark.parametrize(
    ("sent", "answer"),
    [(sent, answer) for sent in (GET, HEAD, OLD, CLOSING) for answer in ANSWERS if (sent, answer) != (OLD, cut)],
)
async def test_both_ways_send_the_same_bytes(sent: bytes, answer: Answer) -> None:
    one, other = [await on_the_wire(way, answer, sent) for way in WAYS]
    assert one == other
    assert one.startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize(
    ("sent", "status", "headers"),
    [
        (GET, 200, [(b"content-length", b"0")]),
        (GET, 204, []),
        (HEAD, 200, [(b"content-length", b"6")]),
        (HEAD, 200, []),
    ],
)
async def test_a_head_that_is_the_whole_answer_waits_for_its_end(
    sent: bytes, status: int, headers: list[tuple[bytes, bytes]]
) -> None:
    """A call is on record before the last byte of its answer passes: where no body follows, that byte is the head's."""
    order: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told = direct(receive, send)
        told.body_was_read()
        await told.start(status, headers)
        for _ in range(100):  # turns of the loop, in which what was written would be read
            await asyncio.sleep(0)
        order.append("on record")
        await told.end()

    async with listening(app) as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert await reader.read(1) == b"H"
        order.append("read")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"TTP/1.1 %d " % status)
        writer.close()
    assert order == ["on record", "read"]


@pytest.mark.parametrize("way", WAYS)
async def test_an_old_client_gets_no_chunks_but_an_answer_that_ends_with_its_connection(way: Way) -> None:
    head, _, body = (await on_the_wire(way, streamed, OLD)).partition(b"\r\n\r\n")
    assert body == b"data: 1\n\ndata: 2\n\n"
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert (await on_the_wire(way, whole, OLD)).endswith(b"\r\n\r\nabcdef")
    assert b"content-length: 6" in await on_the_wire(way, whole, OLD)


@pytest.mark.parametrize("way", WAYS)
async def test_an_old_client_sees_that_an_answer_was_cut(way: Way) -> None:
    with pytest.raises(ConnectionResetError):
        await on_the_wire(way, cut, OLD)


@pytest.mark.parametrize("way", WAYS)
async def test_a_longer_answer_than_was_announced_is_cut(way: Way) -> None:
    assert b"longer" not in await on_the_wire(way, too_long)


@pytest.mark.parametrize("way", WAYS)
async def test_no_header_can_be_two(way: Way) -> None:
    assert b"x-b: 2" not in await on_the_wire(way, two_headers_in_one)


@pytest.mark.parametrize("way", WAYS)
async def test_a_connection_carries_one_call_after_the_other(way: Way) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await whole(way(receive, send))

    async with listening(app) as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(GET)
            assert (await reader.readuntil(b"abcdef")).startswith(b"HTTP/1.1 200")
        writer.write(GET + GET)
        assert (await reader.readuntil(b"abcdef")).startswith(b"HTTP/1.1 200")
        assert (await reader.readuntil(b"abcdef")).startswith(b"HTTP/1.1 200")
        writer.close()


@pytest.mark.parametrize("way", WAYS)
async def test_who_hangs_up_is_told_of_once_and_only_while_it_is_asked(way: Way) -> None:
    told_of: list[str] = []
    watched, left = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told = way(receive, send)
        told.body_was_read()
        stop = told.when_gone(lambda: told_of.append("not any more"))
        stop()
        stop = told.when_gone(lambda: (told_of.append("gone"), left.set()))  # type: ignore[arg-type,return-value,func-returns-value]
        watched.set()
        await left.wait()
        stop()
        stop()
        await told.start(200, [])
        await told.write(b"to nobody")
        await told.end()

    async with listening(app) as port, asyncio.timeout(60):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await watched.wait()
        writer.transport.abort()
        await left.wait()
    assert told_of == ["gone"]


@pytest.mark.parametrize("way", WAYS)
async def test_who_hung_up_before_it_was_asked_is_told_of_too(way: Way) -> None:
    begun, gone, told_of = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told = way(receive, send)
        begun.set()
        told.body_was_read()
        await told.gone()
        gone.set()
        told.when_gone(told_of.set)
        await told_of.wait()

    async with listening(app) as port, asyncio.timeout(60):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await begun.wait()
        writer.transport.abort()
        await told_of.wait()
    assert gone.is_set()


@pytest.mark.parametrize("way", WAYS)
async def test_who_hangs_up_before_a_body_that_is_all_here_was_passed_on_is_told_of_then(way: Way) -> None:
    begun, told_of = asyncio.Event(), asyncio.Event()
    connections: list[BoundedHttpProtocol] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told = way(receive, send)
        stop = told.when_gone(told_of.set)
        assert not (await receive())["more_body"]
        begun.set()
        while connections[0].cycle is None or not connections[0].cycle.disconnected:
            await asyncio.sleep(0.01)
        assert not told_of.is_set()
        told.body_was_read()
        async with asyncio.timeout(60):
            await told_of.wait()
        stop()

    async with listening(app, connections) as port, asyncio.timeout(60):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await begun.wait()
        writer.transport.abort()
        await told_of.wait()


async def test_a_body_that_is_all_here_is_had_at_once_and_one_that_is_not_is_read() -> None:
    seen: list[bytes | None] = []
    first = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told = direct(receive, send)
        seen.append(told.body_at_once())
        if seen[-1] is None:
            first.set()
            message = await receive()
            while message.get("more_body"):
                message = await receive()
            seen.append(message["body"])
        await whole(told)

    async with listening(app) as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody")
        await reader.readuntil(b"abcdef")
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\nhalf")
        await first.wait()
        writer.write(b"rest")
        await reader.readuntil(b"abcdef")
        writer.close()
    assert seen[0] == b"body"
    assert seen[1] is None
    assert (seen[2] or b"").endswith(b"rest")


async def test_behind_a_middleware_the_call_goes_over_asgi() -> None:
    kinds: list[type] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: object) -> None:
            await send(message)  # type: ignore[arg-type]

        found = client(receive, sending, OpenAI())
        kinds.append(type(found))
        await whole(found)

    async with listening(app) as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await reader.readuntil(b"abcdef")
        writer.close()
    assert kinds == [AsgiClient]


async def begun_only(told: AsgiClient) -> None:
    await told.start(200, [(b"content-type", b"text/event-stream")])
    told.abort()


async def test_an_answer_cut_at_once_is_seen_to_have_begun() -> None:
    one, other = [await on_the_wire(way, begun_only) for way in WAYS]
    assert one == other != b""


@pytest.mark.parametrize("way", WAYS)
async def test_the_head_of_a_stream_does_not_wait_for_its_first_piece(way: Way) -> None:
    go_on = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told = way(receive, send)
        await told.start(200, [])
        await go_on.wait()
        await told.end(b"later")

    async with listening(app) as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        go_on.set()
        assert await reader.readuntil(b"0\r\n\r\n") == b"5\r\nlater\r\n0\r\n\r\n"
        writer.close()


async def test_a_client_that_reads_slower_than_pieces_come_is_waited_for() -> None:
    refused = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told = direct(receive, send)
        told.body_was_read()
        await told.start(200, [])
        while told.write_now(b"x" * 65536):
            await asyncio.sleep(0)
        refused.set()
        await told.write(b"y")
        await told.end()

    async with listening(app) as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(CLOSING)
        await refused.wait()
        assert (await reader.read()).endswith(b"1\r\ny\r\n0\r\n\r\n")
        writer.close()
