"""Anthropic's usage object made disjoint.

`input_tokens` excludes what was read from or written to a cache; `cache_creation` splits the writes by their time to
live. Compactions and advisors that ran within the call are billed beside the totals and stand in `iterations` only.
An advisor's tokens are another model's: they are priced as this one's, since a call has one model.
"""

from typing import Any, Final

from proxy.dialects.quantity import Total, part, quantity
from proxy.model.usage import Usage, total

_BESIDE: Final = ("compaction", "advisor_message")
"""Types of iterations that the totals leave out."""


def usage_of(reported: Any) -> Usage | None:
    """Usage by kind; None where nothing was reported (no object, or one of zeros)."""
    usage = _own(reported)
    iterations = reported.get("iterations") if isinstance(reported, dict) else None
    for iteration in iterations if isinstance(iterations, list) else ():
        if isinstance(iteration, dict) and iteration.get("type") in _BESIDE:
            usage = total((usage, _own(iteration)))
    return usage if usage.prompt_tokens or usage.output_tokens else None


def _own(reported: Any) -> Usage:
    split = part(reported, "cache_creation")
    hour = quantity(split, "ephemeral_1h_input_tokens")
    written = quantity(reported, "cache_creation_input_tokens")
    writes = Total(written or hour + quantity(split, "ephemeral_5m_input_tokens"))
    outputs = Total(quantity(reported, "output_tokens"))
    return Usage(
        input_text=quantity(reported, "input_tokens"),
        cache_read=quantity(reported, "cache_read_input_tokens"),
        cache_write_1h=writes.take(hour),
        cache_write_5m=writes.left,
        reasoning=outputs.take(quantity(part(reported, "output_tokens_details"), "thinking_tokens")),
        output_text=outputs.left,
        web_search=quantity(part(reported, "server_tool_use"), "web_search_requests"),
    )
