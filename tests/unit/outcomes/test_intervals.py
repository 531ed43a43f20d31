"""Exact limits of a count."""

from math import exp, isclose

import pytest

from proxy.outcomes.intervals import EXACT_MAX, counted

# The 95 % limits as tables of Garwood's interval give them.
TABLE = [(0, 0.0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (10, 4.795, 18.39), (50, 37.11, 65.92),
         (100, 81.36, 121.63)]  # fmt: skip


@pytest.mark.parametrize(("count", "low", "high"), TABLE)
def test_limits_are_those_of_the_tables(count: int, low: float, high: float) -> None:
    found = counted(count)
    assert isclose(found.low, low, rel_tol=1e-3, abs_tol=1e-9)
    assert isclose(found.high, high, rel_tol=1e-3)


def test_more_certainty_is_wider() -> None:
    assert counted(7, 0.99).low < counted(7).low < 7 < counted(7).high < counted(7, 0.99).high


def test_no_event_has_the_limit_that_can_be_had_by_hand() -> None:
    assert isclose(exp(-counted(0).high), 0.025, rel_tol=1e-9)


def test_exact_and_approximate_limits_meet() -> None:
    exact, near = counted(EXACT_MAX), counted(EXACT_MAX + 1)
    assert isclose(near.low - exact.low, 0.943, abs_tol=0.01)
    assert isclose(near.high - exact.high, 1.056, abs_tol=0.01)


def test_a_large_count_is_no_work() -> None:
    found = counted(1_000_000)
    assert isclose(found.low, 998_041, abs_tol=3)
    assert isclose(found.high, 1_001_962, abs_tol=3)
