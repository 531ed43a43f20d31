"""Off-peak windows, to the second."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from proxy.finance.off_peak import OffPeak, Window

HOUR = 3600


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("spans", "moment", "open_"),
    [
        ([(4, 6)], "2026-10-21T03:59:59", False),
        ([(4, 6)], "2026-10-21T04:00:00", True),
        ([(4, 6)], "2026-10-21T05:59:59", True),
        ([(4, 6)], "2026-10-21T06:00:00", False),
        ([(22, 2)], "2026-10-21T23:00:00", True),
        ([(22, 2)], "2026-10-21T01:59:59", True),
        ([(22, 2)], "2026-10-21T02:00:00", False),
        ([(22, 0)], "2026-10-21T23:59:59", True),
        ([(22, 0)], "2026-10-21T00:00:00", False),
        ([(0, 0)], "2026-10-21T12:00:00", True),
        ([(4, 6), (8, 9)], "2026-10-21T08:30:00", True),
        ([], "2026-10-21T08:30:00", False),
    ],
)
def test_hours_are_half_open_and_may_pass_midnight(spans: list[tuple[int, int]], moment: str, open_: bool) -> None:
    window = Window(tuple((start * HOUR, end * HOUR) for start, end in spans))
    assert OffPeak((window,)).open_at(at(moment)) is open_


def test_a_window_counts_on_its_weekdays_only() -> None:
    weekend = OffPeak((Window(((0, 0),), frozenset({6, 7})),))
    assert [weekend.open_at(at(f"2026-10-{day}T12:00:00")) for day in (23, 24, 25, 26)] == [False, True, True, False]


def test_weekdays_are_those_of_the_providers_calendar() -> None:
    china = timezone(timedelta(hours=8))
    weekend = OffPeak((Window(((0, 0),), frozenset({6})),), china)
    assert weekend.open_at(at("2026-10-23T16:00:00"))
    assert not weekend.open_at(at("2026-10-24T16:00:00"))
