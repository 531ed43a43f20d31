"""The real openai SDK beyond chat: texts, vectors, images and audio come through the gateway as they come directly.

Bytes arrive as they were sent, and what is settled equals the stand-in's own count in every kind.
"""

import io
import json
import random
import wave
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import httpx
import openai
import pytest

from proxy.model.usage import KINDS
from tests.servers.processes import ALICE_KEY, OPENAI_SECRET, Deployment, StandIn, deployment, until

LOADED_S: Final = 60.0
UNREPORTED: Final = {"extra_headers": {"x-standin-usage": "none"}}
ASKED: Final[dict[str, Any]] = {"stream": True, "stream_options": {"include_usage": True}}


def sound(milliseconds: int, hertz: int = 8_000) -> bytes:
    """A WAV file of noise: every byte value occurs, line ends and dashes among them."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(hertz)
        file.writeframes(random.Random(milliseconds).randbytes(2 * hertz * milliseconds // 1000))
    return made.getvalue()


WAV: Final = ("speech.wav", sound(2_340), "audio/wav")
PICTURE: Final = ("picture.png", random.Random(7).randbytes(5_000) + b"\r\n--", "image/png")
SPEECH: Final[dict[str, Any]] = {"voice": "alloy", "input": "Grüße, wörld. \u2028 And some more of it to say aloud."}
PICTURED: Final[dict[str, Any]] = {"prompt": "a grey point", "image": [PICTURE, PICTURE], "quality": "low"}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of call: a method of the SDK, the model (a name of its own is added to it), and what is asked."""

    method: str
    family: str
    asked: Mapping[str, Any]
    estimated: bool = False
    """True: the answer reports nothing, and the ledger must say that it counted by itself."""


CALLS: Final[dict[str, Kind]] = {
    "completion": Kind("completions.create", "davinci", {"prompt": "Once upon a time", "suffix": " the end"}),
    "completions of prompts": Kind("completions.create", "davinci", {"prompt": ["one", "two wörds"], "n": 2}),
    "completion of tokens": Kind("completions.create", "davinci", {"prompt": [101, 202, 303], "max_tokens": 5}),
    "completion stream": Kind("completions.create", "davinci", {"prompt": "hello", "n": 2, "stream": True}),
    "completion stream that asks": Kind("completions.create", "davinci", {"prompt": "hello", **ASKED}),
    "completion unreported": Kind("completions.create", "davinci", {"prompt": "hello you", **UNREPORTED}, True),
    "completion stream unreported": Kind(
        "completions.create", "davinci", {"prompt": ["a b", "c d e"], "stream": True, **UNREPORTED}, True
    ),
    "embedding": Kind("embeddings.create", "text-embedding-3-small", {"input": "hello wörld"}),
    "embeddings as numbers": Kind(
        "embeddings.create",
        "text-embedding-3-small",
        {"input": ["a", "b c d"], "encoding_format": "float", "dimensions": 64},
    ),
    "embeddings of tokens": Kind("embeddings.create", "text-embedding-3-small", {"input": [[1, 2, 3], [4]]}),
    "embedding unreported": Kind(
        "embeddings.create", "text-embedding-3-small", {"input": ["one two", "three"], **UNREPORTED}, True
    ),
    "moderation": Kind("moderations.create", "omni-moderation-latest", {"input": ["a", "b"]}),
    "image": Kind("images.generate", "gpt-image-1", {"prompt": "a grey point", "n": 2, "quality": "medium"}),
    "image stream": Kind(
        "images.generate", "gpt-image-1", {"prompt": "a point", "stream": True, "partial_images": 2, "quality": "low"}
    ),
    "images by the piece": Kind("images.generate", "dall-e-3", {"prompt": "a point", "n": 3, "quality": "hd"}),
    "image edit": Kind("images.edit", "gpt-image-1", PICTURED),
    "image edit stream": Kind("images.edit", "gpt-image-1", {**PICTURED, "stream": True, "partial_images": 1}),
    "image variation": Kind("images.create_variation", "dall-e-2", {"image": PICTURE, "n": 2}),
    "speech": Kind("audio.speech.create", "tts-1", SPEECH),
    "speech in tokens": Kind("audio.speech.create", "gpt-4o-mini-tts", SPEECH, True),
    "speech as WAV": Kind("audio.speech.create", "gpt-4o-mini-tts", {**SPEECH, "response_format": "wav"}, True),
    "speech as samples": Kind("audio.speech.create", "gpt-4o-mini-tts", {**SPEECH, "response_format": "pcm"}, True),
    "speech in events": Kind(
        "audio.speech.create", "gpt-4o-mini-tts", {**SPEECH, "stream_format": "sse", "instructions": "Whisper."}
    ),
    "transcription": Kind("audio.transcriptions.create", "gpt-4o-transcribe", {"file": WAV, "prompt": "names: Ada"}),
    "transcription stream": Kind(
        "audio.transcriptions.create", "gpt-4o-mini-transcribe", {"file": WAV, "stream": True}
    ),
    "transcription unreported": Kind(
        "audio.transcriptions.create", "gpt-4o-transcribe", {"file": WAV, "prompt": "Ada", **UNREPORTED}, True
    ),
    "transcription by time": Kind("audio.transcriptions.create", "whisper-1", {"file": WAV}),
    "transcription in detail": Kind(
        "audio.transcriptions.create", "whisper-1", {"file": WAV, "response_format": "verbose_json", **UNREPORTED}
    ),
    "transcription as text": Kind(
        "audio.transcriptions.create", "whisper-1", {"file": WAV, "response_format": "text"}, True
    ),
    "transcription as SRT": Kind(
        "audio.transcriptions.create", "whisper-1", {"file": WAV, "response_format": "srt"}, True
    ),
    "transcription as VTT": Kind(
        "audio.transcriptions.create", "whisper-1", {"file": WAV, "response_format": "vtt"}, True
    ),
    "translation": Kind("audio.translations.create", "whisper-1", {"file": WAV}, True),
    "translation in detail": Kind(
        "audio.translations.create", "whisper-1", {"file": WAV, "response_format": "verbose_json"}
    ),
}
FAULTS: Final[dict[str, Kind]] = {
    "no such model": Kind("embeddings.create", "stand-in-missing", {"input": "x"}),
    "no file": Kind("images.create_variation", "dall-e-2", {"image": PICTURE, "n": 99}),
    "too many requests": Kind("audio.speech.create", "tts-1", {**SPEECH, "extra_headers": {"x-standin-status": "429"}}),
    "stream fails": Kind(
        "completions.create",
        "davinci",
        {"prompt": "x", "stream": True, "extra_headers": {"x-standin-error-event-after": "3"}},
    ),
}


