"""The detector's memory over a restart of the gateway."""

import asyncio
from pathlib import Path

from structlog.testing import capture_logs

from proxy.app.remembering import Remembering
from proxy.redundancy.generations import Generations
from proxy.redundancy.sight import Answer, Sight
from tests.fakes.clock import FakeClock

MINUTE_US = 60_000_000


def a_detector() -> Generations:
    return Generations(lambda epoch: b"key %d" % epoch)


def ask(generations: Generations, clock: FakeClock, number: int) -> bool:
    clock.advance(MINUTE_US)
    messages = [("user", "Summarise the canary repository for the meeting.")]
    id_ = f"call_{number}"
    found = generations.decide(Sight(call_id=id_, at_us=clock.now_us(), owner="alice", messages=messages))
    generations.learn(id_, Answer(ended_us=clock.now_us(), status=200, reply="canary"))
    return found.flagged


def test_what_was_seen_before_a_restart_counts_after_it(tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / "redundancy.state"
    flagged = []
    for number in range(8):
        generations = a_detector()
        memory = Remembering(generations, path, "k", clock)
        memory.begin()
        flagged.append(ask(generations, clock, number))
        memory.close()
    assert flagged == [False] * 4 + [True] * 4
    assert b"canary" not in path.read_bytes()


async def test_it_is_written_from_time_to_time(tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / "redundancy.state"
    generations = a_detector()
    memory = Remembering(generations, path, "k", clock, every_s=0.001)
    memory.begin()
    for number in range(4):
        ask(generations, clock, number)
    task = asyncio.create_task(memory.run())
    while not path.exists():
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.wait([task])
    again = a_detector()
    Remembering(again, path, "k", clock).begin()
    assert ask(again, clock, 4)


def test_one_that_is_damaged_is_told_once_and_the_next_one_takes_its_place(tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / "redundancy.state"
    path.write_bytes(b"damaged")
    memory = Remembering(a_detector(), path, "k", clock)
    with capture_logs() as logs:
        memory.begin()
    assert [line["log_level"] for line in logs] == ["warning"]
    memory.close()
    with capture_logs() as logs:
        Remembering(a_detector(), path, "k", clock).begin()
    assert not logs
