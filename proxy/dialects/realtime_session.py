"""A realtime session as its provider tells of it, in the words of the protocol or of its beta; lengths of its audio."""

from typing import Any, Final

from proxy.dialects.origin import bounded
from proxy.dialects.quantity import part, quantity

INPUT_TOKEN_MS: Final = 100
"""Audio of a user that makes one token (OpenAI, "Managing costs" of the realtime guide)."""
OUTPUT_TOKEN_MS: Final = 50
"""Audio of the model that makes one token (same page)."""
_PCM_BYTES_PER_MS: Final = 48
"""16 bits at 24 kHz."""
_G711_BYTES_PER_MS: Final = 8


class RealtimeSession:
    """What of a session decides on holds and estimates."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.transcriber = ""
        """The model that transcribes what is said, beside the one that answers; '' for none."""
        self._output_tokens_max: int | None = None
        self._spoken = True
        self._changes = 0
        """Asked for, and not told of yet."""
        self._bytes_in = self._bytes_out = _PCM_BYTES_PER_MS

    @property
    def output_tokens_max(self) -> int | None:
        return None if self._changes else self._output_tokens_max

    @property
    def spoken(self) -> bool:
        """Whether responses may be audio."""
        return self._spoken or self._changes > 0

    def change(self) -> None:
        """The client asks for another session: what was told before bounds nothing until the provider tells anew."""
        self._changes += 1

    def adopt(self, kind: str, session: Any) -> None:
        """Take over what `session.created` or `session.updated` says."""
        if kind.endswith(".updated"):
            self._changes = max(0, self._changes - 1)
        audio = part(session, "audio")
        heard, said = part(audio, "input"), part(audio, "output")
        named = part(heard, "transcription") or part(session, "input_audio_transcription")
        self.transcriber = bounded(named.get("model"))
        if isinstance(session, dict):
            self.model = bounded(session.get("model")) or self.model
            self._bytes_in = _bytes_per_ms(part(heard, "format").get("type"), session.get("input_audio_format"))
            self._bytes_out = _bytes_per_ms(part(said, "format").get("type"), session.get("output_audio_format"))
        limit = quantity(session, "max_output_tokens", "max_response_output_tokens")
        self._output_tokens_max = limit or None
        if isinstance(session, dict):
            self._spoken = spoken(session.get("output_modalities") or session.get("modalities"))

    def heard_ms(self, base64_chars: int) -> int:
        """Length of audio that a client sent."""
        return base64_chars * 3 // 4 // self._bytes_in

    def said_ms(self, base64_chars: int) -> int:
        """Length of audio that the model sent."""
        return base64_chars * 3 // 4 // self._bytes_out


def spoken(modalities: object) -> bool:
    """Whether audio is among what may be put out; it is where that isn't said."""
    return not isinstance(modalities, list) or not modalities or "audio" in modalities


def _bytes_per_ms(*named: object) -> int:
    """By the name of a format; PCM where it isn't told."""
    text = "".join(each for each in named if isinstance(each, str))
    return _G711_BYTES_PER_MS if "pcmu" in text or "pcma" in text or "g711" in text else _PCM_BYTES_PER_MS
