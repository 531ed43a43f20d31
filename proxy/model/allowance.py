"""Allowance: what a rate limit of outlay's own leaves to a caller, as it is told in headers."""

from enum import StrEnum

from proxy.model.fact import fact


class Measure(StrEnum):
    """What a rate limit counts."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    CONCURRENT = "concurrent"


@fact(frozen=True, slots=True)
class Allowance:
    """Of the limit that leaves least."""

    measure: Measure
    limit: int
    """Per minute."""
    remaining: int
    full_us: int
    """Microseconds from now until all of the limit is there again."""
    full_at_us: int
    """That moment, microseconds since the epoch, UTC."""
