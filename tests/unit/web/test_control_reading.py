import asyncio
import threading

import pytest

from proxy.ledger.people import OPERATOR
from proxy.web.control_errors import BusyError
from proxy.web.control_reading import AT_ONCE, WAITING_MAX, Desk
from tests.fakes.journal import FakeJournal


class Gate:
    """A reading that stays under way until it is let go, and counts how many are."""

    def __init__(self):
        self.open = threading.Event()
        self.lock = threading.Lock()
        self.now = self.most = 0

    def read(self, store, timeout_s):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.open.wait(10)
        with self.lock:
            self.now -= 1
        return "read"


async def test_only_so_many_read_at_once_so_many_wait_and_the_rest_are_told_to_come_back():
    desk, gate = Desk(None, FakeJournal(), lambda: 0), Gate()
    tasks = [asyncio.create_task(desk.read(gate.read)) for _ in range(WAITING_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError):
        await desk.read(gate.read)
    gate.open.set()
    assert set(await asyncio.gather(*tasks)) == {"read"}
    assert gate.most <= AT_ONCE
    assert await desk.read(gate.read) == "read"


async def test_what_a_reading_raises_is_raised_and_frees_its_place():
    desk = Desk(None, FakeJournal(), lambda: 0)

    def fail(store, timeout_s):
        raise KeyError("x")

    for _ in range(WAITING_MAX + 1):
        with pytest.raises(KeyError):
            await desk.read(fail)


async def test_a_record_is_flushed_before_it_counts_as_made():
    journal = FakeJournal()
    desk = Desk(None, journal, lambda: 7_000)
    await desk.record(OPERATOR, [], "x", {})
    assert journal.entries == []
    await desk.record(OPERATOR, ["alice", "bob"], "x", {})
    assert journal.flushed_entries == len(journal.entries) == 2
