"""Rate limits as Anthropic tells them: `anthropic-ratelimit-requests-limit`, `-remaining`, `-reset`.

The reset is the time at which all of the limit is there again, in RFC 3339, as Anthropic's reference of response
headers has it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from proxy.model.allowance import Allowance

PREFIX: Final = b"anthropic-ratelimit-"
_SECOND_US: Final = 1_000_000


def headers(allowances: Sequence[Allowance]) -> list[tuple[bytes, bytes]]:
    lines: list[tuple[bytes, bytes]] = []
    for each in allowances:
        told = {"limit": str(each.limit), "remaining": str(each.remaining), "reset": _moment(each.full_at_us)}
        name = f"anthropic-ratelimit-{each.measure}"
        lines += [(f"{name}-{what}".encode(), value.encode()) for what, value in told.items()]
    return lines


def _moment(at_us: int) -> str:
    """To the second, rounded up: no sooner than it is true."""
    return datetime.fromtimestamp(-(-at_us // _SECOND_US), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
