"""Organisation: 12 services in 3 tiers, 60 people, and what they do where nobody games."""

from math import exp
from random import Random
from typing import Final

from bench.gaming.plan import HOUR, Plan, Work
from proxy.model.service import Service, Services
from tests.fakes.telling import SOURCES, a_service

HISTORY_WEEKS: Final = 26
"""Played before the weeks that are measured: of them the first baselines are made."""
TIERS: Final = (("core", 3, 2.0), ("standard", 5, 3.0), ("edge", 4, 1.2))
"""Name, services, change groups in a normal week of each."""
SHARED: Final = ("s11", "s12")
"""Live in one repository."""
PERSONS_A_TEAM: Final = 5
FATES: Final = (("incident", 0.04), ("rollback", 0.07), ("revert", 0.09))
"""How honest work goes wrong, and where its share of the lots ends."""
SHOWS: Final = {"incident": 5 * HOUR, "rollback": 2 * HOUR}
"""When somebody notices."""


def founded(seed: int, weeks: int, tiers: tuple[tuple[str, int, float], ...] = TIERS) -> Plan:
    """What honest people do. The same seed, the same plan."""
    rng = Random(f"gaming {seed}")
    plan = Plan(Services(sources=SOURCES), [], weeks=weeks, seed=seed, team="t05", rng=rng)
    rates: dict[str, float] = {}
    for tier, count, rate in tiers:
        for _ in range(count):
            service = _service(len(rates) + 1, tier)
            rates[service.name] = rate * rng.uniform(0.8, 1.2)
            plan.register(service)
    for service in plan.services.services.values():
        for number in range(PERSONS_A_TEAM):
            plan.aliases[f"{service.owner}-{number + 1}"] = f"{service.owner}-{number + 1}"
    for service in plan.services.services.values():
        _work(plan, service, rates[service.name])
    return plan


def _service(number: int, tier: str) -> Service:
    name = f"s{number:02}"
    place = f"github.com/acme/{SHARED[0] if name == SHARED[1] else name}"
    return a_service(name, place, tier=tier, owner=f"t{number:02}", projects=(f"p{number:02}",))


def _work(plan: Plan, service: Service, rate: float) -> None:
    rng, number = plan.rng, int(service.name[1:]) * 10_000
    people = plan.persons(service.owner)
    for week in range(-HISTORY_WEEKS, plan.weeks):
        for _ in range(_poisson(rng, rate)):
            number += 1
            author, reviewer = rng.sample(people, 2)
            merged = week * 7 + rng.randrange(5) + rng.uniform(9, 16) * HOUR
            lot = rng.random()
            fate = next((name for name, limit in FATES if lot < limit), "")
            proof = rng.choices(("header", "session", "none"), (0.65, 0.2, 0.15))[0]
            deployed = merged + rng.uniform(0.5, 4) * HOUR
            usd = round(rng.lognormvariate(3.5, 0.8), 2)
            shows = SHOWS.get(fate, 0.0)
            name, persons = service.name, (author, (reviewer,))
            plan.works.append(Work(name, str(number), merged, deployed, *persons, usd, proof, fate, shows))


def _poisson(rng: Random, mean: float) -> int:
    limit, count, product = exp(-mean), 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count
