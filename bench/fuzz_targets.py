"""What is fuzzed: each target takes any bytes, gives them to one parser of the product, and holds it to its laws.

Run by `python -m bench.fuzz` for as long as one likes, and by tests/fuzz on kept cases and mutations of them.
A law that doesn't hold is an AssertionError; an exception that the parser doesn't declare passes through.
"""

import hashlib
import hmac
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from proxy.dialects.anthropic import Anthropic
from proxy.dialects.audio_length import length_ms
from proxy.dialects.azure import Azure
from proxy.dialects.bedrock import Bedrock
from proxy.dialects.dialect import Batching, Dialect, FramedMeter, Meter, Operation, Reading, UnreadableError
from proxy.dialects.gemini import Gemini
from proxy.dialects.openai import OpenAI
from proxy.dialects.socket import SocketDialect
from proxy.gateway.counters_snapshot import SnapshotError
from proxy.gateway.counters_snapshot import decode as decode_counters
from proxy.gateway.counters_snapshot import encode as encode_counters
from proxy.gateway.headers import client_product, lookup, narrowing, retry_count, trace, upstream_headers
from proxy.journal.bounds import bounded
from proxy.journal.codec import LineError, decode, encode
from proxy.journal.positions import format_mark, parse_mark, parse_segment_file
from proxy.metering.content import ExpansionError, UnreadableContentError, answer_decoder, decoded_request
from proxy.metering.json_array import ArrayStream
from proxy.metering.sse import EventStream
from proxy.model.call import Request
from proxy.model.service import EventSource, SourceKind
from proxy.model.usage import KINDS
from proxy.outcomes.diff_files import diff_files
from proxy.outcomes.events.delivery import Delivery
from proxy.outcomes.events.delivery import UnreadableError as UnreadableEventError
from proxy.outcomes.events.importing import imported
from proxy.outcomes.events.receiving import Sender, received
from proxy.outcomes.events.signing import sign
from proxy.policy.keys_edit import UneditableError, keys_in, with_revoked
from proxy.policy.load import FILES, RULES, load
from proxy.policy.types import Mistake, PolicySet
from proxy.web.credentials import presented
from proxy.web.routing import Route, route

Target = Callable[[bytes], None]

NOW_US: Final = 1_800_000_000_000_000
SECRET: Final = "a secret of alice's"
KEY: Final = b"outlay_0123456789abcdefghijklmnopqrstuv"
DIALECTS: Final[Sequence[Dialect]] = (OpenAI(), Anthropic(), Gemini(), Azure(), Bedrock())
FORM: Final = b"multipart/form-data; boundary=cut"
JSON: Final = b"application/json"
ASKED: Final[Sequence[tuple[int, str, bytes]]] = (
    *(
        (0, f"/v1/{path}", JSON)
        for path in (
            *("chat/completions", "responses", "responses/compact", "responses/input_tokens", "completions"),
            *("embeddings", "moderations", "images/generations", "images/edits", "audio/speech"),
        )
    ),
    *((0, f"/v1/{path}", FORM) for path in ("audio/transcriptions", "images/edits", "images/variations")),
    (1, "/v1/messages", JSON),
    (1, "/v1/messages/count_tokens", JSON),
    *(
        (2, f"/v1beta/models/gemini-2.5-pro:{verb}", JSON)
        for verb in (
            *("generateContent", "streamGenerateContent", "embedContent", "batchEmbedContents", "predict"),
            "countTokens",
        )
    ),
    (2, "/v1beta/cachedContents", JSON),
    (3, "/openai/deployments/gpt-4o/chat/completions", JSON),
    (3, "/openai/v1/responses", JSON),
    (4, "/model/anthropic.claude-opus-4-1-20250805-v1%3A0/converse", JSON),
    (4, "/model/anthropic.claude-opus-4-1-20250805-v1%3A0/invoke", JSON),
    (4, "/model/amazon.nova-pro-v1%3A0/converse-stream", JSON),
    (4, "/model/amazon.nova-pro-v1%3A0/invoke", JSON),
    (4, "/model/meta.llama3-3-70b-instruct-v1%3A0/invoke-with-response-stream", JSON),
)
"""Dialect by its place, path and content type of what is read."""
FETCHED: Final[Sequence[tuple[int, str, str]]] = (
    (0, "GET", "/v1/files/file-1/content"),
    (0, "POST", "/v1/batches"),
    (0, "POST", "/v1/files"),
    (1, "GET", "/v1/messages/batches/msgbatch_1/results"),
    (1, "POST", "/v1/messages/batches"),
    (2, "GET", "/v1beta/models"),
)
BATCHES: Final[Sequence[tuple[int, str, bytes]]] = (
    (0, "/v1/files", FORM),
    (1, "/v1/messages/batches", JSON),
)
CONTENT_TYPES: Final = (
    *(b"text/event-stream", JSON, b"", b"application/x-ndjson", b"audio/wav", b"text/plain"),
    b"application/vnd.amazon.eventstream",
)
SOURCES: Final[Sequence[SourceKind]] = ("github", "gitlab", "argocd", "cdevents", "generic")
GITHUB: Final = ("push", "pull_request", "pull_request_review", "deployment_status", "deployment", "ping", "status")
ENCODINGS: Final = (b"gzip", b"deflate", b"br", b"zstd", b"gzip, br", b"identity", b"deflate, gzip")
DECODED_BYTES_MAX: Final = 100_000


def sse(data: bytes) -> None:
    """Events and bytes passed on don't depend on how the stream is cut; nothing but hidden events is kept back."""
    sizes, data = data[:2], data[2:]

    def run(pieces: Iterable[bytes], *, hiding: bool) -> tuple[list[bytes], bytes]:
        seen: list[bytes] = []

        def see(event: bytes) -> bool:
            seen.append(event)
            return b"usage" in event

        stream = EventStream(see, hiding=hiding, event_bytes_max=300, hidden_bytes_max=100)
        return seen, b"".join([stream.feed(piece) for piece in pieces]) + stream.finish()

    for hiding in (False, True):
        whole = run([data], hiding=hiding)
        assert run(_cut(data, sizes), hiding=hiding) == whole
        assert hiding or whole[1] == data
        assert b"usage" in b"".join(whole[0]) or whole[1] == data


def requests(data: bytes) -> None:
    """A body is read, or refused with a sentence; edits change what they name and leave a body that reads the same."""
    dialect, path, content_type = ASKED[_number(data, 0) % len(ASKED)]
    body = data[1:]
    one, target = DIALECTS[dialect], path.encode()
    operation = one.operation("POST", path)
    assert operation is not None
    headers = {b"content-type": content_type}
    try:
        request = one.read(operation, body, headers, target)
    except UnreadableError as error:
        _check_sentence(error)
        return
    _check_request(one, request)
    _check_edits(one, operation, request, body, headers, target)


def batches(data: bytes) -> None:
    """Calls of a batch are read one by one, or refused with a sentence."""
    dialect, path, content_type = BATCHES[_number(data, 0) % len(BATCHES)]
    one = DIALECTS[dialect]
    operation = one.operation("POST", path)
    assert operation is not None
    assert isinstance(one, Batching)
    try:
        for each in one.batched(operation, data[1:], {b"content-type": content_type}):
            _check_request(one, each.request)
    except UnreadableError as error:
        _check_sentence(error)


def answers(data: bytes) -> None:
    """A meter reads the same from any cuts and passes the bytes on; at most it says that they are no answer."""
    which, kind, sizes, body = _number(data, 0), _number(data, 1), data[2:4], data[4:]
    places = [(dialect, "POST", path) for dialect, path, _ in ASKED] + list(FETCHED)
    dialect, method, path = places[which % len(places)]
    one = DIALECTS[dialect]
    operation = one.operation(method, path)
    assert operation is not None
    content_type = CONTENT_TYPES[kind % len(CONTENT_TYPES)]
    hide = kind >= 128

    def run(pieces: Iterable[bytes]) -> tuple[bytes, Reading] | None:
        meter = one.meter(operation, Request("gpt-4o"), content_type=content_type, hide_usage=hide)
        if isinstance(meter, FramedMeter):
            meter.headers({b"x-amzn-bedrock-output-token-count": b"3"})
        try:
            passed = b"".join([meter.feed(piece) for piece in pieces]) + meter.finish()
        except UnreadableContentError as error:
            _check_sentence(error)
            return None
        _check_meter(meter)
        return passed, meter.reading()

    whole = run([body])
    assert run(_cut(body, sizes)) == whole
    assert whole is None or hide or operation.answer_edit or whole[0] == body


