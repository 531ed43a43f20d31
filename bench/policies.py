"""How long a policy folder takes to load: many people, keys, rules and services.

    python -m bench.policies [--people 10000] [--rules 1000] [--services 1000]

Prints the seconds of a load, the best of a few, those with the models of price lists (as `policy check` has them),
the share of each file, and how long an event loop beside it is held. Needs no server.
"""

import argparse
import asyncio
import hashlib
import time
from collections.abc import Mapping

from proxy.adapters.prices_litellm import listed_models, price_book
from proxy.gateway.rules import Rules
from proxy.policy.load import RULES, load
from proxy.policy.types import PolicySet

REPEATS = 5


def folder(people: int, rules: int, services: int) -> dict[str, bytes]:
    """Everybody with a key, projects of ten people each, rules of every kind, and services, four to a repository."""
    access = ["people:", *(f"  p{n}: {{team: t{n % 100}, aliases: [p{n}@example.com]}}" for n in range(people))]
    access += ["projects:", *(f"  j{n}: {{team: t{n % 100}, members: [p{n}]}}" for n in range(max(1, people // 10)))]
    keys = ["keys:", *(_key(n, people) for n in range(people))]
    budgets = ["budgets:", *(_budget(n, people) for n in range(rules // 2))]
    budgets += ["limits:", *(_limit(n, people) for n in range(rules // 4))]
    models = ["models:", *(_model(n) for n in range(rules - rules // 2 - rules // 4))]
    outcomes = ["sources:", "  acme: {kind: github, secrets: [{env: HOOK}], repositories: [github.com/acme/*]}"]
    outcomes += ["services:", *(_service(n, people) for n in range(services))]
    outcomes += ["mirrors:", *(f"  github.com/acme/r{n}: {{token: {{env: READ}}}}" for n in range(services // 4))]
    files = {"access.yaml": access, "keys.yaml": keys, "budgets.yaml": budgets, "models.yaml": models}
    files["services.yaml"] = outcomes
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


def _service(n: int, people: int) -> str:
    place = f"repositories: [github.com/acme/r{n // 4}], environments: [prod-eu, prod-us], registered: 2025-06-01"
    whose = f"owner: t{n % 100}, projects: [j{n % max(1, people // 10)}], sources: [acme], tier: critical"
    more = f"paths: [services/s{n}/**], names: [s{n}-api], deploy_actors: ['github-actions[bot]'], soak: 72h"
    return f"  s{n}: {{{place}, {whose}, {more}}}"


def seconds(files: dict[str, bytes], models: Mapping[str, str] | None = None) -> float:
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        loaded = load(files, enforced=frozenset(RULES), models=models)
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
    options.add_argument("--services", type=int, default=1_000)
    chosen = options.parse_args()
    files = folder(chosen.people, chosen.rules, chosen.services)
    what = f"{chosen.people:,} people and keys, {chosen.rules:,} rules, {chosen.services:,} services"
    print(f"{what}: {seconds(files):.2f} s of CPU")
    print(f"  {seconds(files, listed_models()):.2f} s with the models of the price lists, as `policy check` loads them")
    gap_ms = asyncio.run(worst_gap_s(files)) * 1000
    print(f"  the event loop beside the thread that loads was held for {gap_ms:.0f} ms at worst")
    for name, content in files.items():
        print(f"  {name:13} {len(content) / 1024:6,.0f} KiB  {seconds({name: content}):.2f} s alone")


if __name__ == "__main__":
    main()
