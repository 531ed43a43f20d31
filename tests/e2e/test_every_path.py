"""Every path of the data plane that docs/contract.md names: odd but legal bytes come to the provider as the client sent
them, and its answers come back as it sent them, save what is named."""

import asyncio
import contextlib
import gzip
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest

from proxy.ports.upstream import Fault
from proxy.standin.bedrock_frames import EVENTS, BinaryFrames
from proxy.standin.behaviour import Behaviour
from proxy.standin.protocol import Frame
from tests.servers.processes import (
    ALICE_KEY,
    ANTHROPIC_SECRET,
    GEMINI_SECRET,
    LOOPBACK,
    OPENAI_SECRET,
    ROOT,
    Deployment,
)
from tests.servers.raw_provider import Line, Seen, provider

Headers = list[tuple[bytes, bytes]]

CONTRACT: Final = (ROOT / "docs/contract.md").read_text().partition("Websockets, by the same rules")[0]
OWN: Final = {"GET /healthz", "GET /readyz"}
"""outlay's own, which go nowhere."""
QUERY: Final = b"?beta=true&x=%2F..%2f&e=&&q=%C3%A4+%20b&a=1&a=2&~!*'()=;"
ODD_HEADERS: Final = (
    b"X-Unknown: 1",
    b"user-agent: odd/1.0 (\xc3\xa4; caf\xe9)",
    b"x-unknown:2",
    b"X-UNKNOWN:   3, 4  ",
    b"x-empty:",
    b"x-tab: a\tb",
    b"Accept-Encoding: br;q=0.5, zstd",
    b'Cookie: a=b; c="d"',
    b"anthropic-beta: one, two",
    b"Anthropic-Beta: three",
    b"x-goog-request-params: a%2Fb",
    b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    b"x-outlay-session: consumed",
    b"x-outlay-tags: a=b",
)
PASSED_CREDENTIALS: Final = frozenset(
    (b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key", b"x-amz-date", b"x-amz-content-sha256")
)
PER_CONNECTION: Final = PASSED_CREDENTIALS | {b"host", b"connection", b"x-outlay-session", b"x-outlay-tags"}
SECRETS: Final = {
    "openai": b"Bearer " + OPENAI_SECRET.encode(),
    "anthropic": ANTHROPIC_SECRET.encode(),
    "gemini": GEMINI_SECRET.encode(),
    "azure": OPENAI_SECRET.encode(),
}
"""What each provider's own credential header must hold; Bedrock's is a signature."""

JSON: Final = b"Application/JSON ; charset=utf-8"
USED: Final = b'"usage" :{ "prompt_tokens":5,"completion_tokens":2,"total_tokens":7.0 }'
ANSWER: Final = (
    b'\r\n{ "zzz":[1.50,1e3,null],\t"o\\u00e4\xc3\xa4\xe2\x80\xa8":"\\ud83d\\ude00" ,' + USED + b', "zzz" : 0 }\n\n'
)
FAILURE: Final = b'{"error" :{"message":"\xc3\xa4 \\u2028", "code" : "odd"}}\r\n'
BINARY: Final = bytes(range(256)) * 20 + b"\r\n--XX--\r\n\x00"
LINES: Final = b'{"custom_id" :"\xc3\xa4"}\r\n\n{"x":1}'
SSE: Final = (
    b": hello\r\n\r\n",
    b'event:odd\ndata:{"zzz" : 1}\n\n',
    b'id: 7\r\ndata: {"choices":[ {"index":0,"delta":{"content":"\xe2\x80\xa8"}} ],"new":1}\r\n\r\n',
    b'retry: 10\n\ndata: {"choices" : [],' + USED + b"}\n\n",
    b"data: [DONE]\n\n: bye\n\n",
)
ARRAY: Final = (
    b'[ {"candidates":\t[]}\r\n',
    b',\n{"usageMetadata" : {"promptTokenCount":5}, "x":"\xc3\xa4"}',
    b" \n]\r\n",
)
FRAMES: Final = tuple(
    BinaryFrames(Behaviour()).wire(Frame(data, event=name))
    for name, data in (
        ("contentBlockDelta", b'{"delta" : {"text":"\xe2\x80\xa8"},"p":"abc"}'),
        ("metadata", b'{"usage":{ "inputTokens":5,"outputTokens":2}, "odd":1}'),
    )
)
PACKED: Final = b"Content-Encoding: gzip\r\n"
STREAM: Final = b"text/event-stream;charset=utf-8"

FORM: Final = b'multipart/form-data; boundary="=_odd+boundary"'


def form(*named: tuple[bytes, bytes]) -> bytes:
    """With odd header lines, files that look like a form themselves, and something behind the end."""
    part = b"--=_odd+boundary\r\n"
    file = b'content-disposition:form-data; name="file" ; filename="\xc3\xa4 b.wav"\r\nX-Odd: 1\r\n\r\n'
    image = b'Content-Disposition: form-data; name="image"; filename=x.png\r\nContent-Type: image/png\r\n\r\n'
    fields = [part + b'Content-Disposition: form-data; name="' + n + b'"\r\n\r\n' + v + b"\r\n" for n, v in named]
    return b"".join(
        (
            *fields,
            part,
            file,
            BINARY,
            b"\r\n",
            part,
            image,
            BINARY,
            b"\r\n",
            b"--=_odd+boundary--\r\n odd",
        )
    )


def odd(members: bytes) -> bytes:
    """A JSON object with unknown, repeated and strangely spaced members around these."""
    unknown = (
        b'\r\n\t{ "zzz" :{"a":[1,2.50,1e3,null,{"model":"not this"}]} ,\n"\\u00fcnknown":"\xc3\xbc", "zzz":"again",'
    )
    return unknown + members + b',  "last\xe2\x80\xa8" : true }  \r\n'


SAID: Final = b'"messages" : [ {"content":"w\xc3\xb6rld \xe2\x80\xa8 \\u00e4\\ud83d\\ude00","role":"user", "new" : 0} ]'
CHAT: Final = odd(b' "model"\t:"gpt-4o-mini",' + SAID)
CHAT_STREAM: Final = odd(
    b'"stream":true,"stream_options" : {"include_usage": true , "x":1},"model":"gpt-4o-mini",' + SAID
)
TEXT: Final = odd(b'"model" :"m","input":"\xc3\xa4","prompt": "x","voice":"alloy"')
GEMINI: Final = odd(b'"contents" : [{"parts":[{"text":"\xc3\xa4 \\u2028"}]}]')
CONVERSE: Final = odd(b'"messages":[{"role":"user","content":[{"text":"\xc3\xa4"}]}]')
MESSAGES: Final = odd(b'"max_tokens" : 9 ,"model":"claude-sonnet-4-5",' + SAID)
MESSAGES_STREAM: Final = MESSAGES.replace(b'"max_tokens"', b'"stream":true, "max_tokens"')
MODEL_FORM: Final = form((b"model", b"whisper-1"), (b"odd\xc3\xa4", b"\r\n"), (b"odd\xc3\xa4", b"2"), (b"prompt", b"x"))


@dataclass(frozen=True, slots=True)
class Row:
    """One call. `said`: as the contract writes its path."""

    said: str
    path: bytes
    speaks: str = "openai"
    sent: bytes = b""
    sent_type: bytes = JSON
    answer: tuple[bytes, ...] = (ANSWER,)
    """In pieces: one has a length, more come chunked."""
    answer_type: bytes = JSON
    query: bytes = QUERY
    method: str = ""
    """Where the contract says none."""
    edited: bytes = b""
    """The splice that its answers may get, named before it is known whether there is anything to change."""

    @property
    def verb(self) -> bytes:
        first = self.said.partition(" ")[0]
        return (self.method or (first if first.isalpha() else "POST")).encode()

    @property
    def at_provider(self) -> bytes:
        """Azure and Bedrock stand under a prefix that is outlay's."""
        mounted = self.path.startswith((b"/azure/", b"/bedrock/"))
        return (b"/" + self.path.split(b"/", 2)[2] if mounted else self.path) + self.query


def plain(speaks: str, *said: str, **more: object) -> list[Row]:
    """Rows whose path is the contract's own, with odd ids."""
    ids = (("{id}", "x-1.A_" if speaks == "gemini" else "x-1:A._"), ("{model}", "gemini-2.5-flash"))
    rows = []
    for each in said:
        path = each.partition(" ")[2]
        for name, id_ in ids:
            path = path.replace(name, id_)
        rows.append(Row(each, path.encode(), speaks, **more))  # type: ignore[arg-type]  # as a Row takes them
    return rows


def events(row: Row, sent: bytes) -> Row:
    return replace(row, sent=sent, answer=SSE, answer_type=STREAM)


BETA: Final = "/v1beta/models/{model}:"
CACHES: Final = "/v1beta/cachedContents"
BATCHES: Final = "/v1/messages/batches"
VERSION: Final = b"?api-version=2025-01-01-preview&x=%2F..%2f&e="
CLASSIC: Final = "POST /azure/openai/deployments/{name}/…"
DEPLOYED: Final = b"/azure/openai/deployments/my%20gpt/"
ROWS: Final[list[Row]] = [
    *plain("openai", "POST /v1/chat/completions", sent=CHAT),
    *(events(row, CHAT_STREAM) for row in plain("openai", "POST /v1/chat/completions")),
    *plain("openai", "POST /v1/responses", "POST /v1/responses/compact", "POST /v1/responses/input_tokens", sent=TEXT),
    *(
        events(row, TEXT.replace(b'"model"', b'"stream" :true,"model"'))
        for row in plain("openai", "POST /v1/responses", "POST /v1/images/generations", "POST /v1/audio/speech")
    ),
    *plain("openai", "POST /v1/completions", "POST /v1/embeddings", "POST /v1/moderations", sent=TEXT),
    *(events(row, CHAT_STREAM) for row in plain("openai", "POST /v1/completions")),
    *plain("openai", "POST /v1/images/generations", sent=TEXT),
    *plain(
        *("openai", "POST /v1/images/edits", "POST /v1/images/variations"),
        *("POST /v1/audio/transcriptions", "POST /v1/audio/translations"),
        sent=MODEL_FORM,
        sent_type=FORM,
    ),
    *plain("openai", "POST /v1/audio/speech", sent=TEXT, answer=(BINARY, BINARY[::-1]), answer_type=b"audio/mpeg"),
    *plain("openai", "POST /v1/audio/transcriptions", sent=MODEL_FORM, sent_type=FORM, answer_type=b"text/plain"),
    *plain(
        "openai", "GET /v1/responses/{id}", "DELETE /v1/responses/{id}", "GET /v1/responses/{id}/input_items", sent=b""
    ),
    *plain("openai", "POST /v1/responses/{id}/cancel", sent=b" { } \r\n  \t"),
    *(
        row
        for speaks in ("openai", "anthropic", "gemini")
        for row in plain(speaks, "GET /v1/models", "GET /v1/models/{id}")
    ),
    *(
        row
        for speaks in ("openai", "anthropic")
        for row in (
            *plain(speaks, "POST /v1/files", sent=form((b"purpose", b"batch")), sent_type=FORM),
            *plain(speaks, "GET /v1/files", "GET /v1/files/{id}", "DELETE /v1/files/{id}"),
            *plain(speaks, "GET /v1/files/{id}/content", answer=(BINARY, LINES), answer_type=b"application/odd"),
        )
    ),
    *plain("openai", "POST /v1/uploads", "POST /v1/uploads/{id}/complete", "POST /v1/uploads/{id}/cancel", sent=TEXT),
    *plain("openai", "POST /v1/uploads/{id}/parts", sent=form((b"data", b"x")), sent_type=FORM),
    *plain("openai", "POST /v1/batches", "POST /v1/batches/{id}/cancel", sent=TEXT),
    *plain("openai", "GET /v1/batches", "GET /v1/batches/{id}"),
    *plain("anthropic", "POST /v1/messages", "POST /v1/messages/count_tokens", sent=MESSAGES),
    *(events(row, MESSAGES_STREAM) for row in plain("anthropic", "POST /v1/messages")),
    *plain("anthropic", f"POST {BATCHES}", f"POST {BATCHES}/{{id}}/cancel", sent=TEXT, edited=b"results_url"),
    *plain("anthropic", f"GET {BATCHES}", f"GET {BATCHES}/{{id}}", edited=b"results_url"),
    *plain("anthropic", f"DELETE {BATCHES}/{{id}}"),
    *plain("anthropic", f"GET {BATCHES}/{{id}}/results", answer=(LINES, LINES), answer_type=b"application/x-jsonl"),
    *plain(
        *("gemini", f"POST {BETA}generateContent", f"POST {BETA}embedContent", f"POST {BETA}batchEmbedContents"),
        *(f"POST {BETA}predict", f"POST {BETA}countTokens", f"POST {CACHES}"),
        sent=GEMINI,
    ),
    *plain("gemini", f"POST {BETA}streamGenerateContent", sent=GEMINI, answer=ARRAY),
    *plain(
        *("gemini", f"POST {BETA}streamGenerateContent"),
        sent=GEMINI,
        answer=SSE,
        answer_type=STREAM,
        query=b"?alt=sse&x=%2F..%2f&e=",
    ),
    *plain("gemini", f"GET {CACHES}", f"GET {CACHES}/{{id}}", f"DELETE {CACHES}/{{id}}"),
    *plain("gemini", f"PATCH {CACHES}/{{id}}", sent=GEMINI),
    *plain("gemini", "GET /v1beta/models", "GET /v1beta/models/{id}"),
    *(Row(CLASSIC, DEPLOYED + b"chat/completions", "azure", sent, query=VERSION) for sent in (CHAT, TEXT)),
    Row(CLASSIC, DEPLOYED + b"chat/completions", "azure", CHAT_STREAM, answer=SSE, answer_type=STREAM, query=VERSION),
    *(
        Row(CLASSIC, DEPLOYED + path, "azure", TEXT, query=VERSION)
        for path in (b"completions", b"embeddings", b"images/generations", b"responses")
    ),
    Row(CLASSIC, DEPLOYED + b"audio/transcriptions", "azure", MODEL_FORM, FORM, query=VERSION),
    Row(
        CLASSIC,
        DEPLOYED + b"audio/speech",
        "azure",
        TEXT,
        answer=(BINARY, BINARY),
        answer_type=b"audio/wav",
        query=VERSION,
    ),
    Row("/azure/openai/v1/…", b"/azure/openai/v1/chat/completions", "azure", CHAT),
    Row(
        "/azure/openai/v1/…", b"/azure/openai/v1/chat/completions", "azure", CHAT_STREAM, answer=SSE, answer_type=STREAM
    ),
    Row("/azure/openai/v1/…", b"/azure/openai/v1/responses", "azure", TEXT),
    Row("/azure/openai/v1/…", b"/azure/openai/v1/files/x/content", "azure", answer=(LINES, LINES), method="GET"),
    Row("/azure/openai/responses…", b"/azure/openai/responses", "azure", TEXT, query=VERSION),
    Row("/azure/openai/responses…", b"/azure/openai/responses/r-1", "azure", query=VERSION, method="DELETE"),
    Row("/azure/openai/models", b"/azure/openai/models", "azure", query=VERSION, method="GET"),
    Row("/azure/openai/files…", b"/azure/openai/files", "azure", form((b"purpose", b"x")), FORM, query=VERSION),
    Row(
        "/azure/openai/files…",
        b"/azure/openai/files/x/content",
        "azure",
        answer=(LINES, LINES),
        query=VERSION,
        method="GET",
    ),
    Row(
        "/azure/openai/uploads…", b"/azure/openai/uploads/x/parts", "azure", form((b"data", b"x")), FORM, query=VERSION
    ),
    Row("/azure/openai/batches…", b"/azure/openai/batches", "azure", TEXT, query=VERSION),
    Row("GET /azure/openai/deployments", b"/azure/openai/deployments", "azure", query=VERSION),
    *(
        Row(said, b"/bedrock/model/us.anthropic.claude-sonnet-4-5%3A0/" + path, "bedrock", sent, **more)
        for said, path, sent, more in (
            ("POST /bedrock/model/{id}/converse", b"converse", CONVERSE, {}),
            ("/converse-stream", b"converse-stream", CONVERSE, {"answer": FRAMES, "answer_type": EVENTS}),
            ("/invoke", b"invoke", MESSAGES, {}),
            (
                "/invoke-with-response-stream",
                b"invoke-with-response-stream",
                MESSAGES,
                {"answer": FRAMES, "answer_type": EVENTS},
            ),
            ("POST /bedrock/model/{id}/count-tokens", b"count-tokens", CONVERSE, {}),
        )
    ),
]


def test_every_path_of_the_contract_has_a_row() -> None:
    cells = [line.split("|")[1] for line in CONTRACT.splitlines() if line.startswith("| `")]
    said = {path for cell in cells for path in re.findall(r"`([^`]+)`", cell)}
    assert said - OWN == {row.said for row in ROWS}


# One exchange, seen from both ends


@dataclass(frozen=True, slots=True)
class Answer:
    """As a client received it, framing undone."""

    status: bytes
    headers: Headers
    body: bytes

    @property
    def told(self) -> dict[bytes, bytes]:
        return dict(self.headers)


@dataclass(frozen=True, slots=True)
class Trip:
    """What the provider received, and what came back."""

    seen: Seen
    answer: Answer


def lines(head: bytes) -> Headers:
    pairs = (line.split(b":", 1) for line in head.split(b"\r\n")[1:] if line)
    return [(name.lower(), value.strip(b" ")) for name, value in pairs]


def credential(speaks: str, key: str) -> bytes:
    name = {"anthropic": b"x-api-key: ", "gemini": b"x-goog-api-key: ", "azure": b"API-Key: "}
    version = b"\r\nanthropic-version: 2023-06-01" if speaks == "anthropic" else b""
    return name.get(speaks, b"Authorization: Bearer ") + key.encode() + version


def request(row: Row, target: bytes, sent: bytes | None, *, key: str, more: Iterable[bytes] = ()) -> bytes:
    """`sent`: None for the row's own in two chunks."""
    framing = b"content-length: %d" % len(sent or b"")
    if sent is None:
        framing = b"transfer-encoding: chunked"
        sent = b"9\r\n%b\r\n%X;odd=1\r\n%b\r\n0\r\n\r\n" % (row.sent[:9], len(row.sent) - 9, row.sent[9:])
    content = [b"Content-Type: " + row.sent_type, framing] if sent else []
    head = [row.verb + b" " + target + b" HTTP/1.1", b"host: provider.test", credential(row.speaks, key)]
    return b"\r\n".join([*head, *ODD_HEADERS, *more, *content, b"", b""]) + sent


def reply(pieces: tuple[bytes, ...], content_type: bytes, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    head = (
        b"HTTP/1.1 %b\r\nX-Request-Id: req_9\r\nSet-Cookie: a=1\r\nset-cookie: b=2; Path=/\r\nx-latin: caf\xe9\r\n"
        b"x-empty:\r\nX-RateLimit-Remaining-Tokens: 99\r\nContent-Type: %b\r\nserver: odd/1\r\n%b"
        % (status, content_type, more)
    )
    if len(pieces) == 1:
        return head + b"Content-Length: %d\r\n\r\n" % len(pieces[0]) + pieces[0]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


async def received(reader: asyncio.StreamReader) -> Answer:
    head = await reader.readuntil(b"\r\n\r\n")
    headers = lines(head)
    told = dict(headers)
    if b"chunked" in told.get(b"transfer-encoding", b""):
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    else:
        body = await reader.readexactly(int(told[b"content-length"]))
    return Answer(head.split(b" ")[1], headers, body)


@dataclass(slots=True)
class Wire:
    """A provider that answers as it is told next, and connections to it and to the gateway in front of it."""

    ports: Mapping[str, int]
    seen: list[Seen]
    reply: list[bytes]

    async def trip(self, where: str, sent: bytes, reply: bytes) -> Trip:
        self.reply[:] = [reply]
        before = len(self.seen)
        reader, writer = await asyncio.open_connection(LOOPBACK, self.ports[where], limit=2**24)
        try:
            writer.write(sent)
            answer = await asyncio.wait_for(received(reader), 60)
        finally:
            writer.close()
        assert len(self.seen) == before + 1, (where, answer.status, answer.body[:500])
        return Trip(self.seen[-1], answer)

    async def both(self, row: Row, sent: bytes | None, reply: bytes, *more: bytes) -> tuple[Trip, Trip]:
        """Directly, and through the gateway."""
        direct = request(row, row.at_provider, sent, key="a-key-of-the-provider", more=more)
        through = request(row, row.path + row.query, sent, key=ALICE_KEY, more=more)
        return await self.trip("direct", direct, reply), await self.trip("outlay", through, reply)


@contextlib.asynccontextmanager
async def wired(folder: Path) -> AsyncIterator[Wire]:
    next_reply: list[bytes] = []

    async def script(line: Line) -> None:
        while await line.request() is not None:
            await line.send(next_reply[0])

    async with provider(script) as upstream:
        variables = {
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        planes = Deployment(folder, upstream.url, variables)
        with (folder / "policies" / "providers.yaml").open("a") as file:
            file.write(
                f'  bedrock: {{dialect: bedrock, base_url: "{upstream.url}", region: us-east-1, '
                "api_key: {aws: environment}}\n"
            )
        try:
            await asyncio.to_thread(planes.start_gateway)
            yield Wire({"direct": upstream.port, "outlay": planes.port}, upstream.seen, next_reply)
        finally:
            await asyncio.to_thread(planes.stop)


FRAMING: Final = frozenset((b"content-length", b"transfer-encoding"))


def unframed(seen: Seen) -> bytes:
    """The body without the sizes of its chunks, which may change on the way."""
    if dict(lines(seen.head)).get(b"transfer-encoding") != b"chunked":
        return seen.body
    body, rest = b"", seen.body
    while size := int(rest.partition(b"\r\n")[0].partition(b";")[0], 16):
        start = rest.index(b"\r\n") + 2
        body, rest = body + rest[start : start + size], rest[start + size + 2 :]
    return body


def at_provider(trip: Trip, without: Iterable[bytes] = ()) -> tuple[bytes, bytes, str, Headers]:
    """Method, target, hash of the body, and header lines in their order, save credentials and the connection's own."""
    dropped = PER_CONNECTION.union(without)
    kept = [line for line in lines(trip.seen.head) if line[0] not in dropped]
    kept.sort(key=lambda line: line[0] in FRAMING)  # where they stand is up to who frames the body
    return trip.seen.head.split(b" ")[0], trip.seen.target, sha256(unframed(trip.seen)).hexdigest(), kept


def at_client(trip: Trip, without: Iterable[bytes] = ()) -> tuple[bytes, Headers]:
    """Status, and header lines in their order, save what is outlay's or the connection's own."""
    dropped = {
        b"x-outlay-call-id",
        b"x-outlay-edited",
        b"x-outlay-warning",
        b"connection",
        b"keep-alive",
        b"date",
        *without,
    }
    kept = [line for line in trip.answer.headers if line[0] not in dropped]
    kept.sort(key=lambda line: line[0] in FRAMING)
    return trip.answer.status, kept


def differences(name: str, direct: Trip, through: Trip, *, edited: bytes = b"", rechunked: bool = False) -> list[str]:
    """What differs, in words, so that all rows are told at once.

    `edited`: the splices that must be named, for an answer in which there is nothing for them to change."""
    found = []
    framing = FRAMING if rechunked else frozenset[bytes]()
    if at_provider(direct, framing) != at_provider(through, framing):
        found.append(f"{name} to the provider:\n  {at_provider(direct)}\n  {at_provider(through)}")
    unpacked = b"content-encoding" in edited
    named = FRAMING | {b"content-encoding"} if unpacked else FRAMING if edited else frozenset[bytes]()
    if at_client(direct, named) != at_client(through, named):
        found.append(f"{name} to the client:\n  {at_client(direct)}\n  {at_client(through)}")
    body = gzip.decompress(direct.answer.body) if unpacked else direct.answer.body
    if sha256(body).digest() != sha256(through.answer.body).digest():
        found.append(f"{name}: the answer's body\n  {body!r}\n  {through.answer.body!r}")
    if b"x-outlay-call-id" not in through.answer.told or through.answer.told.get(b"x-outlay-edited", b"") != edited:
        found.append(f"{name}: {through.answer.headers}")
    return found


def leaks(name: str, row: Row, seen: Seen) -> list[str]:
    """What the provider must not see of the caller, and must see of outlay."""
    found = [f"{name}: the provider sees what is outlay's"] if b"outlay" in seen.head.lower() else []
    secret = SECRETS.get(row.speaks, b"AWS4-HMAC-SHA256 ")
    if not any(secret in value for header, value in lines(seen.head) if header in PASSED_CREDENTIALS):
        found.append(f"{name}: without the provider's credential")
    return found


async def compared(wire: Wire, row: Row) -> list[str]:
    """Plain; with a compressed answer; with an error; with a compressed request; with one in chunks."""
    ok, edited = reply(row.answer, row.answer_type), row.edited
    squeezed = tuple(gzip.compress(piece, mtime=0) for piece in row.answer)
    encoded = reply(squeezed, row.answer_type, more=PACKED)
    failed = reply((FAILURE,), b"application/problem+json", b"429 Odd", b"Retry-After: 7\r\n")
    name = f"{row.said} [{row.speaks} {row.path.decode()}]"
    trips = await wire.both(row, row.sent, ok)
    found = leaks(name, row, trips[1].seen) + differences(name, *trips, edited=edited)
    both = edited and edited + b", content-encoding"
    found += differences(f"{name} answer in gzip", *await wire.both(row, row.sent, encoded), edited=both)
    found += differences(f"{name} error", *await wire.both(row, row.sent, failed))
    if row.sent:
        small = gzip.compress(row.sent, mtime=0)
        found += differences(f"{name} gzip", *await wire.both(row, small, ok, b"Content-Encoding: gzip"), edited=edited)
        found += differences(f"{name} chunks", *await wire.both(row, None, ok), edited=edited, rechunked=True)
    return found


async def test_odd_bytes_pass_on_every_path_in_both_directions(tmp_path: Path) -> None:
    async with wired(tmp_path) as wire:
        found = [each for row in ROWS for each in await compared(wire, row)]
    assert not found, "\n".join([f"{len(found)} differences", *found])


ASK: Final = b'"stream_options":{"include_usage":true},'
ASKING: Final = CHAT.replace(b'"model"\t', b'"stream":true, "model"\t')
HIDDEN: Final = b'data: {"choices" : [],' + USED + b"}\n\n"
RESULTS: Final = (
    b'{ "type":"message_batch","id":"x","results_url" : "https://provider.test/v1/messages/batches/x/results"}\n'
)
SPLICES: Final[dict[str, tuple[Row, bytes, bytes]]] = {
    "stream_options.include_usage": (
        events(plain("openai", "POST /v1/chat/completions")[0], ASKING),
        ASKING.replace(b"{", b"{" + ASK, 1),
        b"".join(SSE).replace(HIDDEN, b""),
    ),
    "results_url": (
        replace(plain("anthropic", f"GET {BATCHES}/{{id}}")[0], answer=(RESULTS,)),
        b"",
        RESULTS.replace(b"https://provider.test", b""),
    ),
}
"""By the name of the splice: a call that needs it, the body that the provider must get, and the client's."""


@pytest.mark.parametrize("name", SPLICES)
@pytest.mark.parametrize("packed", [False, True])
async def test_a_named_splice_changes_what_it_names_and_no_byte_more(tmp_path: Path, name: str, packed: bool) -> None:
    row, to_provider, to_client = SPLICES[name]
    whole = gzip.compress(b"".join(row.answer), mtime=0)
    told = reply((whole[:30], whole[30:]) if packed else row.answer, row.answer_type, more=PACKED * packed)
    async with wired(tmp_path) as wire:
        direct, through = await wire.both(row, row.sent, told)
    assert (through.seen.body, through.answer.body) == (to_provider, to_client)
    assert through.answer.told[b"x-outlay-edited"].decode() == name + ", content-encoding" * packed
    named = FRAMING | {b"content-encoding"}
    assert at_client(direct, named) == at_client(through, named)
    assert b"content-encoding" not in through.answer.told
    assert at_provider(direct, FRAMING)[3] == at_provider(through, FRAMING)[3]
    assert direct.seen.target == through.seen.target


def test_the_splices_are_those_of_the_contract() -> None:
    """What rules and translation change is tested with them; here stands what passes for every call."""
    said = re.search(r"\| `x-outlay-edited` \| (.*) \|", (ROOT / "docs/contract.md").read_text())
    assert said is not None
    translated = {"translated", "model", "without …"}
    ruled = {"max_tokens", "models", "fallback PROVIDER WHY", "open", *map(str, Fault)}
    assert set(re.findall(r"`([^`]+)`", said[1])) - translated - ruled == {*SPLICES, "content-encoding"}
