"""Any order of calls, extensions, settlements, reloads and hours: no enforced limit is ever exceeded, nothing leaks."""

from dataclasses import dataclass, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from proxy.adapters.counters_memory import MemoryCounters
from proxy.model.call import Call, Hold
from proxy.policy.charge import Account, Charge, Shortfall
from proxy.policy.rules import Budget, Unit, Window
from proxy.policy.windows import bounds, bucket_size_us
from proxy.ports.counters import Reserved, Spent
from tests.fakes.counters import a_budget
from tests.fakes.facts import OPENED_US, a_call

HOUR_US = 3_600_000_000
LENGTH_S = 2 * 3600
BUDGETS = (
    a_budget("all", 5000),
    a_budget("hourly", 1200, per=("user",), window=Window("hour"), on_cap="finish", reserve=200),
    a_budget("rolling", 2500, per=("user",), window=Window("rolling", length_s=LENGTH_S), unit=Unit.TOKENS),
    a_budget("calls", 12, window=Window("day"), unit=Unit.CALLS),
    a_budget("shadow", 100, mode="shadow"),
    a_budget("soft", 50, action="warn", window=Window("hour")),
)
amounts = st.integers(0, 600)


@dataclass
class Known:
    """A call as the machine remembers it."""

    call: Call
    hold: Hold
    spent: Spent | None = None

    def amount(self, unit: Unit) -> int:
        if unit is Unit.CALLS:
            return 1
        if self.spent is not None:
            return self.spent.cost_pico if unit is Unit.USD else self.spent.tokens
        return self.hold.cost_pico if unit is Unit.USD else self.hold.input_tokens + self.hold.output_tokens


class CountersMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.counters = MemoryCounters(1000)
        self.now_us = OPENED_US
        self.known: list[Known] = []
        self.budgets = BUDGETS

    def charges(self, call: Call) -> list[Charge]:
        return [
            Charge(
                Account(
                    budget.name,
                    (call.owner,) if budget.per else (),
                    bounds(budget.window, call.opened_us)[0],
                ),
                budget,
            )
            for budget in self.budgets
        ]

    def counted(self, budget: Budget, owner: str, longer_us: int = 0) -> int:
        """By the naive look at every call that there was. `longer_us`: of a rolling window, as if it were longer."""
        start_us, end_us = bounds(budget.window, self.now_us)
        if budget.window.kind == "rolling":
            start_us, end_us = self.now_us - LENGTH_S * 1_000_000 - longer_us, self.now_us + 1
        return sum(
            known.amount(budget.unit)
            for known in self.known
            if start_us <= known.call.opened_us < end_us and (known.call.owner == owner or not budget.per)
        )

    def hard(self, budget: Budget) -> bool:
        return budget.mode == "enforce" and budget.action == "refuse"

    def remember(self, owner: str) -> None:
        self.before = {budget.name: self.counted(budget, owner) for budget in self.budgets}

    @rule(owner=st.sampled_from(["alice", "bob"]), cost=amounts, tokens=amounts)
    def reserve(self, owner: str, cost: int, tokens: int) -> None:
        call = a_call(str(len(self.known)), owner=owner, opened_us=self.now_us)
        hold = Hold(cost, tokens, 0)
        self.remember(owner)
        found = self.counters.reserve(call, hold, self.charges(call))
        if isinstance(found, Reserved):
            self.known.append(Known(call, hold))
            grew = [
                each for each in self.budgets if self.hard(each) and self.counted(each, owner) > self.before[each.name]
            ]
            for budget in grew:
                assert self.counted(budget, owner) <= budget.limit - budget.reserve, budget.name
        else:
            assert isinstance(found, Shortfall)
            assert self.hard(found.charge.budget)
            assert found.balance.spent + found.balance.held + found.needed > found.charge.budget.limit - (
                found.charge.budget.reserve
            )

    @rule(which=st.integers(0, 50), cost=amounts, tokens=amounts)
    def extend(self, which: int, cost: int, tokens: int) -> None:
        running = [known for known in self.known if known.spent is None]
        if not running:
            return
        known = running[which % len(running)]
        self.remember(known.call.owner)
        hold = Hold(known.hold.cost_pico + cost, known.hold.input_tokens, known.hold.output_tokens + tokens)
        if self.counters.extend(known.call.id, hold) is None:
            known.hold = hold
            for budget in self.budgets:
                counted = self.counted(budget, known.call.owner)
                if self.hard(budget) and counted > self.before[budget.name]:
                    assert counted <= budget.limit, budget.name

    @rule(which=st.integers(0, 50), share=st.integers(0, 100), again=st.booleans())
    def settle(self, which: int, share: int, again: bool) -> None:
        running = [known for known in self.known if known.spent is None]
        if not running:
            return
        known = running[which % len(running)]
        spent = Spent(known.hold.cost_pico * share // 100, known.hold.input_tokens * share // 100)
        known.spent = spent
        self.counters.settle(known.call.id, spent)
        if again:
            self.counters.settle(known.call.id, Spent(10**9, 10**9))

    @rule(minutes=st.sampled_from([1, 7, 59, 60, 130, 1500]))
    def wait(self, minutes: int) -> None:
        self.now_us += minutes * 60_000_000

    @rule(factor=st.sampled_from([50, 100, 150]))
    def reload(self, factor: int) -> None:
        self.budgets = tuple(replace(budget, limit=budget.limit * factor // 100) for budget in BUDGETS)
        self.counters.reload(self.charges)

    @invariant()
    def balances_are_those_of_the_calls(self) -> None:
        for owner in ("alice", "bob"):
            for charge in self.charges(a_call("asked", owner=owner, opened_us=self.now_us)):
                balance = self.counters.balance(charge, self.now_us)
                total = balance.spent + balance.held
                counted = self.counted(charge.budget, owner)
                if charge.budget.window.kind == "rolling":
                    # A bucket leaves when it is wholly outside: never early, and at most a bucket late.
                    late = self.counted(charge.budget, owner, bucket_size_us(charge.budget.window))
                    assert counted <= total <= late
                else:
                    assert total == counted, charge.budget.name

    def teardown(self) -> None:
        if not hasattr(self, "counters"):
            return
        for known in self.known:
            if known.spent is None:
                known.spent = Spent(known.hold.cost_pico, known.hold.input_tokens + known.hold.output_tokens)
                self.counters.settle(known.call.id, known.spent)
        assert self.counters.in_flight == self.counters.held_pico == 0
        assert all(balance.held == 0 for _, balance in self.counters.accounts())
        (total,) = [charge for charge in self.charges(a_call("asked")) if charge.budget.name == "all"]
        recorded = sum(known.spent.cost_pico for known in self.known if known.spent is not None)
        assert self.counters.balance(total, self.now_us).spent == recorded


TestCounters = CountersMachine.TestCase
TestCounters.settings = settings(max_examples=120, stateful_step_count=40)
