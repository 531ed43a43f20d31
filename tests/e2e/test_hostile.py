"""Requests and answers that no honest peer sends, byte by byte: each is refused or passed by a rule of
docs/reliability.md. One process; a table of cases; what the provider got is counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.long_stream import passed
from tests.servers.processes import ALICE_KEY, LOOPBACK, Deployment
from tests.servers.raw_provider import Line, RawProvider, ok, provider

KEY = b"authorization: Bearer " + ALICE_KEY.encode()
CHAT = b'{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}'
ANSWER = b'{"model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}'
PATH = b"/v1/chat/completions"
KIB = 1024
MIB = 1024 * 1024
WAIT_S = 60.0


def head(*lines: bytes, start: bytes = b"POST " + PATH + b" HTTP/1.1", end: bytes = b"\r\n") -> bytes:
    return end.join([start, b"host: outlay.test", KEY, b"content-type: application/json", *lines, b"", b""])


def post(body: bytes = CHAT, *lines: bytes, start: bytes = b"POST " + PATH + b" HTTP/1.1") -> bytes:
    return head(*lines, b"content-length: %d" % len(body), start=start) + body


def chunked(body: bytes, te: bytes = b"transfer-encoding: chunked") -> bytes:
    return head(te) + body


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def deep(levels: int) -> bytes:
    return CHAT.replace(b'"hi"', b"[" * levels + b"]" * levels)


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    sent: bytes
    statuses: tuple[int, ...] = (400,)
    """Of the answers, in order; none: the connection is closed without a word."""
    forwarded: int = 0
    """Requests that reach the provider."""


def passes(name: str, sent: bytes, answers: int = 1) -> Case:
    return Case(name, sent, (200,) * answers, answers)


WHOLE = chunks(CHAT)
CASES = [
    # Heads
    passes("a header of 64 KiB", post(CHAT, b"x-long: " + b"a" * 64 * KIB)),
    passes("900 headers", post(CHAT, *[b"x-%d: y" % n for n in range(900)])),
    Case("5,000 headers", post(CHAT, *[b"x-%d: y" % n for n in range(5000)]), (431,)),
    Case("headers of 600 KiB", post(CHAT, *[b"x-%d: " % n + b"y" * 1000 for n in range(600)]), (431,)),
    Case("a target of 600 KiB", post(start=b"POST /v1/" + b"a" * 600 * KIB + b" HTTP/1.1"), (431,)),
    Case("a null byte in a value", post(CHAT, b"x-null: a\0b")),
    Case("a null byte in a name", post(CHAT, b"x-\0: b")),
    Case("a null byte in the target", post(start=b"POST /v1/chat\0 HTTP/1.1")),
    Case("a control character in a value", post(CHAT, b"x-odd: a\x01b")),
    Case("a header without a name", post(CHAT, b": b")),
    Case("a name with a blank", post(CHAT, b"x odd: b")),
    Case("a blank before the colon", chunked(WHOLE, b"transfer-encoding : chunked")),
    Case("a folded line", post(CHAT, b"x-folded: a\r\n b")),
    Case("a blank before the first header", b"POST " + PATH + b" HTTP/1.1\r\n host: x\r\n" + KEY + b"\r\n\r\n"),
    Case("bare line feeds", head(b"content-length: 0", end=b"\n")),
    Case("a bare line feed in a head", post(CHAT, b"x-a: b\nx-c: d")),
    Case("a bare carriage return in a head", post(CHAT, b"x-a: b\rx-c: d")),
    passes("blank lines before a request", b"\r\n\r\n" + post()),
    # Request lines
    passes("an absolute target", post(start=b"POST http://elsewhere.test" + PATH + b" HTTP/1.1")),
    passes("HTTP/1.0", post(start=b"POST " + PATH + b" HTTP/1.0")),
    Case("HTTP/0.9", b"GET /healthz\r\n\r\n"),
    Case("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    Case("a version of the future", post(start=b"POST " + PATH + b" HTTP/9.9")),
    Case("a method in small letters", post(start=b"post " + PATH + b" HTTP/1.1")),
    Case("a method nobody knows", post(start=b"FORGE " + PATH + b" HTTP/1.1")),
    Case("CONNECT", post(start=b"CONNECT elsewhere.test:443 HTTP/1.1")),
    Case("a blank in the target", post(start=b"POST /v1/chat /completions HTTP/1.1")),
    Case("dots in the target", post(start=b"POST /v1/x/../chat/completions HTTP/1.1"), (404,)),
    Case("encoded dots", post(start=b"POST /v1/%2e%2e/v1/chat/completions HTTP/1.1"), (404,)),
    Case("TLS where none is spoken", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    # Lengths
    Case("a length and chunks", post(CHAT, b"transfer-encoding: chunked")),
    Case("chunks and a length", head(b"transfer-encoding: chunked", b"content-length: 5") + WHOLE),
    Case("two lengths", post(CHAT, b"content-length: 3")),
    Case("the same length twice", post(CHAT, b"content-length: %d" % len(CHAT))),
    Case("two lengths in one", head(b"content-length: 5, 5") + b"12345"),
    Case("a length with a sign", head(b"content-length: +5") + b"12345"),
    Case("a length below nothing", head(b"content-length: -5") + b"12345"),
    Case("a length in hexadecimal", head(b"content-length: 0x5") + b"12345"),
    Case("a length without end", head(b"content-length: " + b"9" * 40)),
    Case("chunks, then nothing", chunked(WHOLE, b"transfer-encoding: chunked, identity")),
    Case("chunks of another kind", chunked(WHOLE, b"transfer-encoding: xchunked")),
    Case("chunks with a mark before", chunked(WHOLE, b"transfer-encoding: \x0bchunked")),
    Case("chunks twice", chunked(WHOLE, b"transfer-encoding: chunked\r\ntransfer-encoding: identity")),
    passes("chunks in capitals", chunked(WHOLE, b"Transfer-Encoding: CHUNKED")),
    passes("a chunk with an extension", chunked(b"%x;a=b\r\n%b\r\n0\r\n\r\n" % (len(CHAT), CHAT))),
    passes("trailers", chunked(WHOLE[:-2] + b"x-trailer: a\r\n\r\n")),
    Case("a chunk of no size", chunked(b"zz\r\n" + CHAT)),
    Case("a chunk below nothing", chunked(b"-1\r\n" + CHAT)),
    Case("a chunk beyond all sizes", chunked(b"F" * 20 + b"\r\n" + CHAT)),
    Case("a chunk longer than it says", chunked(b"2\r\n" + CHAT + b"\r\n0\r\n\r\n")),
    Case("a chunk ended by a line feed", chunked(b"%x\n%b\r\n0\r\n\r\n" % (len(CHAT), CHAT))),
    Case("a body of 1 GB", head(b"content-length: 1000000000") + b"x" * MIB, (413,)),
    Case("chunks above the limit", chunked(b"%x\r\n" % (2 * MIB) + b"x" * 2 * MIB), (413,)),
    # Bodies
    passes("a body 100 deep", post(deep(100))),
    Case("a body 100,000 deep", post(deep(100_000))),
    Case("invalid UTF-8", post(CHAT.replace(b"hi", b"h\xff\xfei"))),
    Case("a null byte in a body", post(CHAT.replace(b"hi", b"h\0i"))),
    passes("an escaped null", post(CHAT.replace(b"hi", b"h\\u0000i"))),
    Case("half of a surrogate pair", post(CHAT.replace(b"hi", b"h\\ud800i"))),
    Case("a model twice", post(CHAT[:-1] + b', "model": "gpt-4o"}')),
    Case("a model twice, escaped", post(CHAT[:-1] + b', "m\\u006fdel": "gpt-4o"}')),
    passes("another key twice", post(CHAT[:-1] + b', "x_note": 1, "x_note": 2}')),
    Case("two bodies in one", post(CHAT + CHAT)),
    Case("no JSON", post(b"\x89PNG")),
    # One connection, several requests
    passes("two requests at once", post() + post(), 2),
    Case("a request behind a body that ends early", post() + b"GET /v1/\0", (), 1),
    Case("a smuggled one behind a length and chunks", post(b"0\r\n\r\n" + post(), b"transfer-encoding: chunked")),
    Case("a wish for HTTP/2", post(CHAT, b"connection: upgrade", b"upgrade: h2c") + post(), (200, 200), 2),
    Case(
        "a websocket of another version",
        head(
            b"connection: upgrade",
            b"upgrade: websocket",
            b"sec-websocket-version: 1",
            start=b"GET /v1/responses HTTP/1.1",
        ),
    ),
    Case(
        "a websocket without a key for it",
        head(
            b"connection: upgrade",
            b"upgrade: websocket",
            b"sec-websocket-version: 13",
            start=b"GET /v1/responses HTTP/1.1",
        ),
    ),
]


class Port:
    def __init__(self, outlay: Deployment, upstream: RawProvider) -> None:
        self.outlay = outlay
        self.upstream = upstream

    async def statuses(self, case: Case) -> tuple[int, ...]:
        """Of all answers to these bytes, until as many came as are expected, or the connection ends."""
        reader, writer = await asyncio.open_connection(LOOPBACK, self.outlay.port, limit=MIB)
        found: list[int] = []
        try:
            async with asyncio.timeout(WAIT_S):
                writer.write(case.sent)
                while len(found) < max(1, len(case.statuses)):
                    found.append(await _status(reader))
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass
        finally:
            writer.transport.abort()
        return tuple(found)


async def _status(reader: asyncio.StreamReader) -> int:
    lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
    length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
    await reader.readexactly(length)
    return int(lines[0].split(b" ")[1])


@asynccontextmanager
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    """A gateway in front of a provider that answers every request."""

    async def script(line: Line) -> None:
        while await line.request() is not None:
            await line.send(ok(ANSWER, b"content-type: application/json\r\n"))

    async with provider(script) as upstream:
        outlay = Deployment(tmp_path, upstream.url, {"OUTLAY_BODY_BYTES_MAX": str(MIB)})
        try:
            await asyncio.to_thread(outlay.start_gateway)
            yield Port(outlay, upstream)
        finally:
            await asyncio.to_thread(outlay.stop)


async def test_each_request_is_refused_or_passed_by_its_rule(tmp_path: Path) -> None:
    async with port(tmp_path) as gateway:
        wrong = []
        for case in CASES:
            before = len(gateway.upstream.seen)
            found = await gateway.statuses(case)
            forwarded = len(gateway.upstream.seen) - before
            if (found, forwarded) != (case.statuses, case.forwarded):
                wrong.append(f"{case.name}: {found}, forwarded {forwarded}")
        assert not wrong, "\n".join(wrong)
        assert await gateway.statuses(passes("what is right", post())) == (200,)
        assert "Traceback" not in gateway.outlay.gateway.said


async def test_a_stream_of_a_hundred_thousand_events_passes_whole_in_bounded_memory(tmp_path: Path) -> None:
    """`python -m bench.overload` does it with a million."""
    found = await passed(tmp_path, 100_000, WAIT_S * 3)
    assert (found.events, found.whole) == (100_000, True)
    assert found.settled == (100_000, False)
    assert found.more_mib < 32
