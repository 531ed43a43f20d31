from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ledger.periods import (
    SLOT_US,
    PeriodError,
    before,
    buckets,
    instant,
    period,
    zone_of,
)
from proxy.model.calendar import UNITS, microseconds, moment

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 18, 15, 30, tzinfo=BERLIN)  # a Wednesday
NOW_US = microseconds(NOW)
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Africa/Cairo",
    "America/Santiago",
    "Antarctica/Troll",
    "Pacific/Apia",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-03-18T15:30:00+01:00"),
        ("today", "2026-03-18T00:00:00+01:00"),
        ("yesterday", "2026-03-17T00:00:00+01:00"),
        ("this-week", "2026-03-16T00:00:00+01:00"),
        ("last-week", "2026-03-09T00:00:00+01:00"),
        ("this-month", "2026-03-01T00:00:00+01:00"),
        ("last-month", "2026-02-01T00:00:00+01:00"),
        ("this-year", "2026-01-01T00:00:00+01:00"),
        ("36h", "2026-03-17T03:30:00+01:00"),
        ("7d", "2026-03-11T15:30:00+01:00"),
        ("2w", "2026-03-04T15:30:00+01:00"),
        ("2026-02", "2026-02-01T00:00:00+01:00"),
        ("2026-07-01", "2026-07-01T00:00:00+02:00"),
        ("2026-03-01T08:00", "2026-03-01T08:00:00+01:00"),
        ("2026-03-01T08:00:00Z", "2026-03-01T09:00:00+01:00"),
        ("2026-03-01T08:00:00-05:00", "2026-03-01T14:00:00+01:00"),
    ],
)
def test_a_word_names_a_moment(text, expected):
    assert instant(text, NOW).isoformat() == expected


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13", "2026-02-30", "7x", "-7d", "7 d", "2026-03-01; DROP", "0000-01"]
)
def test_another_word_is_refused_with_the_forms_that_are_right(text):
    with pytest.raises(PeriodError, match="2026-03-01"):
        instant(text, NOW)


def test_days_across_a_change_of_the_clock_are_whole_days_of_real_time():
    after = datetime(2026, 3, 30, 12, tzinfo=BERLIN)
    assert instant("2d", after).isoformat() == "2026-03-28T11:00:00+01:00"


def test_the_default_is_this_month_until_now():
    span = period("", "", BERLIN, NOW_US)
    assert (span.since.isoformat(), span.until) == ("2026-03-01T00:00:00+01:00", NOW)


@pytest.mark.parametrize(("since", "until"), [("today", "yesterday"), ("now", ""), ("2026-03-01", "2026-03-01")])
def test_an_empty_period_is_refused(since, until):
    with pytest.raises(PeriodError, match="empty"):
        period(since, until, BERLIN, NOW_US)


@pytest.mark.parametrize("name", ["", "Berlin", "Europe/Nowhere", "../../etc/passwd", "/etc/localtime"])
def test_a_zone_that_is_none_is_refused(name):
    with pytest.raises(PeriodError, match="time zone"):
        zone_of(name)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28", 24), ("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_has_as_many_hours_as_it_has(day, hours):
    following = f"{day[:-2]}{int(day[-2:]) + 1}"
    span = period(day, following, BERLIN, NOW_US)
    (whole,) = buckets("day", span)
    found = buckets("hour", span)
    assert len(found) == hours
    assert (whole.label, whole.end_us - whole.start_us) == (day, hours * 3_600_000_000)
    assert len({bucket.label for bucket in found}) == hours


def test_the_hour_that_comes_twice_is_told_apart_by_its_offset():
    labels = [bucket.label for bucket in buckets("hour", period("2026-10-25", "2026-10-26", BERLIN, NOW_US))]
    assert labels[2:4] == ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"]


def test_labels_of_weeks_follow_iso():
    labels = [bucket.label for bucket in buckets("week", period("2026-12-28", "2027-01-05", BERLIN, NOW_US))]
    assert labels == ["2026-W53", "2027-W01"]


