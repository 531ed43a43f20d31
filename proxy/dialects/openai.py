"""The dialect of OpenAI, and of the many servers that speak it: chat completions, responses, models."""

from collections.abc import Sequence
from typing import Final

import msgspec

from proxy.dialects import openai_chat, openai_responses, prompt
from proxy.dialects.dialect import Meter, Operation, Splice, told
from proxy.dialects.meters import EVENT_STREAM, BodyMeter, Listener, SilentMeter, StreamMeter
from proxy.model.call import Request
from proxy.model.decision import Reason, Refusal

CHAT: Final = Operation("chat")
RESPONSES: Final = Operation("responses")
COMPACT: Final = Operation("responses_compact")
"""Sums a conversation up: spends as a response does."""
COUNT: Final = Operation("responses_count", priced=False)
"""Counts the tokens of an input."""
STORED: Final = Operation("responses_stored", priced=False, body_read=False)
"""Fetches, cancels or deletes a response whose work was metered when it was asked for."""
MODELS: Final = Operation("models", priced=False, body_read=False)

_PLACES: Final = {
    ("POST", "/v1/chat/completions"): CHAT,
    ("POST", "/v1/responses"): RESPONSES,
    ("POST", "/v1/responses/compact"): COMPACT,
    ("POST", "/v1/responses/input_tokens"): COUNT,
    ("GET", "/v1/models"): MODELS,
}
_LISTENERS: Final[dict[str, type[openai_chat.ChatListener] | type[openai_responses.ResponsesListener]]] = {
    CHAT.name: openai_chat.ChatListener,
    RESPONSES.name: openai_responses.ResponsesListener,
    COMPACT.name: openai_responses.ResponsesListener,
}
_STORED_TAILS: Final = {("GET", ()), ("DELETE", ()), ("POST", ("cancel",)), ("GET", ("input_items",))}

_INVALID: Final = "invalid_request_error"
_SERVER: Final = "server_error"
_TYPES: Final = {
    Reason.PROJECT_FORBIDDEN: "permission_error",
    Reason.PROVIDER_UNREACHABLE: _SERVER,
    Reason.PROVIDER_TIMEOUT: _SERVER,
    Reason.OVERLOADED: _SERVER,
    Reason.UNMETERABLE: _SERVER,
}
_CODES: Final = {Reason.INVALID_KEY: "invalid_api_key"}
"""The codes that clients know; else the reason itself."""


class OpenAI:
    name = "openai"
    marker_header = b""
    mount = ""

    def operation(self, method: str, path: str) -> Operation | None:
        place = _PLACES.get((method, path))
        if place is not None:
            return place
        if path.startswith("/v1/models/"):
            return MODELS if method == "GET" else None
        if path.startswith("/v1/responses/"):
            id_, *tail = path.removeprefix("/v1/responses/").split("/")
            return STORED if id_ and (method, tuple(tail)) in _STORED_TAILS else None
        return None

    def read(self, operation: Operation, body: bytes, headers: dict[bytes, bytes], target: bytes) -> Request:
        return openai_chat.read(body, headers) if operation.name == CHAT.name else openai_responses.read(body, headers)

    def ask_usage(self, operation: Operation, body: bytes) -> Splice | None:
        return openai_chat.ask_usage(body)

    def streams(self, operation: Operation, content_type: bytes) -> bool:
        return content_type.startswith(EVENT_STREAM)

    def meter(self, operation: Operation, request: Request, *, content_type: bytes, hide_usage: bool) -> Meter:
        kind = _LISTENERS.get(operation.name)
        if kind is None:
            return SilentMeter()
        listener: Listener = kind()
        if self.streams(operation, content_type):
            return StreamMeter(listener, hide_usage=hide_usage)
        return BodyMeter(listener)

    def credential(self, secret: str) -> tuple[bytes, bytes]:
        return b"authorization", b"Bearer " + secret.encode()

    def refusal(self, refusal: Refusal, call_id: str) -> bytes:
        return msgspec.json.encode({"error": _error(refusal, call_id)})

    def stream_error(self, operation: Operation, refusal: Refusal, call_id: str) -> bytes:
        error = _error(refusal, call_id)
        if operation.name == CHAT.name:
            return b"\n\ndata: " + msgspec.json.encode({"error": error}) + b"\n\n"
        event = {
            "type": "error",
            "code": error["code"],
            "message": error["message"],
            "param": None,
            "sequence_number": 0,
        }
        return b"\n\nevent: error\ndata: " + msgspec.json.encode(event) + b"\n\n"

    def prompt_texts(self, content: Sequence[bytes]) -> tuple[list[str], int]:
        return prompt.prompt_texts(content)


def _error(refusal: Refusal, call_id: str) -> dict[str, str | None]:
    """The error object. `type` and `code` are words that clients of OpenAI know where there are such."""
    limited = refusal.status == 429
    return {
        "message": told(refusal, call_id),
        "type": "rate_limit_error" if limited else _TYPES.get(refusal.reason, _INVALID),
        "param": None,
        "code": "rate_limit_exceeded" if limited else _CODES.get(refusal.reason, str(refusal.reason)),
    }