def model_of(name: str) -> str:
    kind = (CALLS | FAULTS)[name]
    return kind.family if kind.family == "stand-in-missing" else f"{kind.family}-{name.replace(' ', '-')}"


def asked(name: str) -> dict[str, Any]:
    return {"model": model_of(name), **(CALLS | FAULTS)[name].asked}


def method_of(client: Any, name: str) -> Callable[..., Any]:
    for step in (CALLS | FAULTS)[name].method.split("."):
        client = getattr(client, step)
    found: Callable[..., Any] = client
    return found


def shown(result: Any) -> Any:
    if hasattr(result, "model_dump"):
        return result.model_dump()
    return result.content if hasattr(result, "content") else result


def failed(error: Exception) -> Any:
    return (type(error), getattr(error, "status_code", None), getattr(error, "body", None))


def outcome(client: openai.OpenAI, name: str) -> Any:
    """Everything that the SDK hands to its user."""
    try:
        result = method_of(client, name)(**asked(name))
        return [shown(event) for event in result] if asked(name).get("stream") else shown(result)
    except openai.APIError as error:
        return failed(error)


async def outcome_async(client: openai.AsyncOpenAI, name: str) -> Any:
    try:
        result = await method_of(client, name)(**asked(name))
        return [shown(event) async for event in result] if asked(name).get("stream") else shown(result)
    except openai.APIError as error:
        return failed(error)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory, provider: StandIn) -> Iterator[Deployment]:
    """A deployment that nothing else has called."""
    with deployment(tmp_path_factory.mktemp("media"), provider.url) as running:
        yield running


@pytest.fixture(scope="module")
def addresses(provider: StandIn, media: Deployment) -> dict[str, tuple[str, str]]:
    return {"direct": (f"{provider.url}/v1", OPENAI_SECRET), "outlay": (f"{media.url}/v1", ALICE_KEY)}


@pytest.fixture(scope="module")
def clients(addresses: dict[str, tuple[str, str]]) -> Iterator[dict[str, openai.OpenAI]]:
    made = {
        name: openai.OpenAI(base_url=url, api_key=key, max_retries=0, timeout=300)
        for name, (url, key) in addresses.items()
    }
    yield made
    for client in made.values():
        client.close()


@pytest.mark.parametrize("name", [*CALLS, *FAULTS])
def test_the_sync_client_gets_the_same_as_directly(clients: dict[str, openai.OpenAI], name: str) -> None:
    direct = outcome(clients["direct"], name)
    assert outcome(clients["outlay"], name) == direct
    assert (isinstance(direct, tuple) and issubclass(direct[0], Exception)) is (name in FAULTS)


