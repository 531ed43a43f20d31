"""Errors: refusals in each provider's own shape."""

from collections.abc import Mapping
from typing import Any, Final

from proxy.standin.protocol import Provider

_ANTHROPIC: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OPENAI: Final[Mapping[int, tuple[str, str | None]]] = {
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}
_GEMINI: Final[Mapping[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_BEDROCK: Final[Mapping[int, str]] = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}
RETRY_AFTER_S: Final[Mapping[int, int]] = {429: 1, 503: 1, 529: 1}
"""Seconds that an error tells its client to wait, where nothing else is asked for."""


def body(provider: Provider, status: int, message: str, param: str | None, request_id: str) -> dict[str, Any]:
    """The JSON of an error."""
    if provider == "bedrock":
        return {"message": message}
    if provider == "anthropic":
        kind = _ANTHROPIC.get(status, "api_error" if status >= 500 else "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}
    if provider == "gemini":
        word = _GEMINI.get(status, "UNKNOWN" if status >= 500 else "INVALID_ARGUMENT")
        return {"error": {"code": status, "message": message, "status": word}}
    if status == 404 and param != "model":
        return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": None}}
    kind, code = _OPENAI.get(status, ("server_error" if status >= 500 else "invalid_request_error", None))
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def headers(provider: Provider, status: int) -> list[tuple[bytes, bytes]]:
    """What of an error stands in its headers."""
    if provider != "bedrock":
        return []
    kind = _BEDROCK.get(status, "InternalServerException" if status >= 500 else "ValidationException")
    return [(b"x-amzn-errortype", kind.encode())]
