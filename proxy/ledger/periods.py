"""Periods: from the words of a request to half-open intervals of time, and their hours, days, weeks and months.

Everything is by the calendar of one time zone. The database only gets the borders, as numbers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from proxy.model.calendar import DAYS, MONTHS, UNITS, Unit, floor, following, local, microseconds, moment, months_later

BUCKETS_MAX: Final = 20_000
"""Hours, days, … in one report: more than two years of hours."""
YEAR_MIN: Final = 1970
YEAR_MAX: Final = 2999
"""Beyond them some zone, week or period before has no date any more."""
SLOT_US: Final = 15 * 60 * 1_000_000
"""Every border of every bucket in every zone of today is a multiple of a quarter of an hour since the epoch."""

NAMED: Final = (
    *("now", "today", "yesterday", "this-week", "last-week", "this-month", "last-month"),
    *("this-quarter", "last-quarter", "this-year", "last-year"),
)
FORMS: Final = (
    f"a date (2026-03-01), a month (2026-03), a time (2026-03-01T08:00), an age (36h, 7d, 2w), or {', '.join(NAMED)}"
)
_AGE: Final = re.compile(r"(\d{1,5})([hdw])")
_MONTH: Final = re.compile(r"(\d{4})-(\d{2})")


class PeriodError(ValueError):
    """A word that is no time, a zone that is none, or an interval that is empty or too long; for the caller."""


@dataclass(frozen=True, slots=True)
class Period:
    """[since, until) in one zone."""

    since: datetime
    until: datetime
    zone: ZoneInfo

    @property
    def since_us(self) -> int:
        return microseconds(self.since)

    @property
    def until_us(self) -> int:
        return microseconds(self.until)


@dataclass(frozen=True, slots=True)
class Bucket:
    start_us: int
    end_us: int
    label: str


def zone_of(name: str) -> ZoneInfo:
    """Raises PeriodError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PeriodError(f"{name!r} is no time zone; use an IANA name such as Europe/Berlin or UTC") from None


def period(since: str, until: str, zone: ZoneInfo, now_us: int) -> Period:
    """The interval that two words name. '' for since: the start of this month; '' for until: now.

    Raises PeriodError.
    """
    now = moment(now_us, zone)
    begin = instant(since or "this-month", now)
    end = instant(until or "now", now)
    for each in (begin, end):
        if not YEAR_MIN <= each.year <= YEAR_MAX:
            raise PeriodError(f"{each.year:04} is out of range: years are {YEAR_MIN} to {YEAR_MAX}")
    if not begin < end:
        raise PeriodError(f"the period is empty: it begins at {begin.isoformat()} and ends before {end.isoformat()}")
    return Period(begin, end, zone)


def restored(since: str, until: str, zone: str) -> Period:
    """The period as a report's document has it: two ISO times and the name of a zone. Raises PeriodError."""
    there = zone_of(zone)
    return Period(
        datetime.fromisoformat(since).astimezone(there), datetime.fromisoformat(until).astimezone(there), there
    )


def before(span: Period) -> Period:
    """The period before, to compare with: whole months with as many months, whole days with as many days, else the
    same length of time. A day, week, month, quarter or year that isn't over is compared with as much of the one before:
    a Tuesday's morning with Monday's, and Monday and Tuesday with those of the week before, not with a weekend."""
    since, until = span.since, span.until
    if floor("month", since) == since and floor("month", until) == until:
        months = (until.year - since.year) * 12 + until.month - since.month
        return Period(months_later(since, -months), since, span.zone)
    for unit, months in MONTHS.items():
        if floor(unit, since) == since and until < months_later(since, months):
            start = months_later(since, -months)
            return Period(start, min(start + (until - since), since), span.zone)
    if floor("day", since) == since and floor("day", until) == until:
        # Days of the calendar: an hour more or less at a change of the clock doesn't shift the border.
        return Period(since - timedelta(days=(until.date() - since.date()).days), since, span.zone)
    for unit, days in DAYS.items():
        if floor(unit, since) == since and until < since + timedelta(days=days):
            start = since - timedelta(days=days)
            return Period(start, start + (until - since), span.zone)
    length = until.astimezone(UTC) - since.astimezone(UTC)
    return Period(local(since.astimezone(UTC) - length, since), since, span.zone)


def instant(text: str, now: datetime) -> datetime:
    """The moment that a word names, as seen at `now` and in its zone. Raises PeriodError."""
    if text in NAMED:
        return _named(text, now)
    age = _AGE.fullmatch(text)
    if age:
        hours = {"h": 1, "d": 24, "w": 168}[age[2]]
        return local(now.astimezone(UTC) - timedelta(hours=int(age[1]) * hours), now)
    month = _MONTH.fullmatch(text)
    try:
        if month:
            return datetime(int(month[1]), int(month[2]), 1, tzinfo=now.tzinfo)
        read = datetime.fromisoformat(text)
        return local(read, now) if read.tzinfo else read.replace(tzinfo=now.tzinfo)
    except (ValueError, OverflowError):
        raise PeriodError(f"{text!r} is no time; write {FORMS}") from None


def buckets(unit: Unit, span: Period) -> list[Bucket]:
    """Every bucket that the period touches, in order and without gaps. Raises PeriodError beyond BUCKETS_MAX."""
    found: list[Bucket] = []
    borders = _borders(unit, span)
    start = next(borders)
    for end in borders:
        if len(found) == BUCKETS_MAX:
            raise PeriodError(f"more than {BUCKETS_MAX} {unit}s; take a shorter period or a longer unit")
        found.append(Bucket(microseconds(start), microseconds(end), _label(unit, start)))
        start = end
    return found


def _borders(unit: Unit, span: Period) -> Iterator[datetime]:
    border = floor(unit, span.since)
    until = span.until.astimezone(UTC)
    while True:
        yield border
        if border.astimezone(UTC) >= until:
            return
        border = following(unit, border)


def _label(unit: Unit, start: datetime) -> str:
    if unit == "hour":
        # The offset tells apart an hour that comes twice.
        return f"{start:%Y-%m-%dT%H}:00{start.isoformat()[-6:]}"
    if unit == "week":
        year, week, _ = start.isocalendar()
        return f"{year}-W{week:02d}"
    if unit == "quarter":
        return f"{start.year}-Q{(start.month + 2) // 3}"
    if unit == "year":
        return str(start.year)
    return start.strftime("%Y-%m" if unit == "month" else "%Y-%m-%d")


def _named(text: str, now: datetime) -> datetime:
    if text == "now":
        return now
    which, _, unit = text.partition("-")
    if not unit:
        today = floor("day", now)
        return today if which == "today" else today - timedelta(days=1)
    of: Unit = next(each for each in UNITS if each == unit)
    this = floor(of, now)
    return this if which == "this" else floor(of, this - timedelta(days=1))
