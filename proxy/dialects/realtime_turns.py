"""The two kinds of calls within a realtime session: a response, and the transcription of what was said."""

from dataclasses import dataclass, replace
from typing import Any, Final

from proxy.dialects.dialect import Operation, Reading
from proxy.dialects.output import Output
from proxy.dialects.realtime_session import INPUT_TOKEN_MS, OUTPUT_TOKEN_MS
from proxy.dialects.realtime_usage import response_usage, transcription_usage
from proxy.model.call import Request
from proxy.model.usage import Served, Usage

RESPONSE: Final = Operation("realtime", output_limited=True)
TRANSCRIPTION: Final = Operation("realtime_transcription")
_BY_TIME: Final = "whisper"
"""How the models are called that sell transcription by time."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a `response.create` says of the response; the defaults are those of one that the provider begins."""

    bytes: int = 0
    event_id: str = ""
    output_tokens_max: int | None = None
    spoken: bool | None = None
    """Whether it may be audio; None: as the session says."""
    own_input: bool = False
    """It reads what it names, not the session."""
    kept: bool = True
    """What it says becomes a part of the session."""


class RealtimeTurn:
    """One response. Where it breaks off, its input is taken to be what the session held, its output what had come."""

    operation = RESPONSE

    def __init__(self, request: Request, context: Usage, asked: "Asked", read: tuple[int, int]) -> None:
        """`read`: how much text (bytes) and audio (ms) had come to the session by then."""
        self.request = request
        self.asked = asked
        self.read = read
        self.status = 200
        self.model = ""
        """The session's while it ran."""
        self._context = context
        self._output = Output()
        self._audio_ms = 0
        self._usage: Usage | None = None
        self._complete = False
        self._failed = False

    @property
    def output_bytes(self) -> int:
        return self._output.size + self._audio_tokens

    def say(self, kind: str, delta: str) -> None:
        self._output.add(kind, delta)

    def sound(self, milliseconds: int) -> None:
        self._audio_ms += milliseconds

    def end(self, response: dict[str, Any]) -> Usage | None:
        """`response.done`. Gives the usage it reports."""
        self._complete = True
        self._failed = response.get("status") == "failed"
        self._usage = response_usage(response.get("usage"))
        return self._usage

    def fail(self) -> None:
        """The provider refused to begin."""
        self._failed, self.status = True, 400

    def reading(self) -> Reading:
        seen = replace(self._context, output_audio=self._audio_tokens)
        return Reading(
            usage=self._usage or seen,
            final=self._usage is not None,
            served=Served(model=self.model),
            complete=self._complete,
            failed=self._failed,
            output_bytes=self.output_bytes,
            texts=() if self._usage else self._output.texts(),
            reply=self._output.reply(),
        )

    @property
    def _audio_tokens(self) -> int:
        return -(-self._audio_ms // OUTPUT_TOKEN_MS)


class TranscriptionTurn:
    """One piece of what was said, transcribed by a model of its own."""

    operation = TRANSCRIPTION

    def __init__(self, request: Request) -> None:
        self.request = request
        self.status = 200
        self._output = Output()
        self._usage: Usage | None = None
        self._complete = False
        self._failed = False

    @classmethod
    def of(cls, model: str, audio_ms: int, session: str) -> "TranscriptionTurn":
        """Of so much audio, by this model."""
        audio = Usage(input_audio=-(-audio_ms // INPUT_TOKEN_MS))
        if model.startswith(_BY_TIME):
            audio = Usage(input_audio_ms=audio_ms)
        return cls(Request(model, stream=True, guessed=audio, session=session))

    @property
    def output_bytes(self) -> int:
        return self._output.size

    def say(self, delta: str) -> None:
        self._output.add("", delta)

    def end(self, transcript: str, usage: Any) -> None:
        self._complete = True
        self._usage = transcription_usage(usage)
        if not self._output.size:
            self.say(transcript)

    def fail(self) -> None:
        self._failed, self.status = True, 400

    def reading(self) -> Reading:
        return Reading(
            usage=self._usage or self.request.guessed,
            final=self._usage is not None,
            served=Served(),
            complete=self._complete,
            failed=self._failed,
            output_bytes=self.output_bytes,
            texts=() if self._usage else self._output.texts(),
        )
