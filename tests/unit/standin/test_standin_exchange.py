"""Exchange: one call as a dialogue of ASGI messages, with every fault that can be asked for."""

import asyncio
import gzip
import json
import zlib
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import brotli
import pytest
import zstandard

from proxy.model.usage import Usage
from proxy.standin.app import make_app
from proxy.standin.client import SENDS_BETWEEN_TURNS
from proxy.standin.coding import decode
from proxy.standin.hurry import MARKERS_MAX, Hurry
from proxy.standin.protocol import WrongRequestError
from proxy.standin.tally import Tally

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello world"}]}
STREAM = {**BODY, "stream": True, "stream_options": {"include_usage": True}}
CLAUDE = {
    "model": "claude",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello world"}],
    "stream": True,
}
PROMPT = 9


@dataclass
class Dialogue:
    """A client: what it sends stands at the start, what it gets is collected, and it can hang up at any moment."""

    tally: Tally = field(default_factory=Tally)
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    writes: list[bytes] = field(default_factory=list)
    whole: bool = False
    leaves_at: bytes = b""
    """Hangs up the moment it gets this."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    wrote: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def call(self, path: str, body: object, headers: dict[str, str] | None = None, query: bytes = b"") -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        scope = {
            "type": "http",
            "method": "POST" if raw else "GET",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query,
            "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
        }
        incoming = [raw[: len(raw) // 2], raw[len(raw) // 2 :]]

        async def receive() -> MutableMapping[str, Any]:
            if incoming:
                return {"type": "http.request", "body": incoming.pop(0), "more_body": bool(incoming)}
            await self.gone.wait()
            return {"type": "http.disconnect"}

        await make_app(self.tally)(scope, receive, self._send)

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        async with self.wrote:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = [(name.decode(), value.decode()) for name, value in message["headers"]]
            else:
                self.writes.append(message["body"])
                self.whole = not message.get("more_body", False)
                if self.leaves_at and self.leaves_at in message["body"]:
                    self.gone.set()
            self.wrote.notify_all()

    async def until_text(self, text: bytes) -> None:
        async with self.wrote:
            await self.wrote.wait_for(lambda: text in self.body)

    @property
    def body(self) -> bytes:
        return b"".join(self.writes)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def last(self) -> dict[str, Any]:
        call: dict[str, Any] = self.tally.calls(0, 100)["calls"][-1]
        return call

    def usage(self) -> Usage:
        return Usage(**self.last["usage"])


async def test_the_same_request_gets_the_same_bytes_and_another_gets_others() -> None:
    one, two, other = Dialogue(), Dialogue(), Dialogue()
    await one.call(CHAT, BODY)
    await two.call(CHAT, BODY)
    await other.call(CHAT, {**BODY, "seed": 1})
    assert one.body == two.body
    assert one.json["id"] != other.json["id"]
    assert one.json["choices"] != other.json["choices"]
    assert dict(one.headers)["x-request-id"] != dict(two.headers)["x-request-id"]


async def test_asking_for_usage_changes_no_word_of_the_answer() -> None:
    asking, silent = Dialogue(), Dialogue()
    await asking.call(CHAT, STREAM)
    await silent.call(CHAT, {**STREAM, "stream_options": None})
    assert asking.body.replace(b',"usage":null', b"").startswith(silent.body.removesuffix(b"data: [DONE]\n\n"))


async def test_a_whole_answer_is_counted_as_reported() -> None:
    client = Dialogue()
    await client.call(CHAT, BODY, {"x-standin-tokens": "5", "x-standin-cached": "7", "x-standin-reasoning": "3"})
    assert client.usage() == Usage(input_text=PROMPT, cache_read=7, output_text=5, reasoning=3)
    assert client.json["usage"]["completion_tokens"] == 8
    assert (client.last["ended"], client.last["status"], client.whole) == ("complete", 200, True)


@pytest.mark.parametrize(("path", "body"), [(CHAT, STREAM), (MESSAGES, CLAUDE)])
async def test_a_cut_stream_has_no_end_and_counts_what_was_sent(path: str, body: object) -> None:
    client = Dialogue()
    await client.call(path, body, {"x-standin-tokens": "30", "x-standin-cut-after": "4", "x-standin-reasoning": "9"})
    assert b" answer" not in client.body.split(b" fake")[1]
    assert not client.whole
    assert client.usage() == Usage(input_text=PROMPT, output_text=4)
    assert client.last["ended"] == "cut"


async def test_a_cut_behind_the_last_token_comes_before_the_usage() -> None:
    client = Dialogue()
    await client.call(CHAT, STREAM, {"x-standin-tokens": "3", "x-standin-cut-after": "99"})
    assert (client.usage(), client.whole) == (Usage(input_text=PROMPT, output_text=3), False)
    assert b'"finish_reason":"stop"' not in client.body


async def test_a_cut_before_the_first_token_still_sends_what_opens_the_stream() -> None:
    client = Dialogue()
    await client.call(MESSAGES, CLAUDE, {"x-standin-cut-after": "0"})
    assert b"message_start" in client.body
    assert b"text_delta" not in client.body
    assert client.usage() == Usage(input_text=PROMPT)


async def test_a_stalled_stream_waits_for_the_hang_up_and_counts_what_was_sent() -> None:
    client = Dialogue()
    async with asyncio.TaskGroup() as tasks:
        call = tasks.create_task(client.call(CHAT, STREAM, {"x-standin-stall-after": "4"}))
        await client.until_text(b" fake")
        assert (client.tally.counts()["open"], call.done()) == (1, False)
        client.gone.set()
    assert client.usage() == Usage(input_text=PROMPT, output_text=4)
    assert (client.last["ended"], client.whole) == ("hangup", False)


async def test_a_hang_up_during_a_paced_stream_ends_it_at_once() -> None:
    client = Dialogue()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(
            client.call(CHAT, STREAM, {"x-standin-error-event-after": "3", "x-standin-delay-ms": "600000"})
        )
        await asyncio.sleep(0)
        client.gone.set()
    assert (client.status, client.last["ended"], client.usage()) == (0, "hangup", Usage(input_text=PROMPT))
    paced = Dialogue()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(paced.call(CHAT, STREAM, {"x-standin-chunk-ms": "600000"}))
        await paced.until_text(b"assistant")
        paced.gone.set()
    assert (paced.status, paced.last["ended"], paced.usage()) == (200, "hangup", Usage(input_text=PROMPT))


async def test_calls_that_are_told_to_hurry_pause_no_more_and_others_do() -> None:
    pauses = {"x-standin-delay-ms": "600000", "x-standin-chunk-ms": "600000"}
    waiting, other = Dialogue(), Dialogue()
    later = Dialogue(waiting.tally)
    async with asyncio.TaskGroup() as tasks:
        under_way = tasks.create_task(waiting.call(CHAT, STREAM, {**pauses, "x-standin-marker": "m"}))
        tasks.create_task(other.call(CHAT, STREAM, {**pauses, "x-standin-marker": "o"}))
        await asyncio.sleep(0.01)
        assert not under_way.done()
        await Dialogue(waiting.tally).call("/stand-in/hurry", b"{}", query=b"marker=m")
        await under_way
        await later.call(CHAT, STREAM, {**pauses, "x-standin-marker": "m"})
        other.gone.set()
    assert (waiting.whole, later.whole, other.status) == (True, True, 0)
    assert [call["ended"] for call in waiting.tally.calls(0, 9)["calls"]] == ["complete", "complete"]


def test_markers_that_are_told_to_hurry_are_kept_within_a_limit() -> None:
    hurry = Hurry()
    for number in range(MARKERS_MAX + 1):
        hurry.up(f"m{number}")
    first, last = hurry.of("m0"), hurry.of(f"m{MARKERS_MAX}")
    assert first is not None
    assert last is not None
    assert (first.is_set(), last.is_set(), hurry.of("")) == (False, True, None)


async def test_a_hang_up_is_seen_within_an_unpaced_stream() -> None:
    client = Dialogue()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(client.call(CHAT, STREAM, {"x-standin-tokens": "100000"}))
        await client.until_text(b" filler")
        client.gone.set()
    assert client.last["ended"] == "hangup"
    sent = client.usage().output_text
    assert 20 <= sent < 1000
    # The 'content' of the first chunk of all is empty, and carries no token.
    assert (
        client.body.count(b'"content":" ') + client.body.count(b'"content":":"') + client.body.count(b'"content":"."')
        == sent
    )


async def test_once_the_usage_is_told_a_hang_up_lessens_nothing() -> None:
    """The usage is here the last write before others get their turn, and with that the hang-up is seen."""
    client = Dialogue(leaves_at=b"total_tokens")
    frames_beside_tokens = 3
    told = {"x-standin-tokens": str(SENDS_BETWEEN_TURNS - frames_beside_tokens), "x-standin-reasoning": "9"}
    await client.call(CHAT, STREAM, told)
    assert b"[DONE]" not in client.body
    assert client.last["ended"] == "hangup"
    assert client.usage() == Usage(input_text=PROMPT, output_text=29, reasoning=9)


async def test_an_error_event_ends_a_stream_in_the_protocols_shape() -> None:
    openai, anthropic = Dialogue(), Dialogue()
    await openai.call(CHAT, STREAM, {"x-standin-error-event-after": "4"})
    await anthropic.call(MESSAGES, CLAUDE, {"x-standin-error-event-after": "4"})
    assert openai.writes[-2].startswith(b'data: {"error":{"message":')
    assert anthropic.writes[-2].startswith(b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"')
    for client in (openai, anthropic):
        assert (client.whole, client.last["ended"]) == (True, "error")
        assert client.usage() == Usage(input_text=PROMPT, output_text=4)


async def test_a_cut_whole_answer_is_half_sent_and_billed_in_full() -> None:
    client = Dialogue()
    await client.call(CHAT, BODY, {"x-standin-cut-after": "1", "x-standin-tokens": "5"})
    assert len(client.body) == int(dict(client.headers)["content-length"]) // 2
    assert (client.whole, client.usage().output_text, client.last["ended"]) == (False, 5, "cut")


@pytest.mark.parametrize(("status", "retry_after"), [(429, "1"), (529, "1"), (500, None)])
async def test_an_error_that_is_asked_for_costs_nothing(status: int, retry_after: str | None) -> None:
    client = Dialogue()
    await client.call(CHAT, BODY, {"x-standin-status": str(status)})
    assert (client.status, dict(client.headers).get("retry-after")) == (status, retry_after)
    assert (client.last["ended"], client.usage(), client.last["model"]) == ("error", Usage(), "gpt-4o")
    assert client.json["error"]["message"]


async def test_the_wait_of_an_error_can_be_chosen() -> None:
    client = Dialogue()
    await client.call(CHAT, BODY, {"x-standin-status": "500", "x-standin-retry-after": "7"})
    assert dict(client.headers)["retry-after"] == "7"


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        (CHAT, {**BODY, "model": "stand-in-missing"}, {}, 404),
        (CHAT, b"{", {}, 400),
        (CHAT, b'"\xff"', {}, 400),
        (CHAT, b"[1]", {}, 400),
        (CHAT, BODY, {"x-standin-token": "5"}, 400),
        (CHAT, BODY, {"content-encoding": "compress"}, 415),
        (CHAT, b"not gzip", {"content-encoding": "gzip"}, 400),
        (MESSAGES, {"model": "claude"}, {}, 400),
        ("/v1/models/stand-in-missing", b"", {}, 404),
        ("/v1/audio/songs", BODY, {}, 404),
    ],
)
async def test_wrong_requests_get_the_providers_own_error(
    path: str, body: object, headers: dict[str, str], status: int
) -> None:
    client = Dialogue()
    await client.call(path, body, headers)
    assert client.status == status
    assert client.json["error"]["type"] in ("invalid_request_error",)
    assert (client.json.get("type") == "error") is (path == MESSAGES)
    assert client.tally.counts()["total"]["input_text"] == 0


async def test_any_credential_or_none_is_taken() -> None:
    for headers in ({}, {"authorization": "Bearer whatever"}, {"x-api-key": "whatever"}):
        client = Dialogue()
        await client.call(CHAT, BODY, headers)
        assert client.status == 200


async def test_what_came_in_is_kept_as_digests_only() -> None:
    client = Dialogue()
    raw = json.dumps(BODY, indent=1).encode()
    await client.call(CHAT, raw, {"authorization": "Bearer secret", "x-standin-marker": "m-7"}, b"beta=true&key=secret")
    call = client.last
    assert call["body_sha256"] == sha256(raw).hexdigest()
    assert call["body_bytes"] == len(raw)
    assert call["target_sha256"] == sha256(CHAT.encode() + b"?beta=true&key=secret").hexdigest()
    assert call["headers"][0] == ["authorization", sha256(b"Bearer secret").hexdigest()]
    assert (call["marker"], call["request_id"]) == ("m-7", dict(client.headers)["x-request-id"])
    assert "secret" not in json.dumps(call)


def unzlib(data: bytes) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(data)


@pytest.mark.parametrize(
    ("encoding", "decoder"),
    [
        ("gzip", unzlib),
        ("br", brotli.decompress),
        ("zstd", lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data)),
    ],
)
async def test_answers_are_compressed_only_when_a_header_of_ours_asks(encoding: str, decoder: Any) -> None:
    for body in (BODY, STREAM):
        plain, coded = Dialogue(), Dialogue()
        await plain.call(CHAT, body, {"accept-encoding": encoding})
        await coded.call(CHAT, body, {"x-standin-encoding": encoding})
        assert dict(coded.headers)["content-encoding"] == encoding
        assert "content-encoding" not in dict(plain.headers)
        assert decoder(coded.body) == plain.body
        assert coded.usage() == plain.usage()


async def test_a_compressed_stream_can_be_read_up_to_its_cut() -> None:
    client = Dialogue()
    await client.call(CHAT, STREAM, {"x-standin-encoding": "gzip", "x-standin-cut-after": "3"})
    assert unzlib(client.body).endswith(b'" a"},"logprobs":null,"finish_reason":null}],"usage":null}\n\n')


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_compressed_requests_are_read_and_kept_as_they_came(encoding: str) -> None:
    raw = json.dumps(BODY).encode()
    packed = gzip.compress(raw) if encoding == "gzip" else zstandard.ZstdCompressor().compress(raw)
    client = Dialogue()
    await client.call(CHAT, packed, {"content-encoding": encoding})
    assert client.usage().input_text == PROMPT
    assert client.last["body_sha256"] == sha256(packed).hexdigest()


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_a_compressed_request_may_not_grow_beyond_the_limit(pack: Any) -> None:
    encoding = "gzip" if pack is gzip.compress else "zstd"
    assert len(decode(pack(b"0" * 1000), encoding, 1000)) == 1000
    with pytest.raises(WrongRequestError, match="too large") as caught:
        decode(pack(b"0" * 3_000_000), encoding, 1000)
    assert caught.value.status == 413


async def test_lines_may_end_as_on_other_systems_and_comments_stand_between() -> None:
    client = Dialogue()
    await client.call(MESSAGES, CLAUDE, {"x-standin-newline": "crlf", "x-standin-comments": "1"})
    assert client.body.count(b"\n") == client.body.count(b"\r\n")
    assert b'event: ping\r\ndata: {"type":"ping"}\r\n\r\n' in client.body
    assert b"\r\n\r\n: " in client.body
    assert client.last["ended"] == "complete"


async def test_tier_region_and_speed_are_said_in_the_answer() -> None:
    anthropic, openai = Dialogue(), Dialogue()
    asked = {"x-standin-tier": "priority", "x-standin-geo": "us", "x-standin-speed": "fast"}
    await anthropic.call(MESSAGES, {**CLAUDE, "stream": False}, asked)
    await openai.call(CHAT, BODY, asked)
    usage = anthropic.json["usage"]
    assert (usage["service_tier"], usage["inference_geo"], usage["speed"]) == ("priority", "us", "fast")
    assert openai.json["service_tier"] == "priority"


async def test_counting_tokens_costs_nothing() -> None:
    client = Dialogue()
    await client.call("/v1/messages/count_tokens", {"model": "claude", "messages": CLAUDE["messages"]})
    assert client.json == {"input_tokens": PROMPT}
    assert (client.last["operation"], client.usage()) == ("count_tokens", Usage())


async def test_models_are_listed_in_the_shape_of_who_asks() -> None:
    openai, anthropic, one = Dialogue(), Dialogue(), Dialogue()
    await openai.call("/v1/models", b"")
    await anthropic.call("/v1/models", b"", {"anthropic-version": "2023-06-01"})
    await one.call("/v1/models/some/model", b"")
    assert openai.json["data"][0] == {**openai.json["data"][0], "object": "model", "id": "stand-in-large"}
    assert anthropic.json["data"][0]["type"] == "model"
    assert one.json["id"] == "some/model"


async def test_cookies_come_twice() -> None:
    client = Dialogue()
    await client.call(CHAT, BODY)
    assert [name for name, _ in client.headers].count("set-cookie") == 2


async def test_the_count_can_be_read_and_reset_over_http() -> None:
    tally = Tally()
    await Dialogue(tally).call(CHAT, BODY, {"x-standin-tokens": "5"})
    counts, calls, wrong, reset = Dialogue(tally), Dialogue(tally), Dialogue(tally), Dialogue(tally)
    await counts.call("/stand-in/counts", b"")
    await calls.call("/stand-in/calls", b"", query=b"after=0&limit=1")
    await wrong.call("/stand-in/calls", b"", query=b"after=x")
    assert counts.json["models"]["gpt-4o"]["output_text"] == 5
    assert (len(calls.json["calls"]), calls.json["next"], wrong.status) == (1, 1, 400)
    await reset.call("/stand-in/reset", b"{}")
    assert reset.json["total"]["calls"] == 0


async def test_the_front_page_says_that_it_is_a_fake() -> None:
    client = Dialogue()
    await client.call("/", b"")
    assert "fake" in client.json["stand-in"]
