"""Off-peak: the hours in which a provider sells at another price."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

DAY_S: Final = 24 * 60 * 60
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of the day, UTC, on some days of the week."""

    spans_s: tuple[tuple[int, int], ...]
    """(start, end), seconds since midnight UTC, half-open. An end before its start is next day's; equal: all day."""
    weekdays: frozenset[int] | None = None
    """ISO numbers, Monday is 1. None: every day."""


@dataclass(frozen=True, slots=True)
class OffPeak:
    windows: tuple[Window, ...]
    calendar: tzinfo = UTC
    """Whose weekdays count: those of the provider's own time zone, where its list says so."""

    def open_at(self, at_us: int) -> bool:
        """Whether the off-peak price is in force at a moment (microseconds UTC)."""
        moment = _EPOCH + timedelta(microseconds=at_us)
        weekday = moment.astimezone(self.calendar).isoweekday()
        second = at_us // 1_000_000 % DAY_S
        return any(
            (window.weekdays is None or weekday in window.weekdays)
            and any(_within(second, *span) for span in window.spans_s)
            for window in self.windows
        )


def _within(second: int, start: int, end: int) -> bool:
    if start < end:
        return start <= second < end
    return second >= start or second < end
