"""Every operation that answers at once has a reader and a meter, whose word doesn't depend on how bytes arrive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import Event, chunks, noisy, stream

from proxy.dialects.dialect import Meter, Operation, Reading
from proxy.dialects.openai_operations import (
    COMPLETIONS,
    EMBEDDINGS,
    IMAGES,
    MODERATIONS,
    POSTED,
    SPEECH,
    TRANSCRIPTIONS,
    meter,
    read,
    streams,
)
from proxy.model.call import Request
from proxy.model.usage import Usage

SSE = b"text/event-stream; charset=utf-8"
TOKENS = {"input_tokens": 50, "output_tokens": 272, "total_tokens": 322}
CHUNK = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m-1", "usage": None}
PROTOCOLS: dict[str, tuple[Operation, Request, list[Event], Usage]] = {
    "completions": (
        COMPLETIONS,
        Request("m", stream=True),
        [
            ("", {**CHUNK, "choices": [{"index": 0, "text": "Gr", "finish_reason": None}]}),
            ("", {**CHUNK, "choices": [{"index": 0, "text": "üße\u2028", "finish_reason": "stop"}]}),
            ("", {**CHUNK, "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}}),
            ("", "[DONE]"),
        ],
        Usage(input_text=5, output_text=7),
    ),
    "images": (
        IMAGES,
        Request("gpt-image-1", stream=True),
        [
            (
                "image_generation.partial_image",
                {"type": "image_generation.partial_image", "b64_json": "AA==", "partial_image_index": 0},
            ),
            (
                "image_generation.completed",
                {"type": "image_generation.completed", "b64_json": "AA==", "usage": TOKENS},
            ),
        ],
        Usage(input_text=50, output_image=272),
    ),
    "speech": (
        SPEECH,
        Request("gpt-4o-mini-tts", stream=True),
        [
            ("", {"type": "speech.audio.delta", "audio": "AAAA"}),
            ("", {"type": "speech.audio.done", "usage": TOKENS}),
        ],
        Usage(input_text=50, output_audio=272),
    ),
    "transcriptions": (
        TRANSCRIPTIONS,
        Request("gpt-4o-transcribe", stream=True),
        [
            ("", {"type": "transcript.text.delta", "delta": "Grüße\u2028"}),
            ("", {"type": "transcript.text.done", "text": "Grüße\u2028", "usage": TOKENS}),
        ],
        Usage(input_text=50, output_text=272),
    ),
}


def fed(meter_: Meter, pieces: list[bytes]) -> tuple[bytes, Reading]:
    out = b"".join([meter_.feed(piece) for piece in pieces]) + meter_.finish()
    return out, meter_.reading()


def made(protocol: str) -> Meter:
    operation, request, _, _ = PROTOCOLS[protocol]
    return meter(operation, request, SSE, hide_usage=False)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_a_reading_does_not_depend_on_how_bytes_arrive(protocol: str, data: st.DataObject) -> None:
    events = PROTOCOLS[protocol][2]
    whole = b"".join(data.draw(noisy(events)))
    expected = fed(made(protocol), [stream(events)])[1]
    assert (expected.usage, expected.final, expected.complete) == (PROTOCOLS[protocol][3], True, True)
    assert fed(made(protocol), data.draw(st.composite(chunks)(whole))) == (whole, expected)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_a_broken_off_stream_reads_the_same_in_any_chunking(protocol: str, data: st.DataObject) -> None:
    whole = stream(PROTOCOLS[protocol][2])
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    assert fed(made(protocol), data.draw(st.composite(chunks)(cut))) == fed(made(protocol), [cut])


@pytest.mark.parametrize("path", POSTED)
@given(data=st.binary(max_size=300))
def test_any_answer_at_all_passes_unchanged(path: str, data: bytes) -> None:
    for content_type in (SSE, b"application/json", b"text/plain", b"audio/mpeg", b""):
        answer = meter(POSTED[path], Request("m"), content_type, hide_usage=False)
        assert fed(answer, [data])[0] == data


@pytest.mark.parametrize("path", [path for path in POSTED if not path.startswith("/audio/tr")])
def test_every_operation_reads_its_model(path: str) -> None:
    assert read(POSTED[path], b'{"model":"m-1","prompt":"x","input":"x"}', {}).model == "m-1"


def test_only_counting_and_moderations_are_free() -> None:
    assert {name for name, operation in POSTED.items() if not operation.priced} == {
        "/responses/input_tokens",
        "/moderations",
    }
    assert MODERATIONS.body_read


def test_a_transcript_that_looks_like_events_is_text() -> None:
    operation = TRANSCRIPTIONS
    answer = meter(operation, Request("whisper-1", guessed=Usage(input_audio_ms=9)), b"text/plain", hide_usage=False)
    reading = fed(answer, [b"data: is what they talk about"])[1]
    assert (reading.complete, reading.texts) == (True, ("data: is what they talk about",))


def test_audio_and_events_are_passed_on_as_they_come() -> None:
    assert streams(SPEECH, b"audio/mpeg")
    assert streams(IMAGES, SSE)
    assert not streams(SPEECH, b"application/json")
    assert not streams(EMBEDDINGS, b"application/json")
    assert not streams(TRANSCRIPTIONS, b"text/plain")
