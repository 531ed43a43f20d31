"""OpenAI's errors: outlay's own answers in the shape that its clients' error classes understand."""

from typing import Final

import msgspec

from proxy.dialects.dialect import Operation, told
from proxy.dialects.openai_operations import RESPONSES
from proxy.model.decision import Reason, Refusal

_INVALID: Final = "invalid_request_error"
_SERVER: Final = "server_error"
_TYPES: Final = {
    Reason.PROJECT_FORBIDDEN: "permission_error",
    Reason.PROVIDER_UNREACHABLE: _SERVER,
    Reason.PROVIDER_TIMEOUT: _SERVER,
    Reason.OVERLOADED: _SERVER,
    Reason.UNMETERABLE: _SERVER,
    Reason.BALANCE_UNKNOWN: _SERVER,
}
_CODES: Final = {Reason.INVALID_KEY: "invalid_api_key"}
"""The codes that clients know; else the reason itself."""


def body(refusal: Refusal, call_id: str) -> bytes:
    """JSON body of an error answer."""
    return msgspec.json.encode({"error": error(refusal, call_id)})


def event(operation: Operation, refusal: Refusal, call_id: str) -> bytes:
    """The event that ends a stream of this operation."""
    told_ = error(refusal, call_id)
    if not operation.name.startswith(RESPONSES.name):
        return b"\n\ndata: " + msgspec.json.encode({"error": told_}) + b"\n\n"
    failed = {
        "type": "error",
        "code": told_["code"],
        "message": told_["message"],
        "param": None,
        "sequence_number": 0,
    }
    return b"\n\nevent: error\ndata: " + msgspec.json.encode(failed) + b"\n\n"


def error(refusal: Refusal, call_id: str) -> dict[str, str | None]:
    """The error object. `type` and `code` are words that clients of OpenAI know where there are such."""
    limited = refusal.status == 429
    return {
        "message": told(refusal, call_id),
        "type": "rate_limit_error" if limited else _TYPES.get(refusal.reason, _INVALID),
        "param": None,
        "code": "rate_limit_exceeded" if limited else _CODES.get(refusal.reason, str(refusal.reason)),
    }
