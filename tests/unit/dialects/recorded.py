"""Answers in the shapes that providers send, written for these tests: one small answer of each protocol."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

Event = tuple[str, dict[str, Any] | str]
"""Name ('' for none) and data."""

CHAT_USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 40,
    "total_tokens": 160,
    "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 16,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}


def chat_chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1767225600, "model": "gpt-4o-2024-08-06"}
    return {**head, "service_tier": "default", "system_fingerprint": "fp_1", "choices": choices, "usage": None, **more}


CHAT_LAST: Event = ("", chat_chunk(usage=CHAT_USAGE))
CHAT: list[Event] = [
    ("", chat_chunk({"role": "assistant", "content": "", "refusal": None})),
    ("", chat_chunk({"content": "Grüße, "})),
    ("", chat_chunk({"content": "line\n\nsep\u2028 😀"})),
    ("", chat_chunk({}, "stop")),
    CHAT_LAST,
    ("", "[DONE]"),
]
CHAT_TEXT = "Grüße, line\n\nsep\u2028 😀"

RESPONSES_USAGE = {
    "input_tokens": 120,
    "input_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 0},
    "output_tokens": 40,
    "output_tokens_details": {"reasoning_tokens": 16},
    "total_tokens": 160,
}


def response(status: str, output: Sequence[dict[str, Any]] = (), usage: object = None, **more: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1767225600,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": "gpt-5-2025-08-07",
        "output": list(output),
        "parallel_tool_calls": True,
        "service_tier": "default",
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
        **more,
    }


RESPONSES_ITEM = {
    "id": "msg_1",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": "Hello there"}],
}
RESPONSES_CALL = {"id": "fc_1", "type": "function_call", "name": "look", "arguments": '{"at":1}', "call_id": "call_1"}


def _response_events() -> Iterable[Event]:
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    done = response("completed", [RESPONSES_ITEM, RESPONSES_CALL], RESPONSES_USAGE)
    events: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": response("in_progress")}),
        ("response.in_progress", {"response": response("in_progress")}),
        ("response.output_item.added", {"output_index": 0, "item": {**RESPONSES_ITEM, "content": []}}),
        ("response.output_text.delta", {**place, "delta": "Hello ", "logprobs": [], "obfuscation": "aXbYcZ"}),
        ("response.output_text.delta", {**place, "delta": "there", "logprobs": [], "obfuscation": "q"}),
        ("response.output_text.done", {**place, "text": "Hello there", "logprobs": []}),
        ("response.output_item.done", {"output_index": 0, "item": RESPONSES_ITEM}),
        ("response.output_item.added", {"output_index": 1, "item": {**RESPONSES_CALL, "arguments": ""}}),
        ("response.function_call_arguments.delta", {"item_id": "fc_1", "output_index": 1, "delta": '{"at":1}'}),
        ("response.output_item.done", {"output_index": 1, "item": RESPONSES_CALL}),
        ("response.completed", {"response": done}),
    ]
    for number, (name, fields) in enumerate(events):
        yield name, {"type": name, "sequence_number": number, **fields}


RESPONSES: list[Event] = list(_response_events())

MESSAGES_STARTED = {
    "input_tokens": 25,
    "cache_creation_input_tokens": 300,
    "cache_read_input_tokens": 4000,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
    "output_tokens": 1,
    "service_tier": "standard",
    "inference_geo": "us",
}
MESSAGES_DELTA = {
    "input_tokens": 25,
    "cache_creation_input_tokens": 300,
    "cache_read_input_tokens": 4000,
    "output_tokens": 90,
    "output_tokens_details": {"thinking_tokens": 50},
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
}


def message(content: Sequence[dict[str, Any]] = (), usage: object = MESSAGES_STARTED, **more: Any) -> dict[str, Any]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929"}
    return {**head, "content": list(content), "stop_reason": None, "stop_sequence": None, "usage": usage, **more}


def _message_events() -> Iterable[Event]:
    def delta(index: int, **fields: Any) -> tuple[str, dict[str, Any]]:
        return "content_block_delta", {"index": index, "delta": fields}

    tool = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    events: list[tuple[str, dict[str, Any]]] = [
        ("message_start", {"message": message()}),
        ("content_block_start", {"index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
        ("ping", {}),
        delta(0, type="thinking_delta", thinking="Let me see"),
        delta(0, type="signature_delta", signature="EqQBCgIYAhIM1gbcDa9GJwZA2b3h"),
        ("content_block_stop", {"index": 0}),
        ("content_block_start", {"index": 1, "content_block": {"type": "text", "text": ""}}),
        delta(1, type="text_delta", text="Hello "),
        delta(1, type="text_delta", text="there"),
        ("content_block_stop", {"index": 1}),
        ("content_block_start", {"index": 2, "content_block": tool}),
        delta(2, type="input_json_delta", partial_json='{"at"'),
        delta(2, type="input_json_delta", partial_json=":1}"),
        ("content_block_stop", {"index": 2}),
        ("message_delta", {"delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": MESSAGES_DELTA}),
        ("message_stop", {}),
    ]
    for name, fields in events:
        yield name, {"type": name, **fields}


MESSAGES: list[Event] = list(_message_events())


def block(event: Event, newline: str = "\n") -> bytes:
    name, data = event
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return ((f"event: {name}{newline}" if name else "") + f"data: {text}{newline}{newline}").encode()


def stream(events: Iterable[Event], newline: str = "\n") -> bytes:
    return b"".join([block(event, newline) for event in events])


def body(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


NOISE = (
    ": ping",
    ":",
    'data: {"type":"vendor.news","delta":{"x":1}}',
    'event: ping\ndata: {"type":"ping"}',
    "id: 7",
    "retry: 3",
    "data: not json",
    "data: 17",
    "data: null",
    'data: {"type":["x"],"choices":"?","index":{}}',
    'data: {"object":7,"model":["x"],"choices":[{"index":"0","delta":[]}]}',
)


@st.composite
def noisy(draw: st.DrawFn, events: Sequence[Event]) -> list[bytes]:
    """The blocks of a stream in one newline style, noise between them."""
    newline = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    blocks: list[bytes] = []
    for event in events:
        for noise in draw(st.lists(st.sampled_from(NOISE), max_size=2)):
            blocks.append((noise.replace("\n", newline) + newline * 2).encode())
        blocks.append(block(event, newline))
    return blocks


def chunks(draw: st.DrawFn, data: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
