"""Headers: what a provider sends along with an answer."""

from typing import Final

from proxy.standin.client import Headers
from proxy.standin.protocol import Provider

JSON: Final = b"application/json"
EVENTS: Final = b"text/event-stream; charset=utf-8"
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
}


def response_headers(provider: Provider, request_id: str, content_type: bytes) -> Headers:
    """Everything but the length, the encoding and the date. Cookies come twice: a proxy must keep both."""
    id_name = b"x-request-id" if provider == "openai" else b"request-id"
    return [
        (b"server", b"outlay-stand-in"),
        (b"content-type", content_type),
        (id_name, request_id.encode()),
        *_OWN[provider],
        *_COOKIES,
    ]
