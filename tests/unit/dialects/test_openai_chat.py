"""Chat completions: facts of requests, usage asked for and nothing else changed, answers of many servers."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk
from recorded import CHAT, CHAT_LAST, CHAT_TEXT, CHAT_USAGE, Event, block, body, chat_chunk, stream

from proxy.dialects import unseen
from proxy.dialects.dialect import Reading, UnreadableError
from proxy.dialects.openai_chat import ASKED, ChatListener, ask_usage, read
from proxy.dialects.openai_usage import usage_of
from proxy.metering.sse import EventStream
from proxy.model.usage import Usage

USAGE = Usage(input_text=56, cache_read=64, output_text=24, reasoning=16)
MESSAGE = {"role": "user", "content": "hi"}


def heard(*events: Event) -> Reading:
    listener = ChatListener()
    EventStream(listener.event, hiding=False).feed(stream(events))
    return listener.reading()


def answered(answer: object) -> Reading:
    listener = ChatListener()
    listener.body(body(answer))
    return listener.reading()


def completion(message: dict[str, Any], **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "refusal": None, **message}, "finish_reason": "stop"}
    return {"object": "chat.completion", "model": "gpt-4o", "choices": [choice], **more}


# Requests


def test_facts_of_a_call() -> None:
    asked = {
        "model": "gpt-4o",
        "messages": [MESSAGE],
        "tools": [{"type": "function", "function": {"name": "look"}}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "n": 2,
        "max_completion_tokens": 300,
        "service_tier": "flex",
        "prompt_cache_key": "session-7",
        "temperature": 0.5,
    }
    text = body(asked)
    request = read(text, {b"x-openai-subagent": b"review"})
    assert request.model == "gpt-4o"
    assert (request.stream, request.usage_asked, request.choices) == (True, True, 2)
    assert (request.output_tokens_max, request.thinking_tokens_max) == (300, None)
    assert (request.service_tier, request.session, request.agent) == ("flex", "session-7", "review")
    assert request.input_bytes == len(text)
    assert [json.loads(b"{" + member + b"}") for member in request.content] == [
        {"messages": [MESSAGE]},
        {"tools": asked["tools"]},
    ]


@pytest.mark.parametrize(
    ("asked", "name", "value"),
    [
        ({}, "model", ""),
        ({"model": None, "n": None, "stream": None}, "choices", 1),
        ({"stream": False}, "usage_asked", True),
        ({"stream": True}, "usage_asked", False),
        ({"stream": True, "stream_options": None}, "usage_asked", False),
        ({"stream": True, "stream_options": {}}, "usage_asked", False),
        ({"stream": True, "stream_options": {"include_usage": False}}, "usage_asked", False),
        ({"stream": True, "stream_options": {"include_usage": True}}, "usage_asked", True),
        ({"max_tokens": 5}, "output_tokens_max", 5),
        ({"max_tokens": 5, "max_completion_tokens": 7}, "output_tokens_max", 7),
        ({"max_tokens": 100.0}, "output_tokens_max", 100),
        ({"max_tokens": -1}, "output_tokens_max", None),
        ({"max_tokens": 0}, "output_tokens_max", None),
        ({"n": 0}, "choices", 1),
        ({"reasoning_effort": "none"}, "thinking_tokens_max", 0),
        ({"reasoning_effort": "high"}, "thinking_tokens_max", None),
        ({"service_tier": "auto"}, "service_tier", ""),
        ({"service_tier": "fast"}, "service_tier", "priority"),
        ({"service_tier": "x\n"}, "service_tier", ""),
        ({"web_search_options": {}}, "web_searches_max", 1),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}, "input_tokens_unseen", 0),
        (
            {
                "messages": [
                    MESSAGE,
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}] * 2},
                ]
            },
            "input_tokens_unseen",
            2 * unseen.PART_TOKENS,
        ),
        ({"messages": "what?"}, "input_tokens_unseen", 0),
    ],
)
def test_one_fact(asked: dict[str, Any], name: str, value: object) -> None:
    assert getattr(read(body(asked), {}), name) == value


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"model": 7}, "'model' must be a string"),
        ({"model": ["gpt-4o"]}, "'model' must be a string"),
        ({"model": "x" * 201}, "at most 200"),
        ({"model": "gpt\n4o"}, "printable"),
        ({"stream": "true"}, "'stream' must be true or false"),
        ({"stream": 1}, "'stream' must be true or false"),
        ({"n": "5"}, "'n' must be a whole number"),
        ({"n": 1.5}, "'n' must be a whole number"),
        ({"n": True}, "'n' must be a whole number"),
        ({"n": 1001}, "'n' must be at most"),
        ({"max_tokens": {}}, "'max_tokens' must be a whole number"),
    ],
)
def test_facts_that_cannot_be_read(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UnreadableError, match=sentence):
        read(body(asked), {})


@pytest.mark.parametrize(
    "asked",
    [
        b'{"model":"a","stream":true,"model":"b"}',
        b'{"max_tokens":1,"Max_Tokens":100000}',
        b'{"stream":true,"stream_options":{"include_usage":true,"include_usage":false}}',
    ],
)
def test_a_governed_key_stands_once(asked: bytes) -> None:
    with pytest.raises(UnreadableError, match="stands twice"):
        read(asked, {})


# Asking for usage


fields = st.dictionaries(
    st.sampled_from(["messages", "temperature", "metadata", "seed", "é"]),
    st.text(max_size=5) | st.integers() | st.lists(st.text(max_size=3), max_size=3),
)
options = st.none() | st.dictionaries(
    st.sampled_from(["include_usage", "include_obfuscation", "é"]), st.none() | st.booleans() | st.integers(0, 2)
)


@given(fields, options, st.booleans(), st.sampled_from([None, 1]), st.randoms(use_true_random=False))
def test_usage_is_asked_for_and_nothing_else_changes(
    asked: dict[str, Any], given_options: Any, there: bool, indent: int | None, order: Any
) -> None:
    members = {**asked, "stream": True, **({"stream_options": given_options} if there else {})}
    names = [*members]
    order.shuffle(names)
    members = {name: members[name] for name in names}
    text = json.dumps(members, indent=indent).encode()
    splice = ask_usage(text)
    if there and (given_options or {}).get("include_usage") is True:
        assert splice is None
        return
    assert splice is not None
    assert splice.edit == ASKED
    expected = {**members, "stream_options": {**(members.get("stream_options") or {}), "include_usage": True}}
    assert json.loads(splice.body) == expected
    assert [read(each, {}).usage_asked for each in (text, splice.body)] == [False, True]
    assert ask_usage(splice.body) is None
    # Every other byte stays: what is before and after the edit is a prefix and a suffix of the original.
    kept = len(text) - len(b"false")
    assert common(text, splice.body) + common(text[::-1], splice.body[::-1]) >= kept


def common(one: bytes, other: bytes) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


@pytest.mark.parametrize(
    ("text", "spliced"),
    [
        (b'{"stream":true}', b'{"stream_options":{"include_usage":true},"stream":true}'),
        (b' { "stream": true }\n', b' {"stream_options":{"include_usage":true}, "stream": true }\n'),
        (b'{"stream":true,"stream_options":null}', b'{"stream":true,"stream_options":{"include_usage":true}}'),
        (b'{"stream":true,"stream_options":{}}', b'{"stream":true,"stream_options":{"include_usage":true}}'),
        (b'{"stream":true,"stream_options":{ }}', b'{"stream":true,"stream_options":{"include_usage":true }}'),
        (
            b'{"stream_options":{"include_usage" : null },"stream":true}',
            b'{"stream_options":{"include_usage" : true },"stream":true}',
        ),
        (
            b'{"stream\\u005foptions":{"x":{"include_usage":false}},"stream":true}',
            b'{"stream\\u005foptions":{"include_usage":true,"x":{"include_usage":false}},"stream":true}',
        ),
        (
            b'{"messages":[{"stream_options":{}}],"stream":true}',
            b'{"stream_options":{"include_usage":true},"messages":[{"stream_options":{}}],"stream":true}',
        ),
    ],
)
def test_the_splice_to_the_byte(text: bytes, spliced: bytes) -> None:
    splice = ask_usage(text)
    assert splice is not None
    assert splice.body == spliced


@pytest.mark.parametrize(
    "text", [b'{"stream":false}', b'{"model":"a"}', b'{"stream":true,"stream_options":[]}', b"[]", b"{", b""]
)
def test_where_usage_cannot_be_asked_for_the_body_stays(text: bytes) -> None:
    assert ask_usage(text) is None


# Answers


def test_a_stream_agrees_with_the_sdks_own_accumulator() -> None:
    state: Any = ChatCompletionStreamState()
    for _, data in CHAT[:-1]:
        state.handle_chunk(ChatCompletionChunk.model_validate(data))
    final = state.get_final_completion()
    reading = heard(*CHAT)
    assert usage_of(final.usage.model_dump()) == reading.usage == USAGE
    assert reading.served.model == final.model
    assert reading.served.service_tier == final.service_tier == "default"
    assert reading.output_bytes == len(final.choices[0].message.content.encode())


@pytest.mark.parametrize("seen", range(len(CHAT)))
def test_what_is_known_while_a_stream_runs(seen: int) -> None:
    reading = heard(*CHAT[:seen])
    last = CHAT.index(CHAT_LAST)
    assert reading.complete == (seen > last)
    assert reading.final == (reading.usage is not None) == (seen > last)
    assert "".join(reading.texts) == ["", "", "Grüße, ", CHAT_TEXT, CHAT_TEXT, ""][seen]


def test_usage_in_the_chunk_of_the_end() -> None:
    ends: list[Event] = [("", chat_chunk({"content": "hi"})), ("", chat_chunk({}, "stop", usage=CHAT_USAGE))]
    reading = heard(*ends)
    assert (reading.usage, reading.final, reading.complete) == (USAGE, True, True)


def test_a_running_count_is_no_last_word() -> None:
    running = {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11}
    events: list[Event] = [("", chat_chunk({"content": "hi"}, usage=running))]
    reading = heard(*events)
    assert (reading.usage, reading.final) == (Usage(input_text=10, output_text=1), False)
    assert reading.texts == ("hi",)
    last = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    reading = heard(*events, ("", chat_chunk({"content": "!"}, usage=last)), ("", chat_chunk({}, "stop", usage=last)))
    assert (reading.usage, reading.final) == (Usage(input_text=10, output_text=2), True)


def test_a_usage_after_which_nothing_was_said_is_the_last_word_at_the_end() -> None:
    """OpenRouter says it beside an empty choice without a reason to end, behind the one that has it."""
    done: Event = ("", "[DONE]")
    ended: list[Event] = [("", chat_chunk({"content": "hi"})), ("", chat_chunk({}, "stop"))]
    usage: Event = ("", chat_chunk({"role": "assistant", "content": ""}, usage=CHAT_USAGE))
    assert heard(*ended, usage).final is False
    reading = heard(*ended, usage, done)
    assert (reading.usage, reading.final, reading.complete, reading.texts) == (USAGE, True, True, ())
    assert heard(usage, *ended, done).final is False


def test_the_usage_said_last_counts() -> None:
    first = chat_chunk(usage={"prompt_tokens": 1, "completion_tokens": 1})
    assert heard(("", first), CHAT_LAST, ("", chat_chunk({}, "stop"))).usage == USAGE


def test_groqs_usage_of_a_stream() -> None:
    said = chat_chunk({}, "stop", x_groq={"id": "req_1", "usage": {"prompt_tokens": 9, "completion_tokens": 4}})
    del said["usage"]
    reading = heard(("", chat_chunk({"content": "hi"}, x_groq={"id": "req_1"})), ("", said))
    assert (reading.usage, reading.final) == (Usage(input_text=9, output_text=4), True)


def test_a_stream_without_usage_has_texts_and_no_usage() -> None:
    reading = heard(*[event for event in CHAT if event is not CHAT_LAST])
    assert (reading.usage, reading.final, reading.complete) == (None, False, True)
    assert reading.texts == (CHAT_TEXT,)


def test_usage_of_zeros_is_none() -> None:
    assert heard(*CHAT[:4], ("", chat_chunk(usage={"prompt_tokens": 0, "completion_tokens": 0}))).usage is None


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"message": "overloaded", "type": "server_error", "code": None}},
        {"error": "overloaded"},
        {"object": "error", "message": "overloaded", "code": 400},
    ],
)
def test_an_error_ends_a_stream(error: dict[str, Any]) -> None:
    listener = ChatListener()
    listener.event(body(chat_chunk({"content": "hi"})))
    assert not listener.ended
    listener.event(body(error))
    assert listener.ended
    reading = listener.reading()
    assert (reading.failed, reading.complete, reading.usage, reading.texts) == (True, False, None, ("hi",))


@pytest.mark.parametrize(
    ("chunk", "hidden"),
    [
        (CHAT_LAST[1], True),
        (chat_chunk(), False),
        (chat_chunk(prompt_filter_results=[{"prompt_index": 0}]), False),
        (chat_chunk({}, "stop", usage=CHAT_USAGE), False),
        ({"choices": [], "usage": None}, False),
        ({"usage": CHAT_USAGE}, False),
        ({"choices": None, "usage": CHAT_USAGE}, False),
    ],
)
def test_only_a_chunk_that_carries_nothing_but_usage_is_hidden(chunk: dict[str, Any], hidden: bool) -> None:
    assert ChatListener().event(body(chunk)) is hidden


def test_all_that_a_model_writes_is_visible_output() -> None:
    def call(index: int, **function: str) -> dict[str, Any]:
        return {"tool_calls": [{"index": index, "id": "call_1", "type": "function", "function": function}]}

    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "reasoning_content": "Hmm, ", "reasoning": "Hmm, "},
        {"reasoning": "yes."},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "deep"}]},
                {"type": "text", "text": "!"},
            ]
        },
        call(0, name="look", arguments=""),
        call(1, name="touch", arguments="{"),
        call(0, arguments='{"a":'),
        call(0, arguments="1}"),
        {"tool_calls": [{"index": 2, "custom": {"name": "sh", "input": "ls"}}]},
        {"function_call": {"name": "old", "arguments": "{}"}},
        {"refusal": "No."},
        {"audio": {"id": "audio_1", "data": "AAAA", "transcript": "Hello"}},
    ]
    reading = heard(*[("", chat_chunk(delta)) for delta in deltas])
    assert sorted(reading.texts) == sorted(
        ["Hmm, yes.", "deep!", "look", '{"a":1}', "touch", "{", "sh", "ls", "old", "{}", "No.", "Hello"]
    )
    assert reading.output_bytes == sum(map(len, reading.texts)) + len("AAAA")


def test_choices_are_texts_of_their_own() -> None:
    events: list[Event] = []
    for text in ("a1", "a2"):
        for index in (0, 1):
            choice = {"index": index, "delta": {"content": f"{text}-{index} "}, "finish_reason": None}
            events.append(("", chat_chunk(choices=[choice])))
    assert heard(*events).texts == ("a1-0 a2-0 ", "a1-1 a2-1 ")


def test_a_whole_answer() -> None:
    reading = answered(completion({"content": "hi"}, usage=CHAT_USAGE, service_tier="priority"))
    assert (reading.usage, reading.final, reading.complete, reading.failed) == (USAGE, True, True, False)
    assert (reading.served.model, reading.served.service_tier) == ("gpt-4o", "priority")


def test_a_whole_answer_without_usage_has_texts() -> None:
    calls = [{"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]
    reading = answered(completion({"content": "hi", "tool_calls": calls}))
    assert (reading.usage, reading.final, reading.complete) == (None, False, True)
    assert sorted(reading.texts) == ["hi", "look", "{}"]


def test_citations_show_a_search() -> None:
    annotations = [{"type": "url_citation", "url_citation": {"url": "https://example.com", "title": "x"}}]
    reading = answered(completion({"content": "hi", "annotations": annotations}, usage=CHAT_USAGE))
    assert reading.usage is not None
    assert reading.usage.web_search == 1
    assert answered(completion({"content": "hi", "annotations": []}, usage=CHAT_USAGE)).usage == USAGE


def test_an_error_body_is_a_failure() -> None:
    reading = answered({"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": None}})
    assert (reading.failed, reading.usage, reading.complete) == (True, None, True)


def test_names_of_providers_are_bounded() -> None:
    reading = heard(("", chat_chunk({"content": "x"}, model="m\x00\n" + "x" * 1000)))
    assert reading.served.model == "m" + "x" * 199


def test_a_split_event_is_heard_once_it_is_whole() -> None:
    listener = ChatListener()
    events = EventStream(listener.event, hiding=True)
    data = block(CHAT[1])
    assert events.feed(data[:40]) == b""
    assert events.feed(data[40:]) == data
    assert listener.output.texts() == ("Grüße, ",)
