"""The ledger's costs: loading a journal, staying close behind it, and reports on a million calls.

    python -m bench.ledger [--calls 200000] [--rows 1000000] [--live-s 10] [--live-rate 1000]

Prints CPU a journal line and a call while catching up, how far behind the loader is while calls come in, the time to
open the database after a kill, and the time of common reports, alone and while the loader is busy. Needs no server.
"""

import argparse
import asyncio
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import structlog

from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_segments import FileSegments
from proxy.adapters.store_duckdb import DATABASE_FILE, THREADS, DuckStore
from proxy.app.loading import Loading
from proxy.journal.codec import encode
from proxy.journal.positions import Mark, SegmentName, Stage, format_mark
from proxy.ledger.calls import find_call
from proxy.ledger.loader import Loader
from proxy.ledger.people import OPERATOR, Directory
from proxy.ledger.schema import migrate
from proxy.ledger.selection import selection
from proxy.ledger.spend import spend
from proxy.ledger.waste import waste
from proxy.ledger.waste_asked import waste_asked
from proxy.model.call import Call, Hold
from proxy.model.entry import Cost, Opened, Outcome, Settled, Timing
from proxy.model.usage import KINDS, Served, Usage

START_US = 1_780_000_000_000_000
SEGMENT_BYTES = 64 * 1024 * 1024
REPORTS = {
    "total of the month": [],
    "by project": [("by", "project")],
    "by user (folded)": [("by", "user")],
    "by user, with a reason": [("by", "user"), ("reason", "bench")],
    "by day in Berlin": [("by", "day"), ("tz", "Europe/Berlin")],
    "by hour, model": [("by", "hour,model")],
    "by team, tags.env": [("by", "team,tags.env")],
    "one project by model": [("by", "model"), ("project", "project-7")],
}
WASTE_REPORTS = {
    "waste by class": [("by", "class")],
    "waste by project, day": [("by", "project,day")],
    "waste by class, project, team, model, day": [("by", "class,project,team,model,day")],
    "waste, runs with examples": [("by", "class"), ("examples", "3"), ("reason", "bench")],
}
WASTE_EVERY = 10
"""One call in so many repeats earlier ones; every second of these is named only later."""
RUN_CALLS = 20
REPEATS = 7


def calls(count: int, dice: random.Random, spread_us: int) -> Iterator[tuple[Opened, Settled]]:
    """Agent-like calls of 300 people in 80 projects, `spread_us` apart."""
    for number in range(count):
        opened_us = START_US + number * spread_us
        model = dice.choice(["gpt-5.1-mini", "gpt-5.1", "claude-sonnet-4-5"])
        call = Call(
            id=f"call_{opened_us // 1000:012x}{dice.getrandbits(80):020x}",
            opened_us=opened_us,
            dialect="openai",
            operation="chat",
            provider="openai",
            account="openai",
            model=model,
            stream=True,
            key_id=f"k_{dice.randrange(500):04x}",
            owner=f"person-{dice.randrange(300)}",
            owner_kind="person",
            team=f"team-{dice.randrange(20)}",
            project=f"project-{dice.randrange(80)}",
            cost_center="CC-42",
            purpose="build",
            policy="a" * 32,
            session=f"{dice.getrandbits(128):032x}",
            repository="github.com/acme/checkout",
            branch="main",
            client="OpenAI/Python",
            fingerprint=f"{dice.getrandbits(128):032x}",
            hash_key="19630f83",
            tags={"env": "prod"},
        )
        usage = Usage(
            input_text=dice.randrange(3000),
            cache_read=dice.randrange(90_000),
            output_text=dice.randrange(800),
            reasoning=dice.randrange(300),
        )
        by_kind = {kind: getattr(usage, kind) * 1_500_000 for kind in KINDS if getattr(usage, kind)}
        settled = Settled(
            call=call,
            settled_us=opened_us + 1_200_000,
            outcome=Outcome.OK,
            status=200,
            usage=usage,
            served=Served(
                model=f"{model}-2026-01-01", service_tier="default", request_id=f"req_{dice.getrandbits(96):x}"
            ),
            cost=Cost(sum(by_kind.values()), by_kind, "list:3f2a:gpt-5.1"),
            estimated=False,
            timing=Timing(2_000, 300_000, 1_200_000),
            matched=("payments-month",),
        )
        yield Opened(call, Hold(10**10, 1000, 1000)), settled


