"""The ledger's costs: loading a journal, staying close behind it, and reports, on a million calls and on ten.

    python -m bench.ledger                     # 1,000,000 and 10,000,000 calls: some 5 minutes, 6 GB of disk
    python -m bench.ledger --sizes 1000000
    python -m bench.ledger --long              # 100,000,000 too: half an hour, 20 GB

For each size a journal of --journal calls is loaded as the loader does it; the rest of the calls is written in bulk.
Then come the common reports over everything, alone; and, while the largest of them runs without a pause: how far the
loader is behind calls that come in, a backlog, and a small report. Needs no server. `--write` puts the table into
docs/benchmarks.md.
"""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Final

import structlog

from bench.ledger_calls import DAY_US, SPAN_US, START_US, calls, multiply, write_journal
from bench.ledger_report import Size, table, write
from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_segments import FileSegments
from proxy.adapters.store_duckdb import DATABASE_FILE, DuckStore
from proxy.app.loading import Loading
from proxy.ledger.calls import find_call
from proxy.ledger.loader import Loader
from proxy.ledger.marking import mark_brought, mark_named
from proxy.ledger.people import OPERATOR, Directory
from proxy.ledger.schema import migrate
from proxy.ledger.selection import selection
from proxy.ledger.spend import spend
from proxy.ledger.waste import waste
from proxy.ledger.waste_asked import waste_asked

