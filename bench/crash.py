"""What a crash costs: kill -9 of gateway and ledger at random moments under load, and then who remembers which call.

    python -m bench.crash [--rounds 200] [--rate 3000] [--seed 1] [--keep]

One data folder for all rounds. Callers call as fast as `--rate` and the machine allow, plain and streamed, in two
dialects; some hang up, some of the provider's answers fail or break off. In each round the gateway, the ledger or both
are killed, sometimes again while they start. Once a restarted gateway's counters have been held against the ledger, the
next round begins. At the end each call that a caller saw answered, or that the provider got, must stand exactly once
in the journal and once in the database, with the tokens that the provider reported.

About 3.5 s a round. Exit code 1 where a call was lost, doubled or wrong, a hold orphaned, or a counter off.
"""

import argparse
import asyncio
import platform
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import uvloop

from bench.crash_load import Ended, Load, Witnesses, provider, question
from bench.crash_verdict import Verdict, counted_pico, database_record, journal_record, judge, shown
from bench.deployed import arguments_of, in_a_folder
from tests.servers.processes import ALICE_KEY, Deployment, ProcessError, Running, answers

NODE: Final = "test"
ALL: Final = "all"
BUDGETS: Final = f"""
budgets:
  - {{name: {ALL}, limit: 1000000 USD, window: total}}
  - {{name: each-day, per: user, limit: 900000M tokens, window: day}}
  - {{name: rolling, applies_to: {{project: checkout}}, limit: 500000 USD, window: 2h}}
"""
VICTIMS: Final = ("gateway", "gateway", "ledger", "both")
"""The gateway twice as often: it is the one that can lose a call."""
RUN_S: Final = (0.1, 0.9)
"""How long a round's load runs before the kill."""
AGAIN_SHARE: Final = 0.2
"""Of the kills that are followed by another while the victim starts, within that many seconds."""
AGAIN_S: Final = (0.0, 1.2)
CALLERS: Final = 64
READY_S: Final = 60.0
COMPARED_S: Final = 120.0
LOADED_S: Final = 120.0
POLL_S: Final = 0.02


@dataclass(slots=True)
class Story:
    """What happened, for the report."""

    struck: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    while_starting: int = 0
    ready_s: list[float] = field(default_factory=list)
    """From a restart until calls are taken."""
    rates: list[float] = field(default_factory=list)
    """Calls answered a second, in each round's load."""
    compared: int = 0
    """Restarts of the gateway after which its counters were held against the ledger."""
    differing: list[Any] = field(default_factory=list)
    """What such comparisons found."""


class Drill:
    def __init__(self, outlay: Deployment, load: Load, witnesses: Witnesses, dice: random.Random) -> None:
        self.story = Story()
        self._outlay = outlay
        self._load = load
        self._witnesses = witnesses
        self._dice = dice
        self._planes = {"gateway": (outlay.gateway, outlay.url), "ledger": (outlay.ledger, outlay.ledger_url)}

    async def round(self, number: int) -> None:
        before, began_s = self._witnesses.answered, time.monotonic()
        await asyncio.sleep(self._dice.uniform(*RUN_S))
        rate = (self._witnesses.answered - before) / (time.monotonic() - began_s)
        victim = self._dice.choice(VICTIMS)
        names = list(self._planes) if victim == "both" else [victim]
        self.story.struck[victim] += 1
        self.story.rates.append(rate)
        took_s = await self._crash(names)
        compared = await self._compared() if "gateway" in names else ""
        made = self._witnesses.made
        print(
            f"round {number:3}: {rate:5,.0f} calls/s; killed {victim:8}ready again in {took_s:.2f} s; "
            f"{made:9,} calls so far{compared}",
            flush=True,
        )

    async def _crash(self, names: Iterable[str]) -> float:
        """Kill, start again, wait until calls are taken. Gives how long that took."""
        self._kill(names)
        while self._dice.random() < AGAIN_SHARE:
            self._start(names)
            await asyncio.sleep(self._dice.uniform(*AGAIN_S))
            self._kill(names)
            self.story.while_starting += 1
        began_s = time.monotonic()
        self._start(names)
        for name in names:
            await _ready(*self._planes[name])
        took_s = time.monotonic() - began_s
        self.story.ready_s.append(took_s)
        return took_s

    def _kill(self, names: Iterable[str]) -> None:
        for name in names:
            self._planes[name][0].kill()
            self.story.kills += 1

    def _start(self, names: Iterable[str]) -> None:
        for name in names:
            self._planes[name][0].start()

    async def _compared(self) -> str:
        """Wait until the gateway has held its counters against the ledger. What there is to say of it."""
        said = await details(self._outlay.data, lambda said: said["counters_compared_us"] > 0, COMPARED_S)
        self.story.compared += 1
        if said["counter_difference"]:
            self.story.differing.append(said["counter_difference"])
            return f"; COUNTERS DIFFER {said['counter_difference']}"
        return ""


async def ended(outlay: Deployment, witnesses: Witnesses) -> None:
    """No more calls: both planes stop in order, once everything has ended and is loaded."""
    await details(outlay.data, lambda said: said["calls_in_flight"] == 0, READY_S)
    await asyncio.to_thread(outlay.gateway.stop)
    expected = sum(1 for number in witnesses.numbers() if witnesses.reached[number])
    deadline = time.monotonic() + LOADED_S
    while (await asyncio.to_thread(outlay.report, ""))["total"]["calls"] < expected:
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.5)
    await asyncio.to_thread(outlay.ledger.stop)


