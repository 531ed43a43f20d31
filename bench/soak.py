"""Does anything grow that should not, and does every count agree in the end? Many calls, through real processes.

    python -m bench.soak                       # 1,000,000 calls
    python -m bench.soak --calls 50000         # a good shorter one: some minutes
    python -m bench.soak --minutes 30 --seed 3

One provider that answers at once; 32 callers of ten people, each with a key: plain and streamed answers in two
dialects, errors, answers that break off, callers who hang up, agents whose conversations grow, repeated questions, a
budget that is used up half-way, a rate limit that is mostly exceeded. Meanwhile reports are read. Printed as it goes:
memory of gateway and ledger (and of the processes below them), file handles, threads, and what journal and database
take; in the end the memory's slope over the second half (least squares), and whether provider, callers, journal,
database and counters say the same of every call. Exit code 1 where they don't, or where file handles grow.
"""

import argparse
import asyncio
import platform
import sys
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvloop

from bench.crash import NODE, READY_S, details, ended
from bench.crash_load import Ended, Load, Witnesses, provider
from bench.crash_verdict import Verdict, database_record, journal_record, judge, shown
from bench.deployed import arguments_of, in_a_folder, in_force
from bench.soak_load import SHORT_OF_MONEY, request, write_policies
from bench.soak_verdict import Equal, compared
from bench.soak_watch import SLOPE_CALLS, Figures, Sample, Watch, looked_at, size_of
from tests.servers.processes import ADMIN_KEY, Deployment, fetch

CALLS: Final = 1_000_000
CALLERS: Final = 32
RATE_MAX: Final = 10_000.0
LOOKS: Final = 100
"""At the processes, over all calls; oftener where calls take long."""
PRINTED_EACH: Final = 4
"""Of the looks."""
LOOK_S_MAX: Final = 20.0
PAGES: Final = (
    "/v1/reports/spend?by=project,model,day",
    "/v1/reports/spend?by=user",
    "/v1/reports/waste?by=class",
    "/v1/reports/budgets",
)
POLL_S: Final = 0.05
SHORT: Final = f"p{SHORT_OF_MONEY}"


@dataclass(frozen=True, slots=True)
class Found:
    witnesses: Witnesses
    watch: Watch
    verdict: Verdict
    equal: Equal
    difference: Any
    """What the gateway itself found when it held its counters against the ledger."""

    @property
    def good(self) -> bool:
        return self.verdict.good and self.equal.good and not self.difference and self.watch.flat()


