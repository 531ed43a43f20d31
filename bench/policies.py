"""How long a policy folder takes to load: many people, keys and rules.

    python -m bench.policies [--people 10000] [--rules 1000]

Prints the seconds of a load, the best of a few, the share of each file, and how long an event loop beside it is held.
Needs no server.
"""

import argparse
import asyncio
import hashlib
import time

from proxy.adapters.prices_litellm import price_book
from proxy.gateway.rules import Rules
from proxy.policy.load import RULES, load
from proxy.policy.types import PolicySet

REPEATS = 5


def folder(people: int, rules: int) -> dict[str, bytes]:
    """Everybody with a key, projects of ten people each, and rules of every kind."""
    access = ["people:", *(f"  p{n}: {{team: t{n % 100}, aliases: [p{n}@example.com]}}" for n in range(people))]
    access += ["projects:", *(f"  j{n}: {{team: t{n % 100}, members: [p{n}]}}" for n in range(max(1, people // 10)))]
    keys = ["keys:", *(_key(n, people) for n in range(people))]
    budgets = ["budgets:", *(_budget(n, people) for n in range(rules // 2))]
    budgets += ["limits:", *(_limit(n, people) for n in range(rules // 4))]
    models = ["models:", *(_model(n) for n in range(rules - rules // 2 - rules // 4))]
    files = {"access.yaml": access, "keys.yaml": keys, "budgets.yaml": budgets, "models.yaml": models}
    return {name: ("\n".join(lines) + "\n").encode() for name, lines in files.items()}


def _key(n: int, people: int) -> str:
    digest = hashlib.sha256(str(n).encode()).hexdigest()
    return f"  - {{id: k_{n}, hash: 'sha256:{digest}', user: p{n}, projects: [j{n % max(1, people // 10)}]}}"


def _budget(n: int, people: int) -> str:
    scope = f"{{project: j{n % max(1, people // 10)}, model: [gpt-*, claude-*], tags: {{env: prod}}}}"
    amounts = "limit: 500 USD, window: month, timezone: Europe/Berlin, warn_at: [80%]"
    return f"  - {{name: b{n}, applies_to: {scope}, {amounts}}}"


def _limit(n: int, people: int) -> str:
    return f"  - {{name: l{n}, applies_to: {{user: [p{n % people}, nobody-{n}]}}, per: key, requests_per_minute: 600}}"


def _model(n: int) -> str:
    return f"  - {{name: m{n}, applies_to: {{team: t{n % 100}}}, allow: [gpt-5*, claude-*], output_tokens_max: 32k}}"


def seconds(files: dict[str, bytes]) -> float:
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        loaded = load(files, enforced=frozenset(RULES))
        best = min(best, time.process_time() - start)
        if not isinstance(loaded, PolicySet):
            raise SystemExit("\n".join(map(str, loaded[:10])))
    return best


async def worst_gap_s(files: dict[str, bytes]) -> float:
    """How long an event loop was held at worst while a thread beside it made a set ready, as a server does."""
    done = asyncio.create_task(asyncio.to_thread(_made, files))
    worst, before = 0.0, time.perf_counter()
    while not done.done():
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        worst, before = max(worst, now - before), now
    await done
    return worst


def _made(files: dict[str, bytes]) -> Rules:
    loaded = load(files)
    assert isinstance(loaded, PolicySet)
    return Rules(loaded, price_book(loaded))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--people", type=int, default=10_000)
    options.add_argument("--rules", type=int, default=1_000)
    chosen = options.parse_args()
    files = folder(chosen.people, chosen.rules)
    print(f"{chosen.people:,} people and keys, {chosen.rules:,} rules: {seconds(files):.2f} s of CPU")
    gap_ms = asyncio.run(worst_gap_s(files)) * 1000
    print(f"  the event loop beside the thread that loads was held for {gap_ms:.0f} ms at worst")
    for name, content in files.items():
        print(f"  {name:13} {len(content) / 1024:6,.0f} KiB  {seconds({name: content}):.2f} s alone")


if __name__ == "__main__":
    main()
