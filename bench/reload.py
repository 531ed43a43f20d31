"""Policy changes under load: none drops or misjudges a call, and no half or bad set ever rules.

    python -m bench.reload [--changes 20] [--clients 8] [--seed 1] [--keep]

Real processes: a stand-in provider and `outlay serve`. Clients call without pause, half of them with streams, while the
policy folder changes every second: a model denied and allowed, limits of nothing and of plenty, a new budget that
what was spent before has used up, broken files, and copies that pause half way. The journal is the witness: each call
names the version it was admitted under, and is judged anew by what that version says. Exit code 1 where a call was
dropped or misjudged, or a set ruled that should not have.
"""

import argparse
import asyncio
import itertools
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from bench.deployed import arguments_of, in_a_folder, in_force, journal_lines
from proxy.adapters.policy_snapshot import take_snapshot
from proxy.model.entry import Opened, Refused
from proxy.policy.load import version
from tests.servers.processes import ALICE_KEY, Deployment, fetch, stand_in, until

MODELS: Final = ("gpt-4o", "gpt-4o-mini")
BETWEEN_S: Final = 1.0
PAUSE_S: Final = 0.8
"""Of a copy half way: longer than a change needs to settle."""
CALL_S: Final = 30.0

PLENTY: Final = "budgets: [{name: plenty, limit: 100000 USD, window: total}]\n"
USED_UP: Final = "budgets: [{name: used-up, limit: 1000 tokens, window: total}]\n"
NOTHING: Final = "budgets: [{name: nothing, limit: 0 USD, window: total}]\n"
DENIED: Final = "models: [{name: denied, deny: [gpt-4o-mini]}]\n"
ALLOWED: Final = "models: [{name: allowed, allow: [gpt-4o*]}]\n"
SERVICES: Final = (
    "services:\n"
    "  checkout: {repositories: [github.com/acme/checkout], environments: [production], registered: 2025-06-01}\n"
)


@dataclass(frozen=True, slots=True)
class Change:
    """A set to bring about, and which rule must refuse which models under it."""

    name: str
    budgets: str
    models: str
    refuses: Mapping[str, str] = field(default_factory=dict)
    """Model -> rule."""
    good: bool = True
    pauses: bool = False
    services: str = ""
    """No call is about them: a gateway must take such a set as any other."""


CHANGES: Final = (
    Change("a model denied", PLENTY, DENIED, {"gpt-4o-mini": "models.yaml:2"}),
    Change("broken YAML", "budgets: [", ALLOWED, good=False),
    Change("the model allowed, a service registered", PLENTY, ALLOWED, services=SERVICES),
    Change("a service misspelt", PLENTY, DENIED, good=False, services=SERVICES.replace("environments", "places")),
    Change("a new budget, used up before", USED_UP, ALLOWED, dict.fromkeys(MODELS, "budgets.yaml:2")),
    Change("copied with a pause", PLENTY, DENIED, {"gpt-4o-mini": "models.yaml:2"}, pauses=True),
    Change("a limit raised", PLENTY, ALLOWED),
    Change("a setting misspelt", PLENTY.replace("limit", "limmit"), DENIED, good=False),
    Change("a limit of nothing", NOTHING, ALLOWED, dict.fromkeys(MODELS, "budgets.yaml:2")),
    Change("copied back with a pause", PLENTY, DENIED, {"gpt-4o-mini": "models.yaml:2"}, pauses=True),
    Change("everything allowed", PLENTY, ALLOWED),
)


@dataclass(slots=True)
class Editor:
    """Changes the folder, and remembers what each whole set must do."""

    folder: Path
    refuses: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """Of each whole and valid set, by version."""
    order: list[str] = field(default_factory=list)

    def make(self, change: Change, number: int) -> Iterator[float]:
        """Bring a set about; gives the pauses to make on the way."""
        hold = self.folder / ".hold"
        if change.pauses:
            hold.touch()
        self._write("models.yaml", change.models, number)
        if change.pauses:
            yield PAUSE_S
        self._write("services.yaml", change.services, number)
        self._write("budgets.yaml", change.budgets, number)
        if change.good:
            made = version(take_snapshot(self.folder, self.folder / "keys.yaml").files)
            self.refuses[made] = change.refuses
            self.order.append(made)
        hold.unlink(missing_ok=True)

    def _write(self, name: str, text: str, number: int) -> None:
        """With its number, so that no two sets are of one version."""
        temporary = self.folder / f".{name}.new"
        temporary.write_text(f"# change {number}\n{text}")
        temporary.replace(self.folder / name)


