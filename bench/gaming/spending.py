"""Spending: strategies that make the cost of a deployment look lower."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from bench.gaming.outcome import Outcome
from bench.gaming.plan import MINUTE, PICO, Plan, spend
from bench.gaming.strategy import Bound, Residual, Strategy
from bench.gaming.world import played
from proxy.model.told import ReviewTold
from proxy.outcomes.attribution import Spend
from tests.fakes.telling import START, at

ROWS: Final = 10
"""Of spend, for each time that a strategy is played over."""


def _edited(plan: Plan, count: int, edit: Callable[[Spend], Spend | None]) -> None:
    """The first rows of the measured weeks."""
    left = [count * ROWS]

    def act(row: Spend) -> Spend | None:
        if left[0] <= 0 or row.at_us < START:
            return row
        left[0] -= 1
        return edit(row)

    plan.spends.append(act)


def _of_rows(plan: Plan, count: int) -> float:
    """Dollars in those rows."""
    world = played(plan, frozenset({plan.mine()}))
    rows = [each.cost_pico for each in world.spends if each.team == plan.team and each.at_us >= START]
    return sum(rows[: count * ROWS]) / PICO


def _claim_others(plan: Plan, count: int) -> None:
    other = plan.others()[0]
    plan.touched.add(other)
    place, branch = plan.repositories[other], f"topic-{plan.measured(other)[-1].number}"
    _edited(plan, count, lambda row: replace(row, repository=place, branch=branch, session=""))


def _claim_reviewed(plan: Plan, count: int) -> None:
    """Own spend, each row named after another team's next change, which its spender approved too."""
    other = plan.others()[0]
    works, place = plan.measured(other), plan.repositories[other]
    plan.touched.add(other)
    for work in works:
        for person in plan.persons():
            told = ReviewTold(place, work.number, person, "approved", f"h-{other}-{work.number}", f"r-{person}")
            plan.do(work.merged - MINUTE, lambda world, t=told, d=work.merged - MINUTE: world.tell(t, d))

    def edit(row: Spend) -> Spend:
        work = next((each for each in works if at(each.merged) > row.at_us), works[-1])
        return replace(row, repository=place, branch=f"topic-{work.number}", session="")

    _edited(plan, count, edit)


def _elsewhere(plan: Plan, count: int) -> None:
    _edited(plan, count, lambda row: replace(row, project="p01", repository="", branch="", session=""))


def _unnamed(plan: Plan, count: int) -> None:
    _edited(plan, count, lambda row: replace(row, repository="", branch="", session=""))


def _sharing(plan: Plan) -> None:
    """Two services have a project in common."""
    both = (plan.services.services[name] for name in (plan.mine(), plan.others()[0]))
    plan.register(*(replace(each, projects=(*each.projects, "common")) for each in both))


def _shared(plan: Plan, count: int) -> None:
    _edited(plan, count, lambda row: replace(row, project="common", repository="", branch="", session=""))


def _not_building(plan: Plan, count: int) -> None:
    _edited(plan, count, lambda row: None)


def _burn(plan: Plan, count: int) -> None:
    for day in plan.slots(count):
        plan.more.append(spend(plan.persons()[0], day, 0.0))
        plan.more.append(spend(plan.persons()[0], day, 5.0))


def _nonce(plan: Plan, count: int) -> None:
    """The same prompt a hundred times, each with another number in it."""
    for day in plan.slots(count):
        for number in range(100):
            plan.more.append(spend(plan.persons()[0], day + number * MINUTE, 0.05, branch=f"n{number}"))


def _gone(honest: Outcome, plan: Plan, count: int) -> Bound:
    return Bound(dollars=_of_rows(plan, count))


def _moved(honest: Outcome, plan: Plan, count: int) -> Bound:
    return Bound(row=_of_rows(plan, count))


GONE: Final = Residual("what was spent so: bills are not compared with the records yet", _gone)
RUN: Final = Residual("what was spent so; it stands beside as spend of running", _gone)
MOVED: Final = Residual("in the row of the service alone, what was spent so; another row has it", _moved)

SPENDING: Final = (
    Strategy("17", "own spend named after others' changes", "A1: who took part", _claim_others),
    Strategy("17a", "own spend named after changes of others that one approved", "sums stay", _claim_reviewed, MOVED),
    Strategy("18", "own spend on another team's project", "team of the spender", _elsewhere, MOVED),
    Strategy("18a", "own spend on a project of purpose: run", "shown beside", _not_building, RUN),
    Strategy("18b", "own spend named after nothing", "within reach", _unnamed),
    Strategy("18c", "own spend on a project that services share", "within reach", _shared, None, _sharing),
    Strategy("19", "tokens burnt, free and paid", "no activity counts", _burn),
    Strategy("21", "a hundred near-equal prompts", "no activity counts", _nonce),
    Strategy("25", "calls past the proxy", "not seen", _not_building, GONE),
)
