"""Bedrock's frames: whatever way bytes arrive, the same is heard; what is damaged is never believed."""

from base64 import b64encode
from contextlib import suppress
from itertools import pairwise

import msgspec
import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.bedrock_converse import ConverseListener
from proxy.dialects.bedrock_frames import FrameMeter, exception_frame
from proxy.dialects.bedrock_invoke import InvokeListener
from proxy.dialects.dialect import Reading
from proxy.metering.content import UnreadableContentError
from proxy.model.usage import Usage
from proxy.standin.bedrock_frames import BinaryFrames
from proxy.standin.behaviour import Behaviour
from proxy.standin.protocol import Frame

FRAMING = BinaryFrames(Behaviour())


def frame(event: str, fields: object) -> bytes:
    return FRAMING.wire(Frame(msgspec.json.encode(fields), event=event))


def chunk(fields: object) -> bytes:
    return frame("chunk", {"bytes": b64encode(msgspec.json.encode(fields)).decode(), "p": "abc"})


USAGE = {"inputTokens": 10, "outputTokens": 4, "totalTokens": 21, "cacheReadInputTokens": 7}
CONVERSE = (
    frame("messageStart", {"role": "assistant"}),
    frame("contentBlockDelta", {"delta": {"reasoningContent": {"text": "hm"}}, "contentBlockIndex": 0}),
    frame("contentBlockDelta", {"delta": {"text": "grüß"}, "contentBlockIndex": 1}),
    frame("contentBlockStart", {"start": {"toolUse": {"toolUseId": "1", "name": "weather"}}, "contentBlockIndex": 2}),
    frame("contentBlockDelta", {"delta": {"toolUse": {"input": '{"a":1}'}}, "contentBlockIndex": 2}),
    frame("newEvent", {"what": [1, None]}),
    frame("messageStop", {"stopReason": "end_turn"}),
    frame("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}, "serviceTier": {"type": "flex"}}),
)
WHOLE = b"".join(CONVERSE)


def read(pieces: list[bytes]) -> Reading:
    meter = FrameMeter(ConverseListener("amazon.nova-lite-v1:0", streamed=True))
    for piece in pieces:
        assert meter.feed(piece) == piece
    assert meter.finish() == b""
    return meter.reading()


@given(st.lists(st.integers(0, len(WHOLE))))
def test_usage_does_not_depend_on_how_bytes_arrive(cuts: list[int]) -> None:
    places = sorted({0, *cuts, len(WHOLE)})
    reading = read([WHOLE[start:end] for start, end in pairwise(places)])
    assert reading.usage == Usage(input_text=10, cache_read=7, output_text=4)
    assert (reading.final, reading.complete, reading.failed, reading.served.service_tier) == (True, True, False, "flex")


@given(st.integers(0, len(WHOLE) - len(CONVERSE[-1])))
def test_a_stream_that_breaks_off_anywhere_keeps_what_passed_whole(end: int) -> None:
    reading = read([WHOLE[:end]])
    assert (reading.usage, reading.final) == (None, False)
    whole = [text for at, text in ((2, "hm"), (3, "grüß"), (4, "weather"), (5, '{"a":1}')) if end >= position(at)]
    assert list(reading.texts) == whole
    assert reading.output_bytes == len("".join(whole).encode())


def position(frames: int) -> int:
    return len(b"".join(CONVERSE[:frames]))


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_never_believed(place: int, by: int) -> None:
    """The checksums find it, or the frame never comes to its end: the usage behind it is not heard."""
    damaged = bytearray(WHOLE)
    damaged[place] ^= by
    meter = FrameMeter(ConverseListener("amazon.nova-lite-v1:0", streamed=True))
    with suppress(UnreadableContentError):
        meter.feed(bytes(damaged))
    assert meter.reading().usage is None


def test_a_wrong_checksum_makes_the_answer_unreadable() -> None:
    meter = FrameMeter(ConverseListener("amazon.nova-lite-v1:0", streamed=True))
    with pytest.raises(UnreadableContentError, match="ChecksumMismatch"):
        meter.feed(WHOLE[:-1] + bytes([WHOLE[-1] ^ 1]))


@given(st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE)))
def test_what_passed_and_its_tail_end_between_two_frames(one: int, other: int) -> None:
    """So an error frame can follow, wherever the stream is ended."""
    start, end = sorted((one, other))
    meter = FrameMeter(ConverseListener("amazon.nova-lite-v1:0", streamed=True))
    meter.feed(WHOLE[:start])
    meter.feed(WHOLE[start:end])
    tail = meter.tail()
    borders = [position(count) for count in range(len(CONVERSE) + 1)]
    if tail is None:
        assert not any(start <= border <= end for border in borders)
    else:
        assert start + len(tail) in borders
        assert len(tail) <= end - start


