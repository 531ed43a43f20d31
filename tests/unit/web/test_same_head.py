"""A head that comes again isn't read again, and means what it meant the first time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httptools
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from proxy.web.door import Door
from proxy.web.http_protocol import BoundedHttpProtocol
from proxy.web.same_head import LINES_MAX, SAME, SameHead, same_head

HEAD = b"POST /v1/x?a=1 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nX-Two: 2\r\n\r\n"


class Heard:
    """What the parser tells of one request."""

    def __init__(self) -> None:
        self.lines: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.lines.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.whole = True


def heard(data: bytes) -> Heard | None:
    """None: it is no whole request."""
    told = Heard()
    try:
        httptools.HttpRequestParser(told).feed_data(data)
    except httptools.HttpParserError:
        return None
    return told if told.whole else None


def learnt(data: bytes) -> SameHead | None:
    told = heard(data)
    return same_head(data, {"method": "POST"}, told.lines) if told else None


def test_the_digits_of_its_length_may_be_others() -> None:
    head = learnt(HEAD % 3 + b"abc")
    assert head is not None
    again = HEAD % 12 + b"abcdefghijkl"
    assert head.match(again) == (b"12", len(again) - 12)
    assert head.headers(b"12") == [(b"host", b"x"), (b"content-length", b"12"), (b"x-two", b"2")]
    assert head.lines[1] == (b"content-length", b"3")


@pytest.mark.parametrize(
    "other",
    [
        HEAD.replace(b"X-Two: 2", b"X-Two: 3") % 3,
        HEAD.replace(b"a=1", b"a=2") % 3,
        HEAD.replace(b"%d", b"") + b"abc",
        HEAD.replace(b"%d", b"+3") + b"abc",
        HEAD.replace(b"%d", b"3 ") + b"abc",
        HEAD.replace(b"%d", b"3, 4") + b"abc",
        HEAD.replace(b"%d", b"0x3") + b"abc",
        HEAD.replace(b"%d", b"1" * 16) + b"abc",
        (HEAD % 3)[:-1],
        (HEAD % 3).replace(b"\r\n", b"\n"),
        b"\r\n" + HEAD % 3,
    ],
)
def test_anything_else_is_another_head(other: bytes) -> None:
    head = learnt(HEAD % 3 + b"abc")
    assert head is not None
    assert head.match(other) is None


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\na",
        b"POST / HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\ncontent-length: 1\r\n\r\na",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length:1\r\n\r\na",
        # Where such a length would stand, this has the version's digit.
        b"POST /abc HTTP/1.1\r\nhost: x\r\ncontent-length:1\r\n\r\na",
        b"\r\nPOST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na",
        b"POST / HTTP/1.1\r\nhost: x\r\nlong: " + b"x" * 20_000 + b"\r\ncontent-length: 1\r\n\r\na",
        b"POST / HTTP/1.1\r\nhost: x\r\n" + b"n: 1\r\n" * LINES_MAX + b"content-length: 1\r\n\r\na",
    ],
)
def test_what_leaves_a_doubt_or_is_too_much_is_not_remembered(data: bytes) -> None:
    assert learnt(data) is None


_NAMES = st.sampled_from([b"host", b"Content-Length", b"content-length", b"x-a", b"connection", b"content-length-x"])
_VALUES = st.sampled_from(
    [b"1", b"3", b"0", b" 3", b"3 ", b"a\r\n b", b"content-length: 3", b"keep-alive", b"x\ty", b""]
)
_ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"])


@given(st.lists(st.tuples(_NAMES, _VALUES, _ENDS), max_size=6), _ENDS, st.binary(max_size=6), st.integers(0, 40))
def test_what_is_recognised_says_what_the_parser_says(
    lines: list[tuple[bytes, bytes, bytes]], end: bytes, body: bytes, more: int
) -> None:
    head = b"POST / HTTP/1.1\r\n" + b"".join(name + b": " + value + stop for name, value, stop in lines) + end
    known = learnt(head + body)
    if known is None:
        return
    data = known.begin + b"%d" % more + known.end + b"x" * more
    found = known.match(data)
    assert found is not None
    told = heard(data)
    assert told is not None
    assert (known.headers(found[0]), data[found[1] :]) == (told.lines, told.body)


@asynccontextmanager
async def listening(
    seen: list[Any], door: Door | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        seen.append((SAME in scope, scope["path"], scope["query_string"], dict(scope["headers"]), body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    config = uvicorn.Config(app, lifespan="off", log_config=None)
    door, state = door or Door(), ServerState()
    state.connections = door.connections
    server = await asyncio.get_running_loop().create_server(
        lambda: BoundedHttpProtocol(door, config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()
        async with asyncio.timeout(60):
            while door.connections:
                await asyncio.sleep(0)


async def answer(reader: asyncio.StreamReader) -> None:
    async with asyncio.timeout(60):
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("step", [1, 7, 100_000])
async def test_a_connection_says_the_same_again_and_again(step: int) -> None:
    seen: list[Any] = []
    bodies = [b"abc", b"x" * 5000, b"", b"y" * 70_000, b"end"]
    async with listening(seen) as (reader, writer):
        for number, body in enumerate(bodies):
            sent = HEAD % len(body) + body
            whole = len(sent) > 10_000
            for at in range(0, len(sent), len(sent) if number == 0 or whole else step):
                writer.write(sent[at : at + (len(sent) if number == 0 or whole else step)])
                await writer.drain()
                await asyncio.sleep(0)
            await answer(reader)
    assert [each[4] for each in seen] == bodies
    assert {each[1:3] for each in seen} == {("/v1/x", b"a=1")}
    assert [each[3][b"content-length"] for each in seen] == [b"%d" % len(body) for body in bodies]
    assert not seen[0][0]
    if step > 1000:
        assert all(each[0] for each in seen[1:])


async def test_what_comes_behind_its_body_is_the_next_request() -> None:
    seen: list[Any] = []
    async with listening(seen) as (reader, writer):
        writer.write(HEAD % 1 + b"1")
        await answer(reader)
        behind = b"GET /other HTTP/1.1\r\nhost: y\r\n\r\n" + HEAD % 2 + b"22"
        writer.write(HEAD % 3 + b"333" + behind)
        for _ in range(3):
            await answer(reader)
    assert [(each[1], each[4]) for each in seen] == [
        ("/v1/x", b"1"),
        ("/v1/x", b"333"),
        ("/other", b""),
        ("/v1/x", b"22"),
    ]


async def test_blank_lines_begin_no_request_and_leave_the_head_known() -> None:
    seen: list[Any] = []
    door = Door()
    async with listening(seen, door) as (reader, writer):
        async with asyncio.timeout(60):
            while not door.connections:
                await asyncio.sleep(0)
        (connection,) = door.connections
        for _ in range(3):
            connection.data_received(b"\r\n")
            writer.write(HEAD % 1 + b"1")
            await answer(reader)
    assert [each[0] for each in seen] == [False, True, True]


async def test_heads_that_differ_each_time_are_not_watched_for_ever() -> None:
    seen: list[Any] = []
    async with listening(seen) as (reader, writer):
        for number in range(8):
            writer.write((HEAD % 1).replace(b"X-Two: 2", b"X-Two: 1%d" % number) + b"1")
            await answer(reader)
        for _ in range(2):
            writer.write(HEAD % 1 + b"1")
            await answer(reader)
    assert not any(each[0] for each in seen)
    assert len(seen) == 10
