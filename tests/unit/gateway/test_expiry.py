"""A hold ends with its call: settled by whoever carries it, or by the expiry once nobody does any more."""

import asyncio
from dataclasses import dataclass, field

from proxy.adapters.counters_memory import MemoryCounters
from proxy.gateway.expiry import GRACE_S, Expiry
from proxy.gateway.owners import Owner, Owners
from proxy.gateway.plane import Plane
from proxy.model.call import Hold
from proxy.model.entry import Outcome, Settled
from proxy.ports.counters import Spent
from tests.fakes.clock import FakeClock
from tests.fakes.counters import a_budget, a_charge
from tests.fakes.facts import a_call
from tests.fakes.journal import FakeJournal
from tests.fakes.tokens import WordCounter
from tests.fakes.upstream import ScriptedUpstream

CHARGE = a_charge(a_budget(limit=100))
HOLD = Hold(60, 5, 5)
GRACE_US = int(GRACE_S * 1e6)


@dataclass
class World:
    clock: FakeClock = field(default_factory=FakeClock)
    counters: MemoryCounters = field(default_factory=lambda: MemoryCounters(10))
    journal: FakeJournal = field(default_factory=FakeJournal)
    owners: Owners = field(default_factory=Owners)
    observed: list[Settled] = field(default_factory=list)

    def __post_init__(self) -> None:
        plane = Plane(
            ScriptedUpstream(asyncio.Event()),
            self.counters,
            self.journal,
            WordCounter(),
            self.clock,
            1.0,
            self.observed.append,
        )
        self.expiry = Expiry(plane, self.owners, self.counters.held)

    def opened(self, call_id: str) -> Owner:
        call, owner = a_call(call_id, opened_us=self.clock.now_us()), Owner()
        self.counters.reserve(call, HOLD, [CHARGE])
        self.owners.own(call_id, owner)
        return owner

    def pass_(self, us: int) -> None:
        self.expiry.look()
        self.clock.advance(us)
        self.expiry.look()

    @property
    def balance(self) -> tuple[int, int]:
        found = self.counters.balance(CHARGE, 0)
        return found.spent, found.held


def test_a_call_that_nobody_carries_any_more_is_settled_at_its_hold_after_the_grace() -> None:
    world = World()
    owner = world.opened("call_1")
    world.counters.extend("call_1", Hold(80, 5, 9))
    world.pass_(GRACE_US)
    assert world.balance == (0, 80)
    del owner
    world.pass_(GRACE_US - 1)
    assert (world.balance, world.expiry.expired) == ((0, 80), 0)
    world.pass_(1)
    assert (world.balance, world.expiry.expired, world.counters.in_flight) == ((80, 0), 1, 0)
    (entry,) = world.journal.of(Settled)
    assert (entry.outcome, entry.cost.total_pico, entry.estimated) == (Outcome.CRASHED, 80, True)
    assert world.observed == [entry]
    world.pass_(GRACE_US)
    assert len(world.journal.of(Settled)) == 1


def test_a_call_that_runs_keeps_its_hold_however_long_it_takes() -> None:
    world = World()
    owner = world.opened("call_1")
    for _ in range(24):
        world.pass_(3600_000_000)
    assert world.balance == (0, 60)
    assert world.expiry.oldest_s == 24 * 3600
    assert not world.owners.gone("call_1")
    del owner


def test_a_settlement_within_the_grace_is_the_only_one() -> None:
    world = World()
    owner = world.opened("call_1")
    del owner
    world.pass_(1)
    world.counters.settle("call_1", Spent(7, 7))
    world.pass_(2 * GRACE_US)
    assert (world.balance, world.journal.of(Settled), world.expiry.oldest_s) == ((7, 0), [], 0)


def test_a_call_that_another_provider_took_over_belongs_to_the_later_owner() -> None:
    world = World()
    before = world.opened("call_1")
    after = Owner()
    world.owners.own("call_1", after)
    del before
    world.pass_(2 * GRACE_US)
    assert world.balance == (0, 60)
    del after
    world.pass_(GRACE_US)
    assert world.balance == (60, 0)


def test_a_hold_without_a_known_owner_stays() -> None:
    world = World()
    world.counters.reserve(a_call("call_1"), HOLD, [CHARGE])
    world.pass_(10 * GRACE_US)
    assert world.balance == (0, 60)


def test_a_full_disk_keeps_no_hold() -> None:
    world = World()
    owner = world.opened("call_1")
    del owner
    world.journal.break_()
    world.pass_(GRACE_US)
    assert world.balance == (60, 0)
