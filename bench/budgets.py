"""What a money budget lets through: 200 clients at once on one cap that many calls fill, some hanging up.

    python -m bench.budgets [--clients 200] [--cap 6] [--seed 1] [--keep]

Real processes: a stand-in provider and a gateway. The journal is the witness: replayed line by line, it tells what was
spent and held at any moment. The balance that the gateway enforces is read off its own refusal. Beside it, *simulated*
over the very calls that the journal recorded: a gateway that checks recorded spend, and one that holds the worst case.
Exit code 1 where the cap was exceeded at any moment, a hold was left, enforced is not recorded, or the first call was
refused below 97 % of the cap.
"""

import argparse
import asyncio
import heapq
import json
import random
import re
import sys
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp

from bench.deployed import arguments_of, in_a_folder, in_force, journal_lines
from proxy.model.entry import Extended, Opened, Refused, Settled
from proxy.model.money import PICO_PER_USD, pico_to_usd
from tests.servers.processes import ALICE_KEY, Deployment, stand_in

MODEL = "gpt-4o"
OUTPUT_TOKENS_MODEL_MAX = 16_384
OUTPUT_RATE_PICO = 10_000_000
"""Of a token of this model, and so of its worst case."""
FIRST_REFUSAL_MIN = 97.0
CALL_S = 60.0
RETRY_S = 0.2


@dataclass(slots=True)
class Clients:
    """Callers that go on until the budget refuses them."""

    url: str
    dice: random.Random
    ended: Counter[str] = field(default_factory=Counter)
    said: str = ""

    async def run(self, count: int) -> None:
        timeout = aiohttp.ClientTimeout(total=CALL_S)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session, asyncio.TaskGroup() as tasks:
            for _ in range(count):
                tasks.create_task(self._client(session))

    async def _client(self, session: aiohttp.ClientSession) -> None:
        await asyncio.sleep(self.dice.uniform(0, 1))
        while await self._call(session):
            pass

    async def _call(self, session: aiohttp.ClientSession) -> bool:
        """False: the budget is used up."""
        body, patience_s = self._kind()
        headers = {
            "authorization": f"Bearer {ALICE_KEY}",
            "x-standin-tokens": str(self.dice.randint(50, 450)),
            "x-standin-chunk-ms": "3",
            "x-standin-delay-ms": str(self.dice.randint(50, 500)),
        }
        try:
            async with asyncio.timeout(patience_s):
                async with session.post(f"{self.url}/v1/chat/completions", json=body, headers=headers) as answer:
                    text = await answer.read()
        except TimeoutError:
            self.ended["hung up"] += 1
            return True
        except aiohttp.ClientError as error:
            self.ended[type(error).__name__] += 1
            return True
        return await self._answered(answer.status, text)

    async def _answered(self, status: int, text: bytes) -> bool:
        cut = b"The answer was ended here" in text
        self.ended["cut at the cap" if cut else f"status {status}"] += 1
        if status == 429:
            await asyncio.sleep(RETRY_S)
        if status == 400:
            self.said = json.loads(text)["error"]["message"]
        return status != 400

    def _kind(self) -> tuple[dict[str, Any], float]:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "say something " * self.dice.randint(1, 30)}]}
        if self.dice.random() < 0.3:
            return body | {"max_tokens": 500}, CALL_S
        return body | {"stream": True}, self.dice.uniform(0.1, 1.0) if self.dice.random() < 0.15 else CALL_S

    async def probe(self) -> Decimal:
        """What the gateway takes to be spent, by the words of a refusal, in pico-dollars."""
        body = {"model": MODEL, "max_tokens": 10**6, "n": 100, "messages": [{"role": "user", "content": "all of it"}]}
        headers = {"authorization": f"Bearer {ALICE_KEY}"}
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{self.url}/v1/chat/completions", json=body, headers=headers) as answer:
                self.said = (await answer.json())["error"]["message"]
        found = re.search(r"\$([0-9.]+) of \$", self.said)
        assert found is not None, self.said
        return Decimal(found[1]) * PICO_PER_USD


@dataclass(slots=True)
class Witness:
    """What the journal tells, line by line."""

    cap: int
    spent: int = 0
    held: dict[str, int] = field(default_factory=dict)
    peak: int = 0
    first_refusal: int | None = None
    """Spent, when the first call was refused."""
    above_hold: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    settled: list[Settled] = field(default_factory=list)

    def replay(self, lines: Iterable[object]) -> None:
        for line in lines:
            if isinstance(line, Opened):
                self.held[line.call.id] = line.hold.cost_pico
            elif isinstance(line, Extended):
                self.held[line.call_id] = line.hold.cost_pico
            elif isinstance(line, Settled):
                self.above_hold += line.cost.total_pico > self.held.pop(line.call.id)
                self.spent += line.cost.total_pico
                self.settled.append(line)
            elif isinstance(line, Refused):
                self.refused[line.status] += 1
                if line.status == 400 and self.first_refusal is None:
                    self.first_refusal = self.spent
            self.peak = max(self.peak, self.spent + sum(self.held.values()))


@dataclass(frozen=True, slots=True)
class Simulated:
    first_refusal: int | None
    spent: int
    peak: int