def write_journal(folder: Path, count: int, name: str = "bench") -> int:
    """A journal of sealed segments as the codec writes them; bytes written."""
    node = folder / name
    node.mkdir(parents=True)
    dice = random.Random(1)
    size, number, out = 0, 0, None
    written = 0
    for opened, settled in calls(count, dice, 2_000_000):
        if out is None or size > SEGMENT_BYTES:
            if out:
                out.close()
                (node / SegmentName(1, number).mark_file).write_bytes(format_mark(Mark(size, Stage.RECOVERED)))
            number, size = number + 1, 0
            out = (node / SegmentName(1, number).file).open("wb")
        lines = encode(opened) + encode(settled)
        out.write(lines)
        size += len(lines)
        written += len(lines)
    assert out is not None
    out.close()
    (node / SegmentName(1, number).mark_file).write_bytes(format_mark(Mark(size, Stage.RECOVERED)))
    return written


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def load_all(folder: Path, count: int) -> DuckStore:
    written = write_journal(folder / "journal", count)
    store = DuckStore(folder / DATABASE_FILE)
    migrate(store, 1)
    loader = Loader(store, FileSegments(folder / "journal"))
    cpu, wall = timed(loader.catch_up)
    lines = loader.progress.lines
    print(f"journal                 {lines:,} lines, {written / 1e6:,.0f} MB ({written / lines:,.0f} bytes a line)")
    print(f"loading                 {cpu / lines * 1e6:.1f} µs CPU a line, {cpu / count * 1e6:.1f} µs a call")
    print(f"                        {wall:.1f} s: a million calls in {wall / count * 1e6:.0f} s")
    return store


