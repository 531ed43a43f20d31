"""OpenAI transcriptions and translations: forms read, answers rendered. Nothing is listened to but the length."""

import io
import wave
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from proxy.model.usage import Usage
from proxy.standin import forms, tokens
from proxy.standin.fields import text_of
from proxy.standin.openai_completions import failure
from proxy.standin.protocol import Answer, Asked, Frame, Plain, Provider, WrongRequestError

BYTES_PER_S: Final = 16_000
"""Of a file that is no WAV."""
MS_PER_TOKEN: Final = 100
_TEXT: Final = b"text/plain; charset=utf-8"
_FORMATS: Final = ("json", "text", "srt", "vtt", "verbose_json")


class OpenAITranscripts:
    """POST /v1/audio/transcriptions, /v1/audio/translations."""

    provider: Provider = "openai"
    billed = True

    def __init__(self, *, telling: bool) -> None:
        """`telling`: False where an answer in JSON says nothing of usage."""
        self._telling = telling

    def read(self, body: dict[str, Any]) -> Asked:
        model, form = text_of(body, "model"), body.get("response_format") or "json"
        files = forms.files(body.get("file"))
        if len(files) != 1:
            raise WrongRequestError("you must provide a file", param="file")
        if form not in _FORMATS:
            raise WrongRequestError(f"response_format must be one of {', '.join(_FORMATS)}", param="response_format")
        by_token = model.startswith("gpt-4o")
        milliseconds = _milliseconds(files[0])
        heard = -(-milliseconds // MS_PER_TOKEN)
        return Asked(
            model=model,
            prompt_tokens=tokens.of_text(str(body.get("prompt") or "")),
            stream=by_token and str(body.get("stream", "")).lower() == "true",
            beside=Usage(input_audio=heard) if by_token else Usage(input_audio_ms=milliseconds),
            facts={"format": form, "ms": milliseconds},
        )

    def whole(self, answer: Answer) -> dict[str, Any] | Plain:
        text, form, seconds = answer.texts[0], answer.facts["format"], answer.facts["ms"] / 1000
        if form == "text":
            return Plain(text.encode() + b"\n", _TEXT)
        if form in ("srt", "vtt"):
            return Plain(_subtitles(text, answer.facts["ms"], form).encode(), _TEXT)
        usage = {"usage": _usage(answer.usage)} if answer.usage_shown and self._telling else {}
        if form == "json":
            return {"text": text, **usage}
        return {"task": "transcribe", "language": "english", "duration": seconds, "text": text, "segments": [], **usage}

    def frames(self, answer: Answer) -> Iterable[Frame]:
        for piece in answer.choices[0]:
            yield Frame(msgspec.json.encode({"type": "transcript.text.delta", "delta": piece}), tokens=1)
        usage = {"usage": _usage(answer.usage)} if answer.usage_shown else {}
        done = {"type": "transcript.text.done", "text": answer.texts[0], **usage}
        yield Frame(msgspec.json.encode(done), usage=True)

    def ping(self) -> Frame | None:
        return None

    def failure(self, message: str) -> Frame:
        return failure(message)


def _milliseconds(data: bytes) -> int:
    try:
        with wave.open(io.BytesIO(data)) as sound:
            frames, hertz = int(sound.getnframes()), int(sound.getframerate())
            return frames * 1000 // hertz
    except (wave.Error, EOFError):
        return len(data) * 1000 // BYTES_PER_S


def _usage(usage: Usage) -> dict[str, Any]:
    if usage.by_unit:
        return {"type": "duration", "seconds": usage.input_audio_ms / 1000}
    return {
        "type": "tokens",
        "input_tokens": usage.input_tokens,
        "input_token_details": {"text_tokens": usage.input_text, "audio_tokens": usage.input_audio},
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _subtitles(text: str, milliseconds: int, form: str) -> str:
    """Two of them; the last one ends with the audio."""
    half = len(text) // 2
    mark = "," if form == "srt" else "."
    cues = ((0, milliseconds // 2, text[:half]), (milliseconds // 2, milliseconds, text[half:]))
    shown = [
        f"{n}\n{_time(start, mark)} --> {_time(end, mark)}\n{said}\n" for n, (start, end, said) in enumerate(cues, 1)
    ]
    return ("WEBVTT\n\n" if form == "vtt" else "") + "\n".join(shown)


def _time(milliseconds: int, mark: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{rest:03}"
