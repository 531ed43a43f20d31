"""OpenAI's realtime protocol, and its beta: a session with text and audio, scripted.

A response says its words as text, or as audio with their transcript: 50 ms of silence, one token, for each word. What
was read by one response is cached for the next. `input_audio_buffer.commit` is transcribed where the session names a
model for it, and answered at once where it has server-side turn detection.
"""

import base64
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import uuid4

import msgspec

from proxy.model.usage import Usage
from proxy.standin import tokens, vocabulary
from proxy.standin.protocol import WrongRequestError
from proxy.standin.socket import CutError, Socket, Turn, wrong
from proxy.standin.tally import Ended, Tally

PCM_BYTES_PER_MS: Final = 48
TOKEN_MS_IN: Final = 100
TOKEN_MS_OUT: Final = 50
SILENCE: Final = base64.b64encode(bytes(TOKEN_MS_OUT * PCM_BYTES_PER_MS)).decode()
TRANSCRIPT: Final = (" these", " words", " were", " not", " heard")
_BETA: Final = "realtime=v1"
_NAMES: Final = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_text.delta": "response.text.delta",
    "conversation.item.added": "conversation.item.created",
}
"""How the beta calls them."""


class RealtimeTalk:
    def __init__(self) -> None:
        self._session: dict[str, Any] = {}
        self._beta = False
        self._text = 0
        """Tokens of text in the conversation."""
        self._audio = 0
        """Tokens of audio in it."""
        self._read = (0, 0)
        """What of both the last response has read."""
        self._buffer_ms = 0
        self._responses = 0

    async def __call__(self, socket: Socket, tally: Tally) -> None:
        self._beta = socket.headers.get("openai-beta") == _BETA or "openai-beta.realtime-v1" in socket.subprotocols
        model = parse_qs(socket.query.decode("latin-1")).get("model", [""])[0]
        self._session = {"type": "realtime", "object": "realtime.session", "id": _id("sess"), "model": model}
        await self._say(socket, "session.created", session=self._session)
        while True:
            message = await socket.next()
            try:
                event = msgspec.json.decode(message)
                await self._take(socket, tally, message, event, event["type"])
            except (msgspec.DecodeError, KeyError, TypeError):
                await socket.say(wrong(WrongRequestError("the message is no event")))
            except WrongRequestError as error:
                await socket.say(wrong(error))

    async def _take(self, socket: Socket, tally: Tally, message: bytes, event: dict[str, Any], kind: str) -> None:
        if kind == "session.update":
            self._session |= event.get("session") or {}
            await self._say(socket, "session.updated", session=self._session)
        elif kind == "conversation.item.create":
            item = {"id": _id("item"), **event["item"]}
            self._text += tokens.of_message(str(item.get("role", "")), item.get("content"))
            await self._say(socket, "conversation.item.added", item=item)
        elif kind == "input_audio_buffer.append":
            self._buffer_ms += len(base64.b64decode(event["audio"])) // PCM_BYTES_PER_MS
        elif kind == "input_audio_buffer.commit":
            await self._commit(socket, tally, message)
        elif kind == "response.create":
            await self._respond(socket, tally, message, event.get("response") or {})
        else:
            raise WrongRequestError(f"unknown event {kind!r}")

    async def _commit(self, socket: Socket, tally: Tally, message: bytes) -> None:
        said_ms, self._buffer_ms = self._buffer_ms, 0
        if not said_ms:
            raise WrongRequestError("the input audio buffer is empty")
        self._audio += -(-said_ms // TOKEN_MS_IN)
        item_id = _id("item")
        await self._say(socket, "input_audio_buffer.committed", item_id=item_id)
        heard = self._input()
        transcriber = heard.get("transcription") or self._session.get("input_audio_transcription")
        if transcriber:
            await self._transcribe(socket, tally, message, item_id, transcriber["model"], said_ms)
        detection = heard.get("turn_detection") or self._session.get("turn_detection") or {}
        if detection.get("type") == "server_vad":
            await self._respond(socket, tally, message, {})

    def _input(self) -> Mapping[str, Any]:
        audio: dict[str, Any] = self._session.get("audio") or {}
        found: Mapping[str, Any] = audio.get("input") or {}
        return found

    async def _transcribe(
        self, socket: Socket, tally: Tally, message: bytes, item_id: str, model: str, said_ms: int
    ) -> None:
        place = {"item_id": item_id, "content_index": 0}
        event = "conversation.item.input_audio_transcription"
        audio = -(-said_ms // TOKEN_MS_IN)
        with Turn(socket, tally, "realtime_transcription", model, message) as turn:
            for piece in TRANSCRIPT:
                await self._say(socket, f"{event}.delta", **place, delta=piece)
            if model.startswith("whisper"):
                turn.usage = Usage(input_audio_ms=said_ms)
                usage: dict[str, Any] = {"type": "duration", "seconds": said_ms / 1000}
            else:
                turn.usage = Usage(input_audio=audio, output_text=len(TRANSCRIPT))
                details = {"audio_tokens": audio, "text_tokens": 0}
                usage = {"type": "tokens", "input_tokens": audio, "output_tokens": len(TRANSCRIPT)}
                usage |= {"total_tokens": audio + len(TRANSCRIPT), "input_token_details": details}
            turn.ended = Ended.COMPLETE
            await self._say(socket, f"{event}.completed", **place, transcript="".join(TRANSCRIPT), usage=usage)

    async def _respond(self, socket: Socket, tally: Tally, message: bytes, asked: dict[str, Any]) -> None:
        behaviour = socket.behaviour
        self._responses += 1
        words = vocabulary.pieces(behaviour.tokens, self._responses)
        chosen = asked.get("output_modalities") or asked.get("modalities")
        spoken = "audio" in (chosen or self._session.get("output_modalities") or ["audio"])
        id_, sent = _id("resp"), 0
        with Turn(socket, tally, "realtime", str(self._session["model"]), message) as turn:
            turn.usage = self._usage(0, spoken)
            await socket.pause(behaviour.delay_ms)
            await self._say(socket, "response.created", response={"id": id_, "status": "in_progress", "usage": None})
            for word in words:
                if sent == behaviour.cut_after:
                    raise CutError
                if sent == behaviour.stall_after:
                    await socket.gone()
                await socket.pause(behaviour.chunk_ms)
                await self._word(socket, id_, word, spoken)
                sent += 1
                turn.usage = self._usage(sent, spoken)
            turn.ended = Ended.COMPLETE
            shown = usage_object(turn.usage) if behaviour.usage == "normal" else None
            done: dict[str, Any] = {
                "id": id_,
                "object": "realtime.response",
                "status": "completed",
                "output": [],
                "usage": shown,
            }
            self._read = (self._text, self._audio)
            self._text += sent
            self._audio += sent if spoken else 0
            await self._say(socket, "response.done", response=done)

    def _usage(self, sent: int, spoken: bool) -> Usage:
        text, audio = self._read
        return Usage(
            input_text=self._text - text,
            input_audio=self._audio - audio,
            cache_read=text,
            cache_read_audio=audio,
            output_text=sent,
            output_audio=sent if spoken else 0,
        )

    async def _word(self, socket: Socket, id_: str, word: str, spoken: bool) -> None:
        place = {"response_id": id_, "item_id": "item_1", "output_index": 0, "content_index": 0}
        if not spoken:
            return await self._say(socket, "response.output_text.delta", **place, delta=word)
        await self._say(socket, "response.output_audio_transcript.delta", **place, delta=word)
        await self._say(socket, "response.output_audio.delta", **place, delta=SILENCE)

    async def _say(self, socket: Socket, kind: str, **fields: Any) -> None:
        name = _NAMES.get(kind, kind) if self._beta else kind
        await socket.say({"type": name, "event_id": _id("event"), **fields})


def usage_object(usage: Usage) -> dict[str, Any]:
    """Totals include what the details name apart."""
    cached = {"text_tokens": usage.cache_read, "audio_tokens": usage.cache_read_audio, "image_tokens": 0}
    return {
        "total_tokens": usage.prompt_tokens + usage.output_tokens,
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.output_tokens,
        "input_token_details": {
            "text_tokens": usage.input_text + usage.cache_read,
            "audio_tokens": usage.input_audio + usage.cache_read_audio,
            "image_tokens": 0,
            "cached_tokens": usage.cache_read_tokens,
            "cached_tokens_details": cached,
        },
        "output_token_details": {"text_tokens": usage.output_text, "audio_tokens": usage.output_audio},
    }


def _id(kind: str) -> str:
    return f"{kind}_{uuid4().hex[:20]}"
