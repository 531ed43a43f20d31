"""What is granted above a limit is room like any other, as long as it is granted."""

from dataclasses import replace

import pytest

from proxy.adapters.counters_memory import MemoryCounters
from proxy.model.call import Hold
from proxy.policy.charge import Account, Charge, Shortfall
from proxy.policy.rules import Window
from proxy.ports.counters import Reserved, Spent
from tests.fakes import facts
from tests.unit.policy.test_grants import BUDGET

WINDOWS = [Window("month"), Window("rolling", length_s=30 * 86_400)]


class World:
    def __init__(self, window: Window) -> None:
        self.granted: dict[tuple[str, tuple[str, ...]], int] = {}
        self.budget = replace(BUDGET, window=window, limit=100, warn_at=(50,))
        self.counters = MemoryCounters(100, extra=lambda budget, instance: self.granted.get((budget.name, instance), 0))

    def charge(self, instance: str = "alice") -> Charge:
        return Charge(Account("month", (instance,), 0), self.budget)

    def reserve(self, call_id: str, cost: int, instance: str = "alice") -> object:
        return self.counters.reserve(facts.a_call(call_id), held(cost), [self.charge(instance)])


def held(cost: int) -> Hold:
    return replace(facts.a_hold(), cost_pico=cost)


@pytest.fixture(params=WINDOWS, ids=["calendar", "rolling"])
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def test_what_is_granted_is_room_for_its_instance_alone(world: World) -> None:
    world.granted["month", ("alice",)] = 50
    assert isinstance(world.reserve("call_1", 150), Reserved)
    assert isinstance(world.reserve("call_2", 1), Shortfall)
    assert isinstance(world.reserve("call_3", 101, "bob"), Shortfall)


def test_it_is_room_at_once_and_none_any_more_when_it_ends(world: World) -> None:
    assert isinstance(world.reserve("call_1", 150), Shortfall)
    world.granted["month", ("alice",)] = 50
    assert isinstance(world.reserve("call_1", 120), Reserved)
    world.counters.settle("call_1", Spent(120, 1))
    world.granted.clear()
    short = world.reserve("call_2", 1)
    assert isinstance(short, Shortfall)
    assert (short.balance.limit, short.balance.left, short.waiting_helps) == (100, 0, False)


def test_a_stream_grows_into_it_while_it_runs(world: World) -> None:
    world.reserve("call_1", 100)
    assert world.counters.extend("call_1", held(120)) is not None
    world.granted["month", ("alice",)] = 50
    assert world.counters.extend("call_1", held(120)) is None
    world.granted.clear()
    assert world.counters.extend("call_1", held(121)) is not None


def test_warnings_and_what_is_left_go_by_the_whole(world: World) -> None:
    world.granted["month", ("alice",)] = 100
    world.reserve("call_1", 60)
    assert not world.counters.settle("call_1", Spent(60, 1))
    world.reserve("call_2", 40)
    (crossing,) = world.counters.settle("call_2", Spent(40, 1))
    assert (crossing.level, crossing.balance.limit, crossing.balance.left) == (50, 200, 100)
