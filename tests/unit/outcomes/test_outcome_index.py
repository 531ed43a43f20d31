"""Credits to credited deployments and the index, against a normal week."""

from fractions import Fraction
from math import e, isclose, log

import pytest

from proxy.outcomes.index import Credited, cells, credited, credited_in, gain
from proxy.outcomes.verdicts import Landing, Standing

WEEK = 7 * 86_400_000_000


@pytest.mark.parametrize(("z", "worth"), [(0, 0), (0.5, 0.5), (1, 1), (2, 1 + log(2)), (e, 2), (3, 2), (1000, 2)])
def test_each_credit_beyond_a_normal_week_is_worth_less_and_two_weeks_are_the_most(z: float, worth: float) -> None:
    assert isclose(gain(z), worth)


def test_the_gain_is_smooth_where_a_normal_week_ends_and_flat_where_it_is_capped() -> None:
    assert isclose((gain(1 + 1e-7) - gain(1)) / 1e-7, 1, rel_tol=1e-4)
    assert isclose(gain(e - 1e-9), gain(e + 1e-9), rel_tol=1e-8)


def a_landing(group: str, service: str, week: int, credit: str) -> Landing:
    return Landing(group, service, week * WEEK, "d", "d", Fraction(credit), Standing.DELIVERED, past=Fraction(7))


def test_credits_add_up_by_service_and_week_and_the_past_is_left_out() -> None:
    landings = [a_landing("a", "pay", 1, "1"), a_landing("b", "pay", 1, "1/2"), a_landing("c", "pay", 2, "1"),
                a_landing("d", "web", 1, "1"), a_landing("e", "web", 3, "0")]  # fmt: skip
    assert cells(landings) == {("pay", WEEK): Fraction(3, 2), ("pay", 2 * WEEK): 1, ("web", WEEK): 1}


def test_a_period_by_hand() -> None:
    x = {("pay", 0): Fraction(4), ("pay", 1): Fraction(1), ("new", 0): Fraction(3)}
    weeks = [("pay", 0), ("pay", 1), ("pay", 2), ("new", 0)]
    found = credited(x, {("pay", week): 2.0 for week in range(3)}, [*weeks, *weeks])
    assert isclose(found.credited, 2 * (1 + log(2)) + 1)
    assert found.normal == 6
    assert (found.credits, found.without_baseline) == (8, 3)
    assert found.index is not None
    assert isclose(found.index, found.credited / 6)


def test_where_nothing_says_what_is_normal_there_is_no_index() -> None:
    assert credited({("new", 0): Fraction(3)}, {}, [("new", 0)]) == Credited(Fraction(3), 0.0, 0.0, Fraction(3))
    assert credited({("new", 0): Fraction(3)}, {}, [("new", 0)]).index is None


def test_what_lies_outside_the_period_is_left_out() -> None:
    assert credited({("pay", 9): Fraction(3)}, {("pay", 0): 1.0}, [("pay", 0)]).credits == 0


@pytest.mark.parametrize("x", [0.5, 1, 3, 9])
def test_no_baseline_pays_in_both_figures(x: float) -> None:
    for low, high in [(0.5, 1), (1, 2), (2, 6)]:
        assert credited_in(x, low) <= credited_in(x, high)
        assert credited_in(x, low) / low >= credited_in(x, high) / high
