"""The translation, with its real process; the provider is played from a script."""

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from proxy.adapters import translation_litellm
from proxy.adapters.translation_litellm import TranslatingUpstream
from proxy.adapters.translation_metered import LitellmAnswer
from proxy.adapters.translation_process import TranslationProcess
from proxy.dialects.anthropic import Anthropic
from proxy.dialects.gemini import Gemini
from proxy.ports.upstream import Fault, Translation, UpstreamAnswer, UpstreamError, UpstreamRequest
from tests.fakes.upstream import ScriptedAnswer, ScriptedUpstream, Step

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "sk-provider-secret"
EVENTS = [(b"Content-Type", b"text/event-stream"), (b"request-id", b"req_1"), (b"retry-after", b"7")]
JSON = [(b"content-type", b"application/json"), (b"Request-Id", b"req_1"), (b"content-length", b"9")]
USAGE = {"input_tokens": 10, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 0, "output_tokens": 1}
MESSAGE: dict[str, Any] = {"id": "m1", "type": "message", "role": "assistant", "model": "claude-served"}
BEGIN = {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None, "usage": USAGE}}
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
STOP: list[dict[str, Any]] = [
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
]
WHOLE = {
    **MESSAGE,
    "content": [{"type": "text", "text": "hello world"}],
    "stop_reason": "end_turn",
    "usage": {**USAGE, "output_tokens": 7},
}
CHAT = {"model": "any", "messages": [{"role": "user", "content": "hi"}]}


def event(told: dict[str, Any]) -> bytes:
    return f"event: {told['type']}\ndata: {json.dumps(told, ensure_ascii=False)}\n\n".encode()


def text(said: str) -> bytes:
    return event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": said}})


def a_stream(*steps: Step) -> ScriptedAnswer:
    return ScriptedAnswer(200, EVENTS, [event(BEGIN), event(BLOCK), *steps])


def a_whole(told: object = WHOLE, status: int = 200) -> ScriptedAnswer:
    return ScriptedAnswer(status, JSON, [json.dumps(told).encode()])


def request(operation: str = "chat", *, dialect: str = "anthropic", **body: Any) -> UpstreamRequest:
    said = {**CHAT, **body} if operation == "chat" else {"model": "any", **body}
    translation = Translation(dialect, operation, "claude-sonnet-4-5", SECRET, lambda target: b"/prefix" + target)
    headers = [(b"accept-encoding", b"gzip"), (b"x-stainless-lang", b"python"), (b"x-own", b"1")]
    return UpstreamRequest(
        "POST", "http://p.test", b"/v1/any", headers, json.dumps(said).encode(), translation=translation
    )


class Translated:
    """The upstream under test, in front of a provider that the test changes as it goes."""

    def __init__(self, process: TranslationProcess) -> None:
        self.process = process
        self.provider = ScriptedUpstream(a_whole())
        self.upstream = TranslatingUpstream(self, [Anthropic()], process)

    async def send(self, request: UpstreamRequest) -> UpstreamAnswer:
        return await self.provider.send(request)

    async def call(self, answer: ScriptedAnswer | UpstreamError, sent: UpstreamRequest) -> UpstreamAnswer:
        self.provider = ScriptedUpstream(answer)
        return await self.upstream.send(sent)

    @property
    def native(self) -> Any:
        (sent,) = self.provider.requests
        assert isinstance(sent.body, bytes)
        return json.loads(sent.body)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def process() -> AsyncIterator[TranslationProcess]:
    made = TranslationProcess()
    yield made
    await made.close()


@pytest.fixture
def translated(process: TranslationProcess) -> Translated:
    return Translated(process)


async def body_of(answer: UpstreamAnswer) -> Any:
    data = b"".join([chunk async for chunk in answer.chunks()])
    await answer.close()
    return json.loads(data)


def chunks_of(data: bytes) -> list[Any]:
    """The JSON of a chat stream's events, which must end with [DONE]."""
    events = data.decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    return [json.loads(each.removeprefix("data: ")) for each in events[:-2]]


