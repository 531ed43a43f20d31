"""Registering: strategies in services.yaml, by whoever may change it, and with imported history."""

from dataclasses import replace
from typing import Any, Final

from bench.gaming.outcome import Outcome
from bench.gaming.plan import HOUR, Plan, extra, numbered
from bench.gaming.strategy import Bound, Residual, Strategy
from bench.gaming.world import World
from proxy.model.service import Service
from proxy.outcomes.definition import CURRENT
from tests.fakes.telling import a_service, at

FAKE: Final = "github.com/acme/fake"
YOUNG: Final = "github.com/acme/young"


def _unregistered(plan: Plan, count: int) -> None:
    for number, day in numbered(plan, count):
        extra(plan, f"9{number:03}", day, repository=FAKE)


def _new_service(plan: Plan, count: int) -> None:
    """Registered for the occasion: its deployments are over before it has proved itself."""
    day = 7.0 * (plan.weeks // 2)
    plan.register(a_service("fake", FAKE, registered_us=at(day), owner=plan.team, tier="standard"))
    for number in range(min(count, 5)):
        extra(plan, f"9{number:03}", day + 1 + number, service="fake")


def _own(plan: Plan) -> Service:
    return plan.services.services[plan.mine()]


def _lower_tier(plan: Plan, count: int) -> None:
    """Among services with quieter weeks."""
    plan.register(replace(_own(plan), tier="edge"))


def _renewal(plan: Plan) -> float:
    return 7.0 * (plan.weeks // 2)


def _renamed(plan: Plan, count: int) -> None:
    """Registered anew under another name, to begin again without what it did until then."""
    old = _own(plan)
    day = _renewal(plan)
    new = replace(old, name="renewed", registered_us=at(day))
    kept = {name: each for name, each in plan.services.services.items() if name != old.name}
    plan.services = replace(plan.services, services={**kept, "renewed": new})
    plan.repositories["renewed"] = plan.repositories.pop(old.name)
    plan.works = [replace(each, service="renewed") if each.service == old.name else each for each in plan.works]


def _split(plan: Plan, count: int) -> None:
    """Two services with half of the repository each, for two normal weeks."""
    old = _own(plan)
    plan.register(replace(old, paths=("one/**",)), replace(old, name="second", paths=("two/**",)))
    works = [each for each in plan.works if each.service == old.name]
    for work in works[::2]:
        work.service = "second"


def _idle_services(plan: Plan, count: int) -> None:
    """Services that never did anything, with a past that says so, for a lower median in the tier."""
    for number in range(count):
        place = f"github.com/acme/idle{number}"
        plan.register(a_service(f"idle{number}", place, tier="standard", owner="nobody", registered_us=at(7 * 20)))
        _imported(plan, f"idle{number}", -170 + number, place)


def _imported(plan: Plan, service: str, day: float, place: str) -> None:
    """One bare deployment, of long ago."""

    def act(world: World) -> None:
        name = f"bare-{service}{day:.0f}"
        sha = world.commit(name, place)
        world.deploy(name, day, sha=sha, repository=place, imported=True)

    plan.do(day, act, service)


def a_young_service(plan: Plan) -> None:
    """The team has a second service, registered when the measured weeks begin."""
    plan.register(a_service("young", YOUNG, registered_us=at(0), owner=plan.team, tier="standard"))
    people = plan.persons()
    for number in range(3 * plan.weeks):
        day = number * 7 / 3 + 9 * HOUR
        extra(plan, f"7{number:03}", day, service="young", author=people[1], approvers=(people[2],))


def _bare_past(plan: Plan, count: int) -> None:
    """An old deployment of nothing, so that half a year without credits comes before the first quarter."""
    for number in range(count):
        _imported(plan, "young", -175.0 + number, YOUNG)


def _part_of_the_past(plan: Plan, count: int) -> None:
    """One old change, its review and deployment; what came between is left out."""

    def act(world: World, day: float, **given: Any) -> None:
        before = len(world.lines)
        sha = world.change(
            "1", day, author=plan.persons()[1], approvers=(plan.persons()[2],), repository=YOUNG, **given
        )
        world.deploy("past", day + HOUR, sha=sha, repository=YOUNG)
        world.lines[before:] = [replace(each, imported=True) for each in world.lines[before:]]

    plan.do(-175.0, lambda world: act(world, -175.0), "young")


def _of_the_tier(honest: Outcome, plan: Plan, count: int) -> Bound:
    """A service's own weeks weigh 26 of 34, its tier's median the other 8."""
    weight = CURRENT.shrinkage / (CURRENT.shrinkage + CURRENT.baseline_weeks)
    return Bound(lowered=weight, moved=0.0)


def _of_the_past(honest: Outcome, plan: Plan, count: int) -> Bound:
    weight = CURRENT.baseline_weeks / (CURRENT.shrinkage + CURRENT.baseline_weeks)
    return Bound(lowered=weight)


def _split_up(honest: Outcome, plan: Plan, count: int) -> Bound:
    """C is never more than x."""
    cut_off = float(honest.whole.earned.credits) - honest.held(honest.normal)
    return Bound(cut_off, lowered=0.5)


def _of_the_rest(honest: Outcome, plan: Plan, count: int) -> Bound:
    """The first baseline of a new name is held to no quarter before it."""
    return Bound(lowered=CURRENT.baseline_step, since_us=at(_renewal(plan)))


REST: Final = Residual("index: that of the weeks since; what came before counts nowhere", _of_the_rest)
TIER: Final = Residual("index up by 8/26 of it at most, C down", _of_the_tier)
PAST: Final = Residual("index of a new service up to 34/8 of it until quarters have passed, C down", _of_the_past)
SPLIT: Final = Residual("what was cut off in full weeks; the team's index falls", _split_up)

REGISTERING: Final = (
    Strategy("8", "a repository that nobody registered", "D5", _unregistered),
    Strategy("8", "a service registered for the occasion", "D5: probation", _new_service),
    Strategy("8a", "a service registered anew under another name", "the repository has its past", _renamed, REST),
    Strategy("8b", "a service split in two", "C ≤ x", _split, SPLIT),
    Strategy("8c", "a tier of quieter services", "26/34 own past", _lower_tier, TIER),
    Strategy("8d", "idle services with an empty past, to lower the tier", "median of who earned", _idle_services),
    Strategy("8e", "an empty past imported", "a past begins with its first credit", _bare_past, None, a_young_service),
    Strategy("8f", "a part of the past imported", "labelled, on record", _part_of_the_past, PAST, a_young_service),
)
