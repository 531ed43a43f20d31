"""The seam: any httpx transport may stand behind HttpxUpstream, and AiohttpTransport behind any httpx client."""

import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
import respx

from proxy.adapters.lean_httpx import httpx
from proxy.adapters.transport_aiohttp import AiohttpTransport
from proxy.adapters.upstream_httpx import HttpxUpstream
from proxy.ports.upstream import Fault, UpstreamError
from tests.contract.upstream_calls import body_of, call, exchanged
from tests.servers.raw_provider import answering, ok, provider


class Events(httpx.AsyncByteStream):
    def __init__(self, *events: bytes) -> None:
        self._events = events
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for event in self._events:
            yield event

    async def aclose(self) -> None:
        self.closed = True


async def test_a_mock_router_can_stand_in_for_a_provider() -> None:
    router = respx.MockRouter()
    events = Events(b"data: 1\n\n", b"data: 2\n\n")
    route = router.post("https://api.test/v1/messages", params={"beta": "true"})
    route.mock(httpx.Response(200, headers=[("X-A", "1"), ("X-A", "2"), ("connection", "close")], stream=events))
    upstream = HttpxUpstream(httpx.MockTransport(router.async_handler))

    answer = await upstream.send(
        call("https://api.test", b"/v1/messages?beta=true", headers=[(b"Host", b"x"), (b"X", b"y")])
    )

    assert list(answer.headers) == [(b"X-A", b"1"), (b"X-A", b"2")]
    assert [chunk async for chunk in answer.chunks()] == [b"data: 1\n\n", b"data: 2\n\n"]
    await answer.close()
    assert events.closed
    assert route.calls.last.request.headers.raw == [(b"Host", b"api.test"), (b"X", b"y"), (b"Content-Length", b"2")]
    assert route.calls.last.request.content == b"{}"


async def test_what_httpx_would_add_is_not_there() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b"{}")

    await exchanged(HttpxUpstream(httpx.MockTransport(answer)), call("https://api.test", headers=()))
    assert seen[0].headers.raw == [(b"Host", b"api.test"), (b"Content-Length", b"2")]
    assert seen[0].extensions["target"] == b"/v1/messages"
    assert seen[0].extensions["timeout"] == {
        "connect": 10.0,
        "pool": 10.0,
        "read": 600.0,
        "write": 600.0,
        "total": 3600.0,
    }


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("raised", "fault"),
    [
        (httpx.ConnectTimeout("x"), Fault.CONNECT_TIMEOUT),
        (httpx.PoolTimeout("x"), Fault.CONNECT_TIMEOUT),
        (httpx.ConnectError("x"), Fault.CONNECT),
        (caused(httpx.ConnectError("x"), OSError(111, "refused")), Fault.CONNECT),
        (caused(httpx.ConnectError("x"), socket.gaierror(-2, "unknown")), Fault.DNS),
        (caused(httpx.ConnectError("x"), caused(OSError(), socket.gaierror(-2, "unknown"))), Fault.DNS),
        (caused(httpx.ConnectError("x"), ssl.SSLCertVerificationError(1, "self-signed")), Fault.TLS),
        (httpx.ProxyError("x"), Fault.CONNECT),
        (httpx.UnsupportedProtocol("x"), Fault.CONNECT),
        (httpx.ReadTimeout("x"), Fault.READ_TIMEOUT),
        (httpx.WriteTimeout("x"), Fault.READ_TIMEOUT),
        (httpx.ReadError("x"), Fault.CUT),
        (httpx.WriteError("x"), Fault.CUT),
        (httpx.CloseError("x"), Fault.CUT),
        (httpx.RemoteProtocolError("x"), Fault.CUT),
    ],
)
async def test_every_error_of_httpx_is_a_fault(raised: Exception, fault: Fault) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise raised

    with pytest.raises(UpstreamError) as caught:
        await HttpxUpstream(httpx.MockTransport(answer)).send(call("https://api.test"))
    assert caught.value.fault is fault


async def test_a_mistake_of_ours_is_no_fault_of_the_provider() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await HttpxUpstream(httpx.MockTransport(answer)).send(call("https://api.test"))


async def test_a_streamed_body_reaches_any_transport() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"ab"
        yield b"cd"

    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=await request.aread())

    upstream = HttpxUpstream(httpx.MockTransport(answer))
    assert await exchanged(upstream, call("https://api.test", body=parts())) == b"abcd"


async def test_a_client_of_httpx_can_use_the_transport() -> None:
    async with provider(answering(ok(b'{"a": 1}', b"X-B: c\r\n"), ok(b"two"))) as running:
        async with httpx.AsyncClient(transport=AiohttpTransport()) as client:
            first = await client.post(f"{running.url}/v1/é?q=1", json={"x": 1})
            second = await client.get(running.url)
    assert (first.status_code, first.json(), first.headers["x-b"]) == (200, {"a": 1}, "c")
    assert second.content == b"two"
    assert running.seen[0].head.startswith(b"POST /v1/%C3%A9?q=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert running.seen[0].body == b'{"x":1}'
    assert running.seen[1].head.startswith(b"GET / HTTP/1.1\r\n")
    assert running.connections == 1


async def test_a_client_of_httpx_sees_errors_of_httpx() -> None:
    async with provider(answering()) as gone:
        pass
    async with httpx.AsyncClient(transport=AiohttpTransport()) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(gone.url)


async def test_answers_may_be_closed_unread() -> None:
    events = Events(b"data: 1\n\n")
    upstream = HttpxUpstream(httpx.MockTransport(lambda _: httpx.Response(200, stream=events)))
    answer = await upstream.send(call("https://api.test"))
    await answer.close()
    assert events.closed
    assert await body_of(await upstream.send(call("https://api.test"))) == b"data: 1\n\n"


def test_the_way_to_providers_brings_no_terminal_library() -> None:
    """The gateway's memory is bounded, and httpx would import rich for its command line."""
    code = "import proxy.adapters.upstream_httpx, sys; print({'rich', 'click', 'httpcore'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout == "set()\n"


async def test_a_fault_whose_causes_go_in_a_circle_is_told_all_the_same() -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        error, cause = httpx.ConnectError("refused"), OSError("refused")
        error.__cause__, cause.__cause__ = cause, error
        raise error

    upstream = HttpxUpstream(httpx.MockTransport(fail))
    with pytest.raises(UpstreamError) as caught:
        await upstream.send(call("https://api.test"))
    assert caught.value.fault is Fault.CONNECT