async def _ready(running: Running, url: str) -> None:
    deadline = time.monotonic() + READY_S
    while not await asyncio.to_thread(answers, f"{url}/readyz"):
        running.check()
        if time.monotonic() > deadline:
            raise ProcessError(f"{running.name} was not ready again within {READY_S} s:\n{running.said[-3000:]}")
        await asyncio.sleep(POLL_S)


async def details(data: Path, enough: Any, wait_s: float) -> dict[str, Any]:
    """What the gateway says of itself, once that is enough. Raises TimeoutError."""
    connector = aiohttp.UnixConnector(str(data / f"gateway-{NODE}.sock"))
    async with asyncio.timeout(wait_s), aiohttp.ClientSession(connector=connector) as session:
        while True:
            async with session.get("http://gateway/readyz") as answer:
                said: dict[str, Any] = await answer.json()
            if enough(said):
                return said
            await asyncio.sleep(5 * POLL_S)


async def drill(folder: Path, *, rounds: int, rate: float, seed: int) -> tuple[Verdict, Witnesses, Story, int]:
    """All rounds. Gives the verdict, what was seen, what was done, and by how many pico-dollars counters are off."""
    witnesses, dice = Witnesses(), random.Random(seed)
    server = await provider(witnesses)
    outlay = Deployment(folder, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    (folder / "policies" / "budgets.yaml").write_text(BUDGETS)
    load = Load(witnesses, outlay.port, lambda number: question(number, ALICE_KEY), rate=rate, callers=CALLERS)
    trial = Drill(outlay, load, witnesses, dice)
    try:
        await asyncio.to_thread(outlay.start_gateway)
        await asyncio.to_thread(outlay.start_ledger)
        calling = asyncio.create_task(load.run())
        for number in range(1, rounds + 1):
            await trial.round(number)
        load.stopping = True
        await asyncio.wait_for(calling, READY_S)
        await ended(outlay, witnesses)
    finally:
        load.stopping = True
        await asyncio.to_thread(outlay.stop)
        server.close()
    verdict = judge(witnesses, journal_record(outlay.data), database_record(outlay.data))
    return verdict, witnesses, trial.story, counted_pico(outlay.data, NODE, ALL) - verdict.spent_pico


def table(verdict: Verdict, witnesses: Witnesses, story: Story, off_pico: int) -> str:
    ended = Counter(Ended(witnesses.ended[each]).name for each in witnesses.numbers() if witnesses.ended[each])
    struck = ", ".join(f"{name} {times}" for name, times in sorted(story.struck.items()))
    lines = [
        ("rounds", f"{len(story.rates):,} ({struck})"),
        ("kill -9", f"{story.kills:,}, of them in rounds that struck again while starting: {story.while_starting:,}"),
        ("calls a second, answered", f"{statistics.median(story.rates):,.0f} median, {max(story.rates):,.0f} at best"),
        ("ready again", f"{statistics.median(story.ready_s):.2f} s median, {max(story.ready_s):.2f} s at worst"),
        ("calls made", f"{witnesses.made:,}"),
        *((f"  {how.lower().replace('_', ' ')}", f"{times:,}") for how, times in ended.most_common()),
        ("got by the provider", f"{sum(map(bool, witnesses.reached)):,}"),
        ("settled", f"{verdict.settled:,}"),
        ("  estimated", f"{verdict.estimated:,}"),
        ("  at the hold, after a kill", f"{verdict.crashed:,}"),
        ("  never got by the provider", f"{verdict.unsent:,}"),
        ("LOST", shown(verdict.lost)),
        ("DOUBLED", shown(verdict.doubled)),
        ("sent twice", shown(verdict.sent_twice)),
        ("other tokens than reported", shown(verdict.wrong)),
        ("journal and database differ", shown(verdict.apart)),
        ("orphaned holds", f"{verdict.orphaned:,}"),
        ("unreadable lines", f"{verdict.unreadable:,}"),
        ("sums and calls differ", f"{verdict.unsummed:,}"),
        ("counters held against ledger", f"{story.compared:,} restarts, differing {len(story.differing):,}"),
        ("counters less ledger, at the end", f"${off_pico / 1e12:.6f} of ${verdict.spent_pico / 1e12:,.2f}"),
    ]
    return "\n".join(f"{name:34}{value}" for name, value in lines)


async def run(arguments: argparse.Namespace, folder: Path) -> int:
    result = await drill(folder, rounds=arguments.rounds, rate=arguments.rate, seed=arguments.seed)
    verdict, _, story, off_pico = result
    good = verdict.good and not story.differing and not off_pico
    print(f"\n{table(*result)}\n\n{'good' if good else 'NOT GOOD'}; seed {arguments.seed}; {platform.platform()}")
    return 0 if good else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.crash", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200, help="kills of one or both planes")
    parser.add_argument("--rate", type=float, default=3000.0, help="calls a second, at most")
    arguments = arguments_of(parser)
    return in_a_folder("crash", lambda folder: uvloop.run(run(arguments, folder)), keep=arguments.keep)


if __name__ == "__main__":
    sys.exit(main())
