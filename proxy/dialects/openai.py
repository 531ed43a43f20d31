"""The dialect of OpenAI, and of the many servers that speak it."""

from collections.abc import Sequence
from typing import Final

import msgspec

from proxy.dialects import openai_chat, openai_files, openai_operations, openai_socket, prompt
from proxy.dialects.dialect import Meter, Operation, Splice, told
from proxy.dialects.openai_operations import RESPONSES
from proxy.dialects.socket import Conversation
from proxy.model.call import Request
from proxy.model.decision import Reason, Refusal

STORED: Final = Operation("responses_stored", priced=False, body_read=False)
"""Fetches, cancels or deletes a response whose work was metered when it was asked for."""
MODELS: Final = Operation("models", priced=False, body_read=False)

_POSTED: Final = {"/v1" + path: operation for path, operation in openai_operations.POSTED.items()}
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
        posted = _POSTED.get(path)
        if posted is not None and method == "POST":
            return posted
        if path == "/v1/models" or path.startswith("/v1/models/"):
            return MODELS if method == "GET" else None
        if path.startswith("/v1/responses/"):
            id_, *tail = path.removeprefix("/v1/responses/").split("/")
            return STORED if id_ and (method, tuple(tail)) in _STORED_TAILS else None
        return openai_files.operation(method, path)

    def read(self, operation: Operation, body: bytes, headers: dict[bytes, bytes], target: bytes) -> Request:
        return openai_operations.read(operation, body, headers)

    def ask_usage(self, operation: Operation, body: bytes) -> Splice | None:
        return openai_chat.ask_usage(body)

    def streams(self, operation: Operation, content_type: bytes) -> bool:
        return openai_operations.streams(operation, content_type)

    def meter(self, operation: Operation, request: Request, *, content_type: bytes, hide_usage: bool) -> Meter:
        of_file = openai_files.meter(operation)
        return of_file or openai_operations.meter(operation, request, content_type, hide_usage=hide_usage)

    def socket(self, path: str, target: bytes, headers: dict[bytes, bytes]) -> Conversation | None:
        return openai_socket.conversation("/v1", path, target, headers)

    def credential(self, secret: str) -> tuple[bytes, bytes]:
        return b"authorization", b"Bearer " + secret.encode()

    def refusal(self, refusal: Refusal, call_id: str) -> bytes:
        return msgspec.json.encode({"error": _error(refusal, call_id)})

    def stream_error(self, operation: Operation, refusal: Refusal, call_id: str, *, content_type: bytes = b"") -> bytes:
        error = _error(refusal, call_id)
        if not operation.name.startswith(RESPONSES.name):
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