def told_by_the_system(pid: int, what: str) -> bytes:
    return Path(f"/proc/{pid}/{what}").read_bytes()


async def until_it_breaks(answer: UpstreamAnswer) -> tuple[bytes, UpstreamError]:
    """What of an answer came before its error."""
    data = b""
    try:
        async for chunk in answer.chunks():
            data += chunk
    except UpstreamError as error:
        return data, error
    finally:
        await answer.close()
    raise AssertionError("it did not break off")


async def test_a_call_that_needs_no_translation_goes_straight_on_and_starts_nothing() -> None:
    process = TranslationProcess()
    inner = ScriptedUpstream(ScriptedAnswer(200, [], [b"as it is"]))
    plain = UpstreamRequest("POST", "http://p.test", b"/v1/chat/completions", [], b"{}")
    answer = await TranslatingUpstream(inner, [Anthropic()], process).send(plain)
    assert answer is inner.answer
    assert inner.requests == [plain]
    assert process.pid is None


async def test_a_request_leaves_in_the_providers_words_with_its_credential(translated: Translated) -> None:
    answer = await translated.call(a_whole(), request(max_tokens=5, temperature=0.5))
    (sent,) = translated.provider.requests
    headers = {name.lower(): value for name, value in sent.headers}
    assert (sent.method, sent.target, sent.translation) == ("POST", b"/prefix/v1/messages", None)
    assert [value for name, value in sent.headers if name.lower() == b"x-api-key"] == [SECRET.encode()]
    assert headers[b"anthropic-version"] == b"2023-06-01"
    assert headers[b"x-own"] == b"1"
    assert not {b"authorization", b"accept-encoding", b"x-stainless-lang", b"host", b"content-length"} & set(headers)
    assert translated.native["model"] == "claude-sonnet-4-5"
    assert (translated.native["max_tokens"], translated.native["temperature"]) == (5, 0.5)
    told = await body_of(answer)
    assert told["choices"][0]["message"]["content"] == "hello world"
    assert told["choices"][0]["finish_reason"] == "stop"
    assert "cost" not in told["usage"]


async def test_what_counts_is_what_the_provider_said(translated: Translated) -> None:
    usage = {
        **USAGE,
        "output_tokens": 7,
        "cache_creation": {"ephemeral_5m_input_tokens": 2},
        "service_tier": "standard",
    }
    usage["cache_creation"]["ephemeral_1h_input_tokens"] = 4  # type: ignore[index]
    usage["cache_creation_input_tokens"] = 6
    answer = await translated.call(a_whole({**WHOLE, "usage": usage}), request())
    await body_of(answer)
    assert isinstance(answer, LitellmAnswer)
    reading = answer.reading()
    assert reading.usage is not None
    assert (reading.usage.input_text, reading.usage.cache_read, reading.usage.output_text) == (10, 3, 7)
    assert (reading.usage.cache_write_5m, reading.usage.cache_write_1h) == (2, 4)
    assert (reading.final, reading.complete, reading.served.model) == (True, True, "claude-served")


async def test_the_providers_headers_stay_save_those_of_its_bytes(translated: Translated) -> None:
    answer = await translated.call(a_whole(), request())
    headers = dict(answer.headers)
    await answer.close()
    assert headers == {b"content-type": b"application/json", b"Request-Id": b"req_1", b"x-request-id": b"req_1"}


async def test_a_stream_is_translated_as_it_comes(translated: Translated) -> None:
    """The provider sends its last events only after the caller has had the first words."""
    heard = asyncio.Event()
    answer = await translated.call(
        a_stream(text("hel"), text("lo"), heard, text(" \u2028 world"), *map(event, STOP)), request(stream=True)
    )
    assert dict(answer.headers)[b"content-type"] == b"text/event-stream"
    assert dict(answer.headers)[b"retry-after"] == b"7"
    data = b""
    async for chunk in answer.chunks():
        data += chunk
        if b"hel" in data:
            heard.set()
    told = chunks_of(data)
    await answer.close()
    assert "".join(each["choices"][0]["delta"].get("content") or "" for each in told) == "hello \u2028 world"
    assert [each["choices"][0]["finish_reason"] for each in told][-1] == "stop"
    assert not any("usage" in each for each in told)
    assert isinstance(answer, LitellmAnswer)
    reading = answer.reading()
    assert reading.usage is not None
    assert (reading.usage.output_text, reading.complete, reading.failed) == (7, True, False)


