"""OpenAI speech: requests read, answers measured. An answer is audio as bytes, or events with audio and usage.

Older models and most compatible servers sell the characters of the text. Newer ones sell tokens of the audio, which
only events report: of plain bytes the length is measured, and counted at OpenAI's rate.
"""

from typing import Any, Final

import msgspec

from proxy.dialects import origin
from proxy.dialects.audio_length import ENDS_BYTES, length_ms
from proxy.dialects.dialect import Reading
from proxy.dialects.fields import Fields
from proxy.dialects.openai_usage import media_usage_of
from proxy.dialects.output import Output
from proxy.metering.json_object import NO_JSON, ObjectReader
from proxy.model.call import Request
from proxy.model.usage import NO_USAGE, Served, Usage

GOVERNED: Final = ("model", "input", "instructions", "stream_format", "response_format")

TOKENS_PER_S: Final = 20
"""Of audio that a model puts out: one for 50 ms (OpenAI, managing realtime costs; its price of a minute agrees)."""
TOKENS_PER_CHARACTER: Final = 2
"""Of audio, where its length can't be measured: ten characters a second, which is slow speech."""
PCM_BYTES_PER_S: Final = 48_000
"""Raw samples: 24 kHz, 16 bits, one channel (OpenAI, text to speech guide)."""

_BODY: Final = ObjectReader(GOVERNED)
_BY_TOKEN: Final = ("gpt-",)


def read(body: bytes, headers: dict[bytes, bytes]) -> Request:
    """Raises UnreadableError."""
    fields = Fields(_BODY.read(body))
    model, characters = fields.model(), len(fields.text("input"))
    by_token = any(name in model.lower() for name in _BY_TOKEN)
    return Request(
        model=model,
        stream=fields.text("stream_format") == "sse",
        output_tokens_max=0,
        input_bytes=len(body),
        fixed=NO_USAGE if by_token else Usage(input_characters=max(1, characters)),
        guessed=Usage(output_audio=TOKENS_PER_CHARACTER * characters) if by_token else NO_USAGE,
        content=_content(fields),
        session=origin.session(headers),
        agent=origin.agent(headers),
    )


def _content(fields: Fields) -> tuple[bytes, ...]:
    """Text to say, and how: no messages, so they go by the names that say so."""
    named = (("prompt", "input"), ("suffix", "instructions"))
    return tuple(b'"%b":%b' % (name.encode(), raw) for name, field in named if (raw := fields.raw(field)))


class _Event(msgspec.Struct, gc=False):
    type: Any = None
    usage: Any = None
    error: Any = None


_event: Final = msgspec.json.Decoder(_Event).decode


class SpeechListener:
    """Of an answer in events. Audio is no text, so none of it is visible output."""

    def __init__(self) -> None:
        self.output = Output()
        self.ended = False
        self._done = _Event()
        self._complete = False
        self._failed = False

    def event(self, data: bytes) -> bool:
        try:
            event = _event(data)
        except NO_JSON:
            return False
        if event.type == "speech.audio.done":
            self._done = event
            self._complete = self.ended = True
        elif event.error or event.type == "error":
            self._failed = self.ended = True
        return False

    def body(self, data: bytes) -> None:
        return

    def reading(self) -> Reading:
        usage = media_usage_of(self._done.usage, "output_audio")
        return Reading(
            usage=usage,
            final=usage is not None,
            served=Served(),
            complete=self._complete,
            failed=self._failed,
            output_bytes=0,
        )


class AudioMeter:
    """Of an answer that is audio: keeps its ends, for its length."""

    ended = False
    output_bytes = 0

    def __init__(self, content_type: bytes) -> None:
        self._raw = content_type.startswith(b"audio/pcm")
        self._head = bytearray()
        self._tail = bytearray()
        self._size = 0
        self._finished = False

    def feed(self, data: bytes) -> bytes:
        self._size += len(data)
        if len(self._head) < ENDS_BYTES:
            self._head += data[: ENDS_BYTES - len(self._head)]
        self._tail += data[-ENDS_BYTES:]
        if len(self._tail) > 2 * ENDS_BYTES:
            del self._tail[:-ENDS_BYTES]
        return data

    def finish(self) -> bytes:
        self._finished = True
        return b""

    def reading(self) -> Reading:
        milliseconds = self._milliseconds() or 0
        return Reading(
            usage=None,
            final=False,
            served=Served(),
            complete=self._finished and self._size > 0,
            failed=False,
            output_bytes=0,
            seen=Usage(output_audio=-(-milliseconds * TOKENS_PER_S // 1000)),
        )

    def _milliseconds(self) -> int | None:
        if self._raw:
            return self._size * 1000 // PCM_BYTES_PER_S
        return length_ms(bytes(self._head), self._size, bytes(self._tail[-ENDS_BYTES:]))
