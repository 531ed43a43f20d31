"""The server's protocol on real sockets: the end of every wait, and how a connection ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from proxy.web.call_scope import FULL
from proxy.web.door import TURNED_AWAY_MAX, Door
from proxy.web.http_protocol import PIPELINED_MAX, BoundedHttpProtocol
from proxy.web.patience import Patience

PIECE = b"x" * 1024 * 1024
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n"
SOON = 0.1
SLOW = Patience(header_s=60, answer_idle_s=60)

App = Callable[[Scope, Receive, Send], Awaitable[None]]


async def answered(send: Send, body: bytes = b"ok", *, close: bool = False) -> None:
    headers = [(b"content-length", b"%d" % len(body))] + ([(b"connection", b"close")] if close else [])
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def at_once(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that answers before it reads."""
    await answered(send, b"full" if FULL in scope else b"ok")


class Listening:
    def __init__(self, port: int, door: Door) -> None:
        self.port = port
        self.door = door

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, limit=1024)


@asynccontextmanager
async def listening(app: App, patience: Patience = SLOW) -> AsyncIterator[Listening]:
    config = uvicorn.Config(app, lifespan="off", log_config=None)
    door, state = Door(patience), ServerState()
    state.connections = door.connections

    def made() -> BoundedHttpProtocol:
        return BoundedHttpProtocol(door, config=config, server_state=state, app_state={})

    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    try:
        yield Listening(server.sockets[0].getsockname()[1], door)
    finally:
        server.close()
        for connection in list(door.connections):
            connection.transport.abort()
        async with asyncio.timeout(60):
            while door.connections:
                await asyncio.sleep(0)


