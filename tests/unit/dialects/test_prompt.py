"""Counting a prompt that nobody reported: the published rule, to the token."""

from typing import Any

import pytest
from recorded import body

from proxy.dialects.anthropic_messages import read as read_messages
from proxy.dialects.openai_chat import read as read_chat
from proxy.dialects.openai_responses import read as read_responses
from proxy.dialects.prompt import PART_TOKENS, prompt_texts
from proxy.standin import tokens
from proxy.standin.anthropic_messages import AnthropicMessages
from proxy.standin.openai_chat import OpenAIChat
from proxy.standin.openai_responses import OpenAIResponses

LONG = 'Grüße aus dem Depot: 42 boxes, 😀 and "quotes" <|endoftext|>\n' * 5
TALK = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": LONG, "name": "alice"},
    {"role": "assistant", "content": "Hello!"},
    {"role": "user", "content": [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]},
]
FUNCTION = {"name": "look", "description": "Look.", "parameters": {"type": "object", "properties": {}}}
CHAT_CALL = [{"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at":1}'}}]


def counted(content: tuple[bytes, ...]) -> int:
    texts, framing = prompt_texts(content)
    return sum(map(tokens.of_text, texts)) + framing


@pytest.mark.parametrize(
    "asked",
    [
        {"messages": [{"role": "user", "content": "hi"}]},
        {"messages": TALK},
        {"messages": TALK, "tools": [{"type": "function", "function": FUNCTION}]},
        {
            "messages": [
                *TALK,
                {"role": "assistant", "content": None, "tool_calls": CHAT_CALL},
                {"role": "tool", "tool_call_id": "call_1", "content": "seen"},
            ]
        },
    ],
)
def test_chat_prompts_agree_with_the_stand_in(asked: dict[str, Any]) -> None:
    asked = {"model": "gpt-4o", **asked}
    assert counted(read_chat(body(asked), {}).content) == OpenAIChat().read(asked).prompt_tokens


@pytest.mark.parametrize(
    "asked",
    [
        {"input": "hi"},
        {"input": LONG, "instructions": "Be brief."},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": LONG}]}], "instructions": None},
        {
            "input": [
                {"type": "message", "role": "user", "content": "look"},
                {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "call_1", "output": "seen"},
            ],
            "tools": [{"type": "function", **FUNCTION}],
        },
    ],
)
def test_inputs_of_responses_agree_with_the_stand_in(asked: dict[str, Any]) -> None:
    asked = {"model": "gpt-5", **asked}
    assert counted(read_responses(body(asked), {}).content) == OpenAIResponses().read(asked).prompt_tokens


@pytest.mark.parametrize(
    "asked",
    [
        {"messages": [{"role": "user", "content": "hi"}]},
        {"messages": TALK[1:2], "system": "Be brief."},
        {
            "messages": TALK[3:],
            "system": [{"type": "text", "text": LONG}],
            "tools": [{"name": "look", "input_schema": {}}],
        },
        {
            "messages": [
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "look", "input": {"at": 1}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "seen"}]},
            ]
        },
    ],
)
def test_messages_agree_with_the_stand_in(asked: dict[str, Any]) -> None:
    asked = {"model": "claude", "max_tokens": 10, **asked}
    for message in asked["messages"]:
        message.pop("name", None)
    assert counted(read_messages(body(asked), {}).content) == AnthropicMessages().read(asked).prompt_tokens


def test_parts_without_text_have_a_flat_count() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 10_000}},
        {"type": "text", "text": "x"},
    ]
    texts, framing = prompt_texts([b'"messages":' + body([{"role": "user", "content": parts}])])
    assert texts == ["user", "x"]
    assert framing == 3 + 3 + PART_TOKENS


def test_encrypted_reasoning_is_no_text() -> None:
    item = {"type": "reasoning", "summary": [], "encrypted_content": "A" * 10_000}
    texts, _ = prompt_texts([b'"input":' + body([item])])
    assert texts == ['{"type":"reasoning","summary":[]}']


def test_schemas_of_answers_count_and_other_formats_do_not() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}
    assert prompt_texts([b'"response_format":' + body(schema)])[0] == [body(schema).decode()]
    assert prompt_texts([b'"response_format":{"type":"text"}', b'"text":{"format":{"type":"text"}}'])[0] == []


@pytest.mark.parametrize(
    "content",
    [
        [],
        [b"nonsense"],
        [b'"messages":7'],
        [b'"messages":[7,{"role":7,"content":{}},{"role":"user","content":[7,{"text":7},{"content":[7]}]}]'],
        [b'"input":{}', b'"system":7', b'"instructions":[null]'],
        [b'"tools":[{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}]"],
        [b'"system":"\xff"'],
    ],
)
def test_no_content_makes_it_raise(content: list[bytes]) -> None:
    texts, framing = prompt_texts(content)
    assert framing >= 3
    assert all(isinstance(text, str) for text in texts)


@pytest.mark.parametrize(
    "message",
    [
        {"content": [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": LONG}}]},
        {"content": [{"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": LONG}]}}]},
        {"content": [{"type": "document", "context": LONG, "source": {"type": "text", "data": ""}}]},
        {"content": [{"type": "refusal", "refusal": LONG}]},
        {"content": [{"type": "thinking", "thinking": LONG, "signature": "s"}]},
        {"content": [{"type": "server_tool_use", "id": "s", "name": "run", "input": {"code": LONG}}]},
        {"content": [{"type": "something_new", "words": LONG}]},
        {"content": None, "refusal": LONG},
        {"content": "", "reasoning_content": LONG},
        {"content": None, "function_call": {"name": "look", "arguments": LONG}},
    ],
)
def test_no_words_are_left_out_wherever_they_stand(message: dict[str, Any]) -> None:
    """Near a cap a call is held by this count: what it leaves out would be spent above the limit."""
    asked = {"model": "m", "messages": [{"role": "assistant", **message}]}
    assert counted(read_chat(body(asked), {}).content) >= tokens.of_text(LONG)


def test_what_is_sealed_counts_nothing() -> None:
    said = {"type": "thinking", "thinking": "", "signature": LONG}
    asked = {"model": "m", "messages": [{"role": "assistant", "content": [said]}]}
    assert counted(read_chat(body(asked), {}).content) < tokens.of_text(LONG) / 5
