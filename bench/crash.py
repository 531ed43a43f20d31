"""What a crash costs: kill -9 of gateway and ledger at random moments under load, and then who remembers which call.

    python -m bench.crash [--rounds 50] [--rate 60] [--seed 1] [--keep]

Every call carries a marker that both witnesses keep: the stand-in provider (which calls reached it) and the ledger (as
the work item). At the end each call that reached the provider must be in the ledger exactly once. About 2.5 s a round.
Exit code 1 where a call was lost, doubled, or counted wrongly without being marked as estimated.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import duckdb

from bench.deployed import arguments_of, in_a_folder
from proxy.model.usage import KINDS
from tests.servers.processes import ALICE_KEY, Deployment, ProcessError, Running, StandIn, answers, stand_in

VICTIMS = ("gateway", "gateway", "ledger", "both")
"""The gateway twice as often: it is the one that can lose a call."""
RUN_S = (0.2, 1.2)
"""How long a round runs before the kill."""
IN_FLIGHT_MAX = 64
CALL_S = 10.0
LOADED_S = 30.0
READY_S = 20.0


@dataclass(slots=True)
class Client:
    """What the callers saw: for each marker, how its call ended for them."""

    url: str
    dice: random.Random
    ended: dict[str, str] = field(default_factory=dict)
    number: int = 0

    async def load(self, rate: float, stop: asyncio.Event) -> None:
        """Calls of every kind at random moments, `rate` a second on average, until told to stop."""
        places = asyncio.Semaphore(IN_FLIGHT_MAX)
        timeout = aiohttp.ClientTimeout(total=CALL_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as tasks:
            while not stop.is_set():
                await places.acquire()
                self.number += 1
                task = tasks.create_task(self._call(session, f"call-{self.number}"))
                task.add_done_callback(lambda _: places.release())
                await asyncio.sleep(self.dice.expovariate(rate))

    async def _call(self, session: aiohttp.ClientSession, marker: str) -> None:
        path, body, told, patience = self._kind()
        headers = {
            "authorization": f"Bearer {ALICE_KEY}",
            "x-outlay-work-item": marker,
            "x-standin-marker": marker,
            **{f"x-standin-{name}": str(value) for name, value in told.items()},
        }
        try:
            async with asyncio.timeout(patience):
                async with session.post(self.url + path, json=body, headers=headers) as answer:
                    await answer.read()
            self.ended[marker] = "answered" if answer.status == 200 else f"status {answer.status}"
        except TimeoutError:
            self.ended[marker] = "hung up"
        except (aiohttp.ClientError, OSError) as error:
            self.ended[marker] = "broken" if isinstance(error, aiohttp.ClientPayloadError) else "not connected"

    def _kind(self) -> tuple[str, dict[str, Any], dict[str, int], float]:
        """Path, body, headers for the stand-in, and how long the caller waits before it hangs up."""
        said = [{"role": "user", "content": f"hello world {self.number}"}]
        chat = {"model": "gpt-4o", "messages": said}
        messages = {"model": "claude-sonnet-5-5", "max_tokens": 200, "messages": said}
        pause = self.dice.randint(0, 300)
        pace = self.dice.randint(0, 15)
        kinds = (
            ("/v1/chat/completions", chat, {"delay-ms": pause}, CALL_S),
            ("/v1/messages", messages, {"delay-ms": pause}, CALL_S),
            ("/v1/chat/completions", {**chat, "stream": True}, {"chunk-ms": pace}, CALL_S),
            ("/v1/messages", {**messages, "stream": True}, {"chunk-ms": pace}, CALL_S),
            ("/v1/responses", {"model": "gpt-4o", "input": "hello", "stream": True}, {"chunk-ms": pace}, CALL_S),
            ("/v1/chat/completions", {**chat, "stream": True}, {"stall-after": 9}, self.dice.uniform(0.05, 0.5)),
            ("/v1/messages", {**messages, "stream": True}, {"cut-after": 9, "chunk-ms": pace}, CALL_S),
            ("/v1/chat/completions", chat, {"status": 500, "retry-after": 0}, CALL_S),
        )
        return self.dice.choice(kinds)


async def ready(running: Running, url: str) -> None:
    """As the fixtures wait, without stopping the load."""
    deadline = time.monotonic() + READY_S
    while not await asyncio.to_thread(answers, f"{url}/readyz"):
        running.check()
        if time.monotonic() > deadline:
            raise ProcessError(f"{running.name} was not ready again within {READY_S} s:\n{running.said[-3000:]}")
        await asyncio.sleep(0.02)


async def crash(outlay: Deployment, victim: str) -> float:
    """Kill, start again, and give the seconds until it was ready."""
    planes = {"gateway": (outlay.gateway, outlay.url), "ledger": (outlay.ledger, outlay.ledger_url)}
    struck = planes.values() if victim == "both" else (planes[victim],)
    for running, _ in struck:
        running.kill()
    started = time.monotonic()
    for running, url in struck:
        running.start()
        await ready(running, url)
    return time.monotonic() - started


async def rounds(outlay: Deployment, client: Client, count: int, rate: float) -> Counter[str]:
    """The load, and the kills in it. Gives how often each was struck."""
    stop = asyncio.Event()
    struck: Counter[str] = Counter()
    load = asyncio.create_task(client.load(rate, stop))
    try:
        for number in range(1, count + 1):
            await asyncio.sleep(client.dice.uniform(*RUN_S))
            victim = client.dice.choice(VICTIMS)
            took_s = await crash(outlay, victim)
            struck[victim] += 1
            print(f"round {number:3}: killed {victim:8} ready again in {took_s:.2f} s; {client.number} calls so far")
            if load.done():
                break
    finally:
        stop.set()
        await load
    return struck


@dataclass(frozen=True, slots=True)
class Verdict:
    """Calls by what became of them."""

    reached: int
    recorded: int
    lost: tuple[str, ...]
    """Reached the provider, and are not in the ledger."""
    unrecorded: tuple[str, ...]
    """Answered to the caller, and not in the ledger."""
    doubled: tuple[str, ...]
    repeated: tuple[str, ...]
    """Reached the provider more than once: somebody retried."""
    wrong: tuple[str, ...]
    """In the ledger as reported by the provider, with other tokens than the provider's."""
    estimated: int
    crashed: int
    unsent: int
    """In the ledger, and never reached the provider."""
    open: int
    quarantined: int

    @property
    def good(self) -> bool:
        return not (
            self.lost or self.unrecorded or self.doubled or self.repeated or self.wrong or self.open or self.quarantined
        )


