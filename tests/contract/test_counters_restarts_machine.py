"""Any order of calls, kills, lost snapshots and changes of rules, with no ledger: what is enforced is what is recorded,
and no limit is ever passed. Real counters, real journals, real snapshots."""

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from proxy.adapters.counters_file import counters_file
from proxy.adapters.counters_memory import MemoryCounters
from proxy.adapters.journal_file import FileJournal
from proxy.app.balancing import Balancing
from proxy.finance.pricebook import PriceBook
from proxy.gateway.expiry import GRACE_S, Expiry
from proxy.gateway.owners import Owner, Owners
from proxy.gateway.plane import Plane
from proxy.gateway.rules import Rules
from proxy.model.call import Call, Hold
from proxy.model.entry import Extended, Opened, Settled
from proxy.policy.rules import Budget, RuleSet, Scope, Unit, Window
from proxy.policy.types import PolicySet
from proxy.policy.windows import bounds, bucket_size_us
from proxy.ports.balances import BalancesUnavailableError, Known
from proxy.ports.counters import Reserved, Spent
from tests.fakes.clock import FakeClock
from tests.fakes.counters import a_budget
from tests.fakes.facts import a_call
from tests.fakes.tokens import WordCounter
from tests.fakes.upstream import ScriptedUpstream
from tests.flow.test_balancing import NOON_US, a_settlement

ROLLING = Window("rolling", length_s=2 * 3600)
ALICE = Scope({"user": ("alice",)})
MENU = (
    a_budget("all", 4000),
    a_budget("hourly", 1500, per=("user",), window=Window("hour")),
    a_budget("tokens", 3000, unit=Unit.TOKENS, window=Window("day")),
    a_budget("calls", 15, unit=Unit.CALLS),
    a_budget("rolling", 2000, scope=ALICE, window=ROLLING),
    a_budget("rolling", 2500, window=ROLLING),
    a_budget("all", 3000, scope=ALICE),
    a_budget("all", 2000, per=("user",)),
)
"""The last three count something else under a name that another has."""
chosen = st.lists(st.sampled_from(MENU), min_size=1, max_size=4, unique_by=lambda budget: budget.name)
owners = st.sampled_from(["alice", "bob"])


class NoLedger:
    async def known(self, *_: object) -> Known:
        raise BalancesUnavailableError("down")


@dataclass
class Running:
    call: Call
    hold: Hold
    owner: Owner


