"""Periods: from the words of a request to half-open intervals of time, and their hours, days, weeks and months.

Everything is by the calendar of one time zone, changes of the clock included: a day in spring may have 23 hours.
Python's zone data alone decides where a bucket begins; the database only gets the borders, as numbers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

BUCKETS_MAX: Final = 20_000
"""Hours, days, … in one report: more than two years of hours."""
SLOT_US: Final = 15 * 60 * 1_000_000
"""Every border of every bucket in every zone of today is a multiple of a quarter of an hour since the epoch."""

Unit = Literal["hour", "day", "week", "month"]
UNITS: Final[tuple[Unit, ...]] = ("hour", "day", "week", "month")

NAMED: Final = ("now", "today", "yesterday", "this-week", "last-week", "this-month", "last-month", "this-year")
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


def microseconds(moment: datetime) -> int:
    """Whole microseconds since the epoch."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(microseconds_: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=microseconds_)).astimezone(zone)


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
    if not begin < end:
        raise PeriodError(f"the period is empty: it begins at {begin.isoformat()} and ends before {end.isoformat()}")
    return Period(begin, end, zone)


def instant(text: str, now: datetime) -> datetime:
    """The moment that a word names, as seen at `now` and in its zone. Raises PeriodError."""
    if text in NAMED:
        return _named(text, now)
    age = _AGE.fullmatch(text)
    if age:
        hours = {"h": 1, "d": 24, "w": 168}[age[2]]
        return _local(now.astimezone(UTC) - timedelta(hours=int(age[1]) * hours), now)
    month = _MONTH.fullmatch(text)
    try:
        if month:
            return datetime(int(month[1]), int(month[2]), 1, tzinfo=now.tzinfo)
        read = datetime.fromisoformat(text)
        return _local(read, now) if read.tzinfo else read.replace(tzinfo=now.tzinfo)
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
    border = _floor(unit, span.since)
    until = span.until.astimezone(UTC)
    while True:
        yield border
        if border.astimezone(UTC) >= until:
            return
        border = _next(unit, border)


def _floor(unit: Unit, at: datetime) -> datetime:
    """Where the bucket of a moment begins. `fold` stays: of an hour that comes twice, the moment's own."""
    if unit == "hour":
        return at.replace(minute=0, second=0, microsecond=0)
    day = at.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def _next(unit: Unit, border: datetime) -> datetime:
    if unit == "hour":
        # By real time, so that an hour that comes twice is two hours and one that is skipped is none. The start of a
        # bucket may lie within an hour where a clock changes by half of one.
        rest = timedelta(hours=1) - timedelta(minutes=border.minute)
        return _local(border.astimezone(UTC) + rest, border)
    if unit == "month":
        return (border + timedelta(days=32)).replace(day=1)
    return border + timedelta(days=7 if unit == "week" else 1)


def _label(unit: Unit, start: datetime) -> str:
    if unit == "hour":
        # The offset tells apart an hour that comes twice.
        return f"{start:%Y-%m-%dT%H}:00{start.isoformat()[-6:]}"
    if unit == "week":
        year, week, _ = start.isocalendar()
        return f"{year}-W{week:02d}"
    return start.strftime("%Y-%m" if unit == "month" else "%Y-%m-%d")


def _named(text: str, now: datetime) -> datetime:
    if text == "now":
        return now
    which, _, unit = text.partition("-")
    if not unit:
        today = _floor("day", now)
        return today if which == "today" else today - timedelta(days=1)
    if unit == "year":
        return _floor("day", now).replace(month=1, day=1)
    this = _floor("week" if unit == "week" else "month", now)
    if which == "this":
        return this
    return _floor("week" if unit == "week" else "month", this - timedelta(days=1))


def _local(moment_: datetime, like: datetime) -> datetime:
    return moment_.astimezone(like.tzinfo)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
