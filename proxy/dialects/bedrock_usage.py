"""Bedrock's ways to tell usage, made disjoint.

`inputTokens` leaves out what was read from or written to a cache: the whole prompt is inputTokens +
cacheReadInputTokens + cacheWriteInputTokens (Amazon Bedrock User Guide, "Prompt caching"). `cacheDetails` splits the
writes by their time to live (API reference, TokenUsage and CacheDetail). One exception was seen, and is not AWS's
word: streams of OpenAI's models report the cached tokens within inputTokens, too (measured by users of other gateways
on openai.gpt-5.6, 2026).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from proxy.dialects.quantity import Total, quantity
from proxy.model.usage import Usage

_HEADERS: Final = {
    b"x-amzn-bedrock-input-token-count": "inputTokenCount",
    b"x-amzn-bedrock-output-token-count": "outputTokenCount",
    b"x-amzn-bedrock-cache-read-input-token-count": "cacheReadInputTokenCount",
    b"x-amzn-bedrock-cache-write-input-token-count": "cacheWriteInputTokenCount",
}
_INPUT: Final = ("inputTokens", "inputTokenCount", "inputTextTokenCount", "prompt_token_count", "prompt_tokens")
_INPUT_ALSO: Final = ("input_tokens",)
_OUTPUT: Final = ("outputTokens", "outputTokenCount", "totalOutputTextTokenCount", "generation_token_count")
_OUTPUT_ALSO: Final = ("completion_tokens", "output_tokens")
_READ: Final = ("cacheReadInputTokens", "cacheReadInputTokenCount")
_WRITTEN: Final = ("cacheWriteInputTokens", "cacheWriteInputTokenCount")
_DIGITS_MAX: Final = 12


def usage_of(reported: Any, *, inclusive: bool = False) -> Usage | None:
    """Usage by kind, of a usage object, of invocation metrics, or of an answer that has the counts among its own keys.

    None where nothing was reported. `inclusive`: the input may hold the cached tokens once more.
    """
    read = quantity(reported, *_READ)
    hour = _hour_writes(reported)
    writes = Total(max(quantity(reported, *_WRITTEN), hour))
    fresh = quantity(reported, *_INPUT, *_INPUT_ALSO)
    if inclusive and fresh >= read + writes.left:
        fresh -= read + writes.left
    usage = Usage(
        input_text=fresh,
        cache_read=read,
        cache_write_1h=writes.take(hour),
        cache_write_5m=writes.left,
        output_text=quantity(reported, *_OUTPUT, *_OUTPUT_ALSO),
    )
    return usage if usage.prompt_tokens or usage.output_tokens else None


def counts_in(headers: Mapping[bytes, bytes]) -> dict[str, int]:
    """Counts in the headers of an answer to `invoke`, under the names that invocation metrics have."""
    found = ((name, headers.get(header, b"")) for header, name in _HEADERS.items())
    return {name: int(value) for name, value in found if value.isdigit() and len(value) <= _DIGITS_MAX}


def _hour_writes(reported: Any) -> int:
    details = reported.get("cacheDetails") if isinstance(reported, Mapping) else None
    listed: Iterable[Any] = details if isinstance(details, list) else ()
    return sum(
        quantity(each, "inputTokens") for each in listed if isinstance(each, Mapping) and each.get("ttl") == "1h"
    )
