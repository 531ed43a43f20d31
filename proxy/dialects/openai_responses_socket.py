"""OpenAI responses over a websocket: a request is an event of the client, its answer the events of the SSE stream.

Turns follow one another; the events of one name no response save the first and the last, so what lies between belongs
to the turn that began last. A warm-up (`generate: false`) prepares a turn and puts nothing out: what it costs is what
it reports, nothing as a rule.
"""

from collections import deque
from dataclasses import replace
from typing import Any, Final

import msgspec

from proxy.dialects import openai_responses
from proxy.dialects.dialect import Operation, Reading, UnreadableError
from proxy.dialects.openai_event import CREATE, client_event, error_of
from proxy.dialects.openai_responses import ResponsesListener
from proxy.dialects.origin import bounded
from proxy.dialects.socket import NOTHING, TURNS_MAX, Heard, Turn
from proxy.metering.json_object import NO_JSON, ObjectReader
from proxy.model.call import Request
from proxy.model.decision import Refusal
from proxy.model.usage import NO_USAGE

RESPONSES: Final = Operation("responses", output_limited=True)
WARM_UP: Final = Operation("responses_warmup")

_EVENT: Final = ObjectReader(("type", "generate", "client_metadata"))
_TURN_METADATA: Final = "x-codex-turn-metadata"


class _Response(msgspec.Struct, gc=False):
    id: Any = None
    model: Any = None


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    status: Any = None
    response: _Response | None = None


_event: Final = msgspec.json.Decoder(_Event).decode


class ResponsesTurn:
    """One response."""

    def __init__(self, operation: Operation, request: Request) -> None:
        self.operation = operation
        self.request = request
        self.status = 200
        self.listener = ResponsesListener()

    @property
    def output_bytes(self) -> int:
        return self.listener.output.size

    def reading(self) -> Reading:
        reading = self.listener.reading()
        if self.operation is WARM_UP and reading.usage is None and not self.output_bytes:
            return replace(reading, usage=NO_USAGE, final=True)
        return reading


class ResponsesConversation:
    model = ""

    def __init__(self, headers: dict[bytes, bytes]) -> None:
        self._headers = headers
        self._asked: deque[ResponsesTurn] = deque()
        """Not answered yet."""
        self._running: dict[str, ResponsesTurn] = {}
        """By the id of the response, in the order they began."""

    def asked(self, message: bytes) -> Turn | None:
        kind, fields = client_event(_EVENT, message)
        if kind != CREATE:
            return None
        if len(self._asked) + len(self._running) >= TURNS_MAX:
            raise UnreadableError(f"This websocket already has {TURNS_MAX} responses running, as many as outlay reads.")
        warm_up = fields.raw("generate") == b"false"
        request = openai_responses.read(message, self._stated(fields.raw("client_metadata")))
        turn = ResponsesTurn(WARM_UP if warm_up else RESPONSES, replace(request, stream=True))
        self._asked.append(turn)
        return turn

    def _stated(self, metadata: bytes) -> dict[bytes, bytes]:
        """The headers, with what Codex states anew with each turn, in the body, since headers go only once."""
        if not metadata.startswith(b"{"):
            return self._headers
        try:
            stated = msgspec.json.decode(metadata, type=dict[str, Any]).get(_TURN_METADATA)
        except NO_JSON:
            raise UnreadableError("The key 'client_metadata' can't be read.") from None
        return {**self._headers, _TURN_METADATA.encode(): stated.encode()} if isinstance(stated, str) else self._headers

    def withdraw(self, turn: Turn) -> None:
        self._asked = deque(each for each in self._asked if each is not turn)

    def heard(self, message: bytes) -> Heard:
        try:
            event = _event(message)
        except NO_JSON:
            return NOTHING
        if event.type == "error":
            return self._failed(message, event)
        if event.response is not None and isinstance(event.response.id, str):
            return self._told(message, event.response.id, event.response)
        id_ = next(reversed(self._running), "")
        return self._fed(message, id_, self._running[id_]) if id_ else NOTHING

    def _told(self, message: bytes, id_: str, response: _Response) -> Heard:
        """Of an event that names its response: by its first one a turn gets its id."""
        turn = self._running.get(id_)
        if turn is not None:
            return self._fed(message, id_, turn)
        if self._asked:
            turn = self._running[id_] = self._asked.popleft()
            return self._fed(message, id_, turn)
        turn = self._running[id_] = ResponsesTurn(RESPONSES, Request(bounded(response.model), stream=True))
        return replace(self._fed(message, id_, turn), begun=(turn,))

    def _fed(self, message: bytes, id_: str, turn: ResponsesTurn) -> Heard:
        turn.listener.event(message)
        if not turn.listener.ended:
            return Heard(grown=turn)
        del self._running[id_]
        return Heard(grown=turn, ended=(turn,))

    def _failed(self, message: bytes, event: _Event) -> Heard:
        """An error answers the turn that waits longest, for which nothing was done then; else the running one."""
        if self._asked:
            turn = self._asked.popleft()
            stated = event.status
            turn.status = stated if type(stated) is int and 400 <= stated <= 599 else 400
            turn.listener.event(message)
            return Heard(grown=turn, ended=(turn,))
        id_ = next(reversed(self._running), "")
        return self._fed(message, id_, self._running[id_]) if id_ else NOTHING

    def error(self, refusal: Refusal, body: bytes, turn: Turn | None) -> str:
        """As OpenAI words it: with the HTTP status, by which Codex knows that trying again is of no use."""
        retry: dict[str, str] = {} if refusal.retryable else {"x-should-retry": "false"}
        if refusal.retry_after_s is not None:
            retry["retry-after"] = str(refusal.retry_after_s)
        event = {"type": "error", "status": refusal.status, "error": error_of(body), "headers": retry}
        return msgspec.json.encode(event).decode()
