"""Rate limits as OpenAI tells them: `x-ratelimit-limit-requests`, `-remaining-requests`, `-reset-requests`.

The reset is the time until all of the limit is there again, as OpenAI's guide to rate limits has it ("1s", "6m0s").
"""

from collections.abc import Sequence
from typing import Final

from proxy.model.allowance import Allowance, Measure

PREFIX: Final = b"x-ratelimit-"
_SECOND_US: Final = 1_000_000
_NAMES: Final = {
    measure: tuple([b"%b%b-%b" % (PREFIX, what, measure.encode()) for what in (b"limit", b"remaining", b"reset")])
    for measure in Measure
}


def headers(allowances: Sequence[Allowance]) -> list[tuple[bytes, bytes]]:
    lines: list[tuple[bytes, bytes]] = []
    for each in allowances:
        limit, remaining, reset = _NAMES[each.measure]
        lines += (limit, b"%d" % each.limit), (remaining, b"%d" % each.remaining), (reset, _duration(each.full_us))
    return lines


def _duration(microseconds: int) -> bytes:
    """Whole seconds, rounded up: no sooner than it is true."""
    minutes, seconds = divmod(-(-microseconds // _SECOND_US), 60)
    return b"%dm%ds" % (minutes, seconds) if minutes else b"%ds" % seconds
