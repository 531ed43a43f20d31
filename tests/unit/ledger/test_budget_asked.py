"""Which windows of which budgets a report is about."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from proxy.ledger.budget_asked import WINDOWS_MAX, BudgetsAsked, budgets_asked, windows
from proxy.ledger.selection import ParameterError
from proxy.policy.rules import Budget, Scope, Unit, Window

NOW_US = int(datetime(2026, 3, 30, 12, tzinfo=UTC).timestamp() * 1e6)
HOUR_US = 3_600_000_000


def a_budget(window: Window) -> Budget:
    return Budget("all", "b:1", Scope({}), "enforce", "", (), Unit.USD, 5, window, (), "refuse", "", "cut", 0, False)


def asked(**parameters: str) -> BudgetsAsked:
    return budgets_asked(list(parameters.items()), NOW_US)


def spans(window: Window, **parameters: str) -> list[tuple[Any, ...]]:
    found = windows(a_budget(window), asked(**parameters), NOW_US)
    return [(each.asked.since_us, each.asked.until_us, each.resets_us(NOW_US)) for each in found]


def test_without_a_period_it_is_the_window_of_now() -> None:
    [(since_us, until_us, resets_us)] = spans(Window("day"))
    assert since_us == NOW_US - 12 * HOUR_US
    assert until_us == resets_us == NOW_US + 12 * HOUR_US


def test_a_period_has_each_window_it_touches_by_the_rule_s_own_zone_and_none_to_come() -> None:
    found = spans(Window("day", "Europe/Berlin"), since="2026-03-28T12:00", until="2026-04-05")
    # The clocks go forward on the 29th.
    assert [(until - since) // HOUR_US for since, until, _ in found] == [24, 23, 24]
    assert all(before[1] == after[0] for before, after in pairwise(found))
    assert [bool(resets) for _, _, resets in found] == [False, False, True]


def test_a_rolling_budget_has_the_window_that_ends_with_the_period() -> None:
    [(since_us, until_us, resets_us)] = spans(
        Window("rolling", length_s=3600), since="2026-03-30T00:00", until="2026-03-30T06:00"
    )
    end_us = NOW_US - 6 * HOUR_US
    assert since_us <= end_us - HOUR_US < end_us <= until_us
    assert until_us - since_us < HOUR_US * 1.1
    assert resets_us == 0


def test_a_budget_without_end_has_one_window() -> None:
    [(since_us, _, resets_us)] = spans(Window("total"), since="2026-01-01")
    assert (since_us, resets_us) == (0, 0)


def test_too_many_windows_are_refused() -> None:
    assert len(spans(Window("hour"), since="2026-03-26T08:00", until="2026-03-30T12:00")) == WINDOWS_MAX
    with pytest.raises(ParameterError, match="more than 100 windows"):
        spans(Window("hour"), since="2026-03-26T07:00", until="2026-03-30T12:00")


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ([("buget", "x")], "did you mean budget"),
        ([("since", "7d"), ("since", "8d")], "given twice"),
        ([("since", "x")], "no time"),
        ([("budget", "x")] * 101, "more than 100 names"),
        ([("reason", " ")], "is empty"),
    ],
)
def test_what_makes_no_sense_is_named(parameters: list[tuple[str, str]], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        budgets_asked(parameters, NOW_US)


def test_no_name_of_a_budget_goes_on_record() -> None:
    described = budgets_asked([("budget", "bobs"), ("since", "7d")], NOW_US).described()
    assert "bobs" not in str(described)
    assert (described["report"], described["filters"]) == ("budgets", "budget")