async def test_a_stream_is_told_whole_where_the_provider_goes_on_behind_its_end(translated: Translated) -> None:
    """The translation is done at the last event; what comes behind it finds nobody, and takes nothing away from a
    caller who is slow."""
    over = asyncio.Event()

    class Chatty(ScriptedAnswer):
        async def chunks(self) -> AsyncIterator[bytes]:
            async for chunk in super().chunks():
                yield chunk
            for _ in range(40):
                await asyncio.sleep(0.005)
                yield b": still here\n\n"
            over.set()

    steps = [event(BEGIN), event(BLOCK), text("hello"), *map(event, STOP)]
    answer = await translated.call(Chatty(200, EVENTS, steps), request(stream=True))
    async with asyncio.timeout(30):
        await over.wait()
    told = chunks_of(b"".join([chunk async for chunk in answer.chunks()]))
    await answer.close()
    assert "".join(each["choices"][0]["delta"].get("content") or "" for each in told) == "hello"
    assert [each["choices"][0]["finish_reason"] for each in told][-1] == "stop"


async def test_usage_stands_in_a_stream_only_where_it_was_asked_for(translated: Translated) -> None:
    asked = request(stream=True, stream_options={"include_usage": True})
    answer = await translated.call(a_stream(text("hi"), *map(event, STOP)), asked)
    told = chunks_of(b"".join([chunk async for chunk in answer.chunks()]))
    await answer.close()
    assert [each["choices"] == [] for each in told] == [*[False] * (len(told) - 1), True]
    assert told[-1]["usage"]["prompt_tokens"] == 13
    assert told[-1]["usage"]["completion_tokens"] == 7


async def test_responses_have_events_of_their_own(translated: Translated) -> None:
    asked = request("responses", input="hi", instructions="be brief", stream=True, max_output_tokens=9)
    answer = await translated.call(a_stream(text("hi"), *map(event, STOP)), asked)
    data = b"".join([chunk async for chunk in answer.chunks()]).decode()
    await answer.close()
    events = [dict(line.split(": ", 1) for line in each.split("\n")) for each in data.split("\n\n") if each]
    told = [json.loads(each["data"]) for each in events]
    assert [each["event"] for each in events] == [each["type"] for each in told]
    assert (told[0]["type"], told[-1]["type"]) == ("response.created", "response.completed")
    assert [each["sequence_number"] for each in told] == list(range(len(told)))
    assert len({each["response"]["id"] for each in told if "response" in each}) == 1
    assert told[-1]["response"]["output"][0]["content"][0]["text"] == "hi"
    assert translated.native["system"][0]["text"] == "be brief"
    assert translated.native["max_tokens"] == 9


async def test_a_whole_response_too(translated: Translated) -> None:
    told = await body_of(await translated.call(a_whole(), request("responses", input="hi")))
    assert (told["object"], told["status"], told["store"]) == ("response", "completed", False)
    assert told["output"][0]["content"][0]["text"] == "hello world"
    assert told["usage"]["input_tokens"] == 13


async def test_tools_go_there_and_back(translated: Translated) -> None:
    used = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris"}}
    function = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
    asked = request(tools=[{"type": "function", "function": function}])
    told = await body_of(await translated.call(a_whole({**WHOLE, "content": [used], "stop_reason": "tool_use"}), asked))
    (called,) = told["choices"][0]["message"]["tool_calls"]
    assert (called["id"], called["function"]["name"]) == ("toolu_1", "weather")
    assert json.loads(called["function"]["arguments"]) == {"city": "Paris"}
    assert told["choices"][0]["finish_reason"] == "tool_calls"
    assert translated.native["tools"][0]["name"] == "weather"


