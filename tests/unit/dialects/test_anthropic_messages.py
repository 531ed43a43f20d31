"""Messages: facts of requests, cumulative usage, and what is known of a message that broke off."""

import json
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent
from pydantic import TypeAdapter
from recorded import MESSAGES, MESSAGES_DELTA, MESSAGES_STARTED, Event, body, message, stream

from proxy.dialects import unseen
from proxy.dialects.anthropic_messages import SEARCHES_DEFAULT, MessagesListener, read
from proxy.dialects.anthropic_usage import usage_of
from proxy.dialects.dialect import Reading, UnreadableError
from proxy.metering.sse import EventStream
from proxy.model.usage import Served, Usage

STARTED = Usage(input_text=25, cache_read=4000, cache_write_5m=100, cache_write_1h=200)
FINAL = Usage(
    input_text=25, cache_read=4000, cache_write_5m=100, cache_write_1h=200, output_text=40, reasoning=50, web_search=2
)
USER_ID = json.dumps({"device_id": "d", "account_uuid": "a", "session_id": "s-2"})


def heard(*events: Event) -> Reading:
    listener = MessagesListener()
    EventStream(listener.event, hiding=False).feed(stream(events))
    return listener.reading()


def answered(answer: object) -> Reading:
    listener = MessagesListener()
    listener.body(body(answer))
    return listener.reading()


def event(kind: str, **fields: Any) -> Event:
    return kind, {"type": kind, **fields}


# Requests


def test_facts_of_a_call() -> None:
    asked = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 32000,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"name": "look", "input_schema": {"type": "object"}}],
        "thinking": {"type": "enabled", "budget_tokens": 4000},
        "metadata": {"user_id": USER_ID},
        "stream": True,
    }
    text = body(asked)
    request = read(text, {b"x-claude-code-agent-id": b"explorer"})
    assert (request.model, request.stream, request.usage_asked, request.choices) == ("claude-sonnet-4-5", True, True, 1)
    assert (request.output_tokens_max, request.thinking_tokens_max) == (32000, 4000)
    assert (request.session, request.agent) == ("s-2", "explorer")
    assert (request.input_bytes, request.input_tokens_unseen) == (len(text), 0)
    names = [next(iter(json.loads(b"{" + member + b"}"))) for member in request.content]
    assert names == ["system", "messages", "tools"]


@pytest.mark.parametrize(
    ("asked", "name", "value"),
    [
        ({"thinking": {"type": "disabled"}}, "thinking_tokens_max", 0),
        ({"thinking": {"type": "adaptive"}}, "thinking_tokens_max", None),
        ({"thinking": None}, "thinking_tokens_max", None),
        ({"service_tier": "standard_only"}, "service_tier", ""),
        ({"metadata": {"user_id": "user_ab_account_cd_session_ef"}}, "session", "ef"),
        ({"metadata": {"user_id": "alice"}}, "session", ""),
        ({"metadata": {"user_id": 7}}, "session", ""),
        ({"metadata": "x"}, "session", ""),
        ({"metadata": None}, "session", ""),
        ({"tools": [{"type": "web_search_20250305", "max_uses": 3}]}, "web_searches_max", 3),
        ({"tools": [{"type": "web_search_20260209"}, {"name": "web_search"}]}, "web_searches_max", SEARCHES_DEFAULT),
        ({"tools": [{"type": "web_search_20250305", "max_uses": 10**30}]}, "web_searches_max", unseen.SEARCHES_MAX),
        ({"tools": "web_search"}, "web_searches_max", 0),
        (
            {"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "document"}, {"type": "text"}]}]},
            "input_tokens_unseen",
            2 * unseen.PART_TOKENS,
        ),
    ],
)
def test_one_fact(asked: dict[str, Any], name: str, value: object) -> None:
    assert getattr(read(body(asked), {}), name) == value


def test_the_session_header_goes_before_the_body() -> None:
    request = read(body({"metadata": {"user_id": USER_ID}}), {b"x-claude-code-session-id": b"s-1"})
    assert request.session == "s-1"


def test_what_changes_in_each_request_of_claude_code_is_left_out_of_its_content() -> None:
    def content(mark: str, system: str) -> tuple[bytes, ...]:
        line = f"x-anthropic-billing-header: cc_version=2.1.0.abc; cc_entrypoint=cli; cch={mark};"
        return read(body({"system": [{"type": "text", "text": line}, {"type": "text", "text": system}]}), {}).content

    assert content("12345", "Be brief.") == content("678ab", "Be brief.")
    assert content("12345", "Be brief.") != content("12345", "Be long.")
    assert content("12345", "cch=1") != content("12345", "cch=2")


@pytest.mark.parametrize(
    "asked",
    [
        b'{"max_tokens":1,"max_tokens":2}',
        b'{"thinking":{"budget_tokens":1024,"type":"enabled","budget_tokens":90000}}',
    ],
)
def test_a_governed_key_stands_once(asked: bytes) -> None:
    with pytest.raises(UnreadableError, match="stands twice"):
        read(asked, {})


# Answers


def test_a_stream_agrees_with_the_sdks_own_accumulator() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
    snapshot: Any = None
    json_bufs: dict[int, bytes] = {}
    for name, data in MESSAGES:
        if name != "ping":
            told = adapter.validate_python(data)
            snapshot = accumulate_event(event=told, current_snapshot=snapshot, json_bufs=json_bufs)
    reading = heard(*MESSAGES)
    assert usage_of(snapshot.usage.model_dump()) == reading.usage == FINAL
    assert reading.served == Served(model=snapshot.model, service_tier="standard", region="us")
    assert (reading.final, reading.complete, reading.failed) == (True, True, False)


def test_usage_of_the_delta_replaces_and_is_not_added() -> None:
    delta = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 9})
    usage = heard(MESSAGES[0], delta).usage
    assert usage is not None
    assert (usage.output_tokens, usage.prompt_tokens) == (9, STARTED.prompt_tokens)
    grown = {"input_tokens": 30, "output_tokens": 9, "cache_read_input_tokens": None}
    usage = heard(MESSAGES[0], event("message_delta", delta={"stop_reason": "end_turn"}, usage=grown)).usage
    assert usage is not None
    assert (usage.input_text, usage.cache_read) == (30, 4000)


