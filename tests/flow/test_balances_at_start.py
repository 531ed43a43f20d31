"""A start without a snapshot, and without a ledger: the journals tell, or the calls of the budget wait."""

from dataclasses import replace

import pytest

from proxy.adapters.counters_file import counters_file
from proxy.adapters.journal_folder import stored_segments
from proxy.adapters.journal_whole import FIRST_FILE, mark_first
from proxy.model.decision import Reason, Refusal
from proxy.policy.charge import Shortfall
from proxy.policy.rules import Scope
from proxy.ports.counters import Reserved, Spent
from tests.flow.ledger_world import a_store
from tests.flow.test_balancing import BUDGETS, HOUR_US, NOON_US, World, a_budget


@pytest.fixture
def world(tmp_path):
    with a_store(tmp_path) as store:
        world = World(tmp_path, store)
        mark_first(tmp_path / "journal" / "other", world.other.place)
        yield world
        world.kill()
        world.other.close()


def after_a_kill(world, *budgets):
    """No snapshot, no ledger."""
    world.kill()
    world.ledger.down = True
    counters_file(world.data, "mine").unlink(missing_ok=True)
    world.start(*budgets)


async def test_journals_that_are_whole_tell_what_was_spent(world):
    world.start(*BUDGETS)
    for _ in range(40):
        world.call(7)
        world.call(9, owner="bob", team="search", tags={"ticket": "PAY-1"})
        world.call(refused=True)
        world.call_elsewhere(5)
    world.call(3, left_open=True)
    assert len(stored_segments(world.data / "journal" / "mine")) > 2
    after_a_kill(world, *BUDGETS)
    assert world.balancing.withheld == ()
    for budget in BUDGETS:
        assert world.counted(budget) == world.by_hand(budget, "mine", "other") != {}
    # What it holds of the other node is no fault when the ledger tells the same later.
    world.ledger.down = False
    world.load()
    assert await world.balancing.compare() == []


async def test_a_new_budget_comes_into_force_by_the_journals_where_the_ledger_is_down(world):
    world.start()
    world.call(7)
    world.call_elsewhere(5)
    world.ledger.down = True
    await world.swap(a_budget())
    assert world.balancing.waiting == ()
    assert world.counted(a_budget()) == {(): 12}
    world.call(1)
    world.ledger.down = False
    world.load()
    assert await world.balancing.compare() == []


async def test_where_segments_are_gone_calls_wait_for_the_ledger(world):
    paying, other = a_budget("paying", scope=Scope({"team": ("pay*",)})), a_budget("shadow", mode="shadow")
    zero = a_budget("zero", scope=Scope({"team": ("none",)}), limit=0)
    world.start(paying)
    world.call(7)
    (world.data / "journal" / "mine" / FIRST_FILE).unlink()
    world.load()
    after_a_kill(world, paying, other, zero)
    assert world.balancing.withheld == world.balancing.waiting == ("paying", "shadow", "zero")
    refusal = world.asked()
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.reason) == (503, Reason.BALANCE_UNKNOWN)
    assert (refusal.retryable, refusal.retry_after_s) == (True, 1)
    assert "'paying'" in refusal.message
    # Others pass: what costs nothing, what no enforced budget is for. What can't fit anyway is told so.
    assert isinstance(world.asked(cost=0), Reserved)
    assert isinstance(world.asked(team="search"), Reserved)
    assert isinstance(world.asked(team="none"), Shortfall)
    assert isinstance(world.asked(cost=10**15 + 1), Shortfall)
    await world.balancing.tick()
    assert world.balancing.withheld == ("paying", "shadow", "zero")
    world.ledger.down = False
    await world.balancing.tick()
    assert world.balancing.withheld == world.balancing.waiting == ()
    assert isinstance(world.asked(), Reserved)
    assert world.counted(paying) == {(): 7}


async def test_a_start_keeps_what_it_does_not_know_out_of_the_snapshot(world):
    paying = a_budget()
    world.start(paying)
    world.call(7)
    (world.data / "journal" / "mine" / FIRST_FILE).unlink()
    world.load()
    after_a_kill(world, paying)
    world.stop()
    world.start(paying)
    assert world.balancing.withheld == ("all",)


async def test_a_snapshot_of_another_meaning_says_nothing_of_a_budget(world):
    world.start(a_budget(per=("user",)))
    world.call(7)
    world.stop()
    world.ledger.down = True
    world.start(a_budget(scope=Scope({"user": ("bob",)})))
    assert world.counted(a_budget(scope=Scope({"user": ("bob",)}))) == {}
    world.call(8, owner="bob")
    world.stop()
    world.start(a_budget(per=("user",)))
    assert world.counted(a_budget(per=("user",))) == {("alice",): 7, ("bob",): 8}


async def test_what_is_on_disk_since_before_a_window_began_tells_of_it(world):
    hourly = replace(BUDGETS[-1], name="hourly")
    world.start(hourly)
    world.call(7)
    (world.data / "journal" / "mine" / FIRST_FILE).unlink()
    (world.data / "journal" / "other" / FIRST_FILE).unlink()
    world.clock.advance(3 * HOUR_US)
    world.call(8)
    after_a_kill(world, hourly)
    assert world.balancing.withheld == ()
    assert world.counted(hourly) == world.by_hand(hourly, "mine", "other") == {("payments",): 1}


async def test_a_database_without_the_journals_of_its_calls_is_a_history(world):
    (world.data / "outlay.duckdb").touch()
    world.start(a_budget())
    assert world.balancing.withheld == ()
    world.counters.count(NOON_US, Spent(1, 1), [])
    world.kill()
    for folder in ("mine", "other"):
        for each in stored_segments(world.data / "journal" / folder):
            each.path.unlink()
        (world.data / "journal" / folder / FIRST_FILE).unlink()
    counters_file(world.data, "mine").unlink(missing_ok=True)
    world.ledger.down = True
    world.start(a_budget())
    assert world.balancing.withheld == ("all",)
