"""OpenAI transcriptions and translations of audio: forms read, answers heard as JSON, text, subtitles or events.

Newer models sell tokens, older ones and most compatible servers the time of the audio. Text and subtitles report
neither: then the time is that of the last subtitle, else of the uploaded file.
"""

import re
from typing import Any, Final

import msgspec

from proxy.dialects import multipart, origin
from proxy.dialects.audio_length import length_or_bound_ms
from proxy.dialects.dialect import Reading
from proxy.dialects.fields import Fields
from proxy.dialects.multipart import File, FormReader
from proxy.dialects.openai_usage import usage_of
from proxy.dialects.output import Output
from proxy.dialects.quantity import QUANTITY_MAX, part
from proxy.metering.json_object import NO_JSON, ObjectReader
from proxy.model.call import Request
from proxy.model.usage import NO_USAGE, Served, Usage

GOVERNED: Final = ("model", "stream", "prompt", "language", "response_format", "temperature")

TOKENS_PER_S: Final = 10
"""Of audio that a model hears: one for 100 ms (OpenAI, managing realtime costs)."""
CHARACTERS_PER_S_MAX: Final = 50
"""Of text that anyone speaks: twice a fast speaker's. A transcript that has more is of longer audio than its file says,
since a header is the word of whoever wrote it."""
CHARACTERS_FREE: Final = 1_000
"""Of each transcript: what models add to short audio shows nothing."""
LINKED_MS: Final = 3_600_000
"""To hold for audio that the request only names, by its address."""

_BODY: Final = ObjectReader((*GOVERNED, "file", "url"))
_FORM: Final = FormReader(GOVERNED, flags=("stream",))
_BY_TOKEN: Final = ("gpt-4o",)
_TIMES: Final = re.compile(rb"--> *(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[,.](\d{3})")


def read(body: bytes, headers: dict[bytes, bytes]) -> Request:
    """Raises UnreadableError."""
    content_type = headers.get(b"content-type", b"")
    if content_type.lower().startswith(multipart.FORM):
        form = _FORM.read(body, content_type)
        return _request(form.fields, headers, form.text_bytes, form.files)
    return _request(Fields(_BODY.read(body)), headers, len(body), ())


def _request(fields: Fields, headers: dict[bytes, bytes], text_bytes: int, files: tuple[File, ...]) -> Request:
    model = fields.model()
    milliseconds = sum(length_or_bound_ms(file.data) for file in files) if files else LINKED_MS
    tokens = -(-milliseconds * TOKENS_PER_S // 1000)
    by_token = any(name in model.lower() for name in _BY_TOKEN)
    return Request(
        model=model,
        stream=fields.flag("stream"),
        thinking_tokens_max=0,
        input_bytes=text_bytes,
        guessed=Usage(input_audio=tokens) if by_token else Usage(input_audio_ms=max(1, milliseconds)),
        content=(*fields.content(("prompt",)), *(file.member for file in files)),
        session=origin.session(headers),
        agent=origin.agent(headers),
    )


class _Answer(msgspec.Struct, gc=False):
    """A whole answer, or an event."""

    type: Any = None
    delta: Any = None
    text: Any = None
    usage: Any = None
    duration: Any = None
    error: Any = None


_answer: Final = msgspec.json.Decoder(_Answer).decode


class TranscriptListener:
    """Of one answer to `request`."""

    def __init__(self, request: Request, *, json: bool) -> None:
        """`json`: False for an answer in text or subtitles."""
        self.output = Output()
        self.ended = False
        self._by_unit = request.guessed.by_unit
        self._stated_ms = request.guessed.input_audio_ms
        self._json = json
        self._usage: Usage | None = None
        self._subtitled_ms = 0
        self._complete = False
        self._failed = False

    def event(self, data: bytes) -> bool:
        try:
            event = _answer(data)
        except NO_JSON:
            return False
        if event.type == "transcript.text.done":
            self._usage = _usage(event, self._by_unit)
            self._complete = self.ended = True
        elif event.error or event.type == "error":
            self._failed = self.ended = True
        else:
            self.output.add_all("text", event.delta)
        return False

    def body(self, data: bytes) -> None:
        if not self._json:
            self._plain(data)
            return
        try:
            answer = _answer(data)
        except NO_JSON:
            return
        self._complete, self._failed = True, bool(answer.error)
        self._usage = _usage(answer, self._by_unit)
        self.output.add_all("text", answer.text)

    def _plain(self, data: bytes) -> None:
        self._complete = True
        self._subtitled_ms = _last_ms(data)
        self.output.add("text", data.decode("utf-8", "replace"))

    def reading(self) -> Reading:
        usage = self._usage
        milliseconds = self._milliseconds() if self._by_unit else 0
        return Reading(
            usage=usage,
            final=usage is not None,
            served=Served(),
            complete=self._complete,
            failed=self._failed,
            output_bytes=self.output.size,
            texts=() if usage else self.output.texts(),
            seen=Usage(input_audio_ms=milliseconds) if milliseconds else NO_USAGE,
        )

    def _milliseconds(self) -> int:
        """Of audio, by what was made of it; 0 where that tells no more than the file."""
        if self._subtitled_ms:
            return self._subtitled_ms
        characters = sum(map(len, self.output.texts())) - CHARACTERS_FREE
        spoken_ms = characters * 1000 // CHARACTERS_PER_S_MAX
        return spoken_ms if spoken_ms > self._stated_ms else 0


def _usage(answer: _Answer, by_unit: bool) -> Usage | None:
    """As reported: tokens, or seconds. A verbose answer of older servers has its seconds beside."""
    tokens = usage_of(answer.usage)
    if tokens is not None:
        return tokens
    seconds = _seconds(part({"usage": answer.usage}, "usage").get("seconds"))
    if not seconds and by_unit:
        seconds = _seconds(answer.duration)
    return Usage(input_audio_ms=min(round(seconds * 1000), QUANTITY_MAX)) if seconds else None


def _seconds(value: object) -> float:
    """A number, which some servers write as a text; 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return 0
    return min(seconds, float(QUANTITY_MAX)) if seconds > 0 else 0


def _last_ms(subtitles: bytes) -> int:
    """When the last subtitle of SRT or WebVTT ends; 0 where there is none."""
    ends = _TIMES.findall(subtitles)
    if not ends:
        return 0
    hours, minutes, seconds, milliseconds = (int(number or 0) for number in ends[-1])
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds
