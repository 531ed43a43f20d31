"""OpenAI responses over a websocket: each `response.create` is a request, its answer the events of the SSE stream."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import msgspec

from proxy.model.usage import Usage
from proxy.standin.answering import compose
from proxy.standin.openai_responses import OpenAIResponses
from proxy.standin.protocol import MISSING_MODEL, Answer, WrongRequestError
from proxy.standin.socket import CutError, Socket, Turn, wrong
from proxy.standin.tally import Ended, Tally


class ResponsesTalk:
    """A warm-up (`generate: false`) puts nothing out and costs nothing. Earlier responses are known on this socket
    only, and cost nothing again."""

    def __init__(self) -> None:
        self._form = OpenAIResponses()
        self._known: set[str] = set()

    async def __call__(self, socket: Socket, tally: Tally) -> None:
        while True:
            message = await socket.next()
            try:
                body = msgspec.json.decode(message)
                kind = body.get("type")
            except (msgspec.DecodeError, AttributeError):
                await socket.say(wrong(WrongRequestError("the message is not a JSON object")))
                continue
            if kind == "response.create":
                await self._answer(socket, tally, message, body)
            elif kind != "response.processed":
                await socket.say(wrong(WrongRequestError(f"unknown event {kind!r}")))

    async def _answer(self, socket: Socket, tally: Tally, message: bytes, body: dict[str, Any]) -> None:
        warm_up = body.get("generate") is False
        operation = "responses_warmup" if warm_up else "responses"
        with Turn(socket, tally, operation, str(body.get("model", "")), message) as turn:
            try:
                answer = self._compose(socket, message, body)
            except WrongRequestError as error:
                turn.status, turn.ended = error.status, Ended.ERROR
                await socket.say(wrong(error))
                return
            if warm_up:
                answer = replace(answer, choices=((),), usage=Usage(), usage_shown=True, limited=False)
            await self._stream(socket, turn, answer)
            self._known.add(f"resp_{answer.id}")

    def _compose(self, socket: Socket, message: bytes, body: dict[str, Any]) -> Answer:
        """Raises WrongRequestError."""
        earlier = body.get("previous_response_id")
        if earlier is not None and earlier not in self._known:
            raise WrongRequestError(f"Previous response {earlier!r} not found.", param="previous_response_id")
        asked = self._form.read(body)
        if asked.model == MISSING_MODEL:
            raise WrongRequestError(f"The model '{MISSING_MODEL}' does not exist", status=404, param="model")
        return compose(asked, socket.behaviour, sha256(message).hexdigest())

    async def _stream(self, socket: Socket, turn: Turn, answer: Answer) -> None:
        asked, sent = socket.behaviour, 0
        turn.usage = replace(answer.usage, output_text=0, reasoning=0)
        await socket.pause(asked.delay_ms)
        for frame in self._form.frames(answer):
            if frame.tokens and sent == asked.error_event_after:
                turn.ended = Ended.ERROR
                return await socket.say(self._form.failure("The stand-in was asked to fail here.").data)
            if frame.tokens and sent == asked.cut_after:
                raise CutError
            if frame.tokens and sent == asked.stall_after:
                await socket.gone()
            if frame.tokens:
                await socket.pause(asked.chunk_ms)
            if frame.usage:
                turn.usage = answer.usage
            await socket.say(frame.data)
            sent += frame.tokens
            if not frame.usage:
                turn.usage = replace(turn.usage, output_text=sent)
        turn.ended = Ended.COMPLETE
