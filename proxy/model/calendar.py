"""Calendar: hours, days, weeks, months, quarters and years of a time zone, changes of the clock included.

A day in spring may have 23 hours. Python's zone data alone decides where one begins.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

Unit = Literal["hour", "day", "week", "month", "quarter", "year"]
UNITS: Final[tuple[Unit, ...]] = ("hour", "day", "week", "month", "quarter", "year")
MONTHS: Final[Mapping[Unit, int]] = {"month": 1, "quarter": 3, "year": 12}
DAYS: Final[Mapping[Unit, int]] = {"day": 1, "week": 7}


def microseconds(moment: datetime) -> int:
    """Whole microseconds since the epoch."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(microseconds_: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=microseconds_)).astimezone(zone)


def floor(unit: Unit, at: datetime) -> datetime:
    """Where the bucket of a moment begins. `fold` stays: of an hour that comes twice, the moment's own."""
    if unit == "hour":
        return at.replace(minute=0, second=0, microsecond=0)
    day = at.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit == "week":
        return day - timedelta(days=day.weekday())
    if unit in MONTHS:
        return day.replace(day=1, month=day.month - (day.month - 1) % MONTHS[unit])
    return day


def following(unit: Unit, border: datetime) -> datetime:
    """Where the bucket that begins at `border` ends."""
    if unit == "hour":
        # By real time, so that an hour that comes twice is two hours and one that is skipped is none. The start of a
        # bucket may lie within an hour where a clock changes by half of one.
        rest = timedelta(hours=1) - timedelta(minutes=border.minute)
        return local(border.astimezone(UTC) + rest, border)
    if unit in MONTHS:
        return months_later(border, MONTHS[unit])
    return border + timedelta(days=DAYS[unit])


def months_later(start: datetime, months: int) -> datetime:
    """From the first day of a month to the first day of another."""
    count = start.year * 12 + start.month - 1 + months
    return start.replace(year=count // 12, month=count % 12 + 1)


def local(moment_: datetime, like: datetime) -> datetime:
    """The moment by the clock of another one's zone."""
    return moment_.astimezone(like.tzinfo)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