SIZES: Final = (1_000_000, 10_000_000)
LONG: Final = 100_000_000
JOURNAL: Final = 200_000
EVERYTHING: Final = [("since", "2026-05-01"), ("until", "2026-10-01")]
NOW_US: Final = START_US + SPAN_US + DAY_US
REPORTS: Final = {
    "total of all": [],
    "total of a month": [("since", "2026-07-01"), ("until", "2026-08-01")],
    "by project": [("by", "project")],
    "by user (folded)": [("by", "user")],
    "by user, with a reason": [("by", "user"), ("reason", "bench")],
    "by day in Berlin": [("by", "day"), ("tz", "Europe/Berlin")],
    "by hour, model": [("by", "hour,model")],
    "one project by model": [("by", "model"), ("project", "project-7")],
}
LARGEST: Final = "by team, tags.env (every call is read)"
TAGS: Final = [("by", "team,tags.env")]
WASTE_REPORTS: Final = {
    "waste by class": [("by", "class")],
    "waste by class, project": [("by", "class,project")],
}
WASTE_EVERY: Final = 10
"""One call in so many repeats earlier ones; every second of these is named only later."""
RUN_CALLS: Final = 20
REPEATS: Final = 5
TIMEOUT_S: Final = 600.0
BACKLOG: Final = 50_000
PAGE_PAUSE_S: Final = 0.1
PAGES: Final = 20


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def median_ms(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Wall time."""
    return median(timed(work)[1] for _ in range(repeats)) * 1000


def spent(store: DuckStore, parameters: list[tuple[str, str]]) -> None:
    given = {**dict(EVERYTHING), **dict(parameters)}
    spend(store, selection([*given.items()], {}, NOW_US), OPERATOR, Directory(), TIMEOUT_S)


def wasted(store: DuckStore, parameters: list[tuple[str, str]]) -> None:
    waste(store, waste_asked([*EVERYTHING, *parameters], {}, NOW_US), OPERATOR, Directory(), TIMEOUT_S)


def loaded(folder: Path, count: int, size: Size) -> DuckStore:
    spread_us = SPAN_US // size.calls
    written = write_journal(folder / "journal", count, spread_us)
    store = DuckStore(folder / DATABASE_FILE)
    migrate(store, 1)
    loader = Loader(store, FileSegments(folder / "journal"))
    cpu, wall = timed(loader.catch_up)
    lines = loader.progress.lines
    size.lines_s, size.line_us, size.call_us = lines / wall, cpu / lines * 1e6, cpu / count * 1e6
    size.journal_bytes = written / count
    return store


def find_waste(store: DuckStore) -> None:
    """Put what a detector would have found on one call in ten, as runs."""
    values = {"every": 2 * WASTE_EVERY, "run": WASTE_EVERY * RUN_CALLS}
    with store.transaction() as change:
        change.execute(
            "UPDATE calls SET repeats = [id], found = {'class': 'tool_loop', 'score': 4000, 'flagged': 1, "
            "'campaign': (rowid // $run)::VARCHAR, 'exempted': NULL, 'action': NULL, 'saved_pico': NULL, "
            "'age_us': NULL} WHERE rowid % $every = 0",
            values,
        )
        for (load,) in change.execute("SELECT DISTINCT load FROM calls"):
            mark_brought(change, load, found=True)


def name_waste(store: DuckStore) -> None:
    """What was named later, of all calls."""
    with store.transaction() as change:
        change.execute(
            "INSERT INTO attributions SELECT (rowid // $run)::VARCHAR, 'tool_loop', opened_us + 1, id, 1 "
            "FROM calls WHERE rowid % $every = 0",
            {"every": WASTE_EVERY, "run": WASTE_EVERY * RUN_CALLS},
        )
        mark_named(change, 1)


def reports(store: DuckStore, size: Size) -> None:
    found = size.reports_ms
    for name, parameters in REPORTS.items():
        found[name] = median_ms(lambda given=parameters: spent(store, given))  # type: ignore[misc]
    found[LARGEST] = median_ms(lambda: spent(store, TAGS))
    for name, parameters in WASTE_REPORTS.items():
        found[name] = median_ms(lambda given=parameters: wasted(store, given))  # type: ignore[misc]
    ((call_id,),) = store.read("SELECT max(id) FROM calls WHERE length(id) = 37 AND load = 1")
    found["one call explained"] = median_ms(lambda: find_call(store, call_id, OPERATOR, "bench", TIMEOUT_S))


@contextmanager
def largest_all_the_time(store: DuckStore) -> Iterator[None]:
    """Beside what happens within."""
    enough = threading.Event()

    def ask() -> None:
        while not enough.is_set():
            spent(store, TAGS)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        enough.set()
        asking.join()


def page_ms(store: DuckStore) -> float:
    found = []
    for _ in range(PAGES):
        found.append(median_ms(lambda: spent(store, REPORTS["by project"]), 1))
        time.sleep(PAGE_PAUSE_S)
    return median(found)


def backlog(folder: Path, store: DuckStore, count: int) -> float:
    """Lines a second."""
    write_journal(folder / "backlog", count, 1_000_000, "backlog", START_US + SPAN_US)
    loader = Loader(store, FileSegments(folder / "backlog"))
    wall = timed(loader.catch_up)[1]
    return loader.progress.lines / wall


def live(folder: Path, store: DuckStore, rate: int, seconds: float, name: str) -> tuple[float, float]:
    """Calls come in at a steady rate; how long until each is in the database: median and worst, seconds."""
    journal = FileJournal(folder / name, name, SystemClock())
    journal.open()
    loader = Loader(store, FileSegments(folder / name))
    ((before,),) = store.read("SELECT max(load) FROM positions")
    written: list[float] = []
    seen: list[tuple[float, int]] = []

    async def run() -> None:
        task = Loading(loader, lambda: None)
        loading = asyncio.create_task(task.run())
        watching = asyncio.create_task(_watch(store, before, seen))
        entries = list(islice(calls(1_000, random.Random(2)), int(rate * seconds)))
        began = time.perf_counter()
        for number, (opened, settled) in enumerate(entries):
            now_us = time.time_ns() // 1000
            call = replace(opened.call, opened_us=now_us)
            journal.append(replace(opened, call=call))
            journal.append(replace(settled, call=call, settled_us=now_us))
            written.append(time.perf_counter())
            ahead = began + number / rate - time.perf_counter()
            if ahead > 0.001:
                await asyncio.sleep(ahead)
        while not seen or seen[-1][1] < len(written):  # noqa: ASYNC110  # a bench may look
            await asyncio.sleep(0.05)
        task.stop()
        watching.cancel()
        await asyncio.wait([loading, watching])

    asyncio.run(run())
    journal.close()
    behind: list[float] = []
    for at, count in seen:
        behind += [at - written[number] for number in range(len(behind), count)]
    return median(behind), max(behind)


async def _watch(store: DuckStore, before: int, seen: list[tuple[float, int]]) -> None:
    while True:
        sql = "SELECT count(*) FROM calls WHERE load > $before"
        ((count,),) = await asyncio.to_thread(store.read, sql, {"before": before})
        seen.append((time.perf_counter(), count))
        await asyncio.sleep(0.02)


def reopened_s(folder: Path) -> float:
    """A database that was not closed is replayed from its log: what a restart after a kill waits for."""
    killed = folder / "killed"
    killed.mkdir()
    for name in (DATABASE_FILE, f"{DATABASE_FILE}.wal"):
        if (folder / name).exists():
            shutil.copy(folder / name, killed / name)
    opened: list[DuckStore] = []
    wall = timed(lambda: opened.append(DuckStore(killed / DATABASE_FILE)))[1]
    opened[0].close()
    shutil.rmtree(killed)
    return wall


def settled_down(store: DuckStore) -> None:
    """All of it in the file, so that its size tells something."""
    with store.transaction():
        pass
    store.read("CHECKPOINT")


def measured(folder: Path, asked: argparse.Namespace, rows: int) -> Size:
    size = Size(rows)
    count = min(asked.journal, rows)
    store = loaded(folder, count, size)
    try:
        size.opened_s = reopened_s(folder)
        find_waste(store)
        multiply(store, rows, count * (SPAN_US // rows))
        name_waste(store)
        settled_down(store)
        ((there, sums),) = store.read(
            "SELECT (SELECT count(*) FROM calls), (SELECT count(*) FROM summed) + (SELECT count(*) FROM summed_lately)"
        )
        size.database_bytes, size.sums = (folder / DATABASE_FILE).stat().st_size / there, sums
        reports(store, size)
        size.behind_s = live(folder, store, asked.live_rate, asked.live_s, "live")
        alone = page_ms(store)
        with largest_all_the_time(store):
            size.page_ms = (alone, page_ms(store))
            size.behind_beside_s = live(folder, store, asked.live_rate, asked.live_s, "live-beside")
            size.backlog_lines_s = backlog(folder, store, min(BACKLOG, count))
    finally:
        store.close()
    return size


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="calls in the database, with commas")
    parser.add_argument("--long", action="store_true", help=f"{LONG:,} calls too")
    parser.add_argument("--journal", type=int, default=JOURNAL, help="calls in the journal that is loaded")
    parser.add_argument("--live-s", type=float, default=10.0)
    parser.add_argument("--live-rate", type=int, default=1_000, help="calls a second")
    parser.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    parser.add_argument("--note", default="", help="a sentence on the circumstances, for --write")
    asked = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sizes: list[Size] = []
    for rows in [*map(int, asked.sizes.split(",")), *([LONG] if asked.long else [])]:
        folder = Path(tempfile.mkdtemp(prefix="outlay-bench-"))
        try:
            sizes.append(measured(folder, asked, rows))
        finally:
            shutil.rmtree(folder)  # even after Ctrl-C: it may be many GB
        print(table(sizes[-1:]), flush=True)
    if asked.write:
        write(sizes, asked.note)
    return 0


if __name__ == "__main__":
    sys.exit(main())
