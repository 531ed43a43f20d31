"""Formats: an answer says and counts the same as one object and as a stream, in every wire format."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from proxy.standin import tokens
from proxy.standin.answering import arguments, compose
from proxy.standin.anthropic_messages import AnthropicMessages
from proxy.standin.behaviour import Behaviour
from proxy.standin.openai_chat import OpenAIChat
from proxy.standin.openai_responses import OpenAIResponses
from proxy.standin.protocol import Answer, Format, Tool, WrongRequestError

DIGEST = "0123456789abcdef" * 4
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"enum": ["C"]}},
}
ARGUMENTS = {"city": "amber", "days": 1, "unit": "C"}


@dataclass(frozen=True)
class Case:
    """One format, with what a test must know of its shape."""

    form: Format
    request: dict[str, Any]
    tool: dict[str, Any]
    limit: str

    def read(self, **more: object) -> Any:
        return self.form.read({**self.request, **more})

    def answer(self, behaviour: Behaviour | None = None, **more: object) -> Answer:
        return compose(self.read(**more), behaviour or Behaviour(), DIGEST)


CASES = {
    "chat": Case(
        OpenAIChat(),
        {
            "model": "m",
            "messages": [{"role": "user", "content": "hello world"}],
            "stream_options": {"include_usage": True},
        },
        {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}},
        "max_completion_tokens",
    ),
    "responses": Case(
        OpenAIResponses(),
        {"model": "m", "input": "hello world"},
        {"type": "function", "name": "weather", "parameters": SCHEMA},
        "max_output_tokens",
    ),
    "messages": Case(
        AnthropicMessages(),
        {"model": "m", "max_tokens": 1000, "messages": [{"role": "user", "content": "hello world"}]},
        {"name": "weather", "input_schema": SCHEMA},
        "max_tokens",
    ),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def asking_for_the_tool(case: Case) -> dict[str, Any]:
    said = "Please use the tool."
    prompt = {"input": said} if "input" in case.request else {"messages": [{"role": "user", "content": said}]}
    return {**prompt, "tools": [case.tool]}


def text_of(whole: dict[str, Any]) -> str:
    if "choices" in whole:
        return "".join(choice["message"]["content"] for choice in whole["choices"])
    if "output" in whole:
        return str(whole["output"][0]["content"][0]["text"])
    return str(whole["content"][0]["text"])


def call_of(whole: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if "choices" in whole:
        function = whole["choices"][0]["message"]["tool_calls"][0]["function"]
        return function["name"], json.loads(function["arguments"])
    if "output" in whole:
        return whole["output"][0]["name"], json.loads(whole["output"][0]["arguments"])
    return whole["content"][0]["name"], whole["content"][0]["input"]


def events(case: Case, answer: Answer) -> list[dict[str, Any]]:
    return [json.loads(frame.data) for frame in case.form.frames(answer) if frame.data != b"[DONE]"]


def pieces_of(stream: list[dict[str, Any]]) -> list[str]:
    """Text or arguments, a piece an event."""
    pieces = []
    for event in stream:
        delta = event["choices"][0]["delta"] if event.get("choices") else event.get("delta")
        if isinstance(delta, dict):
            called = delta.get("tool_calls", [{"function": {}}])[0]["function"].get("arguments")
            delta = delta.get("content") or delta.get("text") or delta.get("partial_json") or called
        if isinstance(delta, str) and delta:
            pieces.append(delta)
    return pieces


def test_a_stream_says_what_the_object_says_one_token_a_frame(case: Case) -> None:
    answer = case.answer()
    pieces = pieces_of(events(case, answer))
    assert "".join(pieces) == text_of(case.form.whole(answer))
    assert len(pieces) == answer.usage.output_text == sum(frame.tokens for frame in case.form.frames(answer))
    assert all(tokens.of_text(piece) == 1 for piece in pieces)


def test_a_stream_reports_its_usage_once_and_the_same_as_the_object(case: Case) -> None:
    answer = case.answer(Behaviour(cached=3, cache_write_5m=2, reasoning=5))
    final = [json.loads(frame.data) for frame in case.form.frames(answer) if frame.usage]
    assert len(final) == 1
    streamed = final[0]["response"]["usage"] if "response" in final[0] else final[0]["usage"]
    whole = case.form.whole(answer)["usage"]
    assert streamed == {name: whole[name] for name in streamed}


def test_the_prompt_counts_by_the_rule(case: Case) -> None:
    assert case.read().prompt_tokens == 3 + (3 + 1 + 2)


def test_tools_count_as_their_compact_json(case: Case) -> None:
    assert case.read(tools=[case.tool]).prompt_tokens == case.read().prompt_tokens + tokens.of_json([case.tool])


def test_a_system_prompt_counts_as_one_message() -> None:
    more = 3 + 1 + 2
    responses, messages = CASES["responses"], CASES["messages"]
    assert responses.read(instructions="hello world").prompt_tokens == responses.read().prompt_tokens + more
    assert messages.read(system="hello world").prompt_tokens == messages.read().prompt_tokens + more
    blocks = [{"type": "text", "text": "hello world"}]
    assert messages.read(system=blocks).prompt_tokens == messages.read().prompt_tokens + more


def test_the_output_limit_ends_an_answer_and_is_named_as_the_reason(case: Case) -> None:
    answer = case.answer(Behaviour(tokens=50), **{case.limit: 7})
    assert (answer.usage.output_text, answer.limited) == (7, True)
    said = json.dumps(case.form.whole(answer)) + json.dumps(events(case, answer))
    reason = {"chat": "length", "responses": "max_output_tokens", "messages": "max_tokens"}
    assert said.count(f'"{next(reason[name] for name in CASES if CASES[name] is case)}"') >= 2


def test_an_answer_of_just_the_limit_is_whole(case: Case) -> None:
    assert not case.answer(Behaviour(tokens=7), **{case.limit: 7}).limited


def test_a_tool_is_called_when_the_last_user_message_asks_for_it(case: Case) -> None:
    answer = case.answer(**asking_for_the_tool(case))
    assert call_of(case.form.whole(answer)) == ("weather", ARGUMENTS)
    assert json.loads("".join(pieces_of(events(case, answer)))) == ARGUMENTS
    assert answer.usage.output_text == tokens.of_text("weather") + tokens.of_text(arguments(Tool("weather", SCHEMA)))
    assert sum(frame.tokens for frame in case.form.frames(answer)) == answer.usage.output_text


def test_a_tool_is_not_called_without_being_asked_for(case: Case) -> None:
    assert case.answer(tools=[case.tool]).tool_name == ""


def test_the_output_limit_holds_for_a_tools_name_and_arguments_together(case: Case) -> None:
    answer = case.answer(**asking_for_the_tool(case), **{case.limit: 4})
    assert (answer.usage.output_text, answer.limited) == (4, True)
    assert sum(frame.tokens for frame in case.form.frames(answer)) == 4


def test_only_the_user_asks_for_a_tool() -> None:
    messages = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "I could use the tool."}]
    assert CASES["chat"].answer(messages=messages, tools=[CASES["chat"].tool]).tool_name == ""


def test_the_answer_to_a_tools_result_is_text() -> None:
    messages = [
        {"role": "user", "content": "Please use the tool."},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function"}]},
        {"role": "tool", "tool_call_id": "c", "content": "sunny"},
    ]
    assert CASES["chat"].answer(messages=messages, tools=[CASES["chat"].tool]).tool_name == ""


def test_cached_tokens_stand_within_openais_total_and_beside_anthropics() -> None:
    behaviour = Behaviour(cached=100, cache_write_5m=20, cache_write_1h=3)
    fresh = 9
    chat = CASES["chat"].form.whole(CASES["chat"].answer(behaviour))["usage"]
    assert (chat["prompt_tokens"], chat["prompt_tokens_details"]["cached_tokens"]) == (fresh + 123, 100)
    anthropic = CASES["messages"].form.whole(CASES["messages"].answer(behaviour))["usage"]
    assert anthropic["input_tokens"] == fresh
    assert anthropic["cache_read_input_tokens"] == 100
    assert anthropic["cache_creation"] == {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 3}


def test_several_choices_take_turns_and_are_billed_each() -> None:
    case = CASES["chat"]
    answer = case.answer(Behaviour(tokens=4), n=3)
    stream = events(case, answer)
    order = [
        event["choices"][0]["index"]
        for event in stream
        if event["choices"] and event["choices"][0]["delta"].get("content")
    ]
    assert order == [0, 1, 2] * 4
    assert answer.usage.output_text == 12
    assert len(case.form.whole(answer)["choices"]) == 3


def test_a_chat_stream_shows_usage_only_when_asked() -> None:
    case = CASES["chat"]
    for options in (None, {}, {"include_usage": False}):
        answer = case.answer(stream=True, stream_options=options)
        assert not any("usage" in event for event in events(case, answer))
    assert all(event["usage"] is None for event in events(case, case.answer(stream=True))[:-1])


def test_usage_can_be_left_out_everywhere(case: Case) -> None:
    answer = case.answer(Behaviour(usage="none"))
    assert not case.form.whole(answer).get("usage")
    shown = [
        event["response"] if "response" in event else event.get("message", event) for event in events(case, answer)
    ]
    assert not any(place.get("usage") for place in shown)


def test_the_numbers_of_responses_events_follow_each_other() -> None:
    case = CASES["responses"]
    numbers = [event["sequence_number"] for event in events(case, case.answer())]
    assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize(
    ("name", "request_", "said"),
    [
        ("chat", {"messages": []}, "messages"),
        ("chat", {"messages": "hello"}, "messages must be a list"),
        ("chat", {"model": ""}, "model"),
        ("chat", {"model": 5}, "model"),
        ("chat", {"n": 0}, "n must be a whole number"),
        ("chat", {"n": 1000}, "at most 128"),
        ("chat", {"max_tokens": True}, "max_tokens must be"),
        ("chat", {"tools": [1]}, "tools must be"),
        ("responses", {"input": None}, "input"),
        ("responses", {"input": [1]}, "input must be a list"),
        ("messages", {"max_tokens": None}, "max_tokens: Field required"),
        ("messages", {"messages": []}, "at least one message"),
    ],
)
def test_what_a_provider_would_refuse_is_refused(name: str, request_: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongRequestError, match=said) as caught:
        CASES[name].read(**request_)
    assert caught.value.status == 400
