"""The time that a budget is for."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.model.calendar import microseconds
from proxy.policy.rules import Window
from proxy.policy.windows import BUCKETS_MAX, NEVER_US, Windows, bounds, buckets

ZONES = st.sampled_from(
    (
        *("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"),
        *("America/Havana", "America/Sao_Paulo", "Asia/Beirut", "Africa/Cairo", "Pacific/Chatham"),
    )
)
KINDS = st.sampled_from(("hour", "day", "week", "month", "quarter", "year"))
CALENDAR = st.builds(Window, KINDS, ZONES)
MOMENTS = st.integers(
    microseconds(datetime(2005, 1, 1, tzinfo=UTC)), microseconds(datetime(2035, 1, 1, tzinfo=UTC))
) | st.sampled_from(
    [
        microseconds(datetime(*each, tzinfo=UTC))
        for each in (
            (2026, 4, 4, 14, 59),  # Lord Howe: half an hour comes twice
            (2026, 4, 4, 15, 15),
            (2026, 10, 3, 15, 29),  # Lord Howe: half an hour is skipped
            (2026, 10, 3, 15, 45),
            (2011, 12, 30, 9, 59),  # Apia: a day is skipped
            (2011, 12, 30, 10, 0),
            (2026, 3, 29, 0, 59),
            (2026, 10, 25, 0, 30),
            (2026, 10, 25, 1, 30),
            (2018, 11, 4, 3, 0),  # Sao Paulo: no midnight
        )
    ]
)
ROLLING = st.builds(Window, st.just("rolling"), length_s=st.integers(1, 400 * 86400))


def at(zone: str, *fields: int) -> int:
    return microseconds(datetime(*fields, tzinfo=ZoneInfo(zone)))  # type: ignore[arg-type, misc]


@given(CALENDAR, MOMENTS)
@example(Window("day", "America/Sao_Paulo"), 1_541_300_400_000_000)  # the moment when midnight was skipped
@example(Window("hour", "Australia/Lord_Howe"), 1_775_315_700_000_000)
@example(Window("hour", "Pacific/Chatham"), 1_285_423_200_000_000 - 1)
@example(Window("hour", "Pacific/Chatham"), 1_285_423_200_000_000)
def test_calendar_windows_meet_without_gap_and_overlap(window: Window, moment: int) -> None:
    start, end = bounds(window, moment)
    assert start <= moment < end
    assert bounds(window, start) == bounds(window, end - 1) == (start, end)
    assert bounds(window, end)[0] == end
    assert bounds(window, start - 1)[1] == start


@given(CALENDAR, st.lists(MOMENTS, min_size=1, max_size=5))
def test_what_is_kept_of_the_last_call_changes_nothing(window: Window, moments: list[int]) -> None:
    windows = Windows()
    for moment in moments:
        assert windows.bounds(window, moment) == bounds(window, moment)


@pytest.mark.parametrize(
    ("window", "moment", "start", "hours"),
    [
        (Window("day", "Europe/Berlin"), (2026, 3, 29, 12), (2026, 3, 29), 23),
        (Window("day", "Europe/Berlin"), (2026, 10, 25, 12), (2026, 10, 25), 25),
        (Window("hour", "Asia/Kathmandu"), (2026, 3, 1, 9, 59), (2026, 3, 1, 9), 1),
        (Window("week", "UTC"), (2026, 3, 1, 12), (2026, 2, 23), 168),
        (Window("month", "Europe/Berlin"), (2026, 3, 31, 23, 59), (2026, 3, 1), 31 * 24 - 1),
        (Window("quarter", "UTC"), (2026, 5, 31), (2026, 4, 1), 91 * 24),
        (Window("year", "UTC"), (2028, 12, 31), (2028, 1, 1), 366 * 24),
    ],
)
def test_windows_are_those_of_the_zone(
    window: Window, moment: tuple[int, ...], start: tuple[int, ...], hours: int
) -> None:
    begin, end = bounds(window, at(window.zone, *moment))
    assert begin == at(window.zone, *start)
    assert end - begin == hours * 3_600_000_000


def test_a_total_and_a_rolling_window_have_no_borders() -> None:
    assert bounds(Window("total"), 5) == bounds(Window("rolling", length_s=60), 5) == (0, NEVER_US)


@given(ROLLING, MOMENTS, st.floats(0, 1))
def test_whatever_is_not_wholly_outside_a_rolling_window_still_counts(window: Window, now: int, part: float) -> None:
    found = buckets(window, now)
    spent_us = now - int(window.length_s * 1_000_000 * part)
    assert found.first_us <= spent_us // found.size_us * found.size_us <= found.last_us <= now
    # The oldest bucket reaches into the window, the one before it doesn't.
    assert found.first_us + found.size_us > now - window.length_s * 1_000_000 >= found.first_us
    assert (found.last_us - found.first_us) // found.size_us + 1 <= BUCKETS_MAX


@given(ROLLING, MOMENTS, st.integers(0, 10**12))
def test_a_bucket_that_has_left_never_comes_back(window: Window, now: int, later: int) -> None:
    assert buckets(window, now).first_us <= buckets(window, now + later).first_us
