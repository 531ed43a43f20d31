"""A normal week: a service's own past, drawn towards that of its tier."""

from fractions import Fraction
from math import isclose

import pytest

from proxy.outcomes.baselines import Past, baselines
from proxy.outcomes.definition import DEFINITIONS


def past(service: str, *weeks: float, tier: str = "", imported: bool = False) -> Past:
    return Past(service, tier, tuple(Fraction(each) for each in weeks), imported)


def test_by_hand() -> None:
    found = baselines([past("a", 4, 4, 4, 4), past("b", 1), past("c", 2, 2)], {})
    assert isclose(found["a"].credits_a_week, (4 * 4 + 8 * 2) / 12)
    assert isclose(found["b"].credits_a_week, (1 * 1 + 8 * 2) / 9)
    assert isclose(found["c"].credits_a_week, 2)
    assert [found[name].weeks for name in "abc"] == [4, 1, 2]


def test_tiers_are_apart() -> None:
    found = baselines([past("a", 4, tier="1"), past("b", 1, tier="2")], {})
    assert (found["a"].credits_a_week, found["b"].credits_a_week) == (4, 1)


def test_a_service_without_a_past_takes_its_tiers_and_without_that_has_none() -> None:
    found = baselines([past("a", 3), past("new"), past("alone", tier="x")], {})
    assert found["new"].credits_a_week == 3
    assert "alone" not in found


def test_services_that_never_earned_make_no_week_normal() -> None:
    """Or whoever registers some that do nothing lowers what is normal for the tier."""
    idle = [past(f"idle{number}", 0, 0, 0) for number in range(9)]
    assert baselines([past("a", 3), *idle], {})["a"].credits_a_week == 3
    assert baselines([past("a", 3), *idle], {}, DEFINITIONS["1"])["a"].credits_a_week == 0.5
    assert baselines([past("a", 3), *idle], {})["idle0"].credits_a_week == 3 * 8 / 11
    assert baselines(idle, {})["idle0"].credits_a_week == 0.5


def test_only_the_last_half_year_is_looked_at() -> None:
    (found,) = baselines([past("a", *[100] * 50, *[2] * 26)], {}).values()
    assert (found.credits_a_week, found.weeks) == (2, 26)


def test_half_a_deployment_a_week_is_the_least() -> None:
    (found,) = baselines([past("a", *[0] * 26)], {}).values()
    assert found.credits_a_week == 0.5


@pytest.mark.parametrize(
    ("before", "held", "limited"), [(10, 8, True), (1, 1.2, True), (3.9, 4, False), (0.5, 0.6, True)]
)
def test_from_one_quarter_to_the_next_it_moves_by_a_fifth_at_most(before: float, held: float, limited: bool) -> None:
    (found,) = baselines([past("a", 4, 4)], {"a": before}).values()
    assert isclose(found.credits_a_week, held)
    assert found.limited is limited


def test_a_fall_ends_at_the_least() -> None:
    (found,) = baselines([past("a", 0)], {"a": 0.55}).values()
    assert found.credits_a_week == 0.5


def test_what_was_read_from_history_is_labelled() -> None:
    found = baselines([past("a", 1, imported=True), past("b", 1)], {})
    assert (found["a"].imported, found["b"].imported) == (True, False)


def test_the_order_of_services_does_not_matter() -> None:
    pasts = [past("a", 4, 1), past("b", 1), past("c", 2, 2, 7)]
    assert baselines(pasts, {}) == baselines(pasts[::-1], {})