def sockets(data: bytes) -> None:
    """Messages of both sides of a websocket are read, or refused with a sentence."""
    path = ("/v1/responses", "/v1/realtime")[_number(data, 0) % 2]
    one = DIALECTS[0]
    assert isinstance(one, SocketDialect)
    talk = one.socket(path, f"{path}?model=gpt-realtime".encode(), {})
    assert talk is not None
    for line in data[1:].split(b"\n")[:50]:
        if line[:1] == b">":
            try:
                turn = talk.asked(line[1:])
            except UnreadableError as error:
                _check_sentence(error)
                continue
            if turn is not None:
                _check_request(one, turn.request)
                turn.reading()
        else:
            for turn in (*(heard := talk.heard(line)).begun, *heard.ended):
                _check_reading(turn.reading())


def policies(data: bytes) -> None:
    """Files are a set or have mistakes, each at its place and in words that a terminal may show."""
    files: dict[str, bytes] = {}
    for part in data.split(b"\0"):
        files[FILES[_number(part, 0) % len(FILES)]] = part[1:]
    loaded = load(files, enforced=frozenset(RULES))
    if isinstance(loaded, PolicySet):
        assert load(dict(reversed(files.items())), enforced=frozenset(RULES)) == loaded
        _check_mistakes(loaded.warnings)
        return
    assert loaded
    _check_mistakes(loaded)


def keys(data: bytes) -> None:
    """keys.yaml is edited at one place only, or not at all."""
    try:
        text = data.decode()
        before = keys_in(text)
        for id_ in list(before)[:3]:
            after = keys_in(with_revoked(text, id_))
            assert after == {**before, id_: replace(before[id_], revoked=True)}
    except (UneditableError, UnicodeDecodeError):
        return


def journal(data: bytes) -> None:
    """A line is one that stays the same, or it is none."""
    mark = parse_mark(data[:40])
    assert mark is None or format_mark(mark) == data[:40]
    parse_segment_file(data[:40].decode("latin-1"))
    try:
        line = decode(data)
    except LineError as error:
        _check_sentence(error)
        return
    written = encode(line)
    again = decode(written)
    assert encode(again) == written
    assert b"\n" not in written[:-1]
    assert again in (line, bounded(line))


def events(data: bytes) -> None:
    """What a source signs is told in lines that the journal keeps, or refused with a sentence."""
    kind, body = SOURCES[_number(data, 0) % len(SOURCES)], data[2:]
    source = Sender(EventSource(kind, kind, (("env", "SECRET"),), host="github.com"), [SECRET])
    headers = {
        "content-type": "application/json",
        "x-github-event": GITHUB[_number(data, 1) % len(GITHUB)],
        "x-hub-signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
        "x-gitlab-token": SECRET,
        "x-argocd-token": SECRET,
        "authorization": f"Bearer {SECRET}",
        "x-outlay-signature": sign(SECRET, body, NOW_US),
    }
    try:
        found = received(kind, [source], body, headers, NOW_US)
    except UnreadableEventError as error:
        _check_sentence(error)
        return
    assert isinstance(found, Delivery)
    _check_told(found)


def imports(data: bytes) -> None:
    """A document of the past is told, or refused with a sentence."""
    try:
        said = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    try:
        found = imported(said)
    except UnreadableEventError as error:
        _check_sentence(error)
        return
    _check_told(found)


def calls(data: bytes) -> None:
    """Of a request line and headers: nothing of outlay's key goes on, and the host is never the caller's choice."""
    first, *rest = data.split(b"\n")
    lines = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(b":") for line in rest)]
    target = b"/" + first
    headers = lookup(lines)
    caller = presented(headers, target)
    narrowing(headers), client_product(headers), retry_count(headers), trace(headers)
    found = route("POST", caller.target, headers, _POLICIES, DIALECTS)
    if isinstance(found, Route):
        assert found.target.startswith(b"/")
        assert target.partition(b"?")[0].endswith(found.target.partition(b"?")[0])
    if caller.key:
        sent = upstream_headers(lines, headers, (b"x-api-key", b"sk-theirs"), own=caller.own_credential, key=caller.key)
        own = headers.get(b"x-outlay-key", b"").strip() or caller.key
        assert all(own not in value for _, value in sent if (_, value) != (b"x-api-key", b"sk-theirs"))
        assert not any(name.startswith(b"x-outlay-") for name, _ in sent)


def content(data: bytes) -> None:
    """What is packed is unpacked within its bounds, or refused."""
    encoding, sizes, body = ENCODINGS[_number(data, 0) % len(ENCODINGS)], data[1:3], data[3:]
    try:
        unpacked = decoded_request(body, encoding, DECODED_BYTES_MAX)
        assert unpacked is None or len(unpacked) <= DECODED_BYTES_MAX
    except (UnreadableContentError, ExpansionError):
        pass
    decoder = answer_decoder(encoding)
    if decoder is None:
        return
    try:
        for piece in _cut(body, sizes):
            size = 0
            for part in decoder.feed(piece):
                size += len(part)
                if size > DECODED_BYTES_MAX:
                    return
    except UnreadableContentError:
        return