@pytest.mark.parametrize("kind", ["throttlingException", "modelStreamErrorException"])
def test_an_exception_in_the_stream_is_a_failure(kind: str) -> None:
    reading = read([*CONVERSE[:3], exception_frame(kind, b'{"message":"m"}')])
    assert (reading.failed, reading.complete, reading.usage) == (True, False, None)


def test_our_own_exception_is_read_by_awss_library() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(WHOLE + exception_frame("validationException", b'{"message":"no"}'))
    *_, last = buffer
    assert last.to_response_dict()["status_code"] == 400
    assert last.headers[":exception-type"] == "validationException"
    assert last.payload == b'{"message":"no"}'


def test_the_end_is_the_event_with_the_usage() -> None:
    meter = FrameMeter(ConverseListener("amazon.nova-lite-v1:0", streamed=True))
    ended = []
    for piece in CONVERSE:
        meter.feed(piece)
        ended.append(meter.ended)
    assert ended == [False] * 7 + [True]


@pytest.mark.parametrize(
    ("model", "fresh"), [("us.openai.gpt-5.6-luna", 2), ("amazon.nova-lite-v1:0", 10), ("x.openai.gpt", 10)]
)
def test_cached_tokens_are_taken_off_the_input_of_openais_streams_only(model: str, fresh: int) -> None:
    meter = FrameMeter(ConverseListener(model, streamed=True))
    meter.feed(frame("metadata", {"usage": {"inputTokens": 10, "outputTokens": 1, "cacheReadInputTokens": 8}}))
    assert meter.reading().usage == Usage(input_text=fresh, cache_read=8, output_text=1)


METRICS = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 5, "outputTokenCount": 2}}
CLAUDE = {"input_tokens": 5, "cache_read_input_tokens": 3, "output_tokens": 1}
STREAMS: dict[str, tuple[list[object], Usage]] = {
    "anthropic": (
        [
            {"type": "message_start", "message": {"model": "claude-x", "usage": CLAUDE}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a b"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
            {"type": "message_stop", **METRICS},
        ],
        Usage(input_text=5, cache_read=3, output_text=2),
    ),
    "nova": (
        [
            {"contentBlockDelta": {"delta": {"text": "a b"}, "contentBlockIndex": 0}},
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": {"inputTokens": 5, "outputTokens": 2, "cacheReadInputTokenCount": 3}}, **METRICS},
        ],
        Usage(input_text=5, cache_read=3, output_text=2),
    ),
    "titan": (
        [
            {"outputText": "a b", "index": 0, "completionReason": None, "inputTextTokenCount": 5},
            {"outputText": "", "totalOutputTextTokenCount": 2, "completionReason": "FINISH", **METRICS},
        ],
        Usage(input_text=5, output_text=2),
    ),
    "llama": (
        [
            {"generation": "a b", "prompt_token_count": 5, "generation_token_count": 1, "stop_reason": None},
            {"generation": "", "generation_token_count": 2, "stop_reason": "stop", **METRICS},
        ],
        Usage(input_text=5, output_text=2),
    ),
    "mistral": (
        [
            {"outputs": [{"text": "a b", "stop_reason": None}]},
            {"outputs": [{"text": "", "stop_reason": "stop"}], **METRICS},
        ],
        Usage(input_text=5, output_text=2),
    ),
    "openai": (
        [
            {"choices": [{"delta": {"content": "a b"}, "finish_reason": None}]},
            {"choices": [{"delta": {}, "finish_reason": "stop"}], **METRICS},
        ],
        Usage(input_text=5, output_text=2),
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_chunks_of_each_family(name: str) -> None:
    pieces, usage = STREAMS[name]
    meter = FrameMeter(InvokeListener("arn:aws:bedrock:us-east-1:1:application-inference-profile/x", streamed=True))
    for piece in pieces[:-1]:
        meter.feed(chunk(piece))
        assert not meter.ended
    before = meter.reading()
    # Anthropic has told its usage before its last event.
    assert "".join(before.texts) == ("" if name == "anthropic" else "a b")
    assert before.final == (name == "anthropic")
    meter.feed(chunk(pieces[-1]))
    reading = meter.reading()
    assert (reading.usage, reading.final, reading.complete, meter.ended) == (usage, True, True, True)
    assert reading.served.model == ""


@given(st.binary(max_size=200))
def test_chunks_of_anything_hurt_nothing(data: bytes) -> None:
    meter = FrameMeter(InvokeListener("x", streamed=True))
    meter.feed(FRAMING.wire(Frame(data, event="chunk")))
    meter.feed(frame("chunk", {"bytes": b64encode(data).decode()}))
    assert meter.reading().usage is None
