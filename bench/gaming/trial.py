"""Trial: a strategy played beside honest work, and what it gains."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from os import cpu_count

from bench.gaming.organisation import founded
from bench.gaming.outcome import Figures, Honest, Outcome
from bench.gaming.plan import Plan
from bench.gaming.strategies import STRATEGIES
from bench.gaming.strategy import NOTHING, Bound, Strategy, passed

Founding = Callable[[int, int], Plan]
"""By seed and weeks."""


@dataclass(frozen=True, slots=True)
class Gain:
    """Beside honest work; more is better for the gamer, a lower cost too."""

    credited: float
    index: float
    saved: float
    """Of the dollars for each credited deployment. Each as a part of honest work's figure."""

    @staticmethod
    def of(honest: Figures, gamed: Figures) -> "Gain":
        return Gain(
            _part(honest.credited, gamed.credited),
            _part(honest.index, gamed.index),
            -_part(honest.cost, gamed.cost),
        )

    @property
    def most(self) -> float:
        return max(self.credited, self.index, self.saved)


def _part(before: float, after: float) -> float:
    return after / before - 1 if before else 0.0


@dataclass(frozen=True, slots=True)
class Trial:
    seed: int
    at: int
    """Which strategy."""
    strength: int
    whole: Gain
    team: Gain
    row: Gain
    price: dict[str, int]
    refused: int
    held: float
    """C of the organisation that came on top, had honest work's baselines stayed."""
    bound: Bound | None
    passed: tuple[str, ...]
    """Figures that gained more than they may."""

    @property
    def gains(self) -> bool:
        return max(self.whole.most, self.team.most, self.row.most) > NOTHING


def tried(strategy: Strategy, at: int, strength: int, honest: Honest, fresh: Callable[[], Plan]) -> Trial:
    """`fresh`: another copy of the honest plan; playing a strategy spoils it."""
    plan = fresh()
    strategy.play(plan, strength)
    before, gamed = honest.outcome, honest.beside(plan)
    bound = strategy.residual.bound(before, fresh(), strength) if strategy.residual else None
    return Trial(
        honest.plan.seed,
        at,
        strength,
        Gain.of(before.whole, gamed.whole),
        Gain.of(before.team, gamed.team),
        Gain.of(before.row, gamed.row),
        {name: gamed.price[name] - before.price[name] for name in ("changes", "reviews", "deployments", "usd")},
        gamed.refused,
        gamed.held(before.normal) - before.held(before.normal),
        bound,
        passed(bound or Bound(), before, gamed, _tier(plan)),
    )


def _tier(plan: Plan) -> int:
    own = next(each.tier for each in plan.services.services.values() if each.owner == plan.team)
    return sum(each.tier == own for each in plan.services.services.values())


def _trials(task: tuple[int, int], weeks: int, strengths: Sequence[int], only: str, stride: int) -> list[Trial]:
    """Of one seed, every so many strategies: so honest work is played once for many of them."""
    seed, first = task
    known: dict[object, Honest] = {}
    found = []
    for at in range(first, len(STRATEGIES), stride):
        strategy = STRATEGIES[at]
        if only and strategy.number != only:
            continue

        def fresh(strategy: Strategy = strategy) -> Plan:
            plan = founded(seed, weeks)
            if strategy.situation:
                strategy.situation(plan)
            return plan

        if strategy.situation not in known:
            known[strategy.situation] = Honest.of(fresh())
        found += [tried(strategy, at, strength, known[strategy.situation], fresh) for strength in strengths]
    return found


def trials(seeds: Sequence[int], weeks: int, strengths: Sequence[int], only: str = "") -> Iterable[Trial]:
    workers = cpu_count() or 1
    tasks = [(seed, first) for seed in seeds for first in range(workers)]
    work = partial(_trials, weeks=weeks, strengths=strengths, only=only, stride=workers)
    with ProcessPoolExecutor(min(len(tasks), workers), mp_context=get_context("spawn")) as pool:
        for found in pool.map(work, tasks):
            yield from found


def honest_outcome(seed: int, weeks: int) -> Outcome:
    return Honest.of(founded(seed, weeks)).outcome
