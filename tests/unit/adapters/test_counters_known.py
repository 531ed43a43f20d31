"""Accounts and instances that are found again at a glance: never others than those that are looked for one by one."""

from dataclasses import replace
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.counters_memory import MemoryCounters
from proxy.model.call import Call, Hold
from proxy.policy.charge import Charge
from proxy.policy.rates import Rates
from proxy.policy.rules import Budget, RateLimit, Scope, Unit, Window
from proxy.policy.verdict import Throttle
from proxy.policy.windows import bounds
from proxy.ports.counters import Spent
from tests.fakes.counters import a_budget, a_charge
from tests.fakes.facts import OPENED_US, a_call

BUDGETS = (
    a_budget("all", 3000, warn_at=(20, 80)),
    a_budget("hourly", 700, per=("user",), window=Window("hour"), warn_at=(50,)),
    a_budget("rolling", 2500, per=("user",), window=Window("rolling", length_s=7200), unit=Unit.TOKENS),
    a_budget("soft", 50, action="warn", window=Window("hour")),
    a_budget("shadow", 40, mode="shadow", per=("user",)),
)
LIMITS = tuple(
    RateLimit(name, "budgets.yaml:3", Scope(), mode, "", ("user",), requests, tokens, concurrent)
    for name, mode, requests, tokens, concurrent in (
        ("requests", "enforce", 3, None, None),
        ("tokens", "enforce", None, 500, 2),
        ("shadow", "shadow", 1, 10, 1),
    )
)
steps = st.lists(
    st.tuples(
        st.sampled_from(["reserve"] * 6 + ["settle"] * 3 + ["before", "extend", "wait", "sleep", "reload", "grant"]),
        st.sampled_from("aaaddbcef"),
        st.integers(0, 400),
    ),
    min_size=12,
    max_size=60,
)


class Twins:
    """The same is done to both; only one of them is given the same charges as before for the same accounts."""

    def __init__(self) -> None:
        self.granted: dict[str, int] = {}
        self.sets: list[tuple[Budget, ...]] = [BUDGETS]
        self.now_us = OPENED_US
        self.known: dict[object, tuple[Charge, ...]] = {}
        self.pair = [MemoryCounters(20, 12, self.extra, granting=lambda: bool(self.granted)) for _ in range(2)]

    def extra(self, budget: Budget, instance: tuple[str, ...]) -> int:
        return self.granted.get(budget.name, 0)

    def charges(self, owner: str, at_us: int, back: int = -1, *, same: bool) -> tuple[Charge, ...]:
        found = tuple(
            a_charge(each, *((owner,) if each.per else ()), start_us=bounds(each.window, at_us)[0])
            for each in self.sets[back]
            # Some have no windows that end, so that they keep their charges however long they stay away.
            if owner in "abc" or each.window.kind not in ("hour", "day")
        )
        if not same:
            return found
        key = tuple(each.account for each in found), len(self.sets) + back
        return self.known.setdefault(key, found)

    def charges_of(self, call: Call, *, same: bool) -> tuple[Charge, ...]:
        return self.charges(call.owner, call.opened_us, same=same)

    def did(self, step: str, owner: str, amount: int, number: int) -> list[object]:
        call = a_call(str(number), owner=owner, opened_us=self.now_us)
        found: list[object] = []
        for which, counters in enumerate(self.pair):
            # Who waited for room while rules changed is weighed by those it came under.
            back = max(-2, -len(self.sets)) if step == "before" else -1
            charges = self.charges(owner, self.now_us, back, same=which == 0)
            running = [each.call.id for each in counters.held()]
            told: object = None
            if step in ("reserve", "before"):
                told = counters.reserve(call, Hold(amount, amount, 0), charges), counters.near(call.id)
            elif step == "settle" and running:
                told = counters.settle(running[amount % len(running)], Spent(amount, amount))
            elif step == "extend" and running:
                told = counters.extend(running[0], Hold(2 * amount, amount, amount))
            elif step == "reload":
                counters.reload(partial(self.charges_of, same=which == 0))
            found.append((told, counters.held_pico, sorted(counters.accounts())))
        return found


@settings(max_examples=150)
@given(steps)
def test_accounts_that_are_known_again_are_those_that_would_be_found(steps: list[tuple[str, str, int]]) -> None:
    twins = Twins()
    for number, (step, owner, amount) in enumerate(steps):
        if step == "wait":
            twins.now_us += amount * 5_000_000
        elif step == "sleep":
            twins.now_us += 8_000_000_000
        elif step == "reload":
            # Other rules are other objects, and never those of before again.
            twins.sets.append(tuple(replace(each, limit=each.limit * (amount % 3) // 2) for each in BUDGETS))
        elif step == "grant":
            twins.granted = {"hourly": amount, "rolling": amount} if amount % 2 else {}
        known, found = twins.did(step, owner, amount, number)
        assert known == found


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 300), st.integers(0, 20)), max_size=60))
def test_instances_that_are_known_again_are_those_that_would_be_found(came: list[tuple[str, int, int]]) -> None:
    known, found, now_us = Rates(instances_max=5), Rates(instances_max=5), 0
    same = {owner: tuple(Throttle(limit, (owner,)) for limit in LIMITS) for owner in "abcdef"}
    for number, (owner, tokens, seconds) in enumerate(came):
        now_us += seconds * 1_000_000
        call_id, anew = str(number), tuple(Throttle(limit, (owner,)) for limit in LIMITS)
        assert known.take(call_id, same[owner], tokens, now_us) == found.take(call_id, anew, tokens, now_us)
        assert known.allowances(same[owner], now_us, 0) == found.allowances(anew, now_us, 0)
        if tokens % 3:
            for rates in (known, found):
                rates.settle(str(number // 2), tokens, now_us)
