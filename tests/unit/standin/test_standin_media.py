"""The stand-in beyond chat: its images, audio and vectors are what they claim to be, and it counts what it says."""

import io
import json
import struct
import wave
import zlib
from base64 import b64decode
from typing import Any

import pytest

from proxy.model.usage import Usage
from proxy.standin import forms
from proxy.standin.answering import compose
from proxy.standin.behaviour import Behaviour
from proxy.standin.openai_media import FORMATS
from proxy.standin.protocol import Answer, File, Format, Plain, WrongRequestError

DIGEST = "0123456789abcdef" * 4


def sound(milliseconds: int) -> File:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(16 * milliseconds))
    return File(made.getvalue())


def answer(form: Format, body: dict[str, Any], **behaviour: Any) -> Answer:
    return compose(form.read(body), Behaviour(**behaviour), DIGEST)


COUNTED: list[tuple[str, dict[str, Any], Usage]] = [
    ("completions", {"model": "m", "prompt": ["hello world", "x"], "n": 2}, Usage(input_text=3, output_text=12)),
    ("completions", {"model": "m", "prompt": [1, 2, 3]}, Usage(input_text=3, output_text=3)),
    ("embeddings", {"model": "m", "input": ["hello world", "x"]}, Usage(input_text=3)),
    ("moderations", {"input": "hello"}, Usage()),
    (
        "images/edits",
        {
            "model": "gpt-image-1",
            "prompt": "hello world",
            "n": "2",
            "quality": "low",
            "image": [File(b"a"), File(b"b")],
        },
        Usage(input_text=2, input_image=646, output_image=544),
    ),
    ("images/variations", {"image": File(b"a"), "n": "3"}, Usage(output_images=3)),
    ("audio/speech", {"model": "tts-1", "input": "hello", "voice": "ash"}, Usage(input_characters=5)),
    ("audio/speech", {"model": "gpt-4o-mini-tts", "input": "hello"}, Usage(input_text=1, output_audio=12)),
    ("audio/transcriptions", {"model": "whisper-1", "file": sound(1234)}, Usage(input_audio_ms=1234)),
    (
        "audio/transcriptions",
        {"model": "gpt-4o-transcribe", "file": sound(1234), "prompt": "hello"},
        Usage(input_text=1, input_audio=13, output_text=3),
    ),
]


@pytest.mark.parametrize(("path", "body", "usage"), COUNTED)
def test_it_counts_what_it_says(path: str, body: dict[str, Any], usage: Usage) -> None:
    assert answer(FORMATS[path], body, tokens=3).usage == usage


@pytest.mark.parametrize(("path", "body", "usage"), [each for each in COUNTED if not each[2].by_unit])
def test_a_stream_says_the_same_usage_as_a_whole_answer(path: str, body: dict[str, Any], usage: Usage) -> None:
    said = answer(FORMATS[path], body, tokens=3)
    frames = list(FORMATS[path].frames(said))
    whole = FORMATS[path].whole(said)
    if not frames or isinstance(whole, Plain) or "usage" not in whole:
        return
    (last,) = [json.loads(frame.data)["usage"] for frame in frames if frame.usage]
    assert last == whole["usage"]
    assert sum(frame.tokens for frame in frames) == usage.output_text


def test_an_image_is_a_png_of_one_point() -> None:
    said = answer(FORMATS["images/generations"], {"model": "gpt-image-1", "prompt": "x"})
    whole = FORMATS["images/generations"].whole(said)
    assert isinstance(whole, dict)
    png = b64decode(whole["data"][0]["b64_json"])
    assert png.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR")
    assert struct.unpack_from(">II", png, 16) == (1, 1)
    assert struct.unpack_from(">I", png, 29)[0] == zlib.crc32(png[12:29])


@pytest.mark.parametrize(("form", "size"), [("pcm", 12 * 2400), ("wav", 44 + 12 * 2400), ("mp3", 25 * 192)])
def test_speech_is_as_long_as_its_tokens(form: str, size: int) -> None:
    said = answer(FORMATS["audio/speech"], {"model": "gpt-4o-mini-tts", "input": "hello", "response_format": form})
    whole = FORMATS["audio/speech"].whole(said)
    assert isinstance(whole, Plain)
    assert len(whole.data) == size


def test_vectors_are_the_same_packed_as_listed() -> None:
    listed, packed = (
        FORMATS["embeddings"].whole(
            answer(FORMATS["embeddings"], {"model": "m", "input": "x", "encoding_format": form})
        )
        for form in ("float", "base64")
    )
    assert isinstance(listed, dict)
    assert isinstance(packed, dict)
    numbers = listed["data"][0]["embedding"]
    assert list(struct.unpack("<8f", b64decode(packed["data"][0]["embedding"]))) == numbers


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_the_last_subtitle_ends_with_the_audio(form: str) -> None:
    body = {"model": "whisper-1", "file": sound(61_005), "response_format": form}
    whole = FORMATS["audio/transcriptions"].whole(answer(FORMATS["audio/transcriptions"], body))
    assert isinstance(whole, Plain)
    assert whole.data.decode().replace(",", ".").count("--> 00:01:01.005") == 1


FORM = b'--XX\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'


def test_a_form_is_read_as_fields_and_files() -> None:
    parts = ((b"model", b"", b"m"), (b"image[]", b'; filename="a"', b"\r\n1"), (b"image[]", b'; filename="b"', b"\xff"))
    body = b"".join(FORM % part for part in parts) + b"--XX--\r\n"
    read = forms.read(body, "multipart/form-data; boundary=XX")
    assert (read["model"], forms.files(read["image"])) == ("m", [b"\r\n1", b"\xff"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("completions", {"model": "m"}),
        ("embeddings", {"model": "m", "input": "x", "dimensions": 10**6}),
        ("images/generations", {"prompt": ""}),
        ("images/generations", {"prompt": "x", "n": 99}),
        ("images/generations", {"prompt": "x", "n": 2, "stream": True}),
        ("audio/speech", {"model": "tts-1", "input": "x" * 5000}),
        ("audio/speech", {"model": "tts-1", "input": "x", "response_format": "opus"}),
        ("audio/transcriptions", {"model": "whisper-1"}),
        ("audio/transcriptions", {"model": "whisper-1", "file": sound(9), "response_format": "doc"}),
    ],
)
def test_what_the_real_provider_would_refuse_is_refused(path: str, body: dict[str, Any]) -> None:
    with pytest.raises(WrongRequestError):
        FORMATS[path].read(body)


def test_a_field_that_is_one_value_and_a_list_is_refused() -> None:
    for names in (("model", "model[]"), ("model[]", "model")):
        parts = [f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\na\r\n' for name in names]
        with pytest.raises(WrongRequestError):
            forms.read(("".join(parts) + "--XX--\r\n").encode(), "multipart/form-data; boundary=XX")


def test_without_usage_it_counts_all_the_same() -> None:
    said = answer(FORMATS["embeddings"], {"model": "m", "input": "hello world"}, usage="none")
    whole = FORMATS["embeddings"].whole(said)
    assert isinstance(whole, dict)
    assert "usage" not in whole
    assert said.usage == Usage(input_text=2)
