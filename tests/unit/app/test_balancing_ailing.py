"""What balancing says while the journal's disk fails."""

import asyncio
from contextlib import suppress

import structlog

from proxy.adapters.balances_socket import SocketBalances
from proxy.adapters.counters_memory import MemoryCounters
from proxy.app.balancing import Balancing
from proxy.ports.balances import Place
from proxy.ports.journal import JournalUnavailableError


class FailingJournal:
    """Fulfils spent_sources.OwnJournal; says how often it was asked."""

    accepting = False

    def __init__(self) -> None:
        self.asked = 0

    @property
    def place(self) -> Place:
        self.asked += 1
        raise JournalUnavailableError("the disk is gone" if self.asked < 5 else "and stays away")


async def test_a_disk_that_fails_is_told_of_once_for_each_reason_and_not_at_every_tick(tmp_path) -> None:
    journal = FailingJournal()
    balancing = Balancing(
        balances=SocketBalances(tmp_path / "none.sock"),
        counters=MemoryCounters(10),
        journal=journal,
        data=tmp_path,
        node="n",
        now_us=lambda: 1,
        put_in_force=lambda _: None,
        tick_s=0.001,
    )
    with structlog.testing.capture_logs() as logs:
        task = asyncio.create_task(balancing.run())
        while journal.asked < 8:
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert [each["why"] for each in logs] == ["the disk is gone", "and stays away"]
