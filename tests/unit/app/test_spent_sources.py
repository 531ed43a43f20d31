"""What a gateway keeps of its counters, written from several threads."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from proxy.adapters.counters_file import counters_file, read
from proxy.app.spent_sources import SpentSources
from proxy.gateway.counters_snapshot import Snapshot
from proxy.policy.charge import Account
from proxy.ports.balances import BEGINNING, AskedBudget, BalancesUnavailableError, Known, Place, Standing

WRITERS = 8
EACH = 10


class Journal:
    accepting = True
    place = BEGINNING


class NoLedger:
    async def known(self, budgets: Sequence[AskedBudget], node: str, since: Place) -> Known:
        raise BalancesUnavailableError("there is none")


def sources(data: Path) -> SpentSources:
    return SpentSources(balances=NoLedger(), journal=Journal(), data=data, node="mine", now_us=lambda: 0)


def at(offset: int, accounts: int = 1) -> Snapshot:
    return Snapshot(
        Place(1, 1, offset),
        frozenset(),
        {Account("all", (str(each),), 0): Standing(offset, 0) for each in range(accounts)},
    )


def test_those_who_save_at_once_break_nothing_and_the_newest_stays(tmp_path: Path) -> None:
    kept, together = sources(tmp_path), Barrier(WRITERS)

    def save(writer: int) -> None:
        together.wait()
        for number in range(EACH):
            kept.save(at(number * WRITERS + writer, accounts=500))

    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(save, range(WRITERS)))
    assert read(counters_file(tmp_path, "mine")) == at(EACH * WRITERS - 1, accounts=500)
    assert [each.name for each in tmp_path.iterdir()] == ["counters-mine.json"]


def test_what_is_older_replaces_nothing(tmp_path: Path) -> None:
    kept = sources(tmp_path)
    kept.save(at(7))
    kept.save(at(3))
    assert read(counters_file(tmp_path, "mine")) == at(7)
