"""What was said in a request, whatever dialect it came in."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects import bedrock_prompt, gemini_messages, messages

CALL = '<call Bash {"command":"ls"}>'
TALK = [("system", "Be brief."), ("user", "Look."), ("assistant", f"Well.{CALL}"), ("tool", "<result>a.py")]


def members(body):
    return [f"{json.dumps(name)}:".encode() + msgspec.json.encode(value) for name, value in body.items()]


CHAT = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Look."}]},
        {
            "role": "assistant",
            "content": "Well.",
            "tool_calls": [{"id": "call_1", "function": {"name": "Bash", "arguments": '{"command":"ls"}'}}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "a.py"},
    ]
}
RESPONSES = {
    "instructions": "Be brief.",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "Look."}]},
        {"type": "reasoning", "id": "rs_1", "encrypted_content": "zzz"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Well."}]},
        {"type": "function_call", "id": "fc_1", "name": "Bash", "arguments": '{"command":"ls"}'},
        {"type": "function_call_output", "call_id": "fc_1", "output": "a.py"},
    ],
}
ANTHROPIC = {
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": "Look."},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "text", "text": "Well."},
                {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls"}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "a.py"}]},
    ],
}
CONVERSE = {
    "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
    "messages": [
        {"role": "user", "content": [{"text": "Look."}]},
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "hm"}}},
                {"text": "Well."},
                {"toolUse": {"toolUseId": "t", "name": "Bash", "input": {"command": "ls"}}},
            ],
        },
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": "a.py"}]}}]},
    ],
}
GEMINI = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [
        {"role": "user", "parts": [{"text": "Look."}]},
        {
            "role": "model",
            "parts": [
                {"text": "hm", "thought": True},
                {"text": "Well.", "thoughtSignature": "s"},
                {"functionCall": {"name": "Bash", "args": {"command": "ls"}}},
            ],
        },
        {"role": "user", "parts": [{"functionResponse": {"name": "Bash", "response": "a.py"}}]},
    ],
}


def flat(talk):
    """Whoever gives a tool's result, and however what is said is divided."""
    return "".join(text for _, text in talk).replace("\n", "").replace('"a.py"', "a.py")


@pytest.mark.parametrize(
    ("of", "body"),
    [
        (messages.messages, CHAT),
        (messages.messages, RESPONSES),
        (messages.messages, ANTHROPIC),
        (bedrock_prompt.messages, CONVERSE),
        (gemini_messages.messages, GEMINI),
    ],
)
def test_the_same_talk_says_the_same_in_each_dialect(of, body):
    talk = of(members(body))
    assert flat(talk) == flat(TALK)
    assert [role for role, _ in talk][:3] == ["system", "user", "assistant"]


def test_plain_prompts_and_texts_to_embed():
    assert messages.messages([b'"prompt":["a","b"]']) == [("user", "a\nb")]
    assert messages.messages([b'"prompt":[1,2]']) == [("user", "[1,2]")]
    assert bedrock_prompt.messages([b'"inputText":"a"', b'"preamble":"p"']) == [("user", "a"), ("system", "p")]
    assert gemini_messages.messages([b'"requests":[{"content":{"parts":[{"text":"a"}]}}]']) == [("user", "a")]


def test_an_image_stands_as_a_hash_of_its_own():
    def of(data):
        block = {"type": "image", "source": {"data": data}, "cache_control": {"type": "ephemeral"}}
        return messages.messages(members({"messages": [{"role": "user", "content": [block]}]}))

    assert of("aaaa") == of("aaaa") != of("aaab")
    assert "aaaa" not in of("aaaa")[0][1]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "content", "role", "parts", "input", "toolUse"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["messages", "system", "input", "prompt", "instructions", "contents", "systemInstruction", "requests"]
)


@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_whatever_is_sent_gives_messages(body):
    for of in (messages.messages, bedrock_prompt.messages, gemini_messages.messages):
        assert all(isinstance(role, str) and isinstance(text, str) for role, text in of(members(body)))


def test_what_is_no_json_is_one_message():
    assert messages.messages([b"\xff"]) == [("user", "{\ufffd}")]


MEMBERS = st.sampled_from(["name", "arguments", "input", "other"])
FUNCTION = st.dictionaries(MEMBERS, JSON, max_size=4) | JSON
TOOL = st.dictionaries(st.sampled_from(["function", "custom", "id"]), FUNCTION, max_size=3) | JSON
MESSAGE = st.fixed_dictionaries(
    {},
    optional={"role": st.sampled_from(["user", "tool"]) | JSON, "content": JSON, "tool_calls": st.lists(TOOL) | JSON},
)
BODY = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGE | JSON, max_size=4) | JSON},
    optional={"system": JSON, "instructions": JSON, "prompt": JSON, "suffix": JSON, "input": JSON, "tools": JSON},
)


@given(BODY)
def test_a_usual_body_says_what_any_body_says(body):
    content = members(body)
    assert messages.messages(content) == list(messages.said(body)) == messages._messages(content)


def test_of_a_name_that_stands_twice_the_last_counts_either_way():
    content = [b'"messages":[{"role":"user","content":"a","role":"tool","content":"b"}],"messages":[{"content":"c"}]']
    assert messages.messages(content) == messages._messages(content) == [("None", "c")]
    content = [b'"messages":[{"role":"user","content":"a","role":"tool","content":"b"}]']
    assert messages.messages(content) == messages._messages(content) == [("tool", "<result>b")]


def test_tools_of_either_kind_are_called():
    custom = {"custom": {"name": "sh", "input": "ls"}, "type": "custom"}
    content = members({"messages": [{"role": "assistant", "tool_calls": [custom, {"function": {"name": "f"}}]}]})
    assert messages.messages(content) == messages._messages(content) == [("assistant", "<call sh ls><call f >")]
