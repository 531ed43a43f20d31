"""Laws of every meter: what it says doesn't depend on how an answer arrives, and what passes is what came."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import CHAT, CHAT_LAST, MESSAGES, RESPONSES, Event, block, body, chunks, message, noisy, response, stream

from proxy.dialects.anthropic import MESSAGES as MESSAGES_OPERATION
from proxy.dialects.anthropic import Anthropic
from proxy.dialects.dialect import Meter, Reading
from proxy.dialects.meters import ANSWER_BYTES_MAX, END_BYTES
from proxy.dialects.openai import OpenAI
from proxy.dialects.openai_operations import CHAT as CHAT_OPERATION
from proxy.dialects.openai_operations import RESPONSES as RESPONSES_OPERATION
from proxy.dialects.openai_places import MODELS
from proxy.model.call import Request
from proxy.model.usage import Usage

NAMES = (
    *("choices", "delta", "message", "content", "content_block", "type", "index", "model", "status", "error"),
    *("response", "output", "item", "name", "arguments", "function", "tool_calls", "audio", "annotations"),
    *("usage", "x_groq", "prompt_tokens", "input_tokens", "output_tokens", "prompt_tokens_details"),
    *("cached_tokens", "cache_creation", "iterations"),
)
PROTOCOLS: dict[str, list[Event]] = {"chat": CHAT, "responses": RESPONSES, "messages": MESSAGES}


def meter(protocol: str, *, sse: bool = True, hide: bool = False) -> Meter:
    content_type = b"text/event-stream" if sse else b"application/json"
    if protocol == "messages":
        return Anthropic().meter(MESSAGES_OPERATION, Request(""), content_type=content_type, hide_usage=hide)
    operation = CHAT_OPERATION if protocol == "chat" else RESPONSES_OPERATION
    return OpenAI().meter(operation, Request(""), content_type=content_type, hide_usage=hide)


def read(meter: Meter, pieces: list[bytes]) -> tuple[bytes, Reading]:
    out = b"".join([meter.feed(piece) for piece in pieces]) + meter.finish()
    return out, meter.reading()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_a_reading_does_not_depend_on_how_bytes_arrive(protocol: str, data: st.DataObject) -> None:
    events = PROTOCOLS[protocol]
    whole = b"".join(data.draw(noisy(events)))
    pieces = data.draw(st.composite(chunks)(whole))
    expected = read(meter(protocol), [stream(events)])[1]
    assert expected.usage is not None
    assert expected.final
    assert expected.complete
    out, reading = read(meter(protocol), pieces)
    assert reading == expected
    assert out == whole


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_a_broken_off_stream_reads_the_same_in_any_chunking(protocol: str, data: st.DataObject) -> None:
    whole = stream(PROTOCOLS[protocol])
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    assert read(meter(protocol), data.draw(st.composite(chunks)(cut))) == read(meter(protocol), [cut])


@given(data=st.data())
def test_exactly_the_usage_chunk_is_hidden(data: st.DataObject) -> None:
    blocks = data.draw(noisy(CHAT))
    whole = b"".join(blocks)
    newline = next(style for style in ("\r\n", "\n", "\r") if blocks[-1].endswith((style * 2).encode()))
    out, reading = read(meter("chat", hide=True), data.draw(st.composite(chunks)(whole)))
    assert out == b"".join([each for each in blocks if each != block(CHAT_LAST, newline)])
    assert reading == read(meter("chat"), [stream(CHAT)])[1]


@pytest.mark.parametrize("protocol", ["responses", "messages"])
def test_other_protocols_hide_nothing(protocol: str) -> None:
    whole = stream(PROTOCOLS[protocol])
    assert read(meter(protocol, hide=True), [whole])[0] == whole


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_ended_is_true_from_the_last_event_on(protocol: str) -> None:
    one = meter(protocol)
    for event in PROTOCOLS[protocol][:-1]:
        one.feed(block(event))
        assert not one.ended
    last = block(PROTOCOLS[protocol][-1])
    one.feed(last[:-1])
    assert not one.ended
    one.feed(last[-1:])
    assert one.ended


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_output_bytes_never_shrink_and_bound_the_texts(protocol: str, data: st.DataObject) -> None:
    whole = b"".join(data.draw(noisy(PROTOCOLS[protocol])))
    one, seen = meter(protocol), 0
    for piece in data.draw(st.composite(chunks)(whole)):
        one.feed(piece)
        assert one.output_bytes >= seen
        seen = one.output_bytes
        if texts := one.reading().texts:
            assert sum(len(text.encode()) for text in texts) == seen
    assert seen > 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(
    values=st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.floats(allow_nan=False),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(NAMES),
                    inner,
                    max_size=5,
                )
            ),
            max_leaves=30,
        ),
        max_size=4,
    )
)
def test_no_answer_makes_a_meter_raise(protocol: str, values: list[Any]) -> None:
    kinds = [event[1]["type"] for event in PROTOCOLS[protocol] if isinstance(event[1], dict) and "type" in event[1]]
    typed = [{"type": kind, **value} for value in values if isinstance(value, dict) for kind in kinds]
    for sse in (True, False):
        one = meter(protocol, sse=sse)
        for value in [*values, *typed]:
            one.feed(b"data: " + json.dumps(value).encode() + b"\n\n" if sse else json.dumps(value).encode())
        one.finish()
        reading = one.reading()
        if reading.usage is not None:
            assert min(getattr(reading.usage, kind) for kind in reading.usage.__slots__) >= 0


def test_a_stream_that_was_not_announced_is_read_as_one() -> None:
    for protocol, events in PROTOCOLS.items():
        announced = read(meter(protocol), [stream(events)])[1]
        assert read(meter(protocol, sse=False), [stream(events)])[1] == announced


@pytest.mark.parametrize("junk", [b"", b"<html>502 Bad Gateway</html>", b'{"choices":[', b"\xff\xfe", b"[" * 100_000])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_no_answer_says_nothing(protocol: str, junk: bytes) -> None:
    out, reading = read(meter(protocol, sse=False), [junk])
    assert out == junk
    assert (reading.usage, reading.complete, reading.failed) == (None, False, False)


def test_a_body_above_the_limit_passes_unread() -> None:
    piece = b" " * (1024 * 1024)
    one = meter("chat", sse=False)
    for _ in range(ANSWER_BYTES_MAX // len(piece)):
        assert one.feed(piece) is piece
    one.feed(b"{}")
    one.finish()
    assert not one.reading().complete
    assert one.output_bytes == ANSWER_BYTES_MAX + 2


def test_bodies_are_complete_only_at_their_end() -> None:
    for protocol, answer in {
        "chat": {"choices": []},
        "responses": response("completed"),
        "messages": message(),
    }.items():
        one = meter(protocol, sse=False)
        one.feed(body(answer))
        assert not one.reading().complete
        one.finish()
        assert one.reading().complete


def test_what_is_free_is_not_read() -> None:
    one = OpenAI().meter(MODELS, Request(""), content_type=b"application/json", hide_usage=False)
    assert read(one, [b'{"object":"list"}'])[0] == b'{"object":"list"}'
    assert one.reading() == Reading(
        None, final=False, served=one.reading().served, complete=True, failed=False, output_bytes=0
    )


LONG = b'{"model":"m","choices":[{"message":{"content":"' + b"x" * ANSWER_BYTES_MAX
SAID = b' \\"usage\\":{\\"prompt_tokens\\":9}"}}],'
TOLD = b'"usage":{"prompt_tokens":3,"completion_tokens":4},"service_tier":"flex"}'


@pytest.mark.parametrize("cut", [1, 1000, END_BYTES, 1_000_000])
def test_an_answer_too_long_to_be_read_tells_its_usage_at_its_end(cut: int) -> None:
    whole = LONG + SAID + TOLD
    reading = read(meter("chat", sse=False), [whole[:-cut], whole[-cut:]])[1]
    assert (reading.usage, reading.final, reading.complete) == (Usage(input_text=3, output_text=4), True, True)
    assert reading.served.service_tier == "flex"


@pytest.mark.parametrize("end", [SAID + b'"id":"1"}', SAID + TOLD[:-1], SAID + TOLD + b"]}"])
def test_an_answer_too_long_to_be_read_tells_nothing_by_another_end(end: bytes) -> None:
    reading = read(meter("chat", sse=False), [LONG, end])[1]
    assert (reading.usage, reading.complete, reading.output_bytes) == (None, False, len(LONG) + len(end))