def test_of_several_deltas_the_last_counts() -> None:
    def delta(stop: str | None, output: int) -> Event:
        return event("message_delta", delta={"stop_reason": stop}, usage={"output_tokens": output})

    reading = heard(MESSAGES[0], delta(None, 100))
    assert (reading.final, reading.usage) == (False, STARTED)
    reading = heard(MESSAGES[0], delta(None, 100), delta("end_turn", 150))
    assert reading.final
    assert reading.usage is not None
    assert reading.usage.output_tokens == 150


def test_of_a_message_that_broke_off_the_input_is_known_and_the_output_is_to_be_counted() -> None:
    reading = heard(*MESSAGES[:-2])
    assert (reading.usage, reading.final, reading.complete) == (STARTED, False, False)
    assert reading.texts == ("Let me see", "Hello there", "look", '{"at":1}')
    assert reading.output_bytes == sum(map(len, reading.texts))


def test_a_message_that_ends_without_usage_of_its_output_has_that_counted() -> None:
    start, stop = MESSAGES[0], MESSAGES[-1]
    bare = event("message_delta", delta={"stop_reason": "end_turn"})
    reading = heard(start, *MESSAGES[6:9], bare, stop)
    assert (reading.usage, reading.final, reading.complete) == (STARTED, False, True)
    assert reading.texts == ("Hello there",)
    unstopped = event("message_delta", delta={}, usage={"output_tokens": 9})
    assert heard(start, unstopped, stop).final


def test_searches_of_a_message_that_broke_off_are_counted() -> None:
    tool = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    searches = [event("content_block_start", index=index, content_block=tool) for index in range(3)]
    usage = heard(MESSAGES[0], *searches).usage
    assert usage is not None
    assert usage.web_search == 3


def test_usage_is_final_once_the_model_has_stopped() -> None:
    reading = heard(*MESSAGES[:-1])
    assert (reading.usage, reading.final, reading.complete) == (FINAL, True, False)


def test_an_error_event_ends_a_stream() -> None:
    listener = MessagesListener()
    listener.event(body(MESSAGES[0][1]))
    listener.event(body({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}))
    reading = listener.reading()
    assert listener.ended
    assert (reading.usage, reading.final, reading.failed, reading.complete) == (STARTED, False, True, False)


def test_text_that_stands_in_the_start_of_a_block_counts() -> None:
    start = event("content_block_start", index=0, content_block={"type": "text", "text": "He"})
    delta = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "llo"})
    assert heard(start, delta).texts == ("Hello",)


def test_a_summary_written_for_compaction_is_output() -> None:
    delta = event("content_block_delta", index=0, delta={"type": "compaction_delta", "content": "So far: nothing."})
    assert heard(delta).texts == ("So far: nothing.",)


@pytest.mark.parametrize(
    ("usage", "served"),
    [
        ({**MESSAGES_STARTED, "speed": "fast"}, Served("claude-sonnet-4-5-20250929", "standard", "us", "fast")),
        ({**MESSAGES_STARTED, "inference_geo": "not_available"}, Served("claude-sonnet-4-5-20250929", "standard")),
        ({"input_tokens": 5}, Served("claude-sonnet-4-5-20250929")),
    ],
)
def test_how_it_was_served_stands_in_the_usage(usage: object, served: Served) -> None:
    assert heard(event("message_start", message=message(usage=usage))).served == served


def test_a_whole_answer() -> None:
    reading = answered(message([{"type": "text", "text": "hi"}], {**MESSAGES_STARTED, **MESSAGES_DELTA}))
    assert (reading.usage, reading.final, reading.complete, reading.failed) == (FINAL, True, True, False)
    assert reading.texts == ()


def test_a_whole_answer_without_usage_has_texts() -> None:
    content = [
        {"type": "thinking", "thinking": "Hm", "signature": "x"},
        {"type": "text", "text": "hi"},
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": 1}},
    ]
    reading = answered(message(content, usage=None))
    assert (reading.usage, reading.final, reading.complete) == (None, False, True)
    assert reading.texts == ("Hm", "hi", "look", '{"at":1}')


def test_an_error_body_is_a_failure() -> None:
    reading = answered({"type": "error", "error": {"type": "not_found_error", "message": "no"}, "request_id": "r"})
    assert (reading.failed, reading.usage, reading.complete) == (True, None, True)
