"""Whatever calls come at once, and however each is made to fit: no limit is ever exceeded, and no hold is left.

The provider here goes by what it was sent, and by nothing that outlay holds: it takes the input that the texts have,
and puts out as much as the body allows it to.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import respx
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.counters_memory import MemoryCounters
from proxy.dialects.dialect import Reading
from proxy.gateway.admission import Admission, Admitted, Incoming
from proxy.gateway.closing import close_call
from proxy.gateway.lease import Lease
from proxy.gateway.plane import Plane
from proxy.gateway.rules import Rules
from proxy.gateway.settlement import Ending
from proxy.gateway.throttling import Throttling
from proxy.gateway.waiting import Waiting
from proxy.metering.calibration import Calibration
from proxy.metering.expecting import Expecting
from proxy.model.call import Call, Hold
from proxy.model.entry import Opened, Outcome, Refused, Settled, Timing
from proxy.model.identity import Identity, OwnerKind, Project, Role
from proxy.model.usage import Served, Usage
from proxy.policy.charge import Charge, Shortfall
from proxy.policy.rules import Budget, ModelRule, RuleSet, Scope, Unit
from proxy.ports.counters import Crossing, Reserved, Spent
from proxy.web.routing import Route, route
from tests.fakes.clock import FakeClock
from tests.fakes.counters import a_budget
from tests.fakes.journal import FakeJournal
from tests.fakes.tokens import WordCounter
from tests.flow.world import Secrets, World

MODELS = ("gpt-4o", "gpt-4o-mini", "gpt-4.1-nano")
WORLD = World(respx.MockRouter(), {"access.yaml": "people: {alice: {team: payments}}"})
PRICES = WORLD.app.rules().prices
ALICE = Identity("k_alice", "alice", OwnerKind.PERSON, Role.DEVELOPER, "payments", (Project("checkout"),))
SPARE = ModelRule("spare", "models.yaml:2", Scope(), "enforce", "", (), (), None, None, None, "", ("wide",))


AT_ITS_TURN = "hangs up in the very moment in which somebody else gives it room"


class WatchedCounters(MemoryCounters):
    """The real ones, looked at after each step."""

    def __init__(self, calls_in_flight_max: int) -> None:
        super().__init__(calls_in_flight_max)
        self._asking: dict[str, asyncio.Task[Any] | None] = {}

    def reserve(self, call: Call, hold: Hold, charges: Sequence[Charge] = ()) -> Any:
        task = self._asking.setdefault(call.id, asyncio.current_task())
        found = super().reserve(call, hold, charges)
        if isinstance(found, Reserved):
            self.look()
            if task is not None and task is not asyncio.current_task() and task.get_name() == AT_ITS_TURN:
                task.cancel()
        return found

    def shortfall(self, call: Call, hold: Hold, charges: Sequence[Charge]) -> Shortfall | None:
        self._asking.setdefault(call.id, asyncio.current_task())
        return super().shortfall(call, hold, charges)

    def extend(self, call_id: str, hold: Hold) -> Shortfall | None:
        found = super().extend(call_id, hold)
        self.look()
        return found

    def settle(self, call_id: str, spent: Spent) -> Sequence[Crossing]:
        crossings = super().settle(call_id, spent)
        self.look()
        return crossings

    def take(self, call: Call, hold: Hold, charges: Sequence[Charge] = ()) -> None:
        super().take(call, hold, charges)
        self.look()

    def look(self) -> None:
        for tally in self._tallies.values():
            budget = tally.budget
            if budget.mode == "enforce" and budget.action != "warn":
                assert tally.spent + tally.held <= budget.limit, (budget, tally.spent, tally.held)


@dataclass(frozen=True)
class Plan:
    model: str
    words: int
    output_limit: int | None
    stream: bool
    share: int
    """Per cent of its output limit that it puts out."""
    after: int
    """Turns of the loop before it is sent, and as many before it ends."""
    gives_up: str
    """'later': the caller hangs up after as many turns again, wherever the call is then; or AT_ITS_TURN; '': never."""
    falls_back: bool
    in_words: bool
    """What it streams are words that can be counted, two tokens each at the provider; else every byte is a token."""

    @property
    def body(self) -> bytes:
        said: dict[str, Any] = {"model": self.model, "stream": self.stream}
        said["messages"] = [{"role": "user", "content": "word " * self.words}]
        if self.output_limit is not None:
            said["max_tokens"] = self.output_limit
        return json.dumps(said).encode()


@st.composite
def budgets(draw: st.DrawFn) -> tuple[Budget, ...]:
    made = []
    for number in range(draw(st.integers(1, 3))):
        unit = draw(st.sampled_from([Unit.USD, Unit.USD, Unit.TOKENS, Unit.CALLS]))
        high = {Unit.USD: 3 * 10**11, Unit.TOKENS: 200_000, Unit.CALLS: 6}[unit]
        # Often of the size of one call or two, where how a call is made to fit matters most.
        limit = draw(st.integers(1, high) | st.integers(high // 20, high // 6))
        actions = ["refuse", "throttle", "warn"] + (["downgrade"] * 3 if unit is not Unit.CALLS else [])
        action = draw(st.sampled_from(actions))
        given_: dict[str, object] = {
            "unit": unit,
            "action": action,
            "mode": draw(st.sampled_from(["enforce"] * 4 + ["shadow"])),
        }
        if action == "downgrade":
            given_["downgrade_to"] = draw(st.sampled_from(MODELS))
        if unit is not Unit.CALLS and draw(st.booleans()):
            given_ |= {"on_cap": "finish", "reserve": limit // 5}
        if draw(st.integers(0, 3)) == 0:
            given_["scope"] = Scope({"provider": ("wide",)})
        made.append(a_budget(f"b{number}", limit, **given_))
    return tuple(made)


plans = st.builds(
    Plan,
    model=st.sampled_from(MODELS),
    words=st.sampled_from([1, 200, 5000, 20_000]),
    output_limit=st.sampled_from([None, 1, 300, 2000, 10_000]),
    stream=st.booleans(),
    share=st.sampled_from([0, 30, 100, 100]),
    after=st.integers(0, 6),
    gives_up=st.sampled_from(["", "", "", "later", AT_ITS_TURN]),
    falls_back=st.sampled_from([False, False, True]),
    in_words=st.booleans(),
)


class Gateway:
    def __init__(self, rules: tuple[Budget, ...]) -> None:
        policies = replace(WORLD.policies, rules=RuleSet(budgets=rules, models=(SPARE,)))
        self.rules = Rules(policies, PRICES)
        self.counters, self.journal, self.waiting = WatchedCounters(100), FakeJournal(), Waiting()
        shared: dict[str, Any] = {
            "waiting": self.waiting,
            "throttling": Throttling(),
            "expecting": Expecting(),
            "calibration": Calibration(),
        }
        clock, tokens, hash_key = FakeClock(), WordCounter(), WORLD.app.admission.hash_key
        self.admission = Admission(self.counters, self.journal, clock, hash_key, Secrets(), tokens=tokens, **shared)
        upstream = WORLD.app.plane.upstream
        self.plane = Plane(upstream, self.counters, self.journal, tokens, clock, 5.0, lambda _: None, **shared)

    async def call(self, plan: Plan) -> None:
        await _turns(plan.after)
        incoming = _incoming(self.rules, plan.body)
        admitted = await self.admission.admit(self.rules, incoming, ALICE)
        if not isinstance(admitted, Admitted):
            return
        lease = Lease(self.plane, admitted)
        usage, outcome = Usage(), Outcome.HANGUP
        try:
            if plan.falls_back:
                await _turns(1)
                admitted = self.admission.elsewhere(admitted, incoming, "wide") or admitted
                lease = Lease(self.plane, admitted)
            usage = await self._served(plan, admitted, lease)
            outcome = Outcome.OK
        finally:
            served = Served(model=admitted.model)
            reading = Reading(usage, True, served, True, False, usage.output_text)
            ending = Ending(outcome, 200, reading, "", lease.hold, Timing(0, 0, 0), admitted.edits)
            assert close_call(self.plane, admitted, ending) is None

    async def _served(self, plan: Plan, admitted: Admitted, lease: Lease) -> Usage:
        """What the provider makes of it, by what it was sent."""
        sent = json.loads(admitted.body)
        assert sent["model"] == admitted.model
        limit = (
            sent.get("max_completion_tokens")
            or sent.get("max_tokens")
            or PRICES.limits(admitted.call.provider, sent["model"]).output_tokens_max
            or 0
        )
        output = limit * plan.share // 100
        if sent["stream"]:
            output = await self._streamed(output, lease, plan)
        else:
            await _turns(plan.after)
        return Usage(input_text=plan.words, output_text=output)

    async def _streamed(self, output: int, lease: Lease, plan: Plan) -> int:
        """As far as the gateway lets it come."""
        passed, steps = 0, plan.after * (10 if plan.in_words else 1)
        for step in range(1, steps + 2):
            upto = output * step // (steps + 1)
            said = "word " * -(-upto // 2) if plan.in_words else ""
            size = len(said) or upto
            if not lease.covers(size) and await lease.extend(size, lambda said=said: (said,) if said else ()):
                return passed
            passed = upto
            await _turns(1)
        return passed


def _incoming(rules: Rules, body: bytes) -> Incoming:
    found = route("POST", b"/v1/chat/completions", {}, rules.policies, WORLD.app.dialects)
    assert isinstance(found, Route)
    return Incoming(found.dialect, found.operation, "", {}, body, False, found.target, body)


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def _all(gateway: Gateway, calls: Sequence[Plan]) -> None:
    tasks = [asyncio.create_task(gateway.call(plan), name=plan.gives_up) for plan in calls]
    for plan, task in zip(calls, tasks, strict=True):
        await _turns(plan.after if plan.gives_up == "later" else 0)
        if plan.gives_up == "later":
            task.cancel()
    for found in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(found, Exception):
            raise found


@settings(max_examples=150)
@given(budgets(), st.lists(plans, min_size=1, max_size=12))
def test_no_limit_is_exceeded_no_hold_is_left_and_each_call_is_settled_once(
    rules: tuple[Budget, ...], calls: list[Plan]
) -> None:
    gateway = Gateway(rules)
    asyncio.run(_all(gateway, calls))
    counters, journal = gateway.counters, gateway.journal
    assert (counters.in_flight, counters.held_pico, gateway.waiting.calls) == (0, 0, 0)
    assert all(balance.held == 0 for _, balance in counters.accounts())
    opened = {entry.call.id for entry in journal.of(Opened)}
    settled = [entry.call.id for entry in journal.of(Settled)]
    assert sorted(settled) == sorted(opened)
    assert opened.isdisjoint(entry.call.id for entry in journal.of(Refused))
    for budget in rules:
        of_it = [each for each in journal.of(Settled) if not budget.scope.conditions or each.call.provider == "wide"]
        if budget.unit is Unit.USD:
            spent = sum(balance.spent for account, balance in counters.accounts() if account.budget == budget.name)
            assert spent == sum(each.cost.total_pico for each in of_it)
