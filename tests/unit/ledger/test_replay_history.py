"""How finely a replay must know what was spent before it: enough for every window that reaches back, and no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ledger.replay_facts import MINUTE_US, history_of
from proxy.policy.rules import Window
from proxy.policy.windows import SLOT_US, Windows, buckets
from tests.fakes.counters import a_budget

SINCE_US = 1_781_100_000_000_000
"""2026-06-10 14:00 UTC, a Wednesday."""
HOUR_US = 3_600_000_000
windows = st.one_of(
    st.builds(
        Window,
        kind=st.sampled_from(["hour", "day", "week", "month", "quarter", "year", "total"]),
        zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]),
    ),
    st.integers(60, 90 * 86400).map(lambda length: Window("rolling", length_s=length)),
)


@given(st.lists(windows, max_size=5), st.integers(SINCE_US, SINCE_US + 10**13))
def test_every_window_that_is_open_then_is_known_from_its_begin(windows, since_us):
    history = history_of([a_budget(window=window) for window in windows], since_us)
    assert history.minutes_since_us % MINUTE_US == history.quarters_since_us % SLOT_US == 0
    for window in windows:
        if window.kind == "rolling":
            assert history.minutes_since_us <= buckets(window, since_us).first_us
        elif window.kind != "total":
            assert history.quarters_since_us <= Windows().bounds(window, since_us)[0]


@pytest.mark.parametrize(
    ("window", "minutes_us", "quarters_us"),
    [
        (Window("total"), MINUTE_US, 0),
        (Window("day"), MINUTE_US, 14 * HOUR_US),
        (Window("rolling", length_s=3600), HOUR_US + 2 * MINUTE_US, 0),
    ],
)
def test_no_more_is_known_than_they_need(window, minutes_us, quarters_us):
    history = history_of([a_budget(window=window)], SINCE_US)
    assert (SINCE_US - history.minutes_since_us, SINCE_US - history.quarters_since_us) == (minutes_us, quarters_us)
