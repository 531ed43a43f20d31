"""Deploying: strategies that deploy what is not new, not in production, or not by who may."""

from typing import Final

from bench.gaming.plan import HOUR, MINUTE, Plan, Work, extra, merged_only, numbered
from bench.gaming.strategy import Strategy
from bench.gaming.world import World
from proxy.model.told import CommitTold

PREVIEWS: Final = ("production-preview", "Production", "prod", "staging", "production-eu")


def _again(plan: Plan, count: int) -> None:
    def act(world: World, name: str, day: float) -> None:
        world.ship(plan.mine(), name, day, sha=world.ran[plan.mine()][-1])

    for number, day in numbered(plan, count):
        plan.do(day, lambda world, d=day, n=number: act(world, f"x{n}", d))


def _empty(plan: Plan, count: int) -> None:
    def act(world: World, name: str, day: float) -> None:
        place = world.repository(plan.mine())
        world.commit(name, place)
        world.tell(CommitTold(place, name, tree=f"tree-{name}"), day)
        world.ship(plan.mine(), name, day + MINUTE)

    for number, day in numbered(plan, count):
        plan.do(day, lambda world, d=day, n=number: act(world, f"empty{n}", d))


def flap(plan: Plan, count: int) -> None:
    def act(world: World, name: str, day: float) -> None:
        service = plan.mine()
        last, older = world.ran[service][-1], world.older(service)
        for turn in range(2):
            world.ship(service, f"{name}-{turn}a", day + turn * HOUR, sha=older)
            world.ship(service, f"{name}-{turn}b", day + turn * HOUR + 20 * MINUTE, sha=last)

    for number, day in numbered(plan, count):
        plan.do(day, lambda world, d=day, n=number: act(world, f"flap{n}", d))


def _by_api(plan: Plan, count: int) -> None:
    """True changes, whose deployment somebody posts: of what isn't in production yet, and is reverted unseen."""
    for number, day in numbered(plan, count):
        name = f"9{number:03}"
        extra(plan, name, day, actor="bob")
        extra(plan, f"8{number:03}", day + 2 * HOUR, reverts=name, actor="bob")


def _shipped(world: World, work: Work, name: str, **given: str) -> None:
    world.pretend(work.service, name, work.deployed, sha=f"m-{work.service}-{work.number}", **given)


def _by_claim(plan: Plan, count: int) -> None:
    for number, day in numbered(plan, count):
        work = merged_only(plan, f"9{number:03}", day)
        plan.do(
            work.deployed, lambda world, w=work, n=number: _shipped(world, w, f"claim{n}", source="ci", trust="claimed")
        )


def _by_two_hooks(plan: Plan, count: int) -> None:
    for number, day in numbered(plan, count):
        work = merged_only(plan, f"9{number:03}", day)
        for source in ("github", "github-2"):
            plan.do(
                work.deployed,
                lambda world, w=work, n=number, s=source: _shipped(world, w, f"hook{n}", source=s, actor="bob"),
            )


def _preview(plan: Plan, count: int) -> None:
    for number, day in numbered(plan, count):
        work = merged_only(plan, f"9{number:03}", day)
        place = PREVIEWS[number % len(PREVIEWS)]
        plan.do(
            work.deployed, lambda world, w=work, n=number, p=place: _shipped(world, w, f"preview{n}", environment=p)
        )


def _cover(plan: Plan, count: int) -> None:
    """Before the trouble shows, something empty is deployed over what is shaky, to take the blame."""

    def act(world: World, work: Work, name: str, day: float) -> None:
        place = world.repository(work.service)
        world.tips[place, name] = world.ran[work.service][-1]
        world.ship(work.service, name, day, sha=world.commit(name, place, name))

    for number, work in enumerate(plan.went_wrong("incident")[:count]):
        day = work.deployed + 4 * HOUR
        plan.do(day, lambda world, w=work, n=number, d=day: act(world, w, f"cover{n}", d), work.service)


def _fail_first(plan: Plan, count: int) -> None:
    """Each deployment fails and is tried again, for two landings instead of one."""

    def act(world: World, work: Work, name: str) -> None:
        place = world.repository(work.service)
        world.state(name, work.deployed + 5 * MINUTE, "failure", repository=place)
        world.commit(f"again-{name}", place)
        world.ship(work.service, f"{name}-again", work.deployed + 10 * MINUTE)

    for work in plan.measured()[:count]:
        name = f"d-{work.service}-{work.number}"
        plan.do(work.deployed + 10 * MINUTE, lambda world, w=work, n=name: act(world, w, n))


DEPLOYING: Final = (
    Strategy("1", "the same commit deployed again", "D4", _again),
    Strategy("2", "empty commits", "D6: no merged change", _empty),
    Strategy("6", "deploy, roll back, deploy", "D4, D7", flap),
    Strategy("10", "deployments posted by API", "D1: deploy_actors", _by_api),
    Strategy("10", "a pipeline's claim", "D1", _by_claim),
    Strategy("10", "two webhooks of one GitHub", "D1: one witness", _by_two_hooks),
    Strategy("12", "previews called production", "D2", _preview),
    Strategy("6a", "each deployment fails first", "1/2 of the first cell", _fail_first),
    Strategy("24a", "an empty deployment over a shaky one", "blame goes through", _cover),
)
