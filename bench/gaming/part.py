"""Part: what became of services whose histories hang together, by the product's folding, judging and attribution.

Most strategies touch one service of twelve. What the others do is judged once for all of them: nothing that ties
changes together (work items, patches, repositories) reaches from one part into another, which is asserted.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from fractions import Fraction

from bench.gaming.plan import Plan
from bench.gaming.world import World, played
from proxy.model.service import Services
from proxy.outcomes.attribution import attribute
from proxy.outcomes.crediting import Verdicts, judge
from proxy.outcomes.definition import CURRENT, Definition
from proxy.outcomes.entities import Change, History
from proxy.outcomes.quarters import counts_from
from proxy.outcomes.service_weeks import Weeks, service_weeks
from proxy.outcomes.verdicts import Standing
from tests.fakes.telling import START, at

AFTER_WEEKS = 6
"""From the last measured week to the look at it: all soaks and claw-backs are over."""

Paid = tuple[str, str, str]
"""Team, project, and the service that it is attributed to ('' : none)."""


@dataclass(frozen=True, slots=True)
class Part:
    weeks: Weeks
    counting: Mapping[str, int]
    """From when on each service counts."""
    lacking: tuple[tuple[str, int, Fraction], ...]
    """Of deployments that brought work and did not last: service, time, and what the credits of that work fall short of
    whole ones."""
    money: Counter[Paid]
    """Pico-dollars of building in the measured weeks."""
    price: Counter[str]
    refused: int
    ties: frozenset[str]
    """Work items and patches."""


def now_us(plan: Plan) -> int:
    return at(7.0 * (plan.weeks + AFTER_WEEKS))


def part(plan: Plan, names: Set[str], definition: Definition = CURRENT) -> Part:
    world = played(plan, names)
    history = world.read(definition)
    verdicts = judge(history, plan.services, now_us(plan), definition)
    counting = counts_from(verdicts, _only(plan.services, names))
    return Part(
        service_weeks(history, verdicts, plan.services),
        counting,
        tuple(_lacking(history, verdicts)),
        _money(world, history, verdicts),
        world.price,
        world.refused,
        _ties(history.changes.values()),
    )


def _only(services: Services, names: Set[str]) -> Services:
    return replace(services, services={name: each for name, each in services.services.items() if name in names})


def _lacking(history: History, verdicts: Verdicts) -> Iterable[tuple[str, int, Fraction]]:
    at_us = {each.id: each.at_us for each in history.deployments}
    for landing in verdicts.landings:
        if landing.credit < 1 and landing.standing != Standing.PAST:
            yield landing.service, at_us[landing.deployment], 1 - landing.credit


def _money(world: World, history: History, verdicts: Verdicts) -> Counter[Paid]:
    """Of each row every pico-dollar goes somewhere."""
    plan = world.plan
    found: Counter[Paid] = Counter()
    total = 0
    for share in attribute(world.spends, history, verdicts, plan.services, plan.aliases):
        total += share.cost_pico
        if START <= share.spend.at_us < at(7.0 * plan.weeks):
            found[share.spend.team, share.spend.project, share.service] += share.cost_pico
    assert total == sum(each.cost_pico for each in world.spends)
    return found


def _ties(changes: Iterable[Change]) -> frozenset[str]:
    """Hashes of diffs are left out: honest work has none."""
    return frozenset(tie for each in changes for tie in (*each.work_items, each.patch_id) if tie)


def parts(plan: Plan, honest: Mapping[frozenset[str], Part], before: Plan) -> list[Part]:
    """Of a plan: what differs from the honest one `before` is played, the rest is as it was."""
    touched = _touched(plan, before, honest)
    kept = [each for house, each in honest.items() if house.isdisjoint(touched)]
    own = part(plan, touched & plan.services.services.keys())
    assert all(own.ties.isdisjoint(each.ties) for each in kept), "a tie into a service that is said to be untouched"
    return [own, *kept]


def houses(plan: Plan) -> list[frozenset[str]]:
    """Services by what they share: a repository."""
    found: dict[str, set[str]] = {}
    for name, place in plan.repositories.items():
        if name in plan.services.services:
            found.setdefault(place, set()).add(name)
    return [frozenset(each) for each in found.values()]


def _touched(plan: Plan, before: Plan, honest: Iterable[frozenset[str]]) -> frozenset[str]:
    names = {*plan.services.services, *before.services.services}
    works, old = _by_service(plan), _by_service(before)
    found = {plan.mine(), before.mine(), *plan.touched}
    found |= {name for name in names if works.get(name) != old.get(name)}
    found |= {name for name in names if plan.services.services.get(name) != before.services.services.get(name)}
    while more := {name for house in (*houses(plan), *honest) if house & found for name in house} - found:
        found |= more
    return frozenset(found)


def _by_service(plan: Plan) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for each in plan.works:
        found.setdefault(each.service, []).append(each)
    return found
