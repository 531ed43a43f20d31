"""OpenAI's realtime protocol, and its beta: a session over a websocket in which responses and transcriptions are calls.

A client asks for a response, or the provider begins one by itself when it hears that somebody has finished speaking.
Transcriptions of what was said are the work of another model, so each is a call of its own. What a response reads is
the whole session so far: held as what the last response reported, and what has come since at a token a byte of text and
ten a second of audio.
"""

from collections import deque
from typing import Any, Final

import msgspec

from proxy.dialects import origin
from proxy.dialects.dialect import UnreadableError
from proxy.dialects.fields import Fields
from proxy.dialects.openai_event import CREATE, client_event, error_of
from proxy.dialects.realtime_session import INPUT_TOKEN_MS, RealtimeSession, spoken
from proxy.dialects.realtime_turns import Asked, RealtimeTurn, TranscriptionTurn
from proxy.dialects.socket import NOTHING, TURNS_MAX, Heard, Turn
from proxy.metering.json_object import NO_JSON, ObjectReader
from proxy.model.call import Request
from proxy.model.decision import Refusal
from proxy.model.usage import Usage

CONTEXT_TOKENS_MAX: Final = 128_000
"""What a session is taken to hold at most; the models' windows end at 128,000."""
TEXT_BYTES_PER_TOKEN: Final = 4
"""For the estimate of a response that broke off; holds count every byte."""

_EVENT: Final = ObjectReader(("type", "response", "audio", "event_id"))
_RESPONSE: Final = ObjectReader(("max_output_tokens", "conversation", "input", "output_modalities", "modalities"))
_UPDATES: Final = frozenset(("session.update", "transcription_session.update"))
_TRANSCRIPTION: Final = "conversation.item.input_audio_transcription."
_SESSIONS: Final = ("session.", "transcription_session.")


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    delta: Any = None
    response_id: Any = None
    item_id: Any = None
    response: Any = None
    session: Any = None
    transcript: Any = None
    usage: Any = None
    error: Any = None


_event: Final = msgspec.json.Decoder(_Event).decode


