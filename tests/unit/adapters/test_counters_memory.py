"""What budgets see of calls: the cases that the machine over all of them does not tell apart."""

from dataclasses import replace

from proxy.adapters.counters_memory import MemoryCounters
from proxy.model.call import Hold
from proxy.model.decision import Refusal
from proxy.policy.charge import Shortfall
from proxy.policy.rules import Scope, Unit, Window
from proxy.policy.windows import bounds
from proxy.ports.counters import Reserved, Spent
from tests.fakes.counters import a_budget, a_charge
from tests.fakes.facts import OPENED_US, a_call

DAY_US = 86_400_000_000


def hold(pico: int, tokens: int = 0) -> Hold:
    return Hold(pico, tokens, 0)


def test_what_is_spent_above_a_hold_counts_as_it_is() -> None:
    counters, charge = MemoryCounters(10), a_charge(a_budget(limit=100))
    assert counters.reserve(a_call("1"), hold(10), [charge]) == Reserved()
    counters.settle("1", Spent(150, 1))
    assert counters.balance(charge, OPENED_US).spent == 150
    short = counters.reserve(a_call("2"), hold(1), [charge])
    assert isinstance(short, Shortfall)
    assert not short.waiting_helps


def test_what_costs_nothing_passes_a_spent_budget_but_nothing_passes_zero() -> None:
    counters, spent, zero = MemoryCounters(10), a_charge(a_budget(limit=5)), a_charge(a_budget("zero", 0))
    counters.count(OPENED_US, Spent(5, 0), [spent])
    assert counters.reserve(a_call("1"), hold(0), [spent]) == Reserved()
    assert isinstance(counters.reserve(a_call("2"), hold(0), [spent, zero]), Shortfall)


def test_all_accounts_or_none() -> None:
    counters, wide, narrow = MemoryCounters(10), a_charge(a_budget("wide", 100)), a_charge(a_budget("narrow", 5))
    short = counters.reserve(a_call("1"), hold(10), [wide, narrow])
    assert isinstance(short, Shortfall)
    assert short.charge == narrow
    assert counters.balance(wide, OPENED_US).held == counters.in_flight == 0


def test_waiting_helps_where_only_holds_are_in_the_way() -> None:
    counters, charge = MemoryCounters(10), a_charge(a_budget(limit=100))
    counters.reserve(a_call("1"), hold(60), [charge])
    short = counters.reserve(a_call("2"), hold(60), [charge])
    assert isinstance(short, Shortfall)
    assert short.waiting_helps
    counters.settle("1", Spent(40, 0))
    assert counters.reserve(a_call("2"), hold(60), [charge]) == Reserved()


def test_the_reserve_is_for_streams_that_have_begun() -> None:
    for on_cap, grows in (("finish", True), ("cut", False)):
        counters, charge = MemoryCounters(10), a_charge(a_budget(limit=100, reserve=20, on_cap=on_cap))
        assert isinstance(counters.reserve(a_call("1"), hold(81), [charge]), Shortfall)
        assert counters.reserve(a_call("1"), hold(80), [charge]) == Reserved()
        assert (counters.extend("1", hold(100)) is None) is grows
        assert counters.extend("1", hold(101)) is not None


def test_budgets_that_refuse_nothing_tell_what_they_missed() -> None:
    counters = MemoryCounters(10)
    charges = [a_charge(a_budget("shadow", 5, mode="shadow")), a_charge(a_budget("soft", 5, action="warn"))]
    found = counters.reserve(a_call("1"), hold(10), charges)
    assert isinstance(found, Reserved)
    assert [short.charge for short in found.missed] == charges
    assert [counters.balance(charge, OPENED_US).held for charge in charges] == [10, 10]


def test_a_level_is_crossed_once() -> None:
    counters, charge = MemoryCounters(10), a_charge(a_budget(limit=100, warn_at=(50, 80)))
    levels = []
    for number, cost in enumerate((49, 1, 20, 10, 10)):
        counters.reserve(a_call(str(number)), hold(cost), [charge])
        levels.append([crossing.level for crossing in counters.settle(str(number), Spent(cost, 0))])
    assert levels == [[], [50], [], [80], []]


def test_an_opening_counts_once_and_crosses_no_level() -> None:
    counters, charge = MemoryCounters(10), a_charge(a_budget(limit=100, warn_at=(50,)))
    assert not counters.knows(charge, OPENED_US)
    for _ in range(2):
        counters.open(charge, OPENED_US, 60)
    assert counters.knows(charge, OPENED_US)
    counters.reserve(a_call("1"), hold(1), [charge])
    assert not counters.settle("1", Spent(1, 0))
    assert counters.balance(charge, OPENED_US).spent == 61


def test_a_raised_limit_counts_what_was_spent_and_another_meaning_begins_anew() -> None:
    counters, budget = MemoryCounters(10), a_budget(limit=10)
    counters.count(OPENED_US, Spent(8, 0), [a_charge(budget)])
    assert counters.balance(a_charge(replace(budget, limit=20)), OPENED_US).left == 12
    for other in (replace(budget, unit=Unit.TOKENS), replace(budget, scope=Scope({"team": ("search",)}))):
        assert counters.balance(a_charge(other), OPENED_US).spent == 0


