"""OpenAI speech: requests read, answers rendered. All of it is silence of the right length."""

import struct
from base64 import b64encode
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from proxy.model.usage import Usage
from proxy.standin import tokens
from proxy.standin.fields import text_of
from proxy.standin.openai_completions import failure
from proxy.standin.protocol import Answer, Asked, Frame, Plain, Provider, WrongRequestError

CHARACTERS_MAX: Final = 4096
SAMPLE_BYTES: Final = 2
SAMPLES_PER_TOKEN: Final = 1200
"""At 24 kHz: 20 tokens a second."""
TOKENS_STEP: Final = 12
"""Lengths are multiples of this many tokens: whole frames of MP3."""
_MP3_FRAMES_PER_STEP: Final = 25
_MP3_FRAME: Final = b"\xff\xf3\x84\xc4" + bytes(188)
"""24 ms of silence: MPEG 2, layer 3, 64 kbit/s, 24 kHz, one channel."""
_TYPES: Final = {"mp3": b"audio/mpeg", "wav": b"audio/wav", "pcm": b"audio/pcm"}


class OpenAISpeech:
    """POST /v1/audio/speech."""

    provider: Provider = "openai"
    billed = True

    def read(self, body: dict[str, Any]) -> Asked:
        model, text, form = text_of(body, "model"), text_of(body, "input"), body.get("response_format") or "mp3"
        if len(text) > CHARACTERS_MAX:
            raise WrongRequestError(f"input must have at most {CHARACTERS_MAX} characters", param="input")
        if form not in _TYPES:
            raise WrongRequestError(f"the stand-in speaks {', '.join(_TYPES)} only", param="response_format")
        by_token = model.startswith("gpt-")
        spoken = -(-tokens.of_text(text) // TOKENS_STEP) * TOKENS_STEP
        return Asked(
            model=model,
            prompt_tokens=tokens.of_text(text) + tokens.of_text(str(body.get("instructions") or "")),
            stream=by_token and body.get("stream_format") == "sse",
            worded=False,
            beside=Usage(output_audio=spoken) if by_token else Usage(input_characters=len(text)),
            facts={"format": form, "tokens": spoken},
        )

    def whole(self, answer: Answer) -> Plain:
        return Plain(_audio(answer), _TYPES[answer.facts["format"]])

    def frames(self, answer: Answer) -> Iterable[Frame]:
        audio = _audio(answer)
        half = len(audio) // 2
        for piece in (audio[:half], audio[half:]):
            event = {"type": "speech.audio.delta", "audio": b64encode(piece).decode()}
            yield Frame(msgspec.json.encode(event))
        usage = answer.usage
        counted = {
            "input_tokens": usage.input_text,
            "output_tokens": usage.output_audio,
            "total_tokens": usage.input_text + usage.output_audio,
        }
        told = {"usage": counted} if answer.usage_shown else {}
        yield Frame(msgspec.json.encode({"type": "speech.audio.done", **told}), usage=True)

    def ping(self) -> Frame | None:
        return None

    def failure(self, message: str) -> Frame:
        return failure(message)


def _audio(answer: Answer) -> bytes:
    spoken = int(answer.facts["tokens"])
    if answer.facts["format"] == "mp3":
        return _MP3_FRAME * (spoken // TOKENS_STEP * _MP3_FRAMES_PER_STEP)
    samples = bytes(spoken * SAMPLES_PER_TOKEN * SAMPLE_BYTES)
    return samples if answer.facts["format"] == "pcm" else wav(samples)


def wav(samples: bytes, hertz: int = 24_000) -> bytes:
    """One channel of 16 bits. The sizes are those of a stream, which nobody knows at its start."""
    form = struct.pack("<HHIIHH", 1, 1, hertz, hertz * SAMPLE_BYTES, SAMPLE_BYTES, 8 * SAMPLE_BYTES)
    unknown = struct.pack("<I", 0xFFFFFFFF)
    return b"RIFF" + unknown + b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + unknown + samples
