"""Transcripts: forms read, tokens or time heard in every shape of answer."""

import json
from typing import Any

import pytest

from proxy.dialects.dialect import Reading, UnreadableError
from proxy.dialects.openai_transcripts import LINKED_MS, TranscriptListener, read
from proxy.metering.estimate import first_hold, holding
from proxy.model.call import Request
from proxy.model.usage import NO_USAGE, Usage

HEADERS = {b"content-type": b"multipart/form-data; boundary=XX"}


def form(*fields: tuple[str, str], audio: bytes = bytes(20_000)) -> bytes:
    parts = [f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields]
    file = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n'
    return b"\r\n".join([file + audio, *parts, b"--XX--\r\n"])


def asked(model: str, *fields: tuple[str, str]) -> Request:
    return read(form(("model", model), *fields), HEADERS)


def test_time_is_held_for_older_models_and_no_tokens() -> None:
    request = asked("whisper-1", ("response_format", "srt"))
    assert (request.model, request.guessed) == ("whisper-1", Usage(input_audio_ms=10_000))
    assert holding(request, *first_hold(request, None, False)) == request.guessed


def test_tokens_are_held_for_newer_models_not_bytes() -> None:
    request = asked("gpt-4o-transcribe", ("prompt", "names"), ("stream", "true"))
    assert (request.guessed, request.stream) == (Usage(input_audio=100), True)
    assert request.input_bytes == len("gpt-4o-transcribe" + "names" + "true")
    assert request.content[0] == b'"prompt":"names"'


def test_audio_that_is_only_named_is_held_as_an_hour() -> None:
    request = read(b'{"model":"whisper-large-v3","url":"https://example.com/a.mp3"}', {})
    assert request.guessed == Usage(input_audio_ms=LINKED_MS)


def test_the_model_may_stand_once() -> None:
    with pytest.raises(UnreadableError, match="'model' stands twice"):
        asked("whisper-1", ("model", "gpt-4o-transcribe"))


TOKENS = {
    "type": "tokens",
    "input_tokens": 24,
    "input_token_details": {"text_tokens": 10, "audio_tokens": 14},
    "output_tokens": 45,
    "total_tokens": 69,
}

USED = Usage(input_text=10, input_audio=14, output_text=45)


def body(answer: object, model: str = "whisper-1") -> Reading:
    listener = TranscriptListener(asked(model), json=True)
    listener.body(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
    return listener.reading()


@pytest.mark.parametrize(
    ("model", "answer", "used"),
    [
        ("gpt-4o-transcribe", {"text": "hi", "usage": TOKENS}, USED),
        ("whisper-1", {"text": "hi", "usage": {"type": "duration", "seconds": 7}}, Usage(input_audio_ms=7000)),
        ("whisper-1", {"text": "hi", "duration": 8.4709}, Usage(input_audio_ms=8471)),
        ("whisper-1", {"text": "hi", "duration": "8.47"}, Usage(input_audio_ms=8470)),
        ("gpt-4o-transcribe-diarize", {"text": "hi", "duration": 8.4, "usage": TOKENS}, USED),
        ("gpt-4o-transcribe", {"text": "hi", "duration": 8.4}, None),
        ("whisper-1", {"text": "hi", "x_groq": {"id": "req"}}, None),
        ("whisper-1", {"text": "hi", "duration": "long", "usage": {"seconds": True}}, None),
    ],
)
def test_usage_as_servers_report_it(model: str, answer: dict[str, Any], used: Usage | None) -> None:
    reading = body(answer, model)
    assert (reading.usage, reading.final, reading.complete) == (used, used is not None, True)
    assert reading.texts == (() if used else ("hi",))


SRT = "1\r\n00:00:00,000 --> 00:00:03,500\r\nhi\r\n\r\n2\r\n00:00:03,500 --> 01:02:03,045\r\nthere\r\n"
VTT = "WEBVTT\n\n00:00.000 --> 00:03.500\nhi\n\n00:03.500 --> 62:03.045 align:start\nthere\n"


@pytest.mark.parametrize(
    ("model", "text", "seen"),
    [
        ("whisper-1", SRT, Usage(input_audio_ms=3_723_045)),
        ("whisper-1", VTT, Usage(input_audio_ms=3_723_045)),
        ("whisper-1", "just text", NO_USAGE),
        ("whisper-1", "", NO_USAGE),
        ("gpt-4o-transcribe", SRT, NO_USAGE),
        ("whisper-1", '{"not": "json"}', NO_USAGE),
    ],
)
def test_plain_answers_are_read_by_their_last_subtitle(model: str, text: str, seen: Usage) -> None:
    listener = TranscriptListener(asked(model), json=False)
    listener.body(text.encode())
    reading = listener.reading()
    assert (reading.usage, reading.seen, reading.complete) == (None, seen, True)
    assert reading.texts == ((text,) if text else ())


@pytest.mark.parametrize("json_answer", [True, False])
def test_a_text_that_takes_longer_to_say_than_its_file_states_is_longer(json_answer: bool) -> None:
    """Ten seconds by its header, and 100,000 letters in it, however many bytes each has."""
    listener = TranscriptListener(asked("whisper-1"), json=json_answer)
    text = "अ" * 101_000
    listener.body(json.dumps({"text": text}).encode() if json_answer else text.encode())
    assert listener.reading().seen == Usage(input_audio_ms=2_000_000)


def test_a_short_text_is_no_sign_of_long_audio() -> None:
    listener = TranscriptListener(asked("whisper-1"), json=False)
    listener.body(b"x" * 1_500)
    assert listener.reading().seen == NO_USAGE


def test_a_stream_tells_its_usage_at_its_end() -> None:
    listener = TranscriptListener(asked("gpt-4o-transcribe", ("stream", "true")), json=False)
    for piece in ("Gr", "üße"):
        listener.event(json.dumps({"type": "transcript.text.delta", "delta": piece}).encode())
    assert (listener.reading().texts, listener.ended, listener.reading().output_bytes) == (("Grüße",), False, 7)
    listener.event(json.dumps({"type": "transcript.text.done", "text": "Grüße", "usage": TOKENS}).encode())
    reading = listener.reading()
    assert (reading.usage, reading.final) == (Usage(input_text=10, input_audio=14, output_text=45), True)
    assert listener.ended
