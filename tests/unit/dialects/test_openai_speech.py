"""Speech: characters or tokens by model; audio measured where nothing is reported."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.dialect import UnreadableError
from proxy.dialects.openai_speech import AudioMeter, SpeechListener, read
from proxy.dialects.prompt import prompt_texts
from proxy.metering.estimate import first_hold, holding
from proxy.model.usage import NO_USAGE, Usage


def test_older_models_sell_characters_and_nothing_else_is_held() -> None:
    request = read(json.dumps({"model": "tts-1", "input": "Grüße \u2028 😀", "voice": "alloy"}).encode(), {})
    assert (request.fixed, request.guessed) == (Usage(input_characters=9), NO_USAGE)
    assert holding(request, *first_hold(request, None, False)) == request.fixed


def test_newer_models_sell_tokens_of_audio() -> None:
    body = {"model": "gpt-4o-mini-tts", "input": "hello", "instructions": "softly", "stream_format": "sse"}
    request = read(json.dumps(body).encode(), {})
    assert (request.fixed, request.guessed, request.stream) == (NO_USAGE, Usage(output_audio=10), True)
    assert prompt_texts(request.content) == (["hello", "softly"], 0)


def test_the_text_may_stand_once() -> None:
    with pytest.raises(UnreadableError, match="'input' stands twice"):
        read(b'{"model":"tts-1","input":"a","input":"b"}', {})


def test_usage_comes_with_the_last_event() -> None:
    listener = SpeechListener()
    listener.event(b'{"type":"speech.audio.delta","audio":"AAAA"}')
    assert not listener.ended
    listener.event(b'{"type":"speech.audio.done","usage":{"input_tokens":14,"output_tokens":101,"total_tokens":115}}')
    reading = listener.reading()
    assert (reading.usage, reading.final, reading.complete) == (Usage(input_text=14, output_audio=101), True, True)
    assert (listener.ended, reading.output_bytes) == (True, 0)


@given(data=st.binary(max_size=300_000), cuts=st.lists(st.integers(0, 300_000), max_size=8))
def test_audio_passes_as_it_is_and_its_length_does_not_depend_on_how_it_arrives(data: bytes, cuts: list[int]) -> None:
    cuts = sorted(min(cut, len(data)) for cut in cuts)
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    split, whole = AudioMeter(b"audio/pcm"), AudioMeter(b"audio/pcm")
    assert b"".join(map(split.feed, pieces)) == whole.feed(data) == data
    assert split.finish() == whole.finish() == b""
    assert split.reading() == whole.reading()
    assert split.reading().complete is bool(data)


@pytest.mark.parametrize(
    ("content_type", "data", "tokens"),
    [
        (b"audio/pcm", bytes(48_000), 20),
        (b"audio/mpeg", (b"\xff\xf3\x84\xc4" + bytes(188)) * 250, 120),
        (b"audio/aac", b"\xff\xf1" + bytes(1000), 0),
    ],
)
def test_tokens_are_counted_by_the_length_of_the_audio(content_type: bytes, data: bytes, tokens: int) -> None:
    meter = AudioMeter(content_type)
    for start in range(0, len(data), 999):
        meter.feed(data[start : start + 999])
    meter.finish()
    assert meter.reading().seen == Usage(output_audio=tokens)


def test_little_of_a_long_answer_is_kept() -> None:
    meter = AudioMeter(b"audio/wav")
    for _ in range(100):
        meter.feed(bytes(100_000))
    assert len(meter._head) + len(meter._tail) <= 300_000
