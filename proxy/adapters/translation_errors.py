"""Errors of other providers in OpenAI's shape: what they say is kept, what their clients would read it from isn't."""

from typing import Any, Final

import msgspec

MESSAGE_CHARS_MAX: Final = 4000

_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}


def in_openai_shape(status: int, body: bytes) -> bytes:
    """The error answer of any provider, as OpenAI's clients read it. Words that can't be found are left out."""
    found = _found(body)
    message = found.get("message") or found.get("Message")
    kind = found.get("type") or found.get("status")
    said = message if isinstance(message, str) and message else f"The provider answered with status {status}."
    error = {
        "message": said[:MESSAGE_CHARS_MAX],
        "type": _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error"),
        "param": None,
        "code": kind[:200] if isinstance(kind, str) and kind else None,
    }
    return msgspec.json.encode({"error": error})


def _found(body: bytes) -> dict[str, Any]:
    """The object that holds the words: {"error": {…}} of Anthropic and Gemini, {"message": …} of Bedrock."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    if isinstance(told, list) and told:
        told = told[0]  # Gemini wraps errors of streams in a list
    if not isinstance(told, dict):
        return {}
    error = told.get("error")
    return error if isinstance(error, dict) else told
