"""Gemini's contents: facts of requests, and answers heard in any chunking, as events and as an array."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import NOISE, chunks

from proxy.dialects.dialect import Meter, Reading
from proxy.dialects.gemini import GENERATE, STREAM, Gemini
from proxy.dialects.gemini_content import SEARCHES_DEFAULT, ContentListener, read
from proxy.dialects.unseen import PART_TOKENS, STORED_TOKENS
from proxy.metering.json_object import UnreadableError
from proxy.model.call import Request
from proxy.model.usage import Usage

CONTENTS = b'"contents":[{"role":"user","parts":[{"text":"hi"}]}]'


def asked(*members: bytes, model: str = "gemini-2.5-flash") -> Request:
    return read(b"{" + b",".join((CONTENTS, *members)) + b"}", {}, model, stream=True)


@pytest.mark.parametrize("spelled", [str, lambda text: text.replace("C", "_c").replace("O", "_o").replace("T", "_t")])
@pytest.mark.parametrize(
    ("generation", "fields"),
    [
        ('"maxOutputTokens":50', {"output_tokens_max": 50}),
        ('"candidateCount":3', {"choices": 3}),
        ('"thinkingConfig":{"thinkingBudget":0}', {"thinking_tokens_max": 0}),
        ('"thinkingConfig":{"thinkingBudget":2048}', {"thinking_tokens_max": 2048}),
        ('"thinkingConfig":{"thinkingBudget":-1}', {"thinking_tokens_max": None}),
        ('"thinkingConfig":{"thinkingLevel":"LOW"}', {"thinking_tokens_max": None}),
    ],
)
def test_limits_in_either_spelling(spelled: Any, generation: str, fields: dict[str, Any]) -> None:
    text = f'"generationConfig":{{{generation}}}'
    request = asked(
        spelled(text).replace("thinking_level", "thinkingLevel").replace("thinking_budget", "thinkingBudget").encode()
    )
    assert {name: getattr(request, name) for name in fields} == fields


@pytest.mark.parametrize(
    "members",
    [
        [b'"generationConfig":{}', b'"generation_config":{}'],
        [b'"generationConfig":{"maxOutputTokens":1,"max_output_tokens":9}'],
        [b'"generationConfig":{"thinkingConfig":{"thinkingBudget":0,"thinking_budget":9}}'],
        [CONTENTS],
        [b'"system_instruction":{}', b'"systemInstruction":{}'],
    ],
)
def test_a_governed_key_in_two_spellings_is_refused(members: list[bytes]) -> None:
    with pytest.raises(UnreadableError, match="stands twice"):
        asked(*members)


@pytest.mark.parametrize(
    "generation",
    [
        b'"maxOutputTokens":"50"',
        b'"maxOutputTokens":1.5',
        b'"candidateCount":1001',
        b'"thinkingConfig":{"thinkingBudget":"9"}',
    ],
)
def test_a_limit_that_is_no_number_is_refused(generation: bytes) -> None:
    with pytest.raises(UnreadableError):
        asked(b'"generationConfig":{%b}' % generation)


@pytest.mark.parametrize(
    ("model", "tools", "searches"),
    [
        ("gemini-2.5-flash", b'[{"googleSearch":{}}]', 1),
        ("gemini-3-flash-preview", b'[{"google_search":{}}]', SEARCHES_DEFAULT),
        ("gemini-flash-latest", b'[{"googleMaps":{}}]', SEARCHES_DEFAULT),
        ("gemini-3-flash-preview", b'[{"functionDeclarations":[]}]', 0),
    ],
)
def test_searches_are_held(model: str, tools: bytes, searches: int) -> None:
    assert asked(b'"tools":' + tools, model=model).web_searches_max == searches


def test_the_tier_asked_for_prices_the_hold() -> None:
    assert asked(b'"serviceTier":"PRIORITY"').service_tier == "priority"
    assert asked(b'"service_tier":"standard"').service_tier == ""


def media(part: bytes) -> Request:
    return read(b'{"contents":[{"parts":[%b]}]}' % part, {}, "m", stream=False)


def test_media_is_allowed_for_by_its_kind_and_not_by_its_bytes() -> None:
    data = b"A" * 64_000
    image = media(b'{"inlineData":{"mimeType":"image/png","data":"%b"}}' % data)
    assert (image.input_tokens_unseen, image.input_bytes < 200) == (PART_TOKENS, True)
    audio = media(b'{"inline_data":{"mime_type":"audio/wav","data":"%b"}}' % data)
    assert PART_TOKENS + 4000 <= audio.input_tokens_unseen <= PART_TOKENS + 4001
    pdf = media(b'{"inlineData":{"mimeType":"application/pdf","data":"%b"}}' % data)
    assert (pdf.input_tokens_unseen, pdf.input_bytes > 64_000) == (0, True)


def test_what_is_only_named_is_allowed_for() -> None:
    assert media(b'{"fileData":{"mimeType":"image/png","fileUri":"x"}}').input_tokens_unseen == PART_TOKENS
    assert media(b'{"file_data":{"file_uri":"https://youtu.be/x"}}').input_tokens_unseen == STORED_TOKENS
    assert asked(b'"cachedContent":"cachedContents/1"').input_tokens_unseen == STORED_TOKENS


def test_equal_prompts_have_equal_content_in_either_spelling() -> None:
    assert asked(b'"systemInstruction":{}').content == asked(b'"system_instruction":{}').content


PROMPT = {"promptTokenCount": 20, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 20}]}


def piece(*parts: dict[str, Any], usage: dict[str, Any] | None = None, **candidate: Any) -> dict[str, Any]:
    return {
        "candidates": [{"content": {"parts": list(parts), "role": "model"}, "index": 0, **candidate}],
        "usageMetadata": {**PROMPT, **(usage or {})},
        "modelVersion": "gemini-2.5-flash",
        "responseId": "resp-1",
    }


STREAMED = [
    piece({"text": "I think", "thought": True}, usage={"thoughtsTokenCount": 7, "totalTokenCount": 27}),
    piece({"text": "Grüße, {[ "}, usage={"thoughtsTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 32}),
    piece(
        {"text": 'line\n\nsep\u2028 "} 😀'},
        {"functionCall": {"name": "look", "args": {"at": 1}}},
        usage={"thoughtsTokenCount": 9, "candidatesTokenCount": 12, "totalTokenCount": 41},
        finishReason="STOP",
        groundingMetadata={"webSearchQueries": ["a", "b", "a", ""], "groundingChunks": [{"web": {"uri": "u"}}]},
    ),
]
USAGE = Usage(input_text=20, output_text=12, reasoning=9, web_search=1)


def encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def events(pieces: list[dict[str, Any]], newline: bytes = b"\r\n") -> bytes:
    return b"".join([b"data: " + encoded(each) + newline * 2 for each in pieces])


def array(pieces: list[dict[str, Any]]) -> bytes:
    return b"[" + b"\n,\r\n".join(json.dumps(each, indent=2).encode() for each in pieces) + b"\n]\n"


def meter(kind: str) -> Meter:
    content_type = b"text/event-stream" if kind == "events" else b"application/json; charset=utf-8"
    operation = GENERATE if kind == "body" else STREAM
    return Gemini().meter(operation, Request("gemini-2.5-flash"), content_type=content_type, hide_usage=False)


def heard(kind: str, pieces: list[bytes]) -> tuple[bytes, Reading]:
    made = meter(kind)
    out = b"".join([made.feed(each) for each in pieces]) + made.finish()
    return out, made.reading()


@pytest.mark.parametrize("kind", ["events", "array"])
def test_a_stream_is_read(kind: str) -> None:
    whole = events(STREAMED) if kind == "events" else array(STREAMED)
    reading = heard(kind, [whole])[1]
    assert (reading.usage, reading.final, reading.complete, reading.failed) == (USAGE, True, True, False)
    assert (reading.served.model, reading.served.request_id) == ("gemini-2.5-flash", "resp-1")


@given(data=st.data())
def test_events_read_the_same_in_any_chunking(data: st.DataObject) -> None:
    newline = data.draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    noise = [each.encode().replace(b"\n", newline) + newline * 2 for each in NOISE]
    blocks = [data.draw(st.sampled_from([b"", *noise])) + events([each], newline) for each in STREAMED]
    whole = b"".join(blocks)
    out, reading = heard("events", data.draw(st.composite(chunks)(whole)))
    assert (out, reading) == (whole, heard("events", [events(STREAMED)])[1])


@pytest.mark.parametrize("kind", ["events", "array"])
@given(data=st.data())
def test_a_broken_off_stream_reads_the_same_in_any_chunking(kind: str, data: st.DataObject) -> None:
    whole = events(STREAMED) if kind == "events" else array(STREAMED)
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    out, reading = heard(kind, data.draw(st.composite(chunks)(cut)))
    assert (out, reading) == (cut, heard(kind, [cut])[1])


@pytest.mark.parametrize("kind", ["events", "array"])
def test_what_a_cut_stream_told_is_kept_and_what_passed_is_counted(kind: str) -> None:
    whole = events(STREAMED[:2]) if kind == "events" else array(STREAMED[:2])[:-3]
    reading = heard(kind, [whole])[1]
    assert reading.usage == Usage(input_text=20, reasoning=9)
    assert (reading.final, reading.complete, reading.texts) == (False, False, ("Grüße, {[ ",))


def test_a_whole_answer_is_read() -> None:
    reading = heard("body", [encoded(STREAMED[2])])[1]
    assert (reading.usage, reading.final, reading.complete) == (USAGE, True, True)


def test_all_candidates_must_have_ended() -> None:
    one, two = STREAMED[2], {**STREAMED[2], "candidates": [{"index": 1, "content": {"parts": [{"text": "x"}]}}]}
    assert not heard("events", [events([one, two])])[1].complete
    ended = {**two, "candidates": [{"index": 1, "finishReason": "MAX_TOKENS"}]}
    assert heard("events", [events([one, two, ended])])[1].complete


def test_pieces_after_a_finish_reason_still_count() -> None:
    later = piece(usage={"candidatesTokenCount": 30, "thoughtsTokenCount": 9, "totalTokenCount": 59})
    made = meter("events")
    made.feed(events(STREAMED))
    assert not made.ended
    made.feed(events([later]))
    assert made.reading().usage == replace(USAGE, output_text=30)


def test_an_array_ends_with_its_bracket() -> None:
    made = meter("array")
    made.feed(array(STREAMED)[:-3])
    assert not made.ended
    made.feed(b"\n]")
    assert made.ended


def test_a_blocked_prompt_costs_what_is_reported() -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {**PROMPT, "totalTokenCount": 20}}
    for kind, whole in (("events", events([blocked])), ("array", array([blocked])), ("body", encoded(blocked))):
        reading = heard(kind, [whole])[1]
        assert (reading.usage, reading.final, reading.complete) == (Usage(input_text=20), True, True)


def test_an_error_ends_a_stream() -> None:
    error = {"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}}
    for kind, whole in (("events", events([*STREAMED[:1], error])), ("array", array([*STREAMED[:1], error]))):
        made = meter(kind)
        made.feed(whole)
        assert (made.ended, made.reading().failed) == (True, True)
    assert heard("array", [encoded(error)])[1].failed


@pytest.mark.parametrize(
    ("model", "grounding", "searches"),
    [
        ("gemini-2.5-pro", {"webSearchQueries": ["a", "b"]}, 1),
        ("gemini-2.0-flash-001", {"webSearchQueries": ["a", "b"]}, 1),
        ("gemini-3-flash-preview", {"webSearchQueries": ["a", "b", "a", "", " "]}, 2),
        ("gemini-3-pro-image", {"webSearchQueries": ["a"], "imageSearchQueries": ["b"]}, 2),
        ("gemini-3.1-pro-preview", {"groundingChunks": [{"maps": {"uri": "u"}}]}, 1),
        ("gemini-3.1-pro-preview", {"groundingChunks": [{"retrievedContext": {}}]}, 0),
        ("gemini-3.1-pro-preview", {"webSearchQueries": [""]}, 0),
    ],
)
def test_searches_are_counted_as_they_are_billed(model: str, grounding: dict[str, Any], searches: int) -> None:
    listener = ContentListener(Request(model))
    listener.body(encoded({**piece(finishReason="STOP", groundingMetadata=grounding), "modelVersion": model}))
    usage = listener.reading().usage
    assert usage is not None
    assert usage.web_search == searches


@pytest.mark.parametrize(
    ("beside", "fed"),
    [
        ({}, 0),
        ({"urlContextMetadata": {"urlMetadata": [{"retrievedUrl": "https://example.com"}]}}, 9000),
        ({"content": {"parts": [{"executableCode": {"code": "1"}}]}}, 9000),
        ({"groundingMetadata": {"webSearchQueries": ["a"], "groundingChunks": [{"retrievedContext": {}}]}}, 9000),
    ],
)
def test_a_search_makes_what_other_tools_fed_no_gift(beside: dict[str, Any], fed: int) -> None:
    candidate = {"finishReason": "STOP", "groundingMetadata": {"webSearchQueries": ["a"]}, **beside}
    reported = {"promptTokenCount": 10, "toolUsePromptTokenCount": 9000, "totalTokenCount": 9010}
    listener = ContentListener(Request("gemini-2.5-pro"))
    listener.body(encoded({"candidates": [candidate], "usageMetadata": reported}))
    usage = listener.reading().usage
    assert usage is not None
    assert (usage.web_search, usage.input_text) == (1, 10 + fed)


def test_an_image_counts_as_its_tokens_and_not_as_its_bytes() -> None:
    made = meter("events")
    made.feed(events([piece({"inlineData": {"mimeType": "image/png", "data": "A" * 1_000_000}})]))
    assert 1_290 <= made.output_bytes < 5_000


@pytest.mark.parametrize(
    "odd", [b"17", b"null", b"[]", b'{"candidates":7}', b'{"candidates":[{"index":"0"}]}', b"\xff"]
)
def test_odd_pieces_do_no_harm(odd: bytes) -> None:
    listener = ContentListener(Request("m"))
    listener.event(odd)
    listener.body(odd)
    assert listener.reading().usage is None


def test_usage_is_heard_beside_candidates_of_an_unknown_shape() -> None:
    listener = ContentListener(Request("m"))
    listener.body(encoded({"candidates": {"new": 1}, "usageMetadata": PROMPT}))
    assert listener.reading().usage == Usage(input_text=20)


def test_a_closed_array_is_complete_without_a_finish_reason() -> None:
    assert not heard("array", [array(STREAMED[:2])[:-2]])[1].complete
    reading = heard("array", [array(STREAMED[:2])])[1]
    assert (reading.complete, reading.final) == (True, True)