async def one_answer(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(60):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return head + await reader.readexactly(length)


async def ended(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(60):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    watching = asyncio.create_task(receive())
    while not watching.done():
        await send({"type": "http.response.body", "body": PIECE, "more_body": True})
        await asyncio.sleep(0)
    assert (await watching)["type"] == "http.disconnect"


@pytest.mark.parametrize("rate", [0, 100])
async def test_a_client_that_takes_nothing_of_its_answer_is_let_go(rate: int) -> None:
    async with listening(endless, replace(SLOW, answer_idle_s=SOON, answer_rate_min=rate)) as port:
        _, writer = await port.open()
        writer.write(GET)
        async with asyncio.timeout(60):
            while not port.door.cut_slow:
                await asyncio.sleep(0.01)
        writer.transport.abort()
    assert port.door.waiting_bytes == 0


async def test_a_client_that_takes_too_little_is_let_go_and_one_that_takes_enough_is_not() -> None:
    patience = replace(SLOW, answer_idle_s=1, answer_rate_min=20_000)
    async with listening(endless, patience) as port:
        dripping, taking = await port.open(), await port.open()
        for _, writer in (dripping, taking):
            writer.write(GET)

        async def take(reader: asyncio.StreamReader, count: int) -> None:
            while await reader.read(count):
                await asyncio.sleep(0.01)

        tasks = [asyncio.create_task(take(dripping[0], 10)), asyncio.create_task(take(taking[0], 10_000_000))]
        async with asyncio.timeout(60):
            while port.door.open > 1:
                await asyncio.sleep(0.01)
        assert port.door.cut_slow == 1
        assert not tasks[1].done()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _, writer in (dripping, taking):
            writer.transport.abort()


async def test_answers_that_wait_for_their_clients_have_a_bound_together_and_who_waits_longest_makes_room() -> None:
    async with listening(endless, replace(SLOW, answers_bytes_max=4_000_000)) as port:
        opened = []
        for count in range(1, 8):
            opened.append(await port.open())
            opened[-1][1].write(GET)
            async with asyncio.timeout(60):
                while port.door.open + port.door.cut_slow < count or not port.door.waiting_bytes:
                    await asyncio.sleep(0.01)
        async with asyncio.timeout(60):
            while not port.door.cut_slow:
                await asyncio.sleep(0.01)
        assert port.door.waiting_bytes <= 4_000_000
        for _, writer in opened:
            writer.transport.abort()
    assert port.door.waiting_bytes == 0


@pytest.mark.parametrize("kept", [True, False])
async def test_a_closed_connection_waits_for_nobody_who_takes_nothing_of_its_last_answer(kept: bool) -> None:
    """Also where so little waits that writing was never paused."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for connection in port.door.connections:
            connection.transport.set_write_buffer_limits(high=2**30)
        await answered(send, PIECE * 16, close=not kept)

    async with listening(app, replace(SLOW, keep_alive_s=SOON, answer_idle_s=SOON)) as port:
        _, writer = await port.open()
        writer.write(GET)
        async with asyncio.timeout(60):
            while not port.door.cut_slow or port.door.open:
                await asyncio.sleep(0.01)
        writer.transport.abort()


async def test_a_connection_that_a_broken_answer_has_closed_waits_for_nobody_who_takes_nothing_of_it() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for connection in port.door.connections:
            connection.transport.set_write_buffer_limits(high=2**30)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": PIECE * 16, "more_body": True})

    async with listening(app, replace(SLOW, keep_alive_s=SOON, answer_idle_s=SOON)) as port:
        _, writer = await port.open()
        writer.write(GET)
        async with asyncio.timeout(60):
            while not port.door.cut_slow or port.door.open:
                await asyncio.sleep(0.01)
        writer.transport.abort()


async def test_of_heads_that_take_too_much_together_those_that_began_first_make_room() -> None:
    begun = GET[:-2] + b"x-long: " + b"y" * 300
    async with listening(at_once, replace(SLOW, heads_bytes_max=1500)) as port:
        opened = []
        for count in range(1, 7):
            opened.append(await port.open())
            opened[-1][1].write(begun)
            async with asyncio.timeout(60):
                while port.door.heads_bytes + port.door.turned_away * len(begun) < count * len(begun):
                    await asyncio.sleep(0)
            assert port.door.heads_bytes <= 1500
        assert port.door.turned_away == 2
        for number, (reader, writer) in enumerate(opened):
            if number < 2:
                answer = await ended(reader)
                assert answer.startswith(b"HTTP/1.1 503")
                assert b"retry-after: 1" in answer
                assert b"overloaded" in answer
            else:
                writer.write(b"\r\n\r\n")
                assert (await one_answer(reader)).endswith(b"ok")
            writer.close()
        assert port.door.heads_bytes == 0


async def test_a_head_that_is_given_up_takes_no_room() -> None:
    async with listening(at_once) as port:
        _, writer = await port.open()
        writer.write(GET[:-2])
        async with asyncio.timeout(60):
            while not port.door.heads_bytes:
                await asyncio.sleep(0)
            writer.transport.abort()
            while port.door.heads_bytes:
                await asyncio.sleep(0)


CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n%b\r\n"
H2C = b"connection: upgrade\r\nupgrade: h2c\r\n"


@pytest.mark.parametrize("more", [b"", H2C], ids=["as it is", "with a wish for HTTP/2"])
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_trailer_is_no_header(more: bytes, at_once: bool) -> None:
    """It comes past all that looks at headers: who calls, what a load balancer strips, what is forwarded."""
    begun = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        while (await receive())["more_body"]:
            pass
        await answered(send, b" ".join([name for name, _ in scope["headers"]]))

    async with listening(app) as port:
        reader, writer = await port.open()
        for _ in range(2):
            begun.clear()
            writer.write(CHUNKED % more)
            if not at_once:
                await begun.wait()
            writer.write(b"2\r\n{}\r\n0\r\nauthorization: Bearer x\r\nx-http-method-override: GET\r\n\r\n")
            answer = await one_answer(reader)
            assert b"transfer-encoding" in answer
            assert b"authorization" not in answer
            assert b"override" not in answer
        writer.close()


@pytest.mark.parametrize("endless", [b"x-a: b\r\n", b"y" * 1000], ids=["many", "one without end"])
async def test_trailers_have_an_end(endless: bytes) -> None:
    async with listening(at_once) as port:
        reader, writer = await port.open()
        writer.write(CHUNKED % b"" + b"2\r\n{}\r\n0\r\nx: ")
        await one_answer(reader)
        async with asyncio.timeout(60):
            while not (reader.at_eof() or reader.exception()):
                writer.write(endless * 100)
                await asyncio.sleep(0)
                if port.door.open == 0:
                    break
        writer.transport.abort()


async def test_what_breaks_within_a_body_that_was_answered_is_answered_by_the_end_alone() -> None:
    """A second answer would be taken for the next call's."""
    async with listening(at_once) as port:
        reader, writer = await port.open()
        writer.write(CHUNKED % b"" + b"2\r\n{}\r\n")
        await one_answer(reader)
        writer.write(b"no size\r\n")
        assert await ended(reader) == b""
        writer.close()


async def test_a_body_of_many_small_chunks_is_no_framing_without_end() -> None:
    size = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal size
        more = True
        while more:
            message = await receive()
            size, more = size + len(message["body"]), message["more_body"]
        await answered(send)

    async with listening(app) as port:
        reader, writer = await port.open()
        writer.write(CHUNKED % b"")
        for _ in range(400):
            writer.write(b"1;" + b"e" * 1000 + b"\r\nx\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        assert (await one_answer(reader)).endswith(b"ok")
        writer.close()
    assert size == 400


@pytest.mark.parametrize(("lines", "status"), [(999, b"200"), (1000, b"431")])
async def test_a_head_has_a_thousand_lines_and_no_more(lines: int, status: bytes) -> None:
    """With `host`."""
    async with listening(at_once) as port:
        reader, writer = await port.open()
        writer.write(GET[:-2] + b"a: b\r\n" * lines + b"\r\n")
        assert (await one_answer(reader)).startswith(b"HTTP/1.1 " + status)
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HT", GET + b"GET /second"])
async def test_a_head_without_end_is_ended(sent: bytes) -> None:
    async with listening(at_once, replace(SLOW, header_s=SOON)) as port:
        reader, writer = await port.open()
        writer.write(sent)
        back = await ended(reader)
        assert (b" 408 " in back) is bool(sent)
        writer.close()


async def test_a_head_that_came_ahead_of_its_turn_does_not_end_the_answer_before_it() -> None:
    go_on = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if not scope["query_string"]:
            await go_on.wait()
        await answered(send)

    async with listening(app, replace(SLOW, header_s=0.02)) as port:
        reader, writer = await port.open()
        writer.write(GET + b"GET /?second HTTP/1.1\r\n")
        await asyncio.sleep(0.1)
        go_on.set()
        assert (await one_answer(reader)).endswith(b"ok")
        assert b" 408 " in await ended(reader)
        writer.close()


@pytest.mark.parametrize("garbage", [b"\x00\x01\x02\r\n\r\n", b"GET /a b c HTTP/1.1\r\n\r\n", b"x" * 600_000])
async def test_what_cannot_be_read_behind_a_call_is_never_answered_in_its_place(garbage: bytes) -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        begun.set()
        assert (await receive())["type"] == "http.disconnect"
        gone.set()

    async with listening(app) as port:
        reader, writer = await port.open()
        writer.write(GET)
        await asyncio.wait_for(begun.wait(), 60)
        writer.write((b"GET / HTTP/1.1\r\nx-long: " if garbage[:1] == b"x" else b"") + garbage)
        assert await ended(reader) == b""
        await asyncio.wait_for(gone.wait(), 60)
        writer.close()


async def test_requests_sent_ahead_are_bounded() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        while (await receive())["type"] != "http.disconnect":
            pass

    async with listening(app) as port:
        reader, writer = await port.open()
        writer.write(GET * (PIPELINED_MAX + 1))
        async with asyncio.timeout(60):
            while not port.door.open:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert port.door.open == 1
        writer.write(GET)
        assert await ended(reader) == b""
        writer.close()


async def test_the_rest_of_a_body_whose_answer_was_given_is_thrown_away_and_the_connection_kept() -> None:
    async with listening(at_once) as port:
        reader, writer = await port.open()
        for _ in range(3):
            writer.write(POST)
            assert (await one_answer(reader)).endswith(b"ok")
            writer.write(b"0123456789")
        writer.close()


async def test_it_is_not_thrown_away_for_ever() -> None:
    async with listening(at_once, replace(SLOW, discard_s=SOON)) as port:
        reader, writer = await port.open()
        writer.write(POST)
        await one_answer(reader)
        for _ in range(3):
            writer.write(b"0")
            await asyncio.sleep(0.01)
        assert await ended(reader) == b""
        writer.close()


async def test_blank_lines_keep_no_connection() -> None:
    async with listening(at_once, replace(SLOW, keep_alive_s=SOON)) as port:
        reader, writer = await port.open()
        writer.write(GET)
        await one_answer(reader)
        async with asyncio.timeout(60):
            while not (reader.at_eof() or reader.exception()):
                writer.write(b"\r\n")
                await asyncio.sleep(0.01)
        writer.close()


async def test_above_the_limit_a_call_is_turned_away_and_far_above_it_before_it_is_read() -> None:
    async with listening(at_once, replace(SLOW, connections_max=2)) as port:
        opened = [await port.open() for _ in range(3)]
        opened[2][1].write(GET)
        back = await one_answer(opened[2][0])
        assert back.endswith(b"full")
        assert b"connection: close" in back
        opened += [await port.open() for _ in range(TURNED_AWAY_MAX + 1)]
        opened[0][1].write(GET)
        assert (await one_answer(opened[0][0])).endswith(b"ok")
        back = await one_answer(opened[-1][0])
        assert back.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in back
        for _, writer in opened:
            writer.transport.abort()


async def test_under_pressure_no_connection_is_kept() -> None:
    async with listening(at_once, replace(SLOW, connections_max=4)) as port:
        kept, others = await port.open(), [await port.open() for _ in range(2)]
        kept[1].write(GET)
        assert b"connection: close" not in await one_answer(kept[0])
        others.append(await port.open())
        kept[1].write(GET)
        assert b"connection: close" in await one_answer(kept[0])
        assert await ended(kept[0]) == b""
        for _, writer in (kept, *others):
            writer.transport.abort()


class Closing:
    """A port that is being closed."""

    def __init__(self, port: Listening) -> None:
        self.port = port

    def begin(self) -> None:
        self.port.door.closing = True
        for connection in list(self.port.door.connections):
            connection.shutdown()


async def test_a_connection_that_rests_gets_one_more_answer_which_says_that_it_ends() -> None:
    async with listening(at_once) as port:
        reader, writer = await port.open()
        writer.write(GET)
        assert b"connection: close" not in await one_answer(reader)
        Closing(port).begin()
        writer.write(GET)
        assert b"connection: close" in await one_answer(reader)
        assert await ended(reader) == b""
        writer.close()


async def test_a_head_that_is_half_there_when_the_port_closes_is_answered() -> None:
    async with listening(at_once) as port:
        reader, writer = await port.open()
        writer.write(GET[:10])
        async with asyncio.timeout(60):
            while not port.door.open:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        Closing(port).begin()
        writer.write(GET[10:])
        assert b"connection: close" in await one_answer(reader)
        writer.close()


async def test_an_answer_under_way_when_the_port_closes_comes_to_its_end_and_one_more_call_is_told() -> None:
    go_on = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
        await send({"type": "http.response.body", "body": b"o", "more_body": True})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"ne"})

    async with listening(app) as port:
        reader, writer = await port.open()
        writer.write(GET)
        async with asyncio.timeout(60):
            assert b"connection: close" not in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(1) == b"o"
            Closing(port).begin()
            go_on.set()
            assert await reader.readexactly(2) == b"ne"
        writer.write(GET)
        assert b"connection: close" in await one_answer(reader)
        assert await ended(reader) == b""
        writer.close()


async def test_a_connection_that_rests_on_is_closed_a_moment_later() -> None:
    async with listening(at_once, replace(SLOW, closing_s=SOON)) as port:
        silent, rested = await port.open(), await port.open()
        rested[1].write(GET)
        await one_answer(rested[0])
        Closing(port).begin()
        assert await ended(silent[0]) == await ended(rested[0]) == b""
        for _, writer in (silent, rested):
            writer.close()


@pytest.mark.parametrize("step", [1, 7, 10_000])
async def test_a_wish_for_another_protocol_is_answered_in_this_one_and_the_next_request_too(step: int) -> None:
    """As Java's client wishes with its first request."""

    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        await answered(send, body)

    wish = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAA\r\n"
    lengths, chunks = b"content-length: 10\r\n\r\n0123456789", b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    start = b"POST / HTTP/1.1\r\nhost: x\r\n"
    sent = (
        start + wish + lengths + start + lengths + start + wish + chunks + GET[:-2] + wish + b"\r\n" + start + lengths
    )
    async with listening(echo) as port:
        reader, writer = await port.open()
        for begin in range(0, len(sent), step):
            writer.write(sent[begin : begin + step])
            await asyncio.sleep(0)
        bodies = [(await one_answer(reader)).partition(b"\r\n\r\n")[2] for _ in range(5)]
        assert bodies == [b"0123456789", b"0123456789", b"ab", b"", b"0123456789"]
        writer.close()


@pytest.mark.parametrize("version", [b"", b" HTTP/0.9", b" HTTP/1.2", b" HTTP/2.0"])
async def test_only_http_1_is_spoken(version: bytes) -> None:
    async with listening(at_once) as port:
        reader, writer = await port.open()
        writer.write(b"GET /" + version + b"\r\n\r\n")
        assert (await ended(reader)).startswith(b"HTTP/1.1 400 ")
        writer.close()