async def test_what_the_provider_has_no_word_for_is_named(translated: Translated) -> None:
    answer = await translated.call(a_whole(), request(seed=1, logprobs=True, user="x", secret_wish=1, metadata={}))
    await answer.close()
    assert isinstance(answer, LitellmAnswer)
    assert answer.without == ["logprobs", "seed", "unknown fields"]


@pytest.mark.parametrize(
    "member",
    [
        {"api_base": "http://evil.test"},
        {"api_key": "x"},
        {"mock_response": "free"},
        {"fallbacks": ["openai/gpt-4o"]},
        {"custom_llm_provider": "openai"},
        {"num_retries": 3},
        {"extra_headers": {"x-api-key": "x"}},
        {"base_url": "http://evil.test"},
        {"extra_body": {"model": "other"}},
    ],
)
async def test_a_body_gives_litellm_no_orders(translated: Translated, member: dict[str, Any]) -> None:
    answer = await translated.call(a_whole(), request(**member))
    await answer.close()
    (sent,) = translated.provider.requests
    assert sent.target == b"/prefix/v1/messages"
    assert dict(sent.headers)[b"x-api-key"] == SECRET.encode()
    assert set(translated.native) == {"model", "messages", "max_tokens"}
    assert translated.native["model"] == "claude-sonnet-4-5"


@pytest.mark.parametrize(
    ("operation", "body", "words"),
    [
        ("responses", {"input": "hi", "previous_response_id": "resp_1"}, "previous_response_id"),
        ("responses", {"input": "hi", "background": True}, "background"),
        ("embeddings", {"input": "hi"}, "Embeddings are not translated"),
        (
            "chat",
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://a.test/"}}]}
                ]
            },
            "must be sent as data",
        ),
    ],
)
async def test_what_can_not_be_translated_is_refused_before_anything_is_sent(
    translated: Translated, operation: str, body: dict[str, Any], words: str
) -> None:
    answer = await translated.call(a_whole(), request(operation, **body))
    error = (await body_of(answer))["error"]
    assert (answer.status, error["type"]) == (400, "invalid_request_error")
    assert words in error["message"]
    assert (b"x-should-retry", b"false") in answer.headers
    assert not translated.provider.requests


@pytest.mark.parametrize("model", ["gemini-cheap/../gemini-dear", "gemini-cheap:embedContent?a="])
async def test_a_callers_name_of_a_model_can_not_lead_to_another(process: TranslationProcess, model: str) -> None:
    """litellm puts it into the path as it is."""
    provider = ScriptedUpstream(a_whole())
    upstream = TranslatingUpstream(provider, [Gemini()], process)
    sent = request(dialect="gemini")
    assert sent.translation is not None
    with pytest.raises(UpstreamError) as raised:
        await upstream.send(replace(sent, translation=replace(sent.translation, model=model)))
    assert raised.value.fault is Fault.TRANSLATION
    assert not provider.requests


async def test_schemas_that_would_keep_the_process_busy_are_refused(translated: Translated) -> None:
    names = {
        f"D{number}": {"properties": {f"p{other}": {"$ref": f"#/$defs/D{other}"} for other in range(12)}}
        for number in range(12)
    }
    schema = {"type": "object", "properties": {"x": {"$ref": "#/$defs/D0"}}, "$defs": names}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    answer = await translated.call(a_whole(), request(tools=tools))
    assert answer.status == 400
    assert "schemas of this call" in (await body_of(answer))["error"]["message"]
    assert not translated.provider.requests


async def test_the_process_is_confined(translated: Translated) -> None:
    """It leaves no core dump, and nothing of the gateway's environment goes along."""
    await (await translated.call(a_whole(), request())).close()
    assert translated.process.pid is not None
    assert re.search(rb"Max core file size +0 +0 ", told_by_the_system(translated.process.pid, "limits"))
    environ = told_by_the_system(translated.process.pid, "environ")
    assert {line.partition(b"=")[0] for line in environ.split(b"\0") if line} <= {
        *(b"PYTHONPATH", b"PYTHONDONTWRITEBYTECODE", b"LC_CTYPE"),
        *(b"LITELLM_MODE", b"LITELLM_LOCAL_MODEL_COST_MAP", b"LITELLM_LOG"),
    }


