"""Calls beyond chat through the data plane: what is held, settled and priced, and what passes."""

import json
import struct
from collections.abc import Iterator

import httpx
import pytest

from proxy.model.entry import Opened, Outcome
from proxy.model.usage import Usage
from tests.flow.world import KEY, World

API = "https://api.openai.test/v1"
BOUNDARY = {"content-type": "multipart/form-data; boundary=XX"}
WAV = (
    b"RIFF\xff\xff\xff\xffWAVE"
    + struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    + b"data\xff\xff\xff\xff"
    + b"\r\n" * 16000
)
"""Two seconds."""


def form(**fields: str) -> bytes:
    parts = [f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
    file = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + WAV
    return b"\r\n".join([*(part.encode() for part in parts), file, b"--XX--\r\n"])


class Provider:
    """Answers as given; keeps the body that it got."""

    def __init__(self, world: World, path: str, content_type: str, *pieces: bytes) -> None:
        self.got = b""
        self._answer = (content_type, pieces)
        world.router.post(f"{API}{path}").mock(side_effect=self._answered)

    def _answered(self, request: httpx.Request) -> httpx.Response:
        self.got = request.content
        content_type, pieces = self._answer

        class Body(httpx.AsyncByteStream, httpx.SyncByteStream):
            def __iter__(self) -> Iterator[bytes]:
                return iter(pieces)

            async def __aiter__(self):  # type: ignore[no-untyped-def]
                for piece in pieces:
                    yield piece

        return httpx.Response(200, headers={"content-type": content_type}, stream=Body())


def hold(world: World) -> Opened:
    (opened,) = [entry for entry in world.journal.entries if isinstance(entry, Opened)]
    return opened


async def test_a_form_goes_upstream_as_it_is_and_its_audio_is_paid_by_the_second(world: World) -> None:
    provider = Provider(world, "/audio/transcriptions", "text/plain", b"what ", b"was said")
    body = form(model="whisper-1", response_format="text")
    response = await world.call("POST", "/v1/audio/transcriptions", content=body, headers=BOUNDARY)
    assert response.content == b"what was said"
    assert provider.got == body
    (entry,) = world.settled
    assert (entry.usage, entry.estimated) == (Usage(input_audio_ms=2000), True)
    assert (entry.call.model, entry.call.operation, entry.outcome) == ("whisper-1", "audio_transcriptions", Outcome.OK)
    assert (hold(world).hold.input_tokens, hold(world).hold.output_tokens) == (0, 0)
    assert hold(world).hold.cost_pico == entry.cost.total_pico > 0


async def test_a_transcript_in_tokens_is_held_by_its_length_not_by_its_bytes(world: World) -> None:
    usage = {"type": "tokens", "input_tokens": 30, "output_tokens": 7, "total_tokens": 37}
    usage["input_token_details"] = {"text_tokens": 10, "audio_tokens": 20}  # type: ignore[assignment]  # as it is
    Provider(world, "/audio/transcriptions", "application/json", json.dumps({"text": "hi", "usage": usage}).encode())
    await world.call("POST", "/v1/audio/transcriptions", content=form(model="gpt-4o-transcribe"), headers=BOUNDARY)
    (entry,) = world.settled
    assert (entry.usage, entry.estimated) == (Usage(input_text=10, input_audio=20, output_text=7), False)
    # USD a million: text and audio in 2.50, text out 10 (litellm's list).
    assert entry.cost.total_pico == 30 * 2_500_000 + 7 * 10_000_000
    assert hold(world).hold.input_tokens < 2000


async def test_a_form_that_names_two_models_goes_nowhere(world: World) -> None:
    provider = Provider(world, "/audio/transcriptions", "application/json", b"{}")
    body = form(model="whisper-1").replace(
        b"--XX--", b'--XX\r\nContent-Disposition: form-data; name="Model"\r\n\r\nx\r\n--XX--'
    )
    response = await world.call("POST", "/v1/audio/transcriptions", content=body, headers=BOUNDARY)
    assert response.status_code == 400
    assert "'model' stands twice" in response.json()["error"]["message"]
    assert provider.got == b""


async def test_a_body_that_is_of_two_types_goes_nowhere(world: World) -> None:
    """By another boundary, the same bytes are another form."""
    provider = Provider(world, "/audio/transcriptions", "application/json", b"{}")
    request = httpx.Request(
        "POST",
        "http://outlay.test/v1/audio/transcriptions",
        content=form(model="whisper-1"),
        headers=[
            ("authorization", f"Bearer {KEY}"),
            ("content-type", "multipart/form-data; boundary=YY"),
            ("content-type", "multipart/form-data; boundary=XX"),
        ],
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(world.app)) as client:
        response = await client.send(request)
    assert response.status_code == 400
    assert "two content-types" in response.json()["error"]["message"]
    assert provider.got == b""


async def test_a_body_that_is_encoded_in_two_ways_goes_nowhere(world: World) -> None:
    """Bytes can be one call as they are and another one inflated."""
    provider = Provider(world, "/audio/speech", "audio/mpeg", b"")
    request = httpx.Request(
        "POST",
        "http://outlay.test/v1/audio/speech",
        content=b'{"model": "tts-1", "input": "hello", "voice": "alloy"}',
        headers=[
            ("authorization", f"Bearer {KEY}"),
            ("content-type", "application/json"),
            ("content-encoding", "deflate"),
            ("content-encoding", "identity"),
        ],
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(world.app)) as client:
        response = await client.send(request)
    assert response.status_code == 400
    assert "two content-encodings" in response.json()["error"]["message"]
    assert provider.got == b""


async def test_speech_is_paid_by_the_character_whatever_its_answer_says(world: World) -> None:
    Provider(world, "/audio/speech", "audio/mpeg", b"\xff\xfb", b"\0" * 1000)
    response = await world.call(
        "POST", "/v1/audio/speech", json={"model": "tts-1", "input": "x" * 1000, "voice": "ash"}
    )
    assert response.content == b"\xff\xfb" + b"\0" * 1000
    (entry,) = world.settled
    assert (entry.usage, entry.estimated) == (Usage(input_characters=1000), False)
    assert hold(world).hold.cost_pico == entry.cost.total_pico


@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_embeddings_cost_their_input(world: World, encoding: str) -> None:
    vector: object = [0.25] * 8 if encoding == "float" else "AACAPg=="
    answer = {"object": "list", "data": [{"embedding": vector}], "usage": {"prompt_tokens": 500, "total_tokens": 500}}
    Provider(world, "/embeddings", "application/json", json.dumps(answer).encode())
    body = {"model": "text-embedding-3-small", "input": "x", "encoding_format": encoding}
    response = await world.call("POST", "/v1/embeddings", json=body)
    assert response.json() == answer
    (entry,) = world.settled
    # 0.02 USD a million tokens.
    assert (entry.usage, entry.cost.total_pico) == (Usage(input_text=500), 500 * 20_000)
    assert hold(world).hold.output_tokens == 0


async def test_a_moderation_is_on_record_and_free(world: World) -> None:
    Provider(world, "/moderations", "application/json", b'{"results":[]}')
    await world.call("POST", "/v1/moderations", json={"model": "omni-moderation-latest", "input": "x"})
    (entry,) = world.settled
    assert (entry.cost.total_pico, entry.usage, entry.call.operation) == (0, Usage(), "moderations")


async def test_an_image_stream_that_breaks_off_is_settled_at_the_image_asked_for(world: World) -> None:
    partial = b'event: image_generation.partial_image\ndata: {"type":"image_generation.partial_image"}\n\n'
    Provider(world, "/images/generations", "text/event-stream", partial)
    body = {"model": "gpt-image-1", "prompt": "one cat", "stream": True, "quality": "low", "size": "1024x1024"}
    await world.call("POST", "/v1/images/generations", json=body)
    (entry,) = world.settled
    assert (entry.outcome, entry.estimated) == (Outcome.CUT, True)
    assert entry.usage == Usage(input_text=2, output_image=272)
    assert hold(world).hold.cost_pico >= 272 * 40_000_000


async def test_a_completion_stream_is_asked_for_its_usage_and_does_not_show_it(world: World) -> None:
    said = b'data: {"choices":[{"index":0,"text":"hi","finish_reason":"stop"}],"usage":null}\n\n'
    last = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}\n\n'
    provider = Provider(world, "/completions", "text/event-stream", said, last, b"data: [DONE]\n\n")
    response = await world.call("POST", "/v1/completions", json={"model": "m", "prompt": "x", "stream": True})
    assert b'"include_usage":true' in provider.got
    assert response.content == said + b"data: [DONE]\n\n"
    assert response.headers["x-outlay-edited"] == "stream_options.include_usage"
    (entry,) = world.settled
    assert (entry.usage, entry.estimated) == (Usage(input_text=3, output_text=1), False)
