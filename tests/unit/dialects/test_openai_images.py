"""Images: what is asked by JSON or form, what is held for it, and what answers report."""

import json
from typing import Any

import pytest

from proxy.dialects.dialect import Reading, UnreadableError
from proxy.dialects.openai_images import PARTIAL_TOKENS, PICTURE_TOKENS, ImagesListener, read
from proxy.model.call import Request
from proxy.model.usage import NO_USAGE, Usage

FORM = {b"content-type": b'multipart/form-data; boundary="XX"'}


def generation(model: str = "gpt-image-1", **more: Any) -> Request:
    return read(json.dumps({"model": model, "prompt": "a cat", **more}).encode(), {})


def form(*fields: tuple[str, bytes], files: int = 1) -> bytes:
    parts = [
        f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value for name, value in fields
    ]
    image = b'--XX\r\nContent-Disposition: form-data; name="image[]"; filename="a.png"\r\n\r\n' + bytes(50_000)
    return b"\r\n".join([*parts, *[image] * files, b"--XX--\r\n"])


@pytest.mark.parametrize(
    ("more", "tokens"),
    [
        ({"quality": "low", "size": "1024x1024"}, 272),
        ({"quality": "medium", "size": "1024x1536"}, 1584),
        ({"quality": "high", "size": "1024x1536"}, 6240),
        ({"quality": "high", "size": "1024x1024", "n": 3}, 3 * 4160),
        ({}, 6240),
        ({"quality": "auto", "size": "auto"}, 6240),
        ({"quality": "low", "size": "1024x1024", "stream": True, "partial_images": 2}, 272 + 2 * PARTIAL_TOKENS),
        ({"quality": "low", "size": "99999x99999"}, 272 * 10**8 // 1024**2 + 1),
    ],
)
def test_tokens_of_an_image_are_held_by_its_quality_and_area(more: dict[str, Any], tokens: int) -> None:
    request = generation(**more)
    assert (request.guessed, request.fixed) == (Usage(output_image=tokens), NO_USAGE)


@pytest.mark.parametrize(
    ("model", "more", "variant"),
    [
        ("dall-e-3", {"quality": "hd", "size": "1024x1792"}, "hd/1024-x-1792"),
        ("dall-e-3", {}, "standard/1024-x-1024"),
        ("dall-e-2", {"size": "256x256", "n": 4}, "standard/256-x-256"),
        ("flux", {"size": "auto", "quality": "auto"}, "standard/1024-x-1024"),
    ],
)
def test_older_models_sell_whole_images_by_quality_and_size(model: str, more: dict[str, Any], variant: str) -> None:
    request = generation(model, **more)
    assert (request.fixed, request.guessed) == (Usage(output_images=more.get("n", 1)), NO_USAGE)
    assert request.variant == variant


def test_a_form_is_held_by_its_images_not_by_their_bytes() -> None:
    fields = [("model", b"gpt-image-1"), ("prompt", b"a hat"), ("n", b"2"), ("stream", b"true"), ("quality", b"low")]
    request = read(form(*fields, ("size", b"1024x1024"), files=3), FORM)
    assert request.guessed == Usage(output_image=2 * 272, input_image=3 * PICTURE_TOKENS)
    assert request.input_bytes == sum(len(value) for _, value in fields) + len("1024x1024")
    assert (request.model, request.stream, request.choices) == ("gpt-image-1", True, 2)
    assert request.content[0] == b'"prompt":"a hat"'
    assert len(request.content) == 4


def test_images_within_json_are_held_as_images_not_as_text() -> None:
    images = [{"image_url": "data:image/png;base64," + "A" * 90_000}, {"file_id": "file-1"}]
    request = generation(images=images, mask={"file_id": "file-2"})
    assert request.guessed.input_image == 3 * PICTURE_TOKENS
    assert request.input_bytes < 200


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"model":"a","prompt":"x","Model":"b"}', {}),
        (b'{"prompt":"x","n":1,"n":10}', {}),
        (form(("model", b"a"), ("model", b"b")), FORM),
        (form(("n", b"1"), ("N", b"10")), FORM),
    ],
)
def test_what_prices_a_call_may_stand_once(body: bytes, headers: dict[bytes, bytes]) -> None:
    with pytest.raises(UnreadableError, match="stands twice"):
        read(body, headers)


USAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens": 272,
    "total_tokens": 322,
}
USED = Usage(input_text=10, input_image=40, output_image=272)


def body(answer: object, request: Request) -> Reading:
    listener = ImagesListener(request)
    listener.body(json.dumps(answer).encode())
    return listener.reading()


@pytest.mark.parametrize(
    ("usage", "used"),
    [
        (USAGE, USED),
        (
            {**USAGE, "input_tokens_details": {"text_tokens": 10, "image_tokens": 30, "cached_tokens": 10}},
            Usage(input_text=10, input_image=30, cache_read=10, output_image=272),
        ),
        (
            {**USAGE, "output_tokens_details": {"text_tokens": 72, "image_tokens": 200}},
            Usage(input_text=10, input_image=40, output_text=72, output_image=200),
        ),
        (None, None),
    ],
)
def test_usage_of_a_whole_answer(usage: Any, used: Usage | None) -> None:
    answer = {"created": 1, "data": [{"b64_json": "AA=="}], "size": "1024x1536", "quality": "low", "usage": usage}
    reading = body(answer, generation())
    assert reading.complete
    assert (reading.usage, reading.final) == (used, used is not None)
    assert (reading.served.variant, reading.output_bytes) == ("low/1024-x-1536", 0)


def test_of_what_is_sold_by_the_piece_the_images_that_came_count() -> None:
    reading = body({"created": 1, "data": [{"url": "u"}, {"url": "v"}]}, generation("dall-e-2", n=3, size="512x512"))
    assert (reading.usage, reading.final) == (Usage(output_images=2), True)
    assert reading.served.variant == "standard/512-x-512"


def test_a_stream_ends_with_the_last_image_and_sums_them() -> None:
    listener = ImagesListener(generation(n=2, stream=True))
    events = [{"type": "image_generation.partial_image", "b64_json": "AA=="}]
    events += [{"type": "image_generation.completed", "b64_json": "AA==", "usage": USAGE}] * 2
    ends = []
    for event in events:
        assert not listener.event(json.dumps(event).encode())
        ends.append((listener.ended, listener.reading().usage))
    assert [ended for ended, _ in ends] == [False, False, True]
    assert ends[-1][1] == Usage(input_text=20, input_image=80, output_image=544)
    assert ends[1][1] is None


def test_an_error_event_fails_the_call() -> None:
    listener = ImagesListener(generation())
    listener.event(b'{"type":"error","error":{"code":"moderation_blocked"}}')
    assert listener.reading().failed
    assert listener.ended