Row = tuple[str, str, bool, tuple[int, ...]]
"""Marker, outcome, estimated, tokens by kind."""


def ledger_rows(data: Path) -> tuple[list[Row], int, int]:
    """Every call in the database, calls held open, lines that could not be read. No process may have the file open."""
    with duckdb.connect(str(data / "outlay.duckdb"), read_only=True) as database:
        kinds = ", ".join(KINDS)
        found = database.execute(
            f"SELECT work_item, outcome, estimated, {kinds} FROM calls WHERE NOT refused"
        ).fetchall()
        (open_calls,) = database.execute("SELECT count(*) FROM open_calls").fetchone() or (0,)
        (quarantined,) = database.execute("SELECT count(*) FROM quarantine").fetchone() or (0,)
    return (
        [(marker, outcome, estimated, tuple(usage)) for marker, outcome, estimated, *usage in found],
        open_calls,
        quarantined,
    )


def judge(calls: list[dict[str, Any]], client: Client, rows: list[Row], open_calls: int, quarantined: int) -> Verdict:
    reached = Counter(call["marker"] for call in calls)
    recorded = Counter(marker for marker, *_ in rows)
    provided = {call["marker"]: tuple(call["usage"].get(kind, 0) for kind in KINDS) for call in calls}
    answered = [marker for marker, how in client.ended.items() if how == "answered"]
    return Verdict(
        reached=len(reached),
        recorded=len(rows),
        lost=_sorted(marker for marker in reached if not recorded[marker]),
        unrecorded=_sorted(marker for marker in answered if not recorded[marker]),
        doubled=_sorted(marker for marker, times in recorded.items() if times > 1),
        repeated=_sorted(marker for marker, times in reached.items() if times > 1),
        wrong=_sorted(
            marker
            for marker, _, estimated, usage in rows
            if not estimated and marker in provided and usage != provided[marker]
        ),
        estimated=sum(estimated for _, _, estimated, _ in rows),
        crashed=sum(outcome == "crashed" for _, outcome, _, _ in rows),
        unsent=sum(marker not in reached for marker, *_ in rows),
        open=open_calls,
        quarantined=quarantined,
    )