@pytest.mark.parametrize("name", [*CALLS, *FAULTS])
async def test_the_async_client_gets_the_same_as_directly(addresses: dict[str, tuple[str, str]], name: str) -> None:
    seen = {}
    for where, (url, key) in addresses.items():
        async with openai.AsyncOpenAI(base_url=url, api_key=key, max_retries=0, timeout=300) as client:
            seen[where] = await outcome_async(client, name)
    assert seen["outlay"] == seen["direct"]


def test_speech_that_is_played_while_it_comes_is_the_same(clients: dict[str, openai.OpenAI]) -> None:
    heard = {}
    for where, client in clients.items():
        with client.audio.speech.with_streaming_response.create(model="tts-1", **SPEECH) as response:
            heard[where] = (b"".join(response.iter_bytes(1000)), response.headers["content-type"])
    assert heard["outlay"] == heard["direct"]
    assert heard["direct"][1] == "audio/mpeg"


@pytest.mark.parametrize("name", ["image edit", "image variation", "transcription", "translation"])
def test_a_form_arrives_byte_for_byte_as_it_was_sent(media: Deployment, provider: StandIn, name: str) -> None:
    """The SDK's own boundary is random, so the bytes are taken down where they leave the client."""
    sent: list[tuple[str, str]] = []

    def taken_down(request: httpx.Request) -> None:
        sent.append((sha256(request.read()).hexdigest(), sha256(request.headers["content-type"].encode()).hexdigest()))

    marker = f"bytes of {name}"
    with httpx.Client(event_hooks={"request": [taken_down]}) as http:
        client = openai.OpenAI(base_url=f"{media.url}/v1", api_key=ALICE_KEY, max_retries=0, http_client=http)
        method_of(client, name)(**asked(name), extra_headers={"x-standin-marker": marker})
    (call,) = [call for call in provider.calls() if call["marker"] == marker]
    assert (call["body_sha256"], dict(call["headers"])["content-type"]) == sent[0]


async def test_what_is_settled_equals_the_providers_own_count_in_every_kind(
    media: Deployment, provider: StandIn
) -> None:
    """By sync and async clients. The journal has every kind; the spend report its sums."""
    until("all is settled", lambda: len(settled(media)) == calls_opened(media), media.gateway)
    before = len(settled(media))
    provider.reset()
    with openai.OpenAI(base_url=f"{media.url}/v1", api_key=ALICE_KEY, max_retries=0) as client:
        for name in CALLS:
            outcome(client, name)
    async with openai.AsyncOpenAI(base_url=f"{media.url}/v1", api_key=ALICE_KEY, max_retries=0) as client_async:
        await every(client_async)
    counted = provider.counts()["models"]
    entries = settled(media)[before:]

    assert {entry["call"]["model"] for entry in entries} == set(counted) == set(map(model_of, CALLS))
    found = {model: used(entries, model) for model in counted}
    assert found == {model: {kind: counts[kind] for kind in KINDS} for model, counts in counted.items()}
    told = {entry["call"]["model"]: entry["estimated"] for entry in entries}
    assert told == {model_of(name): kind.estimated for name, kind in CALLS.items()}

    until("the ledger has loaded it", lambda: _calls(media) == len(settled(media)), media.ledger, LOADED_S)
    total = media.report("model")["total"]
    everything = settled(media)
    sums = {kind: sum(entry["usage"].get(kind, 0) for entry in everything) for kind in KINDS}
    assert total["output_tokens"] == sum(sums[k] for k in ("output_text", "reasoning", "output_audio", "output_image"))


async def every(client: openai.AsyncOpenAI) -> None:
    waiting: list[Awaitable[Any]] = [outcome_async(client, name) for name in CALLS]
    for each in waiting:
        await each


def settled(outlay: Deployment) -> list[dict[str, Any]]:
    return [line for line in lines(outlay) if line["t"] == "settled"]


def calls_opened(outlay: Deployment) -> int:
    return sum(line["t"] == "opened" for line in lines(outlay))


def lines(outlay: Deployment) -> list[dict[str, Any]]:
    files = sorted((outlay.data / "journal" / "test").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def used(entries: list[dict[str, Any]], model: str) -> dict[str, int]:
    mine = [entry["usage"] for entry in entries if entry["call"]["model"] == model]
    return {kind: sum(usage.get(kind, 0) for usage in mine) for kind in KINDS}


def _calls(outlay: Deployment) -> int:
    total: int = outlay.report("model")["total"]["calls"]
    return total
