"""Rate limits as OpenAI tells them: `x-ratelimit-limit-requests`, `-remaining-requests`, `-reset-requests`.

The reset is the time until all of the limit is there again, as OpenAI's guide to rate limits has it ("1s", "6m0s").
"""

from collections.abc import Sequence
from typing import Final

from proxy.model.allowance import Allowance

PREFIX: Final = b"x-ratelimit-"
_SECOND_US: Final = 1_000_000


def headers(allowances: Sequence[Allowance]) -> list[tuple[bytes, bytes]]:
    lines: list[tuple[bytes, bytes]] = []
    for each in allowances:
        told = {"limit": str(each.limit), "remaining": str(each.remaining), "reset": _duration(each.full_us)}
        lines += [(f"x-ratelimit-{what}-{each.measure}".encode(), value.encode()) for what, value in told.items()]
    return lines


def _duration(microseconds: int) -> str:
    """Whole seconds, rounded up: no sooner than it is true."""
    minutes, seconds = divmod(-(-microseconds // _SECOND_US), 60)
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