async def test_nothing_is_fetched_on_a_callers_behalf(translated: Translated) -> None:
    connections = 0

    def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        image = {"type": "image_url", "image_url": {"url": f"http://127.0.0.1:{port}/x.png"}}
        answer = await translated.call(a_whole(), request(messages=[{"role": "user", "content": [image]}]))
        assert answer.status == 400
        await answer.close()
    assert connections == 0


async def test_a_providers_error_keeps_its_status_its_headers_and_its_words(translated: Translated) -> None:
    said = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    headers = [*JSON, (b"retry-after", b"7"), (b"anthropic-ratelimit-requests-remaining", b"0")]
    native = ScriptedAnswer(529, headers, [json.dumps(said).encode()])
    answer = await translated.call(native, request(stream=True))
    assert answer.status == 529
    kept = dict(answer.headers)
    assert kept[b"retry-after"] == b"7"
    assert kept[b"anthropic-ratelimit-requests-remaining"] == b"0"
    error = (await body_of(answer))["error"]
    assert error == {"message": "Overloaded", "type": "server_error", "param": None, "code": "overloaded_error"}
    assert native.closed


async def test_an_error_event_within_a_stream_stays_one(translated: Translated) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    answer = await translated.call(a_stream(text("hi"), event(error)), request(stream=True))
    data = b"".join([chunk async for chunk in answer.chunks()])
    await answer.close()
    assert b"[DONE]" not in data
    assert "Overloaded" in json.loads(data.decode().split("data: ")[-1])["error"]["message"]
    assert "litellm" not in data.decode()
    assert isinstance(answer, LitellmAnswer)
    assert answer.reading().failed


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.READ_TIMEOUT])
async def test_a_stream_that_breaks_off_is_broken_off(translated: Translated, fault: Fault) -> None:
    answer = await translated.call(a_stream(text("hi"), UpstreamError(fault, "gone")), request(stream=True))
    data, error = await until_it_breaks(answer)
    assert error.fault is fault
    assert b'"hi"' in data
    assert isinstance(answer, LitellmAnswer)
    reading = answer.reading()
    assert reading.usage is not None
    assert (reading.usage.input_text, reading.complete, list(reading.texts)) == (10, False, ["hi"])


@pytest.mark.parametrize("fault", [Fault.CONNECT, Fault.READ_TIMEOUT, Fault.TLS])
async def test_a_provider_that_is_not_reached_is_told_as_ever(translated: Translated, fault: Fault) -> None:
    with pytest.raises(UpstreamError) as raised:
        await translated.call(UpstreamError(fault, "no"), request())
    assert raised.value.fault is fault


async def test_a_hang_up_reaches_the_provider(translated: Translated) -> None:
    native = a_stream(text("hi"), asyncio.Event())
    answer = await translated.call(native, request(stream=True))
    async for _ in answer.chunks():
        break
    await answer.close()
    assert native.closed


async def test_a_hang_up_before_the_answer_begins_reaches_it_too(
    translated: Translated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translation_litellm, "CALLS_MAX", 1)
    asked = asyncio.Event()

    class Begun(ScriptedAnswer):
        async def chunks(self) -> AsyncIterator[bytes]:
            asked.set()
            async for chunk in super().chunks():
                yield chunk

    native = Begun(200, EVENTS, [event(BEGIN), asyncio.Event()])
    sending = asyncio.create_task(translated.call(native, request(stream=True)))
    await asked.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert native.closed
    again = await translated.call(a_whole(), request())
    assert again.status == 200
    await again.close()


