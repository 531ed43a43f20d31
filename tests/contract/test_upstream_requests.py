"""What a provider receives is what was given, byte for byte."""

from collections.abc import AsyncIterator

import pytest

from proxy.ports.upstream import RawHeaders, Upstream
from tests.contract.upstream_calls import call, exchanged
from tests.servers.raw_provider import RawProvider, Seen, answering, ok, provider


async def seen_by_provider(upstream: Upstream, **request: object) -> tuple[Seen, RawProvider]:
    async with provider(answering(ok())) as running:
        await exchanged(upstream, call(running.url, **request))  # type: ignore[arg-type]
    return running.seen[0], running


@pytest.mark.parametrize(
    "target",
    [
        b"/v1/messages?beta=true",
        b"/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse&key=k",
        b"/azure/openai/deployments/d/chat/completions?api-version=2026-01-01",
        b"/a%2Fb%2fc%20d",
        b"/a//b///c/",
        b"//double",
        b"/a/./b",
        b"/bare?",
        b"/q?a=1&&b=%zz&=c+d;e=%2520",
        "/café".encode(),
        "/café?é=ü".encode("latin-1"),
        b'/odd"<>\\^`{|}?"<>\\^`{|}\'!*()@:,;$~',
        b"/fragment#here?x#y",
        b"/",
    ],
)
async def test_the_target_goes_on_the_wire_as_it_is(upstream: Upstream, target: bytes) -> None:
    seen, _ = await seen_by_provider(upstream, target=target)
    assert seen.head.startswith(b"POST " + target + b" HTTP/1.1\r\n")


@pytest.mark.parametrize("target", [b"v1", b"", b"/a b", b"/a\r\nx: y", b"/a\x00", b"http://other/"])
async def test_a_target_that_would_break_the_request_line_is_a_mistake_of_ours(
    upstream: Upstream, target: bytes
) -> None:
    async with provider(answering(ok())) as running:
        with pytest.raises(Exception, match="target"):
            await upstream.send(call(running.url, target))
    assert running.connections == 0


async def test_header_lines_keep_order_case_duplicates_and_bytes(upstream: Upstream) -> None:
    lines = [
        (b"X-Zulu", b"1"),
        (b"anthropic-beta", b"a,b"),
        (b"ANTHROPIC-BETA", b"c"),
        (b"accept", b"*/*"),
        (b"x-latin", b"caf\xe9 \xff"),
        (b"x-utf8", "naïve ☃".encode()),
        (b"x-empty", b""),
        (b"cookie", b'a=b; c="d"'),
        (b"Authorization", b"Bearer k"),
    ]
    seen, running = await seen_by_provider(upstream, headers=lines)
    assert seen.lines[0] == b"Host: 127.0.0.1:%d" % running.port
    assert seen.lines[1:-1] == [b"%b: %b" % line for line in lines]
    assert seen.lines[-1] == b"Content-Length: 2"


async def test_nothing_is_added_that_the_client_did_not_send(upstream: Upstream) -> None:
    seen, running = await seen_by_provider(upstream, headers=())
    assert seen.lines == [b"Host: 127.0.0.1:%d" % running.port, b"Content-Length: 2"]


async def test_headers_of_the_connection_are_ours(upstream: Upstream) -> None:
    theirs: RawHeaders = [
        (b"Host", b"evil.test"),
        (b"content-length", b"9999"),
        (b"Transfer-Encoding", b"gzip, chunked"),
        (b"connection", b"close"),
        (b"keep-alive", b"timeout=1"),
        (b"expect", b"100-continue"),
        (b"te", b"trailers"),
        (b"upgrade", b"h2c"),
        (b"proxy-authorization", b"Basic x"),
        (b"x-kept", b"yes"),
    ]
    seen, running = await seen_by_provider(upstream, headers=theirs)
    assert seen.lines == [b"Host: 127.0.0.1:%d" % running.port, b"x-kept: yes", b"Content-Length: 2"]


@pytest.mark.parametrize("line", [(b"x", b"a\r\nx-evil: b"), (b"x", b"a\nb"), (b"x\r\ny", b"a"), (b"x", b"a\x00b")])
async def test_a_header_that_would_be_two_is_never_sent(upstream: Upstream, line: tuple[bytes, bytes]) -> None:
    async with provider(answering(ok())) as running:
        with pytest.raises(Exception, match="header"):
            await upstream.send(call(running.url, headers=[line]))
    assert running.connections == 0


async def parts(*given: bytes) -> AsyncIterator[bytes]:
    for part in given:
        yield part


@pytest.mark.parametrize(
    ("method", "body", "length", "framing", "wire"),
    [
        ("POST", b"{}", None, b"Content-Length: 2", b"{}"),
        ("POST", b"", None, b"Content-Length: 0", b""),
        ("GET", b"", None, None, b""),
        ("GET", b"{}", None, b"Content-Length: 2", b"{}"),
        ("DELETE", b"", None, None, b""),
        ("POST", (b"ab", b"", b"cd"), 4, b"Content-Length: 4", b"abcd"),
        ("POST", (b"ab", b"", b"cd"), None, b"Transfer-Encoding: chunked", b"2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"),
        ("POST", (), None, b"Transfer-Encoding: chunked", b"0\r\n\r\n"),
    ],
)
async def test_bodies_are_framed_by_what_is_known_of_them(
    upstream: Upstream,
    method: str,
    body: bytes | tuple[bytes, ...],
    length: int | None,
    framing: bytes | None,
    wire: bytes,
) -> None:
    given = body if isinstance(body, bytes) else parts(*body)
    seen, running = await seen_by_provider(upstream, method=method, headers=(), body=given, body_length=length)
    assert seen.lines == [b"Host: 127.0.0.1:%d" % running.port, *([framing] if framing else [])]
    assert seen.body == wire


@pytest.mark.parametrize("size", [100_000, 131_073, 3_000_000])
async def test_large_bodies_arrive_whole(upstream: Upstream, size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    seen, _ = await seen_by_provider(upstream, body=body)
    assert seen.body == body


async def test_no_credential_or_cookie_comes_from_anywhere_else(
    upstream: Upstream, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login alice password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with provider(answering(ok(headers=b"Set-Cookie: a=b\r\n"), ok())) as running:
        await exchanged(upstream, call(running.url, headers=()))
        await exchanged(upstream, call(running.url, headers=()))
    assert running.seen[0].head == running.seen[1].head
    assert len(running.seen[0].lines) == 2
