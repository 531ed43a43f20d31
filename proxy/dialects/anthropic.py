"""The dialect of Anthropic: messages, message batches, counting tokens, models, files."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

import msgspec

from proxy.dialects import anthropic_allowances, anthropic_batches, anthropic_messages, messages, prompt
from proxy.dialects.dialect import Batched, Meter, ModelList, Operation, Splice, UnreadableError, told
from proxy.dialects.messages import Message
from proxy.dialects.meters import EVENT_STREAM, BodyMeter, SilentMeter, StreamMeter
from proxy.model.allowance import Allowance
from proxy.model.call import Request
from proxy.model.decision import Reason, Refusal

MESSAGES: Final = Operation("messages", output_limited=True)
COUNT: Final = Operation("count_tokens", priced=False)
MODELS: Final = Operation("models", priced=False, body_read=False, lists=ModelList())
FILES: Final = Operation("files", priced=False, body_read=False)
"""Kept for later calls, which pay for their content."""

_PLACES: Final = {
    ("POST", "/v1/messages"): MESSAGES,
    ("POST", "/v1/messages/count_tokens"): COUNT,
    ("GET", "/v1/models"): MODELS,
    ("POST", "/v1/files"): FILES,
    ("GET", "/v1/files"): FILES,
    **anthropic_batches.PLACES,
}
_FILE_TAILS: Final = {("GET", ()), ("DELETE", ()), ("GET", ("content",))}
_INVALID: Final = "invalid_request_error"
_TYPES: Final = {
    Reason.UNKNOWN_PATH: "not_found_error",
    Reason.WEBSOCKET: "not_found_error",
    Reason.MODEL_HIDDEN: "not_found_error",
    Reason.BODY_TOO_LARGE: "request_too_large",
    Reason.INVALID_KEY: "authentication_error",
    Reason.PROJECT_FORBIDDEN: "permission_error",
    Reason.PROVIDER_UNREACHABLE: "api_error",
    Reason.PROVIDER_TIMEOUT: "timeout_error",
    Reason.OVERLOADED: "overloaded_error",
    Reason.UNMETERABLE: "api_error",
    Reason.BALANCE_UNKNOWN: "api_error",
}


class Anthropic:
    name = "anthropic"
    marker_header = b"anthropic-version"
    allowance_prefix = anthropic_allowances.PREFIX
    mount = ""

    def operation(self, method: str, path: str) -> Operation | None:
        if method == "GET" and path.startswith("/v1/models/"):
            return replace(MODELS, lists=ModelList(unquote(path.removeprefix("/v1/models/"))))
        if path.startswith("/v1/files/"):
            id_, *tail = path.removeprefix("/v1/files/").split("/")
            return FILES if anthropic_batches.ID.fullmatch(id_) and (method, tuple(tail)) in _FILE_TAILS else None
        return _PLACES.get((method, path)) or anthropic_batches.operation(method, path)

    def read(self, operation: Operation, body: bytes, headers: dict[bytes, bytes], target: bytes) -> Request:
        return anthropic_messages.read(body, headers)

    def batched(self, operation: Operation, content: bytes, headers: dict[bytes, bytes]) -> Iterator[Batched]:
        for where, body in anthropic_batches.requests(content):
            try:
                yield Batched(where, MESSAGES, anthropic_messages.read(body, headers), body)
            except UnreadableError as error:
                raise UnreadableError(f"{where}: {error}") from None

    def ask_usage(self, operation: Operation, body: bytes) -> Splice | None:
        """Never: every stream carries its usage."""
        return None

    def limit_output(self, operation: Operation, request: Request, body: bytes, tokens: int) -> Splice | None:
        return anthropic_messages.limit_output(request, body, tokens)

    def replace_model(
        self, operation: Operation, request: Request, target: bytes, body: bytes, model: str
    ) -> Splice | None:
        return anthropic_messages.replace_model(body, model) if operation.name == MESSAGES.name else None

    def streams(self, operation: Operation, content_type: bytes) -> bool:
        return content_type.startswith(EVENT_STREAM)

    def meter(self, operation: Operation, request: Request, *, content_type: bytes, hide_usage: bool) -> Meter:
        if operation.name != MESSAGES.name:
            return anthropic_batches.meter(operation) or SilentMeter()
        listener = anthropic_messages.MessagesListener()
        if self.streams(operation, content_type):
            return StreamMeter(listener, hide_usage=False)
        return BodyMeter(listener)

    def credential(self, secret: str) -> tuple[bytes, bytes]:
        return b"x-api-key", secret.encode()

    def refusal(self, refusal: Refusal, call_id: str) -> bytes:
        return msgspec.json.encode(_error(refusal, call_id))

    def allowance_headers(self, allowances: Sequence[Allowance]) -> list[tuple[bytes, bytes]]:
        return anthropic_allowances.headers(allowances)

    def stream_error(self, operation: Operation, refusal: Refusal, call_id: str, *, content_type: bytes = b"") -> bytes:
        return b"\n\nevent: error\ndata: " + self.refusal(refusal, call_id) + b"\n\n"

    def prompt_texts(self, content: Sequence[bytes]) -> tuple[list[str], int]:
        return prompt.prompt_texts(content)

    def messages(self, content: Sequence[bytes]) -> list[Message]:
        return messages.messages(content)


def _error(refusal: Refusal, call_id: str) -> dict[str, object]:
    kind = "rate_limit_error" if refusal.status == 429 else _TYPES.get(refusal.reason, _INVALID)
    error = {"type": kind, "message": told(refusal, call_id)}
    return {"type": "error", "error": error, **({"request_id": call_id} if call_id else {})}