class RestartsMachine(RuleBasedStateMachine):
    @initialize(budgets=chosen)
    def begin(self, budgets: list[Budget]) -> None:
        self.data = Path(tempfile.mkdtemp())
        self.clock = FakeClock(NOON_US)
        self.recorded: list[tuple[Call, Spent]] = []
        self.running: dict[str, Running] = {}
        self.calls = 0
        self.budgets = tuple(budgets)
        self.start()

    def start(self) -> None:
        """What a process before left open is settled at its hold, by the journal's own recovery."""
        self.journal = FileJournal(self.data / "journal", "mine", self.clock, segment_bytes_max=8000)
        for entry in self.journal.open().settled:
            self.record(entry)
        self.running.clear()
        self.counters = MemoryCounters(1000)
        self.owners = Owners()
        plane: Any = Plane(
            ScriptedUpstream(asyncio.Event()), self.counters, self.journal, WordCounter(), self.clock, 1.0, self.record
        )
        self.expiry = Expiry(plane, self.owners, self.counters.held)
        self.balancing = Balancing(
            balances=NoLedger(),
            counters=self.counters,
            journal=self.journal,
            data=self.data,
            node="mine",
            now_us=self.clock.now_us,
            put_in_force=self.put_in_force,
        )
        self.balancing.start(self.made())
        assert self.balancing.withheld == ()

    def made(self) -> Rules:
        return Rules(PolicySet("v1", rules=RuleSet(budgets=self.budgets)), PriceBook.__new__(PriceBook))

    def put_in_force(self, rules: Rules) -> None:
        self.rules = rules
        self.counters.reload(rules.charges_of)

    def record(self, entry: Settled) -> None:
        self.recorded.append((entry.call, Spent(entry.cost.total_pico, _tokens(entry))))

    @rule(owner=owners, cost=st.integers(0, 500), tokens=st.integers(2, 300))
    def reserve(self, owner: str, cost: int, tokens: int) -> None:
        self.calls += 1
        call = a_call(f"call_{self.calls}", owner=owner, opened_us=self.clock.now_us())
        hold, before = Hold(cost, tokens, 0), self.totals(owner)
        if isinstance(self.counters.reserve(call, hold, self.rules.charges_of(call)), Reserved):
            self.journal.append(Opened(call, hold))
            self.running[call.id] = Running(call, hold, Owner())
            self.owners.own(call.id, self.running[call.id].owner)
            self.within_limits(owner, before)

    @rule(which=st.integers(0, 50), cost=st.integers(0, 500), tokens=st.integers(0, 300))
    def extend(self, which: int, cost: int, tokens: int) -> None:
        if self.running:
            one = self.one(which)
            hold, before = (
                Hold(one.hold.cost_pico + cost, one.hold.input_tokens, one.hold.output_tokens + tokens),
                self.totals(one.call.owner),
            )
            if self.counters.extend(one.call.id, hold) is None:
                self.journal.append(Extended(one.call.id, self.clock.now_us(), hold))
                one.hold = hold
                self.within_limits(one.call.owner, before)

    @rule(which=st.integers(0, 50), share=st.integers(0, 100))
    def settle(self, which: int, share: int) -> None:
        if self.running:
            one = self.one(which)
            del self.running[one.call.id]
            cost, tokens = one.hold.cost_pico * share // 100, max(2, one.hold.input_tokens * share // 100)
            entry = a_settlement(one.call, cost, tokens)
            self.journal.append(entry)
            self.record(entry)
            self.counters.settle(one.call.id, Spent(cost, tokens))

    @rule(which=st.integers(0, 50))
    def lose(self, which: int) -> None:
        """A fault: what carried the call is gone. Its hold ends, and no other does."""
        if self.running:
            one = self.running.pop(self.one(which).call.id)
            del one
            self.expiry.look()
            self.clock.advance(int(GRACE_S * 1e6))
            self.expiry.look()
            assert {each.call.id for each in self.counters.held()} == set(self.running)

    @rule(minutes=st.sampled_from([1, 31, 61, 130, 1500]))
    def wait(self, minutes: int) -> None:
        self.clock.advance(minutes * 60_000_000)

    @rule(budgets=chosen, factor=st.sampled_from([50, 100, 200]))
    def reload(self, budgets: list[Budget], factor: int) -> None:
        self.budgets = tuple(a_budget(**_fields(each) | {"limit": each.limit * factor // 100}) for each in budgets)
        asyncio.run(self.balancing.swap(self.made()))
        assert self.balancing.waiting == ()

    @rule(kill=st.booleans(), snapshot=st.booleans())
    def restart(self, kill: bool, snapshot: bool) -> None:
        if not kill:
            self.balancing.stop()
        self.journal.close()
        if not snapshot:
            counters_file(self.data, "mine").unlink(missing_ok=True)
        self.start()

    @rule()
    def save(self) -> None:
        asyncio.run(self.balancing.save())

    @invariant()
    def what_is_enforced_is_what_is_recorded(self) -> None:
        for owner in ("alice", "bob"):
            for charge in self.rules.charges_of(a_call("asked", owner=owner, opened_us=self.clock.now_us())):
                balance = self.counters.balance(charge, self.clock.now_us())
                least, most = self.counted(charge.budget, owner), self.counted(charge.budget, owner, late=True)
                assert least <= balance.spent + balance.held <= most, charge.budget.name

    def one(self, which: int) -> Running:
        return list(self.running.values())[which % len(self.running)]

    def totals(self, owner: str) -> Mapping[str, int]:
        return {budget.name: self.counted(budget, owner) for budget in self.budgets}

    def within_limits(self, owner: str, before: Mapping[str, int]) -> None:
        for budget in self.budgets:
            now = self.counted(budget, owner)
            assert now <= budget.limit or now <= before[budget.name], budget.name

    def counted(self, budget: Budget, owner: str, *, late: bool = False) -> int:
        """By the naive look at every call. `late`: a rolling window's buckets leave when they are wholly outside."""
        now_us = self.clock.now_us()
        start_us, end_us = bounds(budget.window, now_us)
        if budget.window.kind == "rolling":
            start_us = now_us - budget.window.length_s * 1_000_000 - late * bucket_size_us(budget.window)
            end_us = now_us + 1
        holds = [(each.call, Spent(each.hold.cost_pico, _held(each.hold))) for each in self.running.values()]
        return sum(
            _amount(budget, spent)
            for call, spent in [*self.recorded, *holds]
            if start_us <= call.opened_us < end_us
            and (not budget.per or call.owner == owner)
            and (not budget.scope.conditions or call.owner == "alice")
        )

    def teardown(self) -> None:
        if hasattr(self, "data"):
            for _ in range(len(self.running)):
                self.settle(0, 50)
            assert self.counters.in_flight == self.counters.held_pico == 0
            assert all(balance.held == 0 for _, balance in self.counters.accounts())
            self.journal.close()
            shutil.rmtree(self.data)


def _fields(budget: Budget) -> dict[str, Any]:
    return {name: getattr(budget, name) for name in ("name", "scope", "per", "unit", "window", "limit")}


def _held(hold: Hold) -> int:
    return hold.input_tokens + hold.output_tokens


def _tokens(entry: Settled) -> int:
    return entry.usage.prompt_tokens + entry.usage.output_tokens


def _amount(budget: Budget, spent: Spent) -> int:
    if budget.unit is Unit.USD:
        return spent.cost_pico
    return spent.tokens if budget.unit is Unit.TOKENS else spent.calls


TestRestarts = RestartsMachine.TestCase
TestRestarts.settings = settings(max_examples=25, stateful_step_count=30)
