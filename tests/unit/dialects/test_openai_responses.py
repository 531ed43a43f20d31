"""Responses: facts of requests, answers heard, work in the background held and never taken for free."""

import json
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from recorded import RESPONSES, RESPONSES_ITEM, RESPONSES_USAGE, Event, body, response, stream

from proxy.dialects import unseen
from proxy.dialects.dialect import Reading, UnreadableError
from proxy.dialects.openai_responses import SEARCHES_DEFAULT, ResponsesListener, read
from proxy.dialects.openai_usage import usage_of
from proxy.metering.sse import EventStream
from proxy.model.usage import Usage

USAGE = Usage(input_text=56, cache_read=64, output_text=24, reasoning=16)
IMAGE = {"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}


def heard(*events: Event) -> Reading:
    listener = ResponsesListener()
    EventStream(listener.event, hiding=False).feed(stream(events))
    return listener.reading()


def answered(answer: object) -> Reading:
    listener = ResponsesListener()
    listener.body(body(answer))
    return listener.reading()


def event(kind: str, **fields: Any) -> Event:
    return kind, {"type": kind, "sequence_number": 1, **fields}


def search(action: object) -> dict[str, Any]:
    return {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": action}


# Requests


def test_facts_of_a_call() -> None:
    asked = {
        "model": "gpt-5",
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "name": "look"}],
        "stream": True,
        "max_output_tokens": 300,
        "prompt_cache_key": "key-1",
        "store": False,
    }
    metadata = {
        "workspaces": {
            "/home/alice/checkout": {
                "associated_remote_urls": {"origin": "git@github.com:Acme/Checkout.git"},
                "latest_git_commit_hash": "0123abcd",
                "has_changes": True,
            }
        }
    }
    headers = {b"session-id": b"s-1", b"x-codex-turn-metadata": json.dumps(metadata).encode()}
    text = body(asked)
    request = read(text, headers)
    assert (request.model, request.stream, request.usage_asked) == ("gpt-5", True, True)
    assert (request.output_tokens_max, request.choices, request.background) == (300, 1, False)
    assert (request.session, request.repository, request.commit) == ("s-1", "github.com/acme/checkout", "0123abcd")
    assert (request.input_bytes, request.input_tokens_unseen) == (len(text), 0)
    names = [next(iter(json.loads(b"{" + member + b"}"))) for member in request.content]
    assert names == ["instructions", "input", "tools"]


@pytest.mark.parametrize(
    ("asked", "name", "value"),
    [
        ({"input": "hi"}, "content", (b'"input":"hi"',)),
        ({"background": True}, "background", True),
        ({"reasoning": {"effort": "none"}}, "thinking_tokens_max", 0),
        ({"reasoning": {"effort": "high", "summary": "auto"}}, "thinking_tokens_max", None),
        ({"reasoning": None}, "thinking_tokens_max", None),
        ({"previous_response_id": "resp_1"}, "input_tokens_unseen", unseen.STORED_TOKENS),
        ({"previous_response_id": None}, "input_tokens_unseen", 0),
        ({"conversation": {"id": "conv_1"}}, "input_tokens_unseen", unseen.STORED_TOKENS),
        ({"prompt": {"id": "pmpt_1"}}, "input_tokens_unseen", unseen.STORED_TOKENS),
        ({"input": [IMAGE, IMAGE]}, "input_tokens_unseen", 2 * unseen.PART_TOKENS),
        (
            {"input": [{"type": "function_call_output", "output": "x"}, IMAGE]},
            "input_tokens_unseen",
            unseen.PART_TOKENS,
        ),
        ({"tools": [{"type": "web_search"}]}, "web_searches_max", SEARCHES_DEFAULT),
        ({"tools": [{"type": "web_search_preview"}], "max_tool_calls": 2}, "web_searches_max", 2),
        ({"tools": [{"type": "function", "name": "look"}]}, "web_searches_max", 0),
        ({"service_tier": "flex"}, "service_tier", "flex"),
    ],
)
def test_one_fact(asked: dict[str, Any], name: str, value: object) -> None:
    assert getattr(read(body(asked), {}), name) == value


def test_a_governed_key_stands_once() -> None:
    with pytest.raises(UnreadableError, match="'background' stands twice"):
        read(b'{"background":false,"background":true}', {})


# Answers


def test_the_stream_is_what_the_sdk_knows() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    events = [adapter.validate_python(data) for _, data in RESPONSES]
    final = events[-1].response
    reading = heard(*RESPONSES)
    assert usage_of(final.usage.model_dump()) == reading.usage == USAGE
    assert (reading.served.model, reading.served.service_tier) == (final.model, final.service_tier)
    assert (reading.final, reading.complete, reading.failed) == (True, True, False)