def _sorted(markers: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(markers, key=lambda marker: int(marker.rpartition("-")[2] or 0)))


def table(verdict: Verdict, client: Client, struck: Counter[str]) -> str:
    kills = sum(struck.values()) + struck["both"]
    lines = [
        ("kills", f"{kills} ({', '.join(f'{name} {times}' for name, times in sorted(struck.items()))})"),
        ("calls made", f"{client.number}"),
        *((f"  {how}", f"{times}") for how, times in Counter(client.ended.values()).most_common()),
        ("reached the provider", f"{verdict.reached}"),
        ("in the ledger", f"{verdict.recorded}"),
        ("  estimated", f"{verdict.estimated}"),
        ("  settled by recovery", f"{verdict.crashed}"),
        ("  never sent", f"{verdict.unsent}"),
        ("lost", _listed(verdict.lost)),
        ("answered, not recorded", _listed(verdict.unrecorded)),
        ("doubled", _listed(verdict.doubled)),
        ("sent twice", _listed(verdict.repeated)),
        ("other tokens than reported", _listed(verdict.wrong)),
        ("still open", f"{verdict.open}"),
        ("quarantined lines", f"{verdict.quarantined}"),
    ]
    return "\n".join(f"{name:28}{value}" for name, value in lines)


def _listed(markers: tuple[str, ...]) -> str:
    return f"{len(markers)}" + (f"   {', '.join(markers[:8])}{' …' if len(markers) > 8 else ''}" if markers else "")


async def settle(outlay: Deployment, provider: StandIn) -> list[dict[str, Any]]:
    """Wait until nothing is in flight and the ledger has loaded what there is; then stop. Gives the provider's list."""
    await asyncio.to_thread(provider.counts)
    calls = await asyncio.to_thread(provider.calls)
    reached = len({call["marker"] for call in calls})
    await asyncio.to_thread(outlay.gateway.stop)
    deadline = time.monotonic() + LOADED_S
    before = -1
    while time.monotonic() < deadline:
        document = await asyncio.to_thread(outlay.report, "model")
        loaded = document["total"]["calls"]
        if loaded >= reached and loaded == before:
            break
        before = loaded
        await asyncio.sleep(2.0)
    await asyncio.to_thread(outlay.ledger.stop)
    return calls


async def run(arguments: argparse.Namespace, folder: Path) -> int:
    with stand_in(folder) as provider:
        outlay = Deployment(folder, provider.url)
        client = Client(outlay.url, random.Random(arguments.seed))
        try:
            outlay.start_gateway()
            outlay.start_ledger()
            struck = await rounds(outlay, client, arguments.rounds, arguments.rate)
            calls = await settle(outlay, provider)
        finally:
            outlay.stop()
    verdict = judge(calls, client, *ledger_rows(outlay.data))
    print(f"\n{table(verdict, client, struck)}\n\n{'good' if verdict.good else 'NOT GOOD'}; seed {arguments.seed}")
    return 0 if verdict.good else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.crash", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=50, help="kills of one or both planes")
    parser.add_argument("--rate", type=float, default=60.0, help="calls a second")
    arguments = arguments_of(parser)
    return in_a_folder("crash", lambda folder: asyncio.run(run(arguments, folder)), keep=arguments.keep)


if __name__ == "__main__":
    sys.exit(main())