@dataclass(slots=True)
class Clients:
    """Callers that go on until told to stop, whatever they are answered."""

    url: str
    dice: random.Random
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    ended: Counter[str] = field(default_factory=Counter)

    async def run(self, count: int) -> None:
        timeout = aiohttp.ClientTimeout(total=CALL_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as tasks:
            for number in range(count):
                tasks.create_task(self._client(session, stream=number % 2 == 0))

    async def _client(self, session: aiohttp.ClientSession, *, stream: bool) -> None:
        for model in itertools.cycle(MODELS):
            if self.stop.is_set():
                return
            self.ended[await self._call(session, model, stream=stream)] += 1
            await asyncio.sleep(self.dice.uniform(0, 0.03))

    async def _call(self, session: aiohttp.ClientSession, model: str, *, stream: bool) -> str:
        body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "hello"}]}
        headers = {"authorization": f"Bearer {ALICE_KEY}", "x-standin-chunk-ms": str(self.dice.randint(0, 60))}
        try:
            async with session.post(f"{self.url}/v1/chat/completions", json=body, headers=headers) as answer:
                text = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            return f"dropped: {type(error).__name__}"
        if answer.status == 200:
            return "answered" if not stream or b"[DONE]" in text else "dropped: a stream without its end"
        return "refused" if answer.status == 400 and _by_policy(text) else f"status {answer.status}"


def _by_policy(text: bytes) -> bool:
    return "refused_by_policy" in json.dumps(json.loads(text))


@dataclass(frozen=True, slots=True)
class Verdict:
    admitted: int
    refused: int
    misjudged: tuple[str, ...]
    strangers: tuple[str, ...]
    """Versions that ruled and are none of the whole sets, or came back after a later one."""
    ruled: int
    sets: int

    def good(self, ended: Counter[str]) -> bool:
        as_told = ended["answered"] == self.admitted and ended["refused"] == self.refused
        return as_told and ended.total() == self.admitted + self.refused and not (self.misjudged or self.strangers)


def judge(lines: Iterable[object], editor: Editor) -> Verdict:
    """Each call again, by what its version says."""
    calls = [line for line in lines if isinstance(line, Opened | Refused)]
    misjudged = []
    for line in calls:
        must = editor.refuses.get(line.call.policy, {}).get(line.call.model, "")
        was = line.rule if isinstance(line, Refused) else ""
        if was != must:
            misjudged.append(f"{line.call.model} under {line.call.policy[:8]}: '{was}', not '{must}'")
    seen = [found for found, _ in itertools.groupby(line.call.policy for line in calls)]
    places = [editor.order.index(found) if found in editor.order else -1 for found in seen]
    strangers = [found for found, place in zip(seen, places, strict=True) if place < 0]
    strangers += [seen[at] for at in range(1, len(seen)) if 0 <= places[at] < places[at - 1]]
    refused = sum(isinstance(line, Refused) for line in calls)
    return Verdict(len(calls) - refused, refused, tuple(misjudged), tuple(strangers), len(set(seen)), len(editor.order))


async def edit(editor: Editor, changes: int, tell: Callable[[str], None]) -> None:
    """One change after another, with a second between them."""
    for number, change in zip(range(1, changes + 1), itertools.cycle(CHANGES)):
        for pause_s in editor.make(change, number):
            await asyncio.sleep(pause_s)
        tell(f"{number:3} {change.name}")
        await asyncio.sleep(BETWEEN_S)


async def load(outlay: Deployment, editor: Editor, arguments: argparse.Namespace) -> Counter[str]:
    await in_force(outlay.data)
    clients = Clients(outlay.url, random.Random(arguments.seed))
    running = asyncio.create_task(clients.run(arguments.clients))
    try:
        await edit(editor, arguments.changes, print)
        await asyncio.sleep(BETWEEN_S)
    finally:
        clients.stop.set()
        await running
    return clients.ended


def measure(arguments: argparse.Namespace, folder: Path) -> tuple[Counter[str], Verdict]:
    with stand_in(folder) as provider:
        outlay = Deployment(folder, provider.url)
        editor = Editor(folder / "policies")
        for _ in editor.make(CHANGES[-1], 0):
            pass
        try:
            outlay.start_server()
            ended = asyncio.run(load(outlay, editor, arguments))
            until("no call is open", lambda: bool(fetch(f"{provider.url}/stand-in/counts")["open"] == 0))
        finally:
            outlay.stop()
    return ended, judge(journal_lines(outlay.data), editor)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.reload", description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=20, help="with a second between them")
    parser.add_argument("--clients", type=int, default=8, help="half of them with streams")
    arguments = arguments_of(parser)
    return in_a_folder("reload", lambda folder: tell(*measure(arguments, folder), arguments.seed), keep=arguments.keep)


def tell(ended: Counter[str], verdict: Verdict, seed: int) -> int:
    print("\ncallers saw: " + ", ".join(f"{how} {times}" for how, times in ended.most_common()))
    print(f"journal: admitted {verdict.admitted}, refused {verdict.refused}")
    print(f"whole sets {verdict.sets}, of them in force for some call {verdict.ruled}")
    print(f"calls misjudged {len(verdict.misjudged)} {'; '.join(verdict.misjudged[:5])}")
    print(f"sets in force that should not have been {len(verdict.strangers)} {' '.join(verdict.strangers[:5])}")
    good = verdict.good(ended)
    print(f"{'good' if good else 'NOT GOOD'}; seed {seed}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
