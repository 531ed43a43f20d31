"""Behaviour: what request headers ask the stand-in to do, for tests and benches. A proxy passes them on unchanged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

PREFIX: Final = "x-standin-"
TOKENS_MAX: Final = 1_000_000
MILLISECONDS_MAX: Final = 600_000
USAGE_MAX: Final = 10**9
TEXT_MAX: Final = 200
DIGITS_MAX: Final = 12

Encoding = Literal["", "gzip", "br", "zstd"]


class UnknownBehaviourError(ValueError):
    """A header of ours that makes no sense; the message says which and what would."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One field for each header: `x-standin-` and the field's name with dashes. None: not asked for."""

    tokens: int | None = None
    """Length of each answer; the request's own output limit may end it earlier."""
    chunk_ms: int = 0
    """Pause before each token of a stream."""
    delay_ms: int = 0
    """Pause before the headers of the answer."""
    stall_after: int | None = None
    """Send that many tokens, then nothing until the client hangs up."""
    cut_after: int | None = None
    """Send that many tokens, then close the connection without an end."""
    error_event_after: int | None = None
    """Send that many tokens, then the protocol's error event."""
    status: int | None = None
    """Answer with this error."""
    retry_after: int | None = None
    """Seconds, with an error; default 1 with 429, 503 and 529."""
    usage: Literal["normal", "none"] = "normal"
    encoding: Encoding = ""
    cached: int = 0
    """Tokens read from a prompt cache, on top of the prompt's own count."""
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    """Hidden output tokens, on top of the visible ones."""
    input_audio: int = 0
    """Tokens of audio in the prompt, on top of its own count; this and the next three in Gemini's format only."""
    input_image: int = 0
    tool_prompt: int = 0
    """Tokens that server-side tools fed into the prompt."""
    searches: int = 0
    """Queries of a search that the answer is grounded in."""
    tier: str = ""
    geo: str = ""
    speed: str = ""
    newline: Literal["lf", "crlf"] = "lf"
    comments: int = 0
    """1: comments and pings between the events of a stream."""
    polls: int | None = None
    """A batch ends when it was looked at that often; 0 or absent: at once."""
    served: str = ""
    """Name of the model in the answer, where it isn't the one asked for: an Azure deployment's."""
    aws_secret: str = ""
    """In Bedrock's format: what the call's signature is checked with."""
    marker: str = ""
    """Recorded with the call, so that a client finds its own calls again."""


_WHOLE: Final[Mapping[str, tuple[int, int]]] = {
    "tokens": (0, TOKENS_MAX),
    "chunk_ms": (0, MILLISECONDS_MAX),
    "delay_ms": (0, MILLISECONDS_MAX),
    "stall_after": (0, TOKENS_MAX),
    "cut_after": (0, TOKENS_MAX),
    "error_event_after": (0, TOKENS_MAX),
    "status": (400, 599),
    "retry_after": (0, MILLISECONDS_MAX),
    "cached": (0, USAGE_MAX),
    "cache_write_5m": (0, USAGE_MAX),
    "cache_write_1h": (0, USAGE_MAX),
    "reasoning": (0, USAGE_MAX),
    "comments": (0, 1),
    "input_audio": (0, USAGE_MAX),
    "input_image": (0, USAGE_MAX),
    "tool_prompt": (0, USAGE_MAX),
    "searches": (0, 100),
    "polls": (0, 1000),
}
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "usage": ("normal", "none"),
    "encoding": ("gzip", "br", "zstd"),
    "newline": ("lf", "crlf"),
}
_TEXTS: Final = ("aws_secret", "tier", "geo", "speed", "served", "marker")
HEADERS: Final = tuple(PREFIX + name.replace("_", "-") for name in (*_WHOLE, *_CHOICES, *_TEXTS))


def read(headers: Mapping[str, str]) -> Behaviour:
    """What the headers (lower-case names) ask for.

    Raises UnknownBehaviourError: a misspelt header must not pass as ordinary behaviour in somebody's test.
    """
    values: dict[str, object] = {}
    for header, text in headers.items():
        if header.startswith(PREFIX):
            name = header.removeprefix(PREFIX).replace("-", "_")
            values[name] = _value(header, name, text.strip())
    return Behaviour(**values)  # type: ignore[arg-type]  # each value was made for its field just above


def _value(header: str, name: str, text: str) -> object:
    if name in _WHOLE:
        low, high = _WHOLE[name]
        if len(text) <= DIGITS_MAX and text.isascii() and text.isdigit() and low <= int(text) <= high:
            return int(text)
        raise UnknownBehaviourError(f"{header} must be a whole number from {low} to {high}, not {text!r}")
    if name in _CHOICES:
        if text in _CHOICES[name]:
            return text
        raise UnknownBehaviourError(f"{header} must be one of {', '.join(_CHOICES[name])}, not {text!r}")
    if name in _TEXTS:
        return text[:TEXT_MAX]
    raise UnknownBehaviourError(f"unknown header {header}; there are {', '.join(HEADERS)}")
