"""Timing: strategies that move work, trouble or what is known of either in time."""

from dataclasses import replace
from typing import Final

from bench.gaming.outcome import Outcome
from bench.gaming.plan import HOUR, Plan, extra, spend
from bench.gaming.strategy import Bound, Residual, Strategy, lacking, smoothed
from bench.gaming.world import World
from proxy.model.told import ChangeTold, DeploymentTold
from tests.fakes.telling import at


def _hold(plan: Plan, count: int) -> None:
    """Deployed not when it is ready, but in the slackest of the three weeks to come."""
    works = plan.measured()
    load = [sum(int(each.deployed // 7) == week for each in works) for week in range(plan.weeks)]
    for _ in range(count):
        full = max(range(plan.weeks - 3), key=lambda week: load[week])
        slack = min(range(full + 1, full + 4), key=lambda week: load[week])
        late = [each for each in works if int(each.deployed // 7) == full]
        if load[slack] + 1 >= load[full] or not late:
            return
        late[-1].merged = late[-1].deployed = slack * 7.0 + 4 + 15 * HOUR
        load[full], load[slack] = load[full] - 1, load[slack] + 1


def _sandbag(plan: Plan, count: int) -> None:
    """Works of the first half stay undone, for a lower baseline in the second; what they cost is spent all the same."""
    half = [each for each in plan.measured() if each.merged < 3.5 * plan.weeks]
    for work in half[: 2 * count]:
        plan.works.remove(work)
        plan.more.append(spend(work.author, work.merged - 1, work.usd))


def _quiet(plan: Plan, count: int, fate: str) -> None:
    for work in plan.went_wrong(fate)[:count]:
        work.shows = 0.0


def _quiet_rollbacks(plan: Plan, count: int) -> None:
    _quiet(plan, count, "rollback")


def _quiet_fixes(plan: Plan, count: int) -> None:
    """What broke is mended by a further deployment, and nobody tells of an incident."""
    _quiet(plan, count, "incident")


def _after_the_soak(plan: Plan, count: int) -> None:
    """Traffic comes only when the soak is over, and so does the trouble."""
    for work in plan.went_wrong("incident")[:count]:
        work.shows = 80 * HOUR


def _shielded(plan: Plan, count: int) -> None:
    """Before the trouble shows, a trifle is deployed over what is shaky, to take the blame."""
    for number, work in enumerate(plan.went_wrong("incident")[:count]):
        extra(plan, f"9{number:03}", work.deployed + 3 * HOUR, service=work.service)


def _short_soak(plan: Plan, count: int) -> None:
    plan.register(
        *(replace(plan.services.services[name], soak_us=3_600_000_000) for name in _own(plan)[:1] if count)
    )  # fmt: skip


def _own(plan: Plan) -> list[str]:
    return [each.name for each in plan.services.services.values() if each.owner == plan.team]


def _accuse(plan: Plan, count: int) -> None:
    """Incidents that nobody had, told of other services of the tier."""
    others = [name for name in plan.others() if plan.services.services[name].tier == "standard"]
    for number in range(count):
        name = others[number % len(others)]
        found = plan.measured(name)
        day = found[number % len(found)].deployed + HOUR
        plan.do(day, lambda world, n=name, d=day: world.incident(d, service=n), name)


def _tell_late(plan: Plan, count: int) -> None:
    """What will fail is told after the fact by a source that says the time itself: as long before as nothing else was
    deployed, and a week at most, so that its trouble comes after its soak."""

    def act(world: World, name: str, day: float) -> None:
        told = [each for each in world.lines if each.kind == "deployment"]
        own = next(each for each in told if each.facts["deployment"] == name)
        same = [each for each in told if each.facts["repository"] == own.facts["repository"] and each is not own]
        before = max((each.occurred_us for each in same if each.occurred_us < own.occurred_us), default=0)
        when = max(at(day - 6.9), before + 60_000_000)
        world.lines[world.lines.index(own)] = replace(own, occurred_us=when)

    for work in plan.went_wrong("incident")[:count]:
        name, day = f"d-{work.service}-{work.number}", work.deployed
        plan.do(day + HOUR / 60, lambda world, n=name, d=day: act(world, n, d), work.service)


def _edit_the_past(plan: Plan, count: int) -> None:
    """Merged changes are edited later: other tickets, another author; deployments of old are imported."""
    for number, (work, day) in enumerate(zip(plan.measured(), plan.slots(count), strict=False)):
        name = f"{work.service}-{work.number}"
        place, author = plan.repositories[work.service], plan.persons()[2]
        told = ChangeTold(
            place, work.number, author, f"h-{name}", "main", f"new-{number}", f"m-{name}", at(work.merged),
            work_items=(f"NEW-{number}",),
        )  # fmt: skip
        plan.do(day + 30, lambda world, t=told, d=day: world.tell(t, d + 30))
        past = DeploymentTold(place, f"old{number}", "production", "success", sha=f"z{number}", actor="deploy-bot")
        plan.do(day, lambda world, t=past, d=day: world.tell(t, d - 20, imported=True))


def _incidents(plan: Plan, count: int) -> list[tuple[str, int]]:
    return [(each.service, at(each.deployed + each.shows)) for each in plan.went_wrong("incident")[:count]]


def _all_of_mine(honest: Outcome, plan: Plan, count: int) -> Bound:
    lost = sum(float(lack) for service, _, lack in honest.lacking if service == plan.mine())
    return Bound(lost, moved=lost)


def _shield(honest: Outcome, plan: Plan, count: int) -> Bound:
    """The trifles are changes themselves."""
    found = lacking(_incidents)(honest, plan, count)
    return Bound(found.credits + count, moved=found.moved + count)


def _harm(honest: Outcome, plan: Plan, count: int) -> Bound:
    """Whatever landed within a soak before it; ten are more than ever did."""
    return Bound(moved=10.0 * count)


UNTOLD: Final = Residual("what the trouble would take: half, or all, of each group", lacking(_incidents))
SHIELD: Final = Residual("what the trouble would take, and one for each trifle that takes the blame", _shield)
SHORT: Final = Residual("all that failed work of the service falls short of", _all_of_mine)
SMOOTH: Final = Residual("what was cut off in full weeks", smoothed)
HARM: Final = Residual("baselines of its tier fall, as the others earn less", _harm)

TIMING: Final = (
    Strategy("22", "deployments held back for slack weeks", "C ≤ x", _hold, SMOOTH),
    Strategy(
        "22a",
        "what fails is told later, dated before its trouble",
        "the soak begins when it is told",
        _tell_late,
        SMOOTH,
    ),
    Strategy("23", "sandbagging for a lower baseline", "C falls", _sandbag),
    Strategy("24", "no ticket for what is rolled back", "D7: found without", _quiet_rollbacks),
    Strategy("24", "mended without telling of the incident", "1/2 each", _quiet_fixes, UNTOLD),
    Strategy("24b", "traffic only when the soak is over", "1/2 each", _after_the_soak, UNTOLD),
    Strategy("24c", "a trifle deployed over what is shaky", "1/2 each", _shielded, SHIELD),
    Strategy("24d", "a soak of an hour in services.yaml", "reviewed file", _short_soak, SHORT),
    Strategy("24e", "incidents told of other teams' services", "sources", _accuse, HARM),
    Strategy("26", "the past edited, history imported late", "as merged; D1", _edit_the_past),
)
