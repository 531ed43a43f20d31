"""A gateway goes on from what the one before it had counted, under the node's other name, without a ledger."""

import os

import pytest

from proxy.adapters.counters_file import counters_file
from proxy.adapters.counters_memory import MemoryCounters
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_folder import stored_segments
from proxy.adapters.journal_whole import FIRST_FILE, mark_first
from proxy.app.balancing import Balancing
from proxy.app.spent_sources import LEFT_BEHIND_S
from tests.flow.ledger_world import a_store
from tests.flow.test_balancing import BUDGETS, World, a_budget, a_rules


class Pair(World):
    """Gateways that write under two names in turns; `mine` in the record of lines stands for either."""

    def renew(self, node, *budgets, before=""):
        """The one before has closed its door; it ends when its calls have (`leave`)."""
        self.old = getattr(self, "balancing", None), getattr(self, "journal", None)
        self.journal = FileJournal(self.data / "journal", node, self.clock, segment_bytes_max=20_000)
        self.journal.open()
        self.counters = MemoryCounters(1000, self.accounts_max)
        self.balancing = Balancing(
            balances=self.ledger,
            counters=self.counters,
            journal=self.journal,
            data=self.data,
            node=node,
            predecessor=before,
            now_us=self.clock.now_us,
            put_in_force=self.put_in_force,
        )
        self.balancing.start(a_rules(*budgets))

    def leave(self):
        balancing, journal = self.old
        balancing.stop()
        journal.close()


@pytest.fixture
def world(tmp_path):
    with a_store(tmp_path) as store:
        world = Pair(tmp_path, store)
        mark_first(tmp_path / "journal" / "other", world.other.place)
        yield world
        world.kill()
        world.other.close()


def spend(world):
    for _ in range(20):
        world.call(7)
        world.call(9, owner="bob", team="search", tags={"ticket": "PAY-1"})
        world.call(refused=True)


async def test_it_goes_on_from_there_again_and_again_without_a_ledger_and_without_old_segments(world):
    world.renew("mine", *BUDGETS)
    world.call_elsewhere(5)
    world.load()
    await world.balancing.tick()
    world.ledger.down = True
    for folder in ("mine", "other"):
        (world.data / "journal" / folder / FIRST_FILE).unlink()
    nodes = ["mine", "mineb"]
    for turn in range(4):
        spend(world)
        world.renew(nodes[(turn + 1) % 2], *BUDGETS, before=nodes[turn % 2])
        world.leave()
        assert world.balancing.withheld == ()
        for budget in BUDGETS:
            assert world.counted(budget) == world.by_hand(budget, "mine", "other") != {}


async def test_the_ledger_then_finds_no_fault_and_brings_what_the_one_before_settled_at_its_end(world):
    world.renew("mine", *BUDGETS)
    spend(world)
    world.renew("mineb", *BUDGETS, before="mine")
    old_balancing, old_journal = world.old
    new = world.journal, world.counters
    world.journal, world.counters = old_journal, old_balancing._counters
    world.call(11)  # its last one, which came to its end after the door had closed
    world.journal, world.counters = new
    world.leave()
    spend(world)
    world.load()
    found = await world.balancing.compare()
    assert not any(each.fault for each in found)
    for budget in BUDGETS:
        assert world.counted(budget) == world.by_hand(budget, "mine")
    world.renew("mine", *BUDGETS, before="mineb")
    world.leave()
    spend(world)
    world.load()
    assert not any(each.fault for each in await world.balancing.compare())
    assert world.balancing.faults == 0


async def test_who_takes_over_reads_only_what_was_written_since_the_one_before_said_that_it_leaves(world):
    world.renew("mine", *BUDGETS)
    spend(world)
    await world.balancing.leave()
    world.call(7)  # before the door is closed
    world.renew("mineb", *BUDGETS, before="mine")
    world.leave()
    assert world.balancing.lines_caught_up == 1
    for budget in BUDGETS:
        assert world.counted(budget) == world.by_hand(budget, "mine")


async def test_one_that_dies_at_once_is_followed_by_one_that_knows_as_much(world):
    world.renew("mineb", a_budget())
    world.call(3)
    world.renew("mine", a_budget(), before="mineb")
    world.leave()
    spend(world)
    world.renew("mineb", a_budget(), before="mine")
    world.leave()
    world.kill()
    world.ledger.down = True
    world.renew("mineb", a_budget())
    assert world.counted(a_budget()) == world.by_hand(a_budget(), "mine")


async def test_counters_that_others_have_left_behind_are_not_gone_on_from(world):
    world.renew("mine", a_budget())
    world.call(3)
    world.renew("mineb", a_budget(), before="mine")
    world.leave()
    spend(world)
    world.stop()
    saved_s = counters_file(world.data, "mine").stat().st_mtime
    last = stored_segments(world.data / "journal" / "mineb")[-1].path
    os.utime(last, (saved_s + LEFT_BEHIND_S + 1,) * 2)
    world.ledger.down = True
    world.renew("mine", a_budget())
    assert world.counted(a_budget()) == world.by_hand(a_budget(), "mine")