moments = st.integers(microseconds(datetime(2024, 1, 1, tzinfo=UTC)), microseconds(datetime(2031, 1, 1, tzinfo=UTC)))


@given(st.sampled_from(UNITS), st.sampled_from(ZONES), moments, st.integers(1, 90 * 86_400_000_000))
def test_buckets_cover_the_period_without_gaps_and_each_moment_has_the_label_of_its_calendar(unit, zone, since, length):
    zone = zone_of(zone)
    span = period(moment(since, zone).isoformat(), moment(since + length, zone).isoformat(), zone, NOW_US)
    found = buckets(unit, span)
    assert found[0].start_us <= span.since_us < found[0].end_us
    assert found[-1].start_us < span.until_us <= found[-1].end_us
    assert all(before.end_us == after.start_us for before, after in pairwise(found))
    assert all(bucket.start_us % SLOT_US == 0 < bucket.end_us - bucket.start_us for bucket in found)
    assert len({bucket.label for bucket in found}) == len(found)
    for bucket in found:
        for inside in (bucket.start_us, bucket.end_us - 1):
            assert _label(unit, moment(inside, zone)) == bucket.label


def _label(unit, at):
    offset = at.strftime("%z")
    return {
        "hour": f"{at:%Y-%m-%dT%H}:00{offset[:3]}:{offset[3:5]}",
        "day": f"{at:%Y-%m-%d}",
        "week": f"{at:%G-W%V}",
        "month": f"{at:%Y-%m}",
        "quarter": f"{at:%Y}-Q{(at.month - 1) // 3 + 1}",
        "year": f"{at:%Y}",
    }[unit]


def test_a_report_has_a_limit_of_buckets():
    with pytest.raises(PeriodError, match="20000 hours"):
        buckets("hour", period("2020-01-01", "2026-01-01", BERLIN, NOW_US))


@pytest.mark.parametrize(
    ("since", "until", "earlier", "end"),
    [
        ("2026-03", "2026-04", "2026-02-01T00:00", "2026-03-01T00:00"),
        ("2026-01", "2026-11", "2025-03-01T00:00", "2026-01-01T00:00"),
        ("2026-01", "2027-01", "2025-01-01T00:00", "2026-01-01T00:00"),
        ("2026-03", "2026-03-31T12:00", "2026-02-01T00:00", "2026-03-01T00:00"),
        ("2026-03", "2026-03-10T08:30", "2026-02-01T00:00", "2026-02-10T08:30"),
        ("2026-04", "2026-05-02", "2026-01-01T00:00", "2026-02-01T00:00"),
        ("2026-01", "2026-08-05T09:00", "2025-01-01T00:00", "2025-08-05T09:00"),
        ("2026-03-30", "2026-04-06", "2026-03-23T00:00", "2026-03-30T00:00"),
        ("2026-03-10T08:00", "2026-03-10T20:00", "2026-03-09T20:00", "2026-03-10T08:00"),
        # Monday to Tuesday noon, over a change of the clock; a day's morning.
        ("2026-03-30", "2026-03-31T12:00", "2026-03-23T00:00", "2026-03-24T12:00"),
        ("2026-03-29", "2026-03-29T12:00", "2026-03-28T00:00", "2026-03-28T12:00"),
        ("2026-03-30", "2026-03-30T12:00", "2026-03-29T00:00", "2026-03-29T12:00"),
    ],
)
def test_a_period_is_compared_with_the_one_before_it(since, until, earlier, end):
    found = before(period(since, until, BERLIN, NOW_US))
    told = [moment.replace(tzinfo=None).isoformat("T", "minutes") for moment in (found.since, found.until)]
    assert told == [earlier, end]


@given(st.sampled_from(ZONES), moments, st.integers(1, 800 * 86_400_000_000))
def test_the_period_before_ends_where_this_one_begins_or_earlier_and_is_none_longer(zone, since, length):
    zone = zone_of(zone)
    span = period(moment(since, zone).isoformat(), moment(since + length, zone).isoformat(), zone, NOW_US)
    found = before(span)
    assert found.since_us < found.until_us <= span.since_us