def test_calls_in_flight_are_charged_by_new_rules_from_the_reload_on() -> None:
    counters, charge = MemoryCounters(10), a_charge(a_budget("new", 100))
    counters.reserve(a_call("1"), hold(30), ())
    counters.reload(lambda call: [charge])
    assert counters.balance(charge, OPENED_US).held == 30
    assert counters.extend("1", hold(101)) is not None
    counters.settle("1", Spent(7, 0))
    balance = counters.balance(charge, OPENED_US)
    assert (balance.held, balance.spent) == (0, 7)


def test_windows_that_are_over_are_forgotten_and_an_overflow_shares_one_account() -> None:
    counters, budget = MemoryCounters(10, accounts_max=2), a_budget(per=("user",), window=Window("day"))

    def spend(owner: str, at_us: int) -> None:
        start_us, _ = bounds(budget.window, at_us)
        call = a_call(owner + str(at_us), opened_us=at_us)
        counters.reserve(call, hold(10), [a_charge(budget, owner, start_us=start_us)])
        counters.settle(call.id, Spent(10, 0))

    for owner in ("alice", "bob", "many", "more"):
        spend(owner, OPENED_US)
    assert sorted(balance.spent for _, balance in counters.accounts()) == [10, 10, 20]
    spend("alice", OPENED_US + DAY_US)
    assert [balance.spent for _, balance in counters.accounts()] == [10]


def test_too_many_calls_in_flight_are_turned_away() -> None:
    counters = MemoryCounters(1)
    counters.reserve(a_call("1"), hold(1))
    refused = counters.reserve(a_call("2"), hold(1))
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.retryable) == (503, True)


def test_a_call_that_the_provider_has_begun_is_counted_without_room() -> None:
    counters, charge = MemoryCounters(10), a_charge(a_budget(limit=5))
    counters.take(a_call("1"), hold(9), [charge])
    assert counters.balance(charge, OPENED_US).held == 9


def test_who_shares_an_account_goes_on_sharing_it_when_there_is_place_again() -> None:
    counters, budget = MemoryCounters(10, accounts_max=3), a_budget(limit=100, per=("user",), window=Window("month"))
    start_us, day_us = (bounds(window, OPENED_US)[0] for window in (budget.window, Window("day")))
    for name in ("one", "two"):
        counters.count(OPENED_US, Spent(1, 0), [a_charge(a_budget(name, window=Window("day")), start_us=day_us)])
    counters.count(OPENED_US, Spent(1, 0), [a_charge(budget, "alice", start_us=start_us)])
    bob = a_charge(budget, "bob", start_us=start_us)
    counters.count(OPENED_US, Spent(90, 0), [bob])
    later_us = OPENED_US + DAY_US
    assert bounds(budget.window, later_us)[0] == start_us
    found = [counters.reserve(a_call(str(n), opened_us=later_us + n * 61_000_000), hold(20), [bob]) for n in (1, 2)]
    assert all(isinstance(each, Shortfall) for each in found)


def test_made_up_instances_of_one_budget_take_no_place_from_others() -> None:
    counters, flooded = MemoryCounters(1000, accounts_max=20), a_budget("tagged", 100, per=("tags.t",))
    whole, honest = a_budget("whole", 1000), a_budget("people", 100, per=("user",))
    for number in range(200):
        counters.count(OPENED_US, Spent(1, 0), [a_charge(flooded, str(number))])
    for owner in ("alice", "bob"):
        charges = [a_charge(whole), a_charge(honest, owner)]
        assert counters.reserve(a_call(owner), hold(90), charges) == Reserved()
        counters.settle(owner, Spent(90, 0))
    assert [counters.balance(a_charge(honest, owner), OPENED_US).spent for owner in ("alice", "bob")] == [90, 90]
    for number in range(200):
        counters.count(OPENED_US, Spent(1, 0), [a_charge(honest, str(number))])
    assert len(list(counters.accounts())) <= 20 * 3 // 2 + 3


def test_a_refused_call_takes_no_account_also_of_a_rolling_window() -> None:
    rolling = Window("rolling", length_s=7200)
    counters, small = MemoryCounters(10), a_budget("small", 5, per=("user",))
    others = a_budget("hours", 100, per=("user",), window=rolling)
    for number in range(5):
        charges = [a_charge(small, str(number)), a_charge(others, str(number))]
        assert isinstance(counters.reserve(a_call(str(number)), hold(6), charges), Shortfall)
        assert counters.shortfall(a_call(str(number)), hold(1), charges) is None
    assert list(counters.accounts()) == []
    assert counters.reserve(a_call("in"), hold(1), charges) == Reserved()
    assert isinstance(counters.reserve(a_call("more"), hold(6), charges), Shortfall)
    assert len(list(counters.accounts())) == 2
