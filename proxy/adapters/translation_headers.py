"""Header lines of a translated request: what of the caller's and of litellm's goes to the provider."""

from collections.abc import Iterable
from typing import Final

from proxy.dialects.dialect import Dialect
from proxy.ports.upstream import RawHeaders

_NOT_PASSED: Final = frozenset(
    (b"accept", b"accept-encoding", b"content-type", b"content-encoding", b"cookie", b"idempotency-key")
)
"""Headers of the caller that speak of OpenAI's dialect, or of the bytes before they were translated."""
_OF_OPENAI: Final = (b"openai-", b"x-stainless-")
_NOT_ASKED: Final = frozenset(
    b"host content-length accept-encoding connection user-agent authorization x-api-key x-goog-api-key api-key".split()
)
"""Headers that litellm writes and the gateway writes itself, the credential above all."""


def request_lines(
    caller: RawHeaders, asked: Iterable[tuple[bytes, bytes]], native: Dialect, credential: str
) -> list[tuple[bytes, bytes]]:
    lines = [line for line in asked if line[0].lower() not in _NOT_ASKED]
    said = {name.lower() for name, _ in lines} - {b"anthropic-beta"}
    for name, value in caller:
        lowered = name.lower()
        if lowered not in _NOT_PASSED and lowered not in said and not lowered.startswith(_OF_OPENAI):
            lines.append((name, value))
    if credential:
        lines.append(native.credential(credential))
    return lines