def simulate(calls: list[Settled], cap: int, clients: int, *, holds_worst_case: bool) -> Simulated:
    """The recorded calls, taken anew by as many clients, under another rule of admission. A client stops when it is
    refused."""
    queue = deque(calls)
    spent = held = peak = 0
    first: int | None = None
    running = [(0, number, 0, 0) for number in range(clients)]
    while running:
        at_us, number, cost, bound = heapq.heappop(running)
        spent, held = spent + cost, held - bound
        peak = max(peak, spent)
        if not queue:
            queue.extend(calls)
        call = queue.popleft()
        worst = _worst(call) if holds_worst_case else 0
        if spent + held + worst > cap or spent >= cap:
            first = spent if first is None else first
            continue
        held += worst
        heapq.heappush(running, (at_us + call.timing.total_us, number, call.cost.total_pico, worst))
    return Simulated(first, spent, peak)


def _worst(call: Settled) -> int:
    """The input as it was, the output at the limit of call or model."""
    output = 500 if not call.call.stream else OUTPUT_TOKENS_MODEL_MAX
    return sum(pico for kind, pico in call.cost.by_kind.items() if kind != "output_text") + output * OUTPUT_RATE_PICO


async def run(arguments: argparse.Namespace, folder: Path) -> int:
    witness, clients, enforced = await played(arguments, folder)
    return tell(witness, clients, enforced, arguments)


async def played(arguments: argparse.Namespace, folder: Path) -> tuple[Witness, Clients, Decimal]:
    """What the journal tells, what callers saw, and what the gateway takes to be spent in the end."""
    cap = int(Decimal(arguments.cap) * PICO_PER_USD)
    with stand_in(folder) as provider:
        outlay = Deployment(folder, provider.url)
        rules = f"budgets:\n  - {{name: all, limit: {arguments.cap} USD, window: total}}\n"
        (folder / "policies" / "budgets.yaml").write_text(rules)
        clients = Clients(outlay.url, random.Random(arguments.seed))
        try:
            if not arguments.alone:
                outlay.start_ledger()
            outlay.start_gateway()
            await in_force(outlay.data)
            await clients.run(arguments.clients)
            await asyncio.to_thread(provider.counts)
            enforced = await clients.probe()
        finally:
            outlay.stop()
    witness = Witness(cap)
    witness.replay(journal_lines(outlay.data))
    return witness, clients, enforced


def held_to(witness: Witness, enforced: Decimal) -> bool:
    """The cap was never exceeded, nothing is held any more, and what is enforced is what is recorded."""
    return witness.peak <= witness.cap and not witness.held and int(enforced) == witness.spent


def tell(witness: Witness, clients: Clients, enforced: Decimal, arguments: argparse.Namespace) -> int:
    cap, first = witness.cap, witness.first_refusal
    recorded = simulate(witness.settled, cap, arguments.clients, holds_worst_case=False)
    worst = simulate(witness.settled, cap, arguments.clients, holds_worst_case=True)
    print(f"{arguments.clients} clients, cap ${arguments.cap}, {len(witness.settled)} calls settled")
    print("callers saw: " + ", ".join(f"{how} {times}" for how, times in clients.ended.most_common()))
    print(f"\n{'':28}{'outlay':>18}{'checks recorded':>18}{'holds worst case':>18}")
    print(f"{'':28}{'measured':>18}{'simulated':>18}{'simulated':>18}")
    for name, values in (
        ("overshoot", [_usd(max(0, spent - cap)) for spent in (witness.peak, recorded.peak, worst.peak)]),
        ("first refusal at", [_share(spent, cap) for spent in (first, recorded.first_refusal, worst.first_refusal)]),
        ("spent in the end", [_share(spent, cap) for spent in (witness.spent, recorded.spent, worst.spent)]),
    ):
        print(f"{name:28}" + "".join(f"{value:>18}" for value in values))
    print(f"\nstreams cut at the cap       {clients.ended['cut at the cap']}")
    print(f"spent + held at its highest  {_share(witness.peak, cap)}")
    print(f"leftover holds               {len(witness.held)}")
    print(f"settled above their hold     {witness.above_hold}")
    print(f"recorded by the journal      ${pico_to_usd(witness.spent)}")
    print(f"enforced by the gateway      ${pico_to_usd(int(enforced))}")
    good = held_to(witness, enforced) and first is not None and first * 100 >= FIRST_REFUSAL_MIN * cap
    print(f"\n{'good' if good else 'NOT GOOD'}; seed {arguments.seed}")
    return 0 if good else 1


def _usd(pico: int) -> str:
    return f"${pico / PICO_PER_USD:.4f}"


def _share(pico: int | None, cap: int) -> str:
    return "never" if pico is None else f"{pico * 100 / cap:.2f} %"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.budgets", description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--cap", default="6", help="in dollars; far above what the clients' calls hold at once")
    parser.add_argument("--alone", action="store_true", help="without a ledger")
    arguments = arguments_of(parser)
    return in_a_folder("budgets", lambda folder: asyncio.run(run(arguments, folder)), keep=arguments.keep)


if __name__ == "__main__":
    sys.exit(main())