def test_a_stream_that_breaks_off_has_its_texts() -> None:
    reading = heard(*RESPONSES[:-1])
    assert (reading.usage, reading.final, reading.complete) == (None, False, False)
    assert reading.texts == ("Hello there", "look", '{"at":1}')
    assert reading.served.model == "gpt-5-2025-08-07"
    assert reading.output_bytes == sum(map(len, reading.texts))


@pytest.mark.parametrize(
    ("status", "failed"), [("completed", False), ("incomplete", False), ("failed", True), ("cancelled", False)]
)
def test_every_end_of_a_response_ends_the_stream(status: str, failed: bool) -> None:
    listener = ResponsesListener()
    for name, data in RESPONSES[:-1]:
        assert name
        listener.event(body(data))
        assert not listener.ended
    listener.event(body(event(f"response.{status}", response=response(status, usage=RESPONSES_USAGE))[1]))
    reading = listener.reading()
    assert listener.ended
    assert (reading.usage, reading.complete, reading.failed) == (USAGE, True, failed)


def test_a_failed_response_without_usage_leaves_its_texts() -> None:
    failed = event("response.failed", response=response("failed", error={"code": "server_error", "message": "no"}))
    reading = heard(*RESPONSES[:5], failed)
    assert (reading.usage, reading.final, reading.failed) == (None, False, True)
    assert reading.texts == ("Hello there",)


def test_an_error_event_ends_a_stream() -> None:
    listener = ResponsesListener()
    listener.event(body(event("error", code="server_error", message="no", param=None)[1]))
    assert listener.ended
    assert listener.reading().failed
    assert not listener.reading().complete


def test_all_that_a_model_writes_is_visible_output() -> None:
    deltas = {
        "response.output_text.delta": "a",
        "response.refusal.delta": "b",
        "response.reasoning_text.delta": "c",
        "response.reasoning_summary_text.delta": "d",
        "response.function_call_arguments.delta": "e",
        "response.custom_tool_call_input.delta": "f",
        "response.mcp_call_arguments.delta": "g",
        "response.code_interpreter_call_code.delta": "h",
        "response.audio.transcript.delta": "i",
        "response.something_new.delta": "j",
    }
    events = [event(kind, output_index=0, delta=delta) for kind, delta in deltas.items()]
    reading = heard(*events, event("response.audio.delta", delta="AAAA"), event("response.x.delta", delta={"y": 1}))
    assert sorted(reading.texts) == sorted(deltas.values())
    assert reading.output_bytes == len(deltas) + len("AAAA")


def test_searches_are_counted_from_the_answer_or_while_it_comes() -> None:
    items = [
        search({"type": "search", "query": "x"}),
        search({"type": "open_page", "url": "https://example.com"}),
        search(None),
        RESPONSES_ITEM,
    ]
    done = [event("response.output_item.done", output_index=0, item=item) for item in items]
    whole = event("response.completed", response=response("completed", items, RESPONSES_USAGE))
    bare = event("response.completed", response=response("completed", [], RESPONSES_USAGE))
    for events in ([whole], [*done, whole], [*done, bare]):
        usage = heard(*events).usage
        assert usage is not None
        assert usage.web_search == 2
    usage = answered(response("completed", items, RESPONSES_USAGE)).usage
    assert usage is not None
    assert usage.web_search == 2


def test_a_whole_answer() -> None:
    answer = response("completed", [RESPONSES_ITEM], RESPONSES_USAGE)
    assert Response.model_validate(answer).output_text == "Hello there"
    reading = answered(answer)
    assert (reading.usage, reading.final, reading.complete, reading.failed) == (USAGE, True, True, False)


def test_a_whole_answer_without_usage_has_texts() -> None:
    call = {"type": "function_call", "name": "look", "arguments": "{}"}
    reading = answered(response("completed", [RESPONSES_ITEM, call]))
    assert (reading.usage, reading.final, reading.complete) == (None, False, True)
    assert reading.texts == ("Hello there", "look", "{}")


def test_a_compaction_is_read_as_a_response() -> None:
    answer = {"id": "c_1", "object": "response.compaction", "created_at": 1, "output": [], "usage": RESPONSES_USAGE}
    assert answered(answer).usage == USAGE


@pytest.mark.parametrize("status", ["queued", "in_progress"])
@pytest.mark.parametrize("usage", [None, RESPONSES_USAGE])
def test_work_that_goes_on_in_the_background_has_no_final_usage(status: str, usage: object) -> None:
    reading = answered(response(status, background=True, usage=usage))
    assert (reading.usage, reading.final, reading.complete) == (None, False, True)


def test_an_error_body_is_a_failure() -> None:
    reading = answered({"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": None}})
    assert (reading.failed, reading.usage, reading.complete) == (True, None, True)
