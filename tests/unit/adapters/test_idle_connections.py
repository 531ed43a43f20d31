"""Idle connections: the one used last is taken first, and none is kept too long or from who needs a new one."""

import asyncio
from typing import Any, cast

import pytest
from aiohttp.connector import Connection

from proxy.adapters.idle_connections import IdleConnections

ONE = "http://one"


class FakeConnection:
    """What is asked of aiohttp's; it is its own protocol."""

    def __init__(self) -> None:
        self.connected, self.should_close, self.became = True, False, ""

    @property
    def protocol(self) -> "FakeConnection | None":
        return None if self.became else self

    def is_connected(self) -> bool:
        return self.connected

    def release(self) -> None:
        self.became = "released"

    def close(self) -> None:
        self.became = "closed"


def connections(idle: IdleConnections, count: int, origin: str = ONE) -> list[Any]:
    """Kept ones."""
    made = [FakeConnection() for _ in range(count)]
    for each in made:
        idle.keep(origin, cast(Connection, each))
    return made


@pytest.fixture
async def idle() -> IdleConnections:
    return IdleConnections(60.0)


async def test_the_one_used_last_comes_first_and_each_to_one_call(idle: IdleConnections) -> None:
    first, second = connections(idle, 2)
    assert [idle.take(ONE) for _ in range(3)] == [second, first, None]
    assert idle.take("http://another") is None
    idle.close()


async def test_one_that_was_lost_or_spoilt_is_closed_and_the_next_one_taken(idle: IdleConnections) -> None:
    first, second, third = connections(idle, 3)
    second.connected, third.should_close = False, True
    assert (idle.take(ONE), second.became, third.became) == (first, "closed", "closed")
    idle.close()


async def test_while_somebody_needs_a_new_one_all_are_given_back(idle: IdleConnections) -> None:
    kept = [*connections(idle, 2), *connections(idle, 1, "http://another")]
    with idle.asked():
        assert {each.became for each in kept} == {"released"}
        (ended,) = connections(idle, 1)
        assert (ended.became, idle.take(ONE)) == ("released", None)
    (later,) = connections(idle, 1)
    assert idle.take(ONE) is later
    idle.close()


async def test_one_that_can_not_be_kept_is_given_back(idle: IdleConnections) -> None:
    spoilt = FakeConnection()
    spoilt.should_close = True
    idle.keep(ONE, cast(Connection, spoilt))
    assert (spoilt.became, idle.take(ONE)) == ("released", None)


async def test_what_nobody_needs_is_closed_when_its_time_is_over() -> None:
    idle = IdleConnections(0.01)
    kept = [*connections(idle, 2), *connections(idle, 1, "http://another")]
    async with asyncio.timeout(10):
        while any(each.became != "closed" for each in kept):
            await asyncio.sleep(0.005)
    assert idle.take(ONE) is None


async def test_at_the_end_all_are_closed_and_none_is_kept(idle: IdleConnections) -> None:
    kept = connections(idle, 3)
    idle.close()
    assert {each.became for each in kept} == {"closed"}
    (late,) = connections(idle, 1)
    assert late.became == "released"
