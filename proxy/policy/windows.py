"""Windows: from the window of a budget to the time that it is for.

Calendar windows are those of their zone, changes of the clock included, without gap and overlap. A rolling window is
kept in buckets; one leaves only when it is wholly outside, so that spend is never forgotten early.
"""

from datetime import timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from proxy.model.calendar import UNITS, floor, following, microseconds, moment
from proxy.policy.rules import Window

BUCKETS_MAX: Final = 61
"""Of a rolling window: sixty make its length, and the oldest one is half outside."""
NEVER_US: Final = 2**63 - 1
"""The end of a window without end."""
_US: Final = 1_000_000
HOUR_US: Final = 3600 * _US
SLOT_US: Final = 15 * 60 * _US
"""Clocks that change by a part of an hour do so at a quarter of one."""
_MICROSECOND: Final = timedelta(microseconds=1)


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
    if window.kind == "hour":
        return _hour(ZoneInfo(window.zone), at_us)
    for unit in UNITS:
        if unit == window.kind:
            start = floor(unit, moment(at_us, ZoneInfo(window.zone)))
            return microseconds(start), microseconds(following(unit, start))
    return 0, NEVER_US


def _hour(zone: ZoneInfo, at_us: int) -> tuple[int, int]:
    """An hour of real time that begins when the clocks there show a full one. Where they change by a part of an hour
    (Lord Howe), the hour ends there and another begins."""
    part_us = _part_of_hour_us(zone, at_us)
    start = at_us - (at_us + part_us) % HOUR_US
    end = start + HOUR_US
    quarter = at_us - at_us % SLOT_US
    before = range(quarter, start, -SLOT_US)
    after = range(quarter + SLOT_US, end, SLOT_US)
    begin = next((each for each in before if _part_of_hour_us(zone, each - 1) != part_us), start)
    stop = next((each for each in after if _part_of_hour_us(zone, each) != part_us), end)
    return begin, stop


def _part_of_hour_us(zone: ZoneInfo, at_us: int) -> int:
    """What of the zone's distance from UTC is no full hour."""
    offset = moment(at_us, zone).utcoffset()
    assert offset is not None
    return offset // _MICROSECOND % HOUR_US


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