class RealtimeConversation:
    def __init__(self, model: str, headers: dict[bytes, bytes]) -> None:
        self._session = RealtimeSession(model)
        self._name = origin.session(headers)
        self._agent = origin.agent(headers)
        self._asked: deque[RealtimeTurn] = deque()
        self._running: dict[str, RealtimeTurn] = {}
        self._transcribing: dict[str, TranscriptionTurn] = {}
        self._context = self._context_audio = 0
        """Tokens that the last response said that it read and wrote: of text, of audio."""
        self._text_bytes = self._audio_ms = 0
        """Text and audio that have come, all together."""
        self._read = (0, 0)
        """As much of both as `_context` includes."""
        self._buffer_ms = 0
        """Audio that is not committed yet."""

    @property
    def model(self) -> str:
        return self._session.model

    def asked(self, message: bytes) -> Turn | None:
        kind, fields = client_event(_EVENT, message)
        if kind == "input_audio_buffer.append":
            self._buffer_ms += self._session.heard_ms(len(fields.raw("audio")))
        elif kind == "input_audio_buffer.clear":
            self._buffer_ms = 0
        elif kind == CREATE:
            return self._create(message, fields)
        else:
            self._text_bytes += len(message)
            if kind in _UPDATES:
                self._session.change()
        return None

    def _create(self, message: bytes, fields: Fields) -> Turn:
        if len(self._asked) + len(self._running) >= TURNS_MAX:
            raise UnreadableError(f"This session already has {TURNS_MAX} responses running, as many as outlay reads.")
        turn = self._turn(_asked(len(message), fields))
        self._asked.append(turn)
        return turn

    def _turn(self, asked: Asked) -> RealtimeTurn:
        new_bytes = self._text_bytes - self._read[0] + asked.bytes
        new_audio = -(-(self._audio_ms - self._read[1] + self._buffer_ms) // INPUT_TOKEN_MS)
        request = Request(
            self._session.model,
            stream=True,
            output_tokens_max=asked.output_tokens_max or self._session.output_tokens_max,
            input_bytes=min(new_bytes, CONTEXT_TOKENS_MAX),
            input_tokens_unseen=self._context,
            guessed=Usage(input_audio=min(new_audio + self._context_audio, CONTEXT_TOKENS_MAX)),
            spoken=self._session.spoken if asked.spoken is None else asked.spoken,
            session=self._name,
            agent=self._agent,
        )
        # What was read before is cached, as a rule: as an estimate it is taken for text, whatever it is.
        text = min(new_bytes // TEXT_BYTES_PER_TOKEN, CONTEXT_TOKENS_MAX) + self._context + self._context_audio
        seen = Usage(input_text=text, input_audio=min(new_audio, CONTEXT_TOKENS_MAX))
        return RealtimeTurn(request, seen, asked, (self._text_bytes, self._audio_ms))

    def withdraw(self, turn: Turn) -> None:
        self._asked = deque(each for each in self._asked if each is not turn)

    def heard(self, message: bytes) -> Heard:
        try:
            event = _event(message)
        except NO_JSON:
            return NOTHING
        kind = event.type
        if isinstance(event.response_id, str):
            return self._grown(kind, event)
        if kind in ("response.created", "response.done") and isinstance(event.response, dict):
            return self._response(kind, event.response)
        if kind.startswith(_TRANSCRIPTION):
            return self._transcribed(kind.removeprefix(_TRANSCRIPTION), event)
        if kind == "input_audio_buffer.committed":
            return self._committed(str(event.item_id))
        if kind.startswith(_SESSIONS):
            self._session.adopt(kind, event.session)
        return self._refused(event.error) if kind == "error" else NOTHING

    def _grown(self, kind: str, event: _Event) -> Heard:
        turn = self._running.get(event.response_id)
        if turn is None:
            return NOTHING
        if type(event.delta) is str:
            if kind in ("response.output_audio.delta", "response.audio.delta"):
                turn.sound(self._session.said_ms(len(event.delta)))
            else:
                turn.say(kind, event.delta)
        return Heard(grown=turn)

    def _response(self, kind: str, response: dict[str, Any]) -> Heard:
        id_ = str(response.get("id"))
        begun: tuple[Turn, ...] = ()
        turn = self._running.get(id_)
        if turn is None and self._asked:
            turn = self._running[id_] = self._asked.popleft()
        elif turn is None:
            turn = self._running[id_] = self._turn(Asked())
            begun = (turn,)
        turn.model = self._session.model
        if kind == "response.created":
            return Heard(begun, turn)
        del self._running[id_]
        usage = turn.end(response)
        if usage is not None:
            self._remember(turn, usage)
        return Heard(begun, turn, (turn,))

    def _remember(self, turn: RealtimeTurn, usage: Usage) -> None:
        """What the session has come to by this response. One that read something of its own tells nothing of that, and
        what came while a response ran is not among what it read."""
        written, spoken = usage.output_tokens - usage.output_audio, usage.output_audio
        if turn.asked.own_input:
            if not turn.asked.kept:
                return
            text, audio = self._context + written, self._context_audio + spoken
        else:
            self._read = max(self._read, turn.read)
            read = usage.input_audio + usage.cache_read_audio
            text, audio = usage.prompt_tokens - read + written, read + spoken
        self._context, self._context_audio = min(text, CONTEXT_TOKENS_MAX), min(audio, CONTEXT_TOKENS_MAX)

    def _committed(self, item_id: str) -> Heard:
        """What was said becomes a part of the session, and is transcribed where the session says so."""
        said_ms, self._buffer_ms = self._buffer_ms, 0
        self._audio_ms += said_ms
        if not self._session.transcriber or len(self._transcribing) >= TURNS_MAX:
            return NOTHING
        turn = TranscriptionTurn.of(self._session.transcriber, said_ms, self._name)
        self._transcribing[item_id] = turn
        return Heard((turn,), turn)

    def _transcribed(self, kind: str, event: _Event) -> Heard:
        id_ = str(event.item_id)
        turn = self._transcribing.get(id_)
        begun: tuple[Turn, ...] = ()
        if turn is None:
            turn = self._transcribing[id_] = TranscriptionTurn.of(self._session.transcriber, 0, self._name)
            begun = (turn,)
        if kind == "delta" and type(event.delta) is str:
            turn.say(event.delta)
        if kind not in ("completed", "failed"):
            return Heard(begun, turn)
        del self._transcribing[id_]
        if kind == "completed":
            turn.end(event.transcript if isinstance(event.transcript, str) else "", event.usage)
        else:
            turn.fail()
        return Heard(begun, turn, (turn,))

    def _refused(self, error: Any) -> Heard:
        """An error concerns the event that it names; where it names none, the response that waits longest."""
        cause = error.get("event_id") if isinstance(error, dict) else None
        turn = next((each for each in self._asked if each.asked.event_id == (cause or "")), None)
        if turn is None:
            return NOTHING
        self.withdraw(turn)
        turn.fail()
        return Heard(grown=turn, ended=(turn,))

    def error(self, refusal: Refusal, body: bytes, turn: Turn | None) -> str:
        error = error_of(body)
        cause = turn.asked.event_id or None if isinstance(turn, RealtimeTurn) else None
        event = {"type": "error", "event_id": "event_outlay", "error": {**error, "event_id": cause}}
        return msgspec.json.encode(event).decode()


def _asked(size: int, fields: Fields) -> Asked:
    """Of a `response.create` of so many bytes. Raises UnreadableError."""
    event_id = fields.text("event_id")
    response = fields.nested("response", _RESPONSE)
    if response is None:
        return Asked(size, event_id)
    unlimited = response.raw("max_output_tokens") in (b"", b"null", b'"inf"')
    aside = response.text("conversation") not in ("", "auto")
    return Asked(
        size,
        event_id,
        output_tokens_max=None if unlimited else response.limit("max_output_tokens"),
        spoken=_spoken(response),
        own_input=aside or response.raw("input") not in (b"", b"null"),
        kept=not aside,
    )


def _spoken(response: Fields) -> bool | None:
    stated = [raw for name in ("output_modalities", "modalities") if (raw := response.raw(name)) not in (b"", b"null")]
    return any(spoken(msgspec.json.decode(raw)) for raw in stated) if stated else None