class Soak:
    def __init__(self, outlay: Deployment, load: Load, seconds: float) -> None:
        self.watch = Watch()
        self._outlay = outlay
        self._load = load
        self._began_s = time.monotonic()
        self._until_s = self._began_s + seconds

    async def run(self) -> None:
        calling = asyncio.create_task(self._load.run())
        try:
            for number in range(sys.maxsize):
                await asyncio.to_thread(self._look, number)
                if calling.done():
                    break
                await self._called(calling)
            calling.result()
        finally:
            self._load.stopping = True
            await asyncio.wait([calling], timeout=READY_S)

    async def _called(self, calling: asyncio.Task[None]) -> None:
        """Until it is time to look again."""
        enough = self._load.witnesses.made + max(1, self._load.calls // LOOKS)
        until_s = time.monotonic() + LOOK_S_MAX
        while not calling.done() and self._load.witnesses.made < enough and time.monotonic() < until_s:
            await asyncio.sleep(POLL_S)
            self._outlay.gateway.check()
            self._outlay.ledger.check()
            self._load.stopping = self._load.stopping or time.monotonic() > self._until_s

    def _look(self, number: int) -> None:
        """From a thread: reports take their time."""
        outlay = self._outlay
        for page in PAGES:
            try:
                fetch(outlay.ledger_url + page, ADMIN_KEY)
            except OSError as error:
                # A machine that starves the ledger for half a minute is no reason to end hours of a run.
                self.watch.unanswered.append(f"{page}: {error}")
        made = self._load.witnesses.made
        processes = {"gateway": looked_at(outlay.gateway.pid), "ledger": looked_at(outlay.ledger.pid)}
        self.watch.samples.append(
            Sample(
                time.monotonic() - self._began_s,
                made,
                processes,
                size_of([*outlay.data.glob("journal/*/*.jsonl")]),
                size_of([outlay.data / "outlay.duckdb", outlay.data / "outlay.duckdb.wal"]),
            )
        )
        if number == 0:
            print(HEAD, flush=True)
        if number % PRINTED_EACH == 0:
            print(row(self.watch), flush=True)


_HEAD: Final = f"{'MiB':>7}{'below':>8}{'files':>7}{'threads':>8}"
HEAD: Final = f"""\
{"":21}|{"gateway":^30}|{"ledger":^30}|{"MiB on disk":^19}
{"calls":>10}{"calls/s":>9}  |{_HEAD}|{_HEAD}|{"journal":>9}{"database":>10}"""


def row(watch: Watch) -> str:
    """The last sample, with the rate since the one before."""
    last = watch.samples[-1]
    before = watch.samples[-2] if len(watch.samples) > 1 else last
    rate = (last.calls - before.calls) / max(1e-9, last.at_s - before.at_s)
    cells = "|".join(_cells(each) for each in last.processes.values())
    disk = f"{last.journal_bytes / 2**20:9,.0f}{last.database_bytes / 2**20:10,.0f}"
    return f"{last.calls:10,}{rate:9,.0f}  |{cells}|{disk}"


def _cells(of: Figures) -> str:
    return f"{of.mib:7.1f}{of.children_mib:8.1f}{of.handles:7}{of.threads:8}"


async def soak(folder: Path, *, calls: int, minutes: float, seed: int, rate: float = RATE_MAX) -> Found:
    """All of it. Raises ProcessError where a process ends by itself."""
    witnesses = Witnesses()
    server = await provider(witnesses)
    outlay = Deployment(folder, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    write_policies(folder / "policies", calls)
    load = Load(witnesses, outlay.port, partial(request, seed=seed), rate=rate, callers=CALLERS, calls=calls)
    try:
        await asyncio.to_thread(outlay.start_ledger)
        await asyncio.to_thread(outlay.start_gateway)
        await in_force(outlay.data)
        run = Soak(outlay, load, minutes * 60 if minutes else float("inf"))
        await run.run()
        said = await details(outlay.data, lambda said: said["calls_in_flight"] == 0, READY_S)
        await ended(outlay, witnesses)
    finally:
        await asyncio.to_thread(outlay.stop)
        server.close()
    database = database_record(outlay.data)
    return Found(
        witnesses,
        run.watch,
        judge(witnesses, journal_record(outlay.data), database),
        compared(outlay.data, NODE, SHORT, witnesses, database),
        said["counter_difference"],
    )


def table(found: Found) -> str:
    witnesses, verdict, equal, watch = found.witnesses, found.verdict, found.equal, found.watch
    last = watch.samples[-1]
    how = Counter(Ended(witnesses.ended[each]).name for each in witnesses.numbers() if witnesses.ended[each])
    lines = [
        ("calls made", f"{witnesses.made:,} in {last.at_s / 60:.1f} min, {witnesses.made / last.at_s:,.0f} a second"),
        *((f"  {name.lower().replace('_', ' ')}", f"{times:,}") for name, times in how.most_common()),
        ("got by the provider", f"{sum(map(bool, witnesses.reached)):,}"),
        ("settled", f"{verdict.settled:,}, of them never got by the provider {verdict.unsent:,}"),
        ("  estimated", f"{verdict.estimated:,}"),
        ("refused", f"{equal.refused:,}"),
        ("LOST", shown(verdict.lost)),
        ("DOUBLED", shown(verdict.doubled)),
        ("sent twice", shown(verdict.sent_twice)),
        ("other tokens than reported", shown(verdict.wrong)),
        ("journal and database differ", shown(verdict.apart)),
        ("refused on one side only", f"{equal.refused_wrongly:,}"),
        ("orphaned holds", f"{verdict.orphaned:,}"),
        ("unreadable lines", f"{verdict.unreadable:,}"),
        ("sums and calls differ", f"{verdict.unsummed:,}"),
        (
            "tokens, provider less database",
            f"{equal.reported_tokens - equal.recorded_tokens:,} of {equal.reported_tokens:,}",
        ),
        *(
            (f"accounts of '{each.budget}' that differ", f"{each.apart:,} of {len(each.recorded):,}")
            for each in equal.sums
        ),
        ("reports that were not answered", f"{len(watch.unanswered)}  {'; '.join(watch.unanswered[:3])}".strip()),
        ("spent", f"${verdict.spent_pico / 1e12:,.2f}"),
        *(line for name in last.processes for line in _grown(watch, name)),
        ("journal, bytes a call", f"{last.journal_bytes / max(1, witnesses.made):,.0f}"),
        ("database, bytes a call", f"{last.database_bytes / max(1, witnesses.made):,.0f}"),
    ]
    return "\n".join(f"{name:38}{value}" for name, value in lines)


def _grown(watch: Watch, name: str) -> list[tuple[str, str]]:
    last = watch.samples[-1].processes[name]
    grows = watch.slope(lambda each: each.processes[name].mib)
    below = watch.slope(lambda each: each.processes[name].children_mib)
    handles = [each.processes[name].handles for each in watch.samples]
    threads = [each.processes[name].threads for each in watch.samples]
    per = f"MiB per {SLOPE_CALLS:,} calls"
    return [
        (f"{name}: memory", f"{last.mib:.1f} MiB at the end, {grows:+.2f} {per} in the second half"),
        (f"{name}: processes below it", f"{last.children_mib:.1f} MiB at the end, {below:+.2f} {per}"),
        (
            f"{name}: file handles",
            f"{min(handles)} to {max(handles)}, {watch.more_handles(name):+.0f} in the second half",
        ),
        (f"{name}: threads", f"{min(threads)} to {max(threads)}"),
    ]


async def run(asked: argparse.Namespace, folder: Path) -> int:
    found = await soak(folder, calls=asked.calls, minutes=asked.minutes, seed=asked.seed)
    print(f"\n{table(found)}\n\n{'good' if found.good else 'NOT GOOD'}; seed {asked.seed}; {platform.platform()}")
    return 0 if found.good else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--minutes", type=float, default=0.0, help="end after so long, whatever is left")
    asked = arguments_of(parser)
    return in_a_folder("soak", lambda folder: uvloop.run(run(asked, folder)), keep=asked.keep)


if __name__ == "__main__":
    sys.exit(main())
