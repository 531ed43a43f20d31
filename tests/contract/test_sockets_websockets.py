"""The way to a provider over a websocket, against a real server on this machine."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256

import pytest
from websockets import Headers
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from proxy.adapters.sockets_websockets import WebsocketsUpstream
from proxy.ports.sockets import MESSAGE_BYTES_MAX, SocketClosedError, SocketRefusedError, SocketRequest
from proxy.ports.upstream import Fault, UpstreamError

Handler = Callable[[ServerConnection], Awaitable[None]]
seen: list[Request] = []


async def echo(connection: ServerConnection) -> None:
    assert connection.request is not None
    seen.append(connection.request)
    async for message in connection:
        await connection.send(message)


@asynccontextmanager
async def provider(handler: Handler = echo, **given: object) -> AsyncIterator[SocketRequest]:
    seen.clear()
    async with serve(handler, "127.0.0.1", 0, max_size=None, **given) as server:  # type: ignore[arg-type]
        yield SocketRequest(f"http://127.0.0.1:{_port(server)}", b"/v1/realtime?model=a%2Fb", [])


def _port(server: Server) -> int:
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port


async def test_messages_pass_unchanged_and_in_order() -> None:
    messages = ["", "text é \U0001f600", b"", bytes(range(256)), "x" * 300_000, b"\x00" * 300_000, '{"a":  1}']
    async with provider() as request:
        opened = await WebsocketsUpstream().open(request)
        back = []
        for message in messages:
            await opened.send(message)
            back.append(await opened.receive())
        await opened.close(1000)
    assert back == messages
    digest = sha256(repr(messages).encode()).digest()
    assert sha256(repr(back).encode()).digest() == digest


async def test_the_handshake_has_the_headers_given_and_the_target_as_it_is() -> None:
    given = [(b"authorization", b"Bearer sk"), (b"x-two", b"1"), (b"x-two", b"2")]
    async with provider(subprotocols=["realtime"]) as plain:
        request = SocketRequest(plain.base_url, plain.target, given, ("realtime", "other"))
        opened = await WebsocketsUpstream().open(request)
        assert opened.subprotocol == "realtime"
        await opened.close(1000)
    (told,) = seen
    assert told.path == "/v1/realtime?model=a%2Fb"
    assert told.headers["authorization"] == "Bearer sk"
    assert told.headers.get_all("x-two") == ["1", "2"]
    assert "user-agent" not in told.headers
    assert "sec-websocket-extensions" not in told.headers


async def test_answers_with_long_headers_are_read_and_the_handshake_s_own_are_left_out() -> None:
    def more(connection: ServerConnection, request: Request, response: Response) -> None:
        response.headers["x-models-etag"] = "e" * 20_000

    async with provider(process_response=more, server_header=None) as request:
        opened = await WebsocketsUpstream().open(request)
        assert [(name.lower(), len(value)) for name, value in opened.headers] == [(b"x-models-etag", 20_000)]
        await opened.close(1000)


async def test_the_provider_s_refusal_is_given_whole() -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        return Response(404, "Not Found", Headers({"retry-after": "7", "content-length": "2"}), b"no")

    async with provider(process_request=refuse) as request:
        with pytest.raises(SocketRefusedError) as refused:
            await WebsocketsUpstream().open(request)
    assert (refused.value.status, refused.value.body) == (404, b"no")
    assert (b"retry-after", b"7") in list(refused.value.headers)


async def test_a_redirect_is_not_followed() -> None:
    def redirect(connection: ServerConnection, request: Request) -> Response:
        return Response(307, "x", Headers({"location": "/elsewhere", "content-length": "0"}), b"")

    async with provider(process_request=redirect) as request:
        with pytest.raises(SocketRefusedError) as refused:
            await WebsocketsUpstream().open(request)
    assert refused.value.status == 307


@pytest.mark.parametrize("code", [1000, 1011, 3456])
async def test_a_close_is_told_with_code_and_reason(code: int) -> None:
    async def close(connection: ServerConnection) -> None:
        await connection.close(code, "because")

    async with provider(close) as request:
        opened = await WebsocketsUpstream().open(request)
        with pytest.raises(SocketClosedError) as closed:
            await opened.receive()
        with pytest.raises(SocketClosedError):
            await opened.send("late")
    assert (closed.value.code, closed.value.reason) == (code, "because")


async def test_a_broken_connection_is_told_as_one() -> None:
    async def cut(connection: ServerConnection) -> None:
        connection.transport.abort()

    async with provider(cut) as request:
        opened = await WebsocketsUpstream().open(request)
        with pytest.raises(SocketClosedError) as closed:
            await opened.receive()
    assert closed.value.code == 1006


async def test_a_message_above_the_limit_ends_the_socket() -> None:
    async def large(connection: ServerConnection) -> None:
        await connection.send(b"\x00" * (MESSAGE_BYTES_MAX + 1))

    async with provider(large) as request:
        opened = await WebsocketsUpstream().open(request)
        with pytest.raises(SocketClosedError) as closed:
            await opened.receive()
    assert closed.value.code == 1009


async def test_an_unread_provider_is_held_back() -> None:
    sent = 0
    piece = b"\x00" * 1_000_000

    async def flood(connection: ServerConnection) -> None:
        nonlocal sent
        while True:
            await connection.send(piece)
            sent += 1

    async with provider(flood) as request:
        opened = await WebsocketsUpstream().open(request)
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.1)
        assert sent < 50
        assert await opened.receive() == piece
        await opened.close(1001)


async def test_faults_before_the_socket_are_told_apart() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(UpstreamError) as refused:
            await WebsocketsUpstream().open(SocketRequest(url, b"/", []))
        listener.listen()
        with pytest.raises(UpstreamError) as silent:
            await WebsocketsUpstream().open(SocketRequest(url, b"/", [], connect_timeout_s=0.05))
    assert (refused.value.fault, silent.value.fault) == (Fault.CONNECT, Fault.CONNECT_TIMEOUT)
    with pytest.raises(UpstreamError) as unknown:
        await WebsocketsUpstream().open(SocketRequest("http://name.invalid", b"/", []))
    assert unknown.value.fault is Fault.DNS


async def test_what_speaks_no_http_is_a_cut() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"babble\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(UpstreamError) as cut:
            await WebsocketsUpstream().open(SocketRequest(url, b"/", []))
    assert cut.value.fault is Fault.CUT
