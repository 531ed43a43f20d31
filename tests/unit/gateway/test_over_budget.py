"""What callers read whom a budget has no room for."""

from dataclasses import replace

import pytest

from proxy.adapters.counters_memory import MemoryCounters
from proxy.gateway.over_budget import cut, no_turn, over_budget, warning
from proxy.model.call import Hold
from proxy.policy.charge import Balance, Shortfall
from proxy.policy.rules import Unit, Window
from proxy.ports.counters import Reserved, Spent
from tests.fakes.counters import a_budget, a_charge
from tests.fakes.facts import a_call

USD = 10**12
NOW_US = 1_800_000_000_000_000
RESET_US = NOW_US + 90_500_000


def short(*instance: str, spent: int = 499 * USD, limit: int = 500 * USD, **given: object) -> Shortfall:
    budget = a_budget("payments-month", limit, contact="ask #platform", window=Window("month"), **given)
    return Shortfall(a_charge(budget, *instance), Balance(spent, USD // 2, limit, RESET_US), USD * 3 // 2, False)


def test_a_refusal_says_rule_place_balance_reset_advice_and_contact() -> None:
    refusal = over_budget(short("payments", per=("team",)), NOW_US)
    assert (refusal.status, refusal.retryable, refusal.retry_after_s) == (400, False, None)
    assert refusal.rule == "budgets.yaml:2"
    assert refusal.message == (
        "The budget 'payments-month' of team 'payments' (budgets.yaml:2) has no room for this call: $499.00 of $500.00 "
        "are spent, $1.00 left, and this call may come to $1.50. It resets at 2027-01-15 08:01 UTC. Ask for less "
        "output, send less, or use a cheaper model, or wait until there is room again. To ask for more: outlay budget "
        "request payments-month --amount '10 USD' --until 7d --reason 'why'. Whom to ask: ask #platform."
    )


def test_nobody_is_told_to_ask_for_more_of_a_ban_or_to_wait_for_its_end() -> None:
    banned = over_budget(short(limit=0, spent=0, action="throttle"), NOW_US)
    assert banned.message == (
        "The budget 'payments-month' (budgets.yaml:2) has a limit of zero, so nothing passes. Repeating the call "
        "doesn't help. Whom to ask: ask #platform."
    )
    assert (banned.status, banned.retryable, banned.retry_after_s) == (400, False, None)


def test_a_call_that_never_fits_is_not_told_to_come_back() -> None:
    refusal = over_budget(short(limit=USD, spent=0, action="throttle"), NOW_US)
    assert (refusal.status, refusal.retryable, refusal.retry_after_s) == (400, False, None)
    assert "use a cheaper model: waiting doesn't help." in refusal.message


def test_a_budget_that_slows_down_says_when_to_come_back() -> None:
    refusal = over_budget(short(action="throttle"), NOW_US)
    assert (refusal.status, refusal.retryable, refusal.retry_after_s) == (429, True, 91)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"limit": 0, "spent": 0}, "has a limit of zero, so nothing passes."),
        (
            {"unit": Unit.TOKENS, "limit": 2_000_000, "spent": 1_999_999},
            "1,999,999 tokens of 2,000,000 tokens are spent",
        ),
        ({"unit": Unit.CALLS, "limit": 10, "spent": 10}, "10 calls of 10 calls are spent, 0 calls left."),
        ({"unit": Unit.CALLS, "limit": 1, "spent": 1}, "1 call of 1 call is spent, 0 calls left."),
        ({"reserve": USD}, "$1.00 left ($1.00 of it for answers that have begun)"),
    ],
)
def test_amounts_are_told_in_the_unit_of_the_budget(given: dict[str, object], said: str) -> None:
    assert said in over_budget(short(**given), NOW_US).message  # type: ignore[arg-type]


def test_held_room_is_worth_coming_back_for() -> None:
    refusal = no_turn(short())
    assert (refusal.status, refusal.retryable, refusal.retry_after_s) == (429, True, 5)
    assert "Calls in flight hold $0.50 of it" in refusal.message


def test_a_cut_answer_names_the_budget() -> None:
    assert cut(short()).message == (
        "The answer was ended here: no budget has room for more of it. The budget 'payments-month' (budgets.yaml:2): "
        "$499.00 of $500.00 are spent, $1.00 left; this answer and other calls in flight hold $0.50 of that. It resets "
        "at 2027-01-15 08:01 UTC. To ask for more: outlay budget request payments-month --amount '10 USD' --until 7d "
        "--reason 'why'. Whom to ask: ask #platform."
    )


def test_a_warning_names_budgets_from_their_first_level_on() -> None:
    budgets = [a_budget(name, 200, warn_at=(50, 80)) for name in ("near", "far")]
    balances = zip(map(a_charge, budgets), [Balance(101, 0, 200, 0), Balance(99, 0, 200, 0)], strict=True)
    assert warning(balances) == "near 50% spent"


def test_a_budget_that_only_warns_says_so_where_a_call_does_not_fit() -> None:
    soft = a_charge(a_budget("soft", 200, action="warn"))
    assert warning([(soft, Balance(100, 100, 200, 0))]) == ""
    assert warning([(soft, Balance(100, 101, 200, 0))]) == "soft over its limit"


def test_a_rolling_window_says_when_enough_of_it_has_left() -> None:
    budget = a_budget("hour", 10, unit=Unit.CALLS, action="throttle", window=Window("rolling", length_s=3600))
    counters, charge = MemoryCounters(100), a_charge(budget)
    for number in range(10):
        at_us = NOW_US + number * 300_000_000
        counters.count(at_us, Spent(0, 0), [charge])
    now_us = NOW_US + 2_700_000_000
    short = counters.reserve(replace(a_call("late"), opened_us=now_us), Hold(1, 1, 1), [charge])
    assert isinstance(short, Shortfall)
    wait_s = over_budget(short, now_us).retry_after_s
    assert wait_s is not None
    # The first of them leaves an hour after it, with its bucket of a minute.
    assert 900 <= wait_s <= 960
    early, there = now_us + (wait_s - 2) * 1_000_000, now_us + wait_s * 1_000_000
    assert isinstance(counters.reserve(replace(a_call("early"), opened_us=early), Hold(1, 1, 1), [charge]), Shortfall)
    assert isinstance(counters.reserve(replace(a_call("there"), opened_us=there), Hold(1, 1, 1), [charge]), Reserved)