def multiply(store: DuckStore, rows: int) -> None:
    """More rows of the same kind, spread over the same month, until there are so many."""
    with store.transaction() as change:
        ((count,),) = change.execute("SELECT count(*) FROM calls")
        copies = max(0, -(-rows // count) - 1)
        change.execute(
            "INSERT INTO calls SELECT c.* REPLACE (c.id || '-' || n AS id, c.opened_us + n AS opened_us) "
            "FROM range(1, $copies + 1) AS copy(n), calls AS c ORDER BY c.opened_us LIMIT $more",
            {"copies": copies, "more": max(0, rows - count)},
        )
    ((count,),) = store.read("SELECT count(*) FROM calls")
    print(f"rows                    {count:,}; threads a query: {THREADS}")


def find_waste(store: DuckStore) -> None:
    """Put what a detector would have found on one call in ten, as runs."""
    with store.transaction() as change:
        values = {"every": WASTE_EVERY, "run": WASTE_EVERY * RUN_CALLS}
        change.execute(
            "UPDATE calls SET repeats = [id], found = {'class': 'tool_loop', 'score': 4000, 'flagged': 1, "
            "'campaign': (rowid // $run)::VARCHAR, 'exempted': NULL, 'action': NULL, 'saved_pico': NULL, "
            "'age_us': NULL} WHERE rowid % $every = 0 AND rowid % (2 * $every) = 0",
            values,
        )
        change.execute(
            "INSERT INTO attributions SELECT (rowid // $run)::VARCHAR, 'tool_loop', opened_us + 1, id, 1 "
            "FROM calls WHERE rowid % $every = 0",
            values,
        )
    ((found, named),) = store.read(
        "SELECT count(*) FILTER (WHERE found.flagged = 1), (SELECT count(*) FROM attributions) FROM calls"
    )
    print(f"waste                   {found:,} calls flagged, {named:,} named later")


def reports(store: DuckStore, title: str) -> None:
    now_us = START_US + 30 * 86_400_000_000
    print(f"\nreports, {title:<31} median ms   worst")
    for name, parameters in REPORTS.items():
        times = []
        for _ in range(REPEATS):
            asked = selection([("since", "2026-05-01"), ("until", "2026-08-01"), *parameters], {}, now_us)
            _, wall = timed(lambda asked=asked: spend(store, asked, OPERATOR, Directory(), 60))  # type: ignore[misc]
            times.append(wall * 1000)
        print(f"  {name:<41}{statistics.median(times):8.0f}{max(times):9.0f}")
    for name, parameters in WASTE_REPORTS.items():
        times = []
        for _ in range(REPEATS):
            words = waste_asked([("since", "2026-05-01"), ("until", "2026-08-01"), *parameters], {}, now_us)
            _, wall = timed(lambda words=words: waste(store, words, OPERATOR, Directory(), 60))  # type: ignore[misc]
            times.append(wall * 1000)
        print(f"  {name:<41}{statistics.median(times):8.0f}{max(times):9.0f}")
    ((call_id,),) = store.read("SELECT id FROM calls WHERE length(id) = 37 LIMIT 1 OFFSET 1000")
    _, wall = timed(lambda: find_call(store, call_id, OPERATOR, "bench", 60))
    print(f"  {'one call explained':<41}{wall * 1000:8.0f}")


def live(folder: Path, rate: int, seconds: float) -> None:
    """Calls come in at a steady rate; how long until each is in the database."""
    journal = FileJournal(folder / "journal", "live", SystemClock())
    journal.open()
    store = DuckStore(folder / DATABASE_FILE)
    migrate(store, 1)
    loader = Loader(store, FileSegments(folder / "journal"))
    written: list[float] = []
    seen: list[tuple[float, int]] = []
    cpu = time.process_time()

    async def run() -> None:
        task = Loading(loader, lambda: None)
        loading = asyncio.create_task(task.run())
        watching = asyncio.create_task(_watch(store, seen))
        entries = list(calls(int(rate * seconds), random.Random(2), 1_000))
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
    behind = []
    position = 0
    for at, count in seen:
        behind += [at - written[number] for number in range(position, count)]
        position = max(position, count)
    behind.sort()
    median, worst = behind[len(behind) // 2], behind[-1]
    print(f"\nlive, {rate:,} calls/s      {median:.2f} s behind in the median, {worst:.2f} s at worst")
    print(f"                        {(time.process_time() - cpu) / seconds:.0%} of a core, writing included")
    journal.close()
    store.close()


async def _watch(store: DuckStore, seen: list[tuple[float, int]]) -> None:
    while True:
        ((count,),) = await asyncio.to_thread(store.read, "SELECT count(*) FROM calls")
        seen.append((time.perf_counter(), count))
        await asyncio.sleep(0.02)


def busy_reports(folder: Path, store: DuckStore) -> None:
    """The same reports while the loader works through a backlog."""
    write_journal(folder / "backlog", 100_000, "backlog")
    loader = Loader(store, FileSegments(folder / "backlog"))
    loader_s: list[float] = []
    thread = threading.Thread(target=lambda: loader_s.append(timed(loader.catch_up)[1]))
    thread.start()
    reports(store, "loader busy")
    thread.join()
    print(f"  loading beside them     {loader.progress.lines / loader_s[0]:,.0f} lines/s")


def reopen(folder: Path) -> None:
    """A database that was not closed is replayed from its log: what a restart after a kill waits for."""
    killed = folder / "killed"
    killed.mkdir()
    for name in (DATABASE_FILE, f"{DATABASE_FILE}.wal"):
        if (folder / name).exists():
            shutil.copy(folder / name, killed / name)
    wal = killed / f"{DATABASE_FILE}.wal"
    size = wal.stat().st_size if wal.exists() else 0
    opened: list[DuckStore] = []
    _, wall = timed(lambda: opened.append(DuckStore(killed / DATABASE_FILE)))
    opened[0].close()
    print(f"opening after a kill    {wall:.2f} s with a log of {size / 1e6:,.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200_000, help="calls in the journal that is loaded")
    parser.add_argument("--rows", type=int, default=1_000_000, help="calls in the database that reports read")
    parser.add_argument("--live-s", type=float, default=10.0)
    parser.add_argument("--live-rate", type=int, default=1_000, help="calls a second")
    options = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    folder = Path(tempfile.mkdtemp(prefix="outlay-bench-"))
    try:
        store = load_all(folder, options.calls)
        reopen(folder)
        multiply(store, options.rows)
        find_waste(store)
        reports(store, "alone")
        busy_reports(folder, store)
        store.close()
        (folder / "live").mkdir()
        live(folder / "live", options.live_rate, options.live_s)
    finally:
        shutil.rmtree(folder)  # even after Ctrl-C: a journal of a million calls is 2 GB


if __name__ == "__main__":
    main()
