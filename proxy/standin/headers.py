"""Headers: what a provider sends along with an answer."""

from typing import Final

from proxy.standin.client import Headers
from proxy.standin.protocol import Provider

JSON: Final = b"application/json"
EVENTS: Final = b"text/event-stream; charset=utf-8"
_ID_NAMES: Final[dict[Provider, tuple[bytes, ...]]] = {
    "openai": (b"x-request-id",),
    "anthropic": (b"request-id",),
    "gemini": (),
    "bedrock": (b"x-amzn-requestid",),
}
"""Gemini has the id of an answer in its body only."""
_COOKIES: Final = (
    (b"set-cookie", b"__standin_a=1; path=/; HttpOnly"),
    (b"set-cookie", b"__standin_b=2; path=/; HttpOnly"),
)
_OWN: Final[dict[Provider, tuple[tuple[bytes, bytes], ...]]] = {
    "openai": (
        (b"openai-organization", b"stand-in"),
        (b"openai-processing-ms", b"1"),
        (b"openai-version", b"2020-10-01"),
        (b"x-ratelimit-limit-requests", b"10000"),
        (b"x-ratelimit-remaining-requests", b"9999"),
        (b"x-ratelimit-reset-requests", b"6ms"),
    ),
    "anthropic": (
        (b"anthropic-organization-id", b"stand-in"),
        (b"anthropic-ratelimit-requests-limit", b"10000"),
        (b"anthropic-ratelimit-requests-remaining", b"9999"),
        (b"anthropic-ratelimit-requests-reset", b"2026-01-01T00:00:00Z"),
    ),
    "gemini": ((b"vary", b"Origin"), (b"vary", b"X-Origin"), (b"server-timing", b"gfet4t7; dur=1")),
    "bedrock": (),
}


def response_headers(provider: Provider, request_id: str, content_type: bytes) -> Headers:
    """Everything but the length, the encoding and the date. Cookies come twice: a proxy must keep both."""
    return [
        (b"server", b"outlay-stand-in"),
        (b"content-type", content_type),
        *((name, request_id.encode()) for name in _ID_NAMES[provider]),
        *_OWN[provider],
        *_COOKIES,
    ]