async def test_an_answer_that_can_not_be_translated_is_on_record(translated: Translated) -> None:
    native = a_whole({**WHOLE, "content": 5})
    answer = await translated.call(native, request())
    error = (await body_of(answer))["error"]
    assert (answer.status, error["type"]) == (502, "server_error")
    assert isinstance(answer, LitellmAnswer)
    reading = answer.reading()
    assert reading.usage is not None
    assert (reading.usage.output_text, reading.final) == (7, True)


async def test_a_process_that_dies_while_idle_is_replaced_unseen(translated: Translated) -> None:
    await (await translated.call(a_whole(), request())).close()
    before = translated.process.pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    told = await body_of(await translated.call(a_whole(), request()))
    assert told["choices"][0]["message"]["content"] == "hello world"
    assert translated.process.pid not in (None, before)
    assert len(translated.provider.requests) == 1


async def test_a_process_that_dies_within_a_stream_cuts_it(translated: Translated) -> None:
    native = a_stream(text("hi"), asyncio.Event())
    answer = await translated.call(native, request(stream=True))
    assert translated.process.pid is not None
    os.kill(translated.process.pid, signal.SIGKILL)
    _, error = await until_it_breaks(answer)
    assert error.fault is Fault.CUT
    assert native.closed
    assert isinstance(answer, LitellmAnswer)
    assert list(answer.reading().texts) == ["hi"]


async def test_a_process_that_can_not_start_is_told_and_nothing_is_sent() -> None:
    provider = ScriptedUpstream(a_whole())
    upstream = TranslatingUpstream(provider, [Anthropic()], TranslationProcess("proxy.adapters.no_such_module"))
    with pytest.raises(UpstreamError) as raised:
        await upstream.send(request())
    await upstream.close()
    assert raised.value.fault is Fault.TRANSLATION
    assert not provider.requests


async def test_a_process_that_says_nothing_is_not_waited_for_long() -> None:
    """A module that does nothing with its socket: Python's own `asyncio.__main__` would read stdin; `this` ends."""
    process = TranslationProcess("tests.fakes.silent_worker")
    upstream = TranslatingUpstream(ScriptedUpstream(a_whole()), [Anthropic()], process, start_s=0.05)
    with pytest.raises(UpstreamError) as raised:
        await upstream.send(request())
    await upstream.close()
    assert raised.value.fault is Fault.TRANSLATION


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request(dialect="gemini"), 400),
        (request(messages="x" * translation_litellm.BODY_BYTES_MAX), 413),
    ],
)
async def test_limits_are_told_in_shape(translated: Translated, sent: UpstreamRequest, status: int) -> None:
    answer = await translated.call(a_whole(), sent)
    assert answer.status == status
    assert set((await body_of(answer))["error"]) == {"message", "type", "param", "code"}
    assert not translated.provider.requests


async def test_more_calls_than_there_is_room_for_are_turned_away(
    translated: Translated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translation_litellm, "CALLS_MAX", 1)
    first = await translated.call(a_stream(text("hi"), asyncio.Event()), request(stream=True))
    second = await translated.call(a_whole(), request())
    assert (second.status, (b"retry-after", b"1") in second.headers) == (503, True)
    await first.close()
    third = await translated.call(a_whole(), request())
    assert third.status == 200
    await third.close()


async def test_many_calls_at_once_keep_apart(process: TranslationProcess) -> None:
    class Echo:
        async def send(self, request: UpstreamRequest) -> UpstreamAnswer:
            assert isinstance(request.body, bytes)
            said = msgspec.json.decode(request.body)["messages"][0]["content"][0]["text"]
            await asyncio.sleep(0)
            return a_stream(text(said), *map(event, STOP))

    upstream = TranslatingUpstream(Echo(), [Anthropic()], process)

    async def one(number: int) -> bool:
        answer = await upstream.send(request(stream=True, messages=[{"role": "user", "content": f"call {number}"}]))
        data = b"".join([chunk async for chunk in answer.chunks()])
        await answer.close()
        return f'"call {number}"'.encode() in data

    assert all(await asyncio.gather(*map(one, range(30))))
