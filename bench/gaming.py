"""Whether gaming the figures of delivery pays: an honest organisation, and what each known strategy gains on it.

    python -m bench.gaming [--seed S] [--weeks 26] [--strengths 1,3,10] [--only NUMBER]

Plays honest work after half a year of history (bench/gaming_world.py), then the same with each strategy
(bench/gaming_strategies.py), through the product's own verification, folding, judging, baselines and attribution.
Prints what each gains in credited deployments (C), index and cost per credited deployment, for the organisation and
for the team that games, and at what price. Exits with 1 where any gains that isn't a residual, or a residual passes
its bound.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Final

from bench.gaming_strategies import STRATEGIES, Strategy
from bench.gaming_world import Figures, Outcome, founded, outcome, played

NOTHING: Final = 1e-9
"""Gains below it are rounding."""
WEEKS: Final = 26
STRENGTHS: Final = (1, 3, 10)


@dataclass(frozen=True, slots=True)
class Gain:
    """Beside honest work; more is better for the gamer, a lower cost too."""

    credited: float
    index: float
    cost: float
    """Dollars saved for each credited deployment."""

    @property
    def any(self) -> bool:
        return max(self.credited, self.index, self.cost) > NOTHING


@dataclass(frozen=True, slots=True)
class Result:
    at: int
    """Which strategy."""
    strength: int
    whole: Gain
    team: Gain
    price: dict[str, int]
    refused: int
    held: float
    """Of the organisation's C, had honest work's baselines stayed."""
    bound: float | None

    @property
    def gains(self) -> bool:
        return self.whole.any or self.team.any

    @property
    def fails(self) -> bool:
        """It gains what it must not."""
        if not self.gains or STRATEGIES[self.at].residual == "":
            return self.gains
        return self.bound is not None and self.held > self.bound + NOTHING


def gain(honest: Figures, gamed: Figures) -> Gain:
    return Gain(gamed.credited - honest.credited, gamed.index - honest.index, honest.cost - gamed.cost)


def tried(at: int, strength: int, honest: Outcome, seed: int, weeks: int) -> Result:
    plan = founded(seed, weeks)
    STRATEGIES[at].play(plan, strength)
    world = played(plan)
    gamed = outcome(world)
    price = {name: gamed.price[name] - honest.price[name] for name in ("changes", "reviews", "deployments", "usd")}
    return Result(
        at,
        strength,
        gain(honest.whole, gamed.whole),
        gain(honest.team, gamed.team),
        price,
        sum(gamed.refused.values()),
        gamed.held(honest.normal) - honest.held(honest.normal),
        STRATEGIES[at].bound and STRATEGIES[at].bound(honest, strength),
    )


def _tried(task: tuple[int, int], honest: Outcome, seed: int, weeks: int) -> Result:
    return tried(*task, honest, seed, weeks)


def results(honest: Outcome, seed: int, weeks: int, strengths: Sequence[int], only: str = "") -> Iterable[Result]:
    tasks = [
        (at, strength)
        for at, each in enumerate(STRATEGIES)
        for strength in strengths
        if not only or only == each.number
    ]
    workers = min(len(tasks), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(_tried, honest=honest, seed=seed, weeks=weeks), tasks)


def verdict(strategy: Strategy, result: Result) -> str:
    if not result.gains:
        return "gains nothing"
    return "GAINS" if result.fails else f"residual: {strategy.residual}"


def line(strategy: Strategy, result: Result) -> str:
    price = ", ".join(f"{amount:+d} {name}" for name, amount in result.price.items() if amount) or "nothing"
    if result.refused:
        price += f", {result.refused} refused"
    shown = [
        f"{result.whole.credited:+.2f}",
        f"{result.whole.index:+.4f}",
        f"{0 - result.whole.cost:+.2f}",
        f"{result.team.credited:+.2f}",
        f"{result.team.index:+.4f}",
        f"{0 - result.team.cost:+.2f}",
    ]
    cells = (
        strategy.number,
        strategy.says,
        str(result.strength),
        *shown,
        price,
        strategy.stopped,
        verdict(strategy, result),
    )
    return f"| {' | '.join(cells)} |"


HEAD: Final = (
    "| # | strategy | k | C | index | $ per C | team's C | index | $ per C | at the price of | stopped by | verdict |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|---:|---|---|---|"
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gaming", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--weeks", type=int, default=WEEKS)
    parser.add_argument("--strengths", default=",".join(map(str, STRENGTHS)))
    parser.add_argument("--only", default="", help="number of a strategy")
    given = parser.parse_args()
    began = time.monotonic()
    honest = outcome(played(founded(given.seed, given.weeks)))
    print(
        f"Honest: {given.weeks} weeks, 12 services, 60 people, {float(honest.whole.earned.credits):g} credits, "
        f"C {honest.whole.credited:.2f}, index {honest.whole.index:.3f}, ${honest.whole.cost:.2f} per C; the team: "
        f"C {honest.team.credited:.2f}, index {honest.team.index:.3f}, ${honest.team.cost:.2f} per C.\n\n{HEAD}",
        flush=True,
    )
    failed = 0
    for result in results(
        honest, given.seed, given.weeks, [int(each) for each in given.strengths.split(",")], given.only
    ):
        strategy = STRATEGIES[result.at]
        failed += result.fails
        print(line(strategy, result), flush=True)
    print(f"\n{failed} gain that must not. {time.monotonic() - began:.0f} s.")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