def state(data: bytes) -> None:
    """Files that outlay wrote and something spoiled: used whole or not at all."""
    try:
        snapshot = decode_counters(data)
        assert decode_counters(encode_counters(snapshot)) == snapshot
    except SnapshotError:
        pass
    length_ms(data[:1000], len(data), data[-1000:])
    stream = ArrayStream(lambda _: None, object_bytes_max=200)
    for piece in _cut(data, data[:2]):
        stream.feed(piece)


def diffs(data: bytes) -> None:
    """The files of a diff are the same in whatever chunks it comes."""
    sizes, data = data[:2], data[2:]
    whole = list(diff_files([data]))
    assert list(diff_files(_cut(data, sizes))) == whole


TARGETS: Final[dict[str, Target]] = {
    each.__name__: each
    for each in (
        *(sse, requests, batches, answers, sockets, policies, keys, journal, events, imports, calls, content, state),
        diffs,
    )
}


def _number(data: bytes, at: int) -> int:
    return data[at] if len(data) > at else 0


def _cut(data: bytes, sizes: bytes) -> list[bytes]:
    """Pieces of the sizes that two bytes say, by turns; empty ones among them."""
    first, second = _number(sizes, 0) % 9, 1 + _number(sizes, 1) % 70
    file, pieces = io.BytesIO(data), []
    while file.tell() < len(data):
        pieces += [file.read(first), file.read(second)]
    return pieces


def _check_sentence(error: Exception) -> None:
    """It goes into answers, logs and terminals."""
    assert str(error).isprintable()
    assert len(str(error)) < 2000


def _check_request(one: Dialect, request: Request) -> None:
    assert len(request.model) <= 200
    assert not any(ord(each) < 32 for each in request.model)
    assert request.output_tokens_max is None or request.output_tokens_max >= 0
    texts, framing = one.prompt_texts(request.content)
    assert framing >= 0
    assert all(isinstance(text, str) for text in texts)
    one.messages(request.content)


def _check_edits(
    one: Dialect, operation: Operation, request: Request, body: bytes, headers: dict[bytes, bytes], target: bytes
) -> None:
    asked = one.ask_usage(operation, body) if request.stream and not request.usage_asked else None
    if asked is not None:
        again = one.read(operation, asked.body, headers, target)
        assert (again.model, again.stream, again.usage_asked) == (request.model, True, True)
        assert one.ask_usage(operation, asked.body) is None
    limited = one.limit_output(operation, request, body, 7) if operation.output_limited else None
    if limited is not None:
        again = one.read(operation, limited.body, headers, limited.target or target)
        assert again.output_tokens_max is not None
        assert again.output_tokens_max <= 7
        assert (again.model, again.content) == (request.model, request.content)
    replaced = one.replace_model(operation, request, target, body, "other-model")
    if replaced is not None:
        again = one.read(operation, replaced.body, headers, replaced.target or target)
        assert again.model == "other-model"
        assert again.content == request.content


def _check_meter(meter: Meter) -> None:
    assert meter.output_bytes >= 0
    assert meter.ended in (True, False)
    _check_reading(meter.reading())


def _check_reading(reading: Reading) -> None:
    for usage in (reading.usage, reading.seen):
        assert usage is None or all(0 <= getattr(usage, kind) < 2**63 for kind in KINDS)


def _check_mistakes(mistakes: Iterable[Mistake]) -> None:
    for each in mistakes:
        assert each.file in FILES
        assert each.line >= 0
        assert all(line.isprintable() for line in str(each).split("\n"))


def _check_told(found: Delivery) -> None:
    for line in found.lines(NOW_US):
        written = encode(line)
        kept: Any = decode(written)
        assert kept.id == line.id
        assert encode(kept) == written
        assert json.loads(written)["t"] == "told"


def _policies() -> PolicySet:
    providers = (
        "providers:\n"
        '  openai: {dialect: openai, base_url: "https://api.openai.com", api_key: none}\n'
        '  wide: {dialect: openai, base_url: "https://wide.test/base", api_key: none, passes: ["POST /v1/*"]}\n'
    )
    loaded = load({"providers.yaml": providers})
    assert isinstance(loaded, PolicySet)
    return loaded


_POLICIES: Final = _policies()
