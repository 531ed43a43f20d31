"""Calls that wait for room: in their order, streams that have begun first, never for good."""

import asyncio

import pytest

from proxy.gateway.waiting import GoneError, Lack, Waiting
from proxy.policy.charge import Account

TEAM = Account("team", (), 0)
ALL = Account("all", (), 0)
ONE = Lack(TEAM, 1)


class Room:
    """So many places in an account; each attempt that finds one takes it."""

    def __init__(self, places: int = 0) -> None:
        self.places = places
        self.taken: list[str] = []
        self.tried = 0

    def attempt(self, name: str, needed: int = 1) -> Lack | None:
        self.tried += 1
        if self.places < needed:
            return Lack(TEAM, needed, self.places)
        self.places -= needed
        self.taken.append(name)
        return None


async def queued(waiting: Waiting, room: Room, *names: str, begun: bool = False) -> list["asyncio.Task[bool]"]:
    def attempt(name: str) -> "asyncio.Task[bool]":
        return asyncio.create_task(waiting.turn(ONE, lambda: room.attempt(name), begun=begun))

    tasks = [attempt(name) for name in names]
    await asyncio.sleep(0)
    return tasks


async def test_first_in_is_first_out_and_who_has_begun_goes_before() -> None:
    waiting, room = Waiting(), Room()
    tasks = await queued(waiting, room, "one", "two")
    tasks += await queued(waiting, room, "stream", begun=True)
    assert waiting.line_at([ALL, TEAM]) == TEAM
    room.places = 2
    waiting.freed()
    assert room.taken == ["stream", "one"]
    room.places = 1
    waiting.freed()
    assert await asyncio.gather(*tasks) == [True, True, True]
    assert (waiting.calls, waiting.line_at([TEAM])) == (0, None)


async def test_nobody_waits_for_good() -> None:
    waiting = Waiting(wait_s=0.0)
    assert await waiting.turn(ONE, lambda: ONE) is False
    assert waiting.calls == 0


async def test_a_full_queue_turns_away_at_once() -> None:
    waiting, room = Waiting(calls_max=1), Room()
    (task,) = await queued(waiting, room, "one")
    assert await waiting.turn(ONE, lambda: ONE) is False
    room.places = 1
    waiting.freed()
    assert await task


async def test_a_caller_who_hangs_up_leaves_the_queue() -> None:
    waiting = Waiting()

    async def gone() -> None:
        return

    with pytest.raises(GoneError):
        await waiting.turn(ONE, lambda: ONE, gone=gone)
    assert waiting.calls == 0


async def test_who_leaves_makes_way_for_those_behind_who_need_less() -> None:
    waiting, room = Waiting(overtaking_s=0), Room(1)
    hung_up = asyncio.Event()

    async def gone() -> None:
        await hung_up.wait()

    large = asyncio.create_task(waiting.turn(ONE, lambda: ONE, gone=gone))
    await asyncio.sleep(0)
    (small,) = await queued(waiting, room, "small")
    waiting.freed()
    assert room.taken == []
    hung_up.set()
    with pytest.raises(GoneError):
        await large
    assert await small
    assert room.taken == ["small"]


async def test_a_long_line_is_served_with_few_attempts() -> None:
    """Whoever needs less than the first is found without each of the others trying."""
    waiting, room = Waiting(), Room()
    needs = [1000, *[500] * 900, *[1] * 99]
    tasks = [
        asyncio.create_task(waiting.turn(Lack(TEAM, need), lambda need=need: room.attempt(str(need), need)))
        for need in needs
    ]
    await asyncio.sleep(0)
    for _ in range(33):
        room.places += 3
        waiting.freed([TEAM])
        waiting.freed([ALL])
    assert room.taken == ["1"] * 99
    assert room.tried <= 99 + 2 * 33
    room.places = 1000 + 900 * 500
    waiting.freed()
    assert all(await asyncio.gather(*tasks))
    assert waiting.calls == 0


@pytest.mark.parametrize("begun", [False, True])
async def test_those_who_fit_overtake_the_first_but_no_stream_that_has_begun(begun: bool) -> None:
    waiting, room = Waiting(), Room(1)
    large = asyncio.create_task(waiting.turn(ONE, lambda: Lack(TEAM, 2, room.places), begun=begun))
    await asyncio.sleep(0)
    (small,) = await queued(waiting, room, "small")
    assert (waiting.line_at([TEAM]) == TEAM) is begun
    waiting.freed()
    assert room.taken == ([] if begun else ["small"])
    large.cancel()
    with pytest.raises(asyncio.CancelledError):
        await large
    assert await small


async def test_room_is_kept_for_the_first_in_turns() -> None:
    waiting, room = Waiting(overtaking_s=0.05, kept_s=0.05), Room()
    large = asyncio.create_task(waiting.turn(ONE, lambda: Lack(TEAM, 2, room.places)))
    await asyncio.sleep(0)
    (small,) = await queued(waiting, room, "small")
    while not waiting.line_at([TEAM]):
        await asyncio.sleep(0.001)
    room.places = 1
    waiting.freed()
    assert room.taken == []
    # Nobody gives anything back: its turn alone brings it in.
    assert await small
    large.cancel()
    with pytest.raises(asyncio.CancelledError):
        await large
    assert waiting.calls == 0


async def test_who_finds_another_account_too_small_waits_there() -> None:
    waiting = Waiting(overtaking_s=0)
    short: list[Lack | None] = [Lack(ALL, 1), None]
    task = asyncio.create_task(waiting.turn(ONE, lambda: short.pop(0)))
    await asyncio.sleep(0)
    waiting.freed()
    assert (waiting.line_at([TEAM]), waiting.line_at([ALL])) == (None, ALL)
    waiting.freed()
    assert await task


async def test_a_fault_of_one_attempt_is_its_own() -> None:
    waiting, room = Waiting(), Room(1)

    def broken() -> Lack | None:
        raise ValueError("broken")

    task = asyncio.create_task(waiting.turn(ONE, broken))
    await asyncio.sleep(0)
    (other,) = await queued(waiting, room, "other")
    waiting.freed()
    assert await other
    with pytest.raises(ValueError, match="broken"):
        await task
