"""Windows: from the window of a budget to the time that it is for.

Calendar windows are those of their zone, changes of the clock included, without gap and overlap. A rolling window is
kept in buckets; one leaves only when it is wholly outside, so that spend is never forgotten early.
"""

from datetime import UTC
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from proxy.model.calendar import UNITS, floor, following, local, microseconds, moment
from proxy.policy.rules import Window

BUCKETS_MAX: Final = 61
"""Of a rolling window: sixty make its length, and the oldest one is half outside."""
NEVER_US: Final = 2**63 - 1
"""The end of a window without end."""
_US: Final = 1_000_000


class Buckets(NamedTuple):
    """The buckets of a rolling window at one moment: first_us, first_us + size_us, … last_us."""

    size_us: int
    first_us: int
    """Begin of the oldest bucket that still counts, microseconds since the epoch."""
    last_us: int
    """Begin of the bucket that the moment falls in."""


def bounds(window: Window, at_us: int) -> tuple[int, int]:
    """[start, end) of the window at that moment, in microseconds since the epoch. `total` and rolling windows have no
    borders: (0, NEVER_US)."""
    for unit in UNITS:
        if unit == window.kind:
            at = moment(at_us, ZoneInfo(window.zone))
            start = floor(unit, at)
            if unit == "hour":
                # Through UTC: a start that the clock skipped is where it jumped to. A day's stays midnight, so that
                # the next one begins at midnight, too.
                start = local(start.astimezone(UTC), at)
            end = following(unit, start)
            while microseconds(end) <= at_us:
                # An hour that came twice by a part of it began before the moment's own.
                start, end = end, following(unit, end)
            return microseconds(start), microseconds(end)
    return 0, NEVER_US


def buckets(window: Window, at_us: int) -> Buckets:
    """Of a rolling window; at most BUCKETS_MAX."""
    size = bucket_size_us(window)
    oldest = at_us - window.length_s * _US
    return Buckets(size, oldest // size * size, at_us // size * size)


def bucket_size_us(window: Window) -> int:
    return -(-window.length_s * _US // (BUCKETS_MAX - 1))


class Windows:
    """`bounds` with the window of the last call of each kind kept: most calls fall into the same."""

    def __init__(self) -> None:
        self._last: dict[Window, tuple[int, int]] = {}

    def bounds(self, window: Window, at_us: int) -> tuple[int, int]:
        last = self._last.get(window)
        if last is None or not last[0] <= at_us < last[1]:
            last = self._last[window] = bounds(window, at_us)
        return last
