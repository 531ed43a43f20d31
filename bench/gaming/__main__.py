"""What each known way of gaming the figures of delivery gains.

    python -m bench.gaming [--seeds 1,2,3,4,5] [--weeks 26] [--strengths 1,3,10] [--only NUMBER]

Plays honest work after half a year of history (organisation.py), then the same with each strategy (strategies.py),
through the product's own verification, reading of diffs, folding, judging, baselines and attribution. Prints what each
gains at most over the seeds, in credited deployments (C), index and cost per credited deployment, as parts of honest
work's figures: of the organisation, of the team that games, and in the row of its service where that differs. Exits
with 1 where any gains that isn't a residual, or a residual passes its bound.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from bench.gaming.outcome import Outcome
from bench.gaming.strategies import STRATEGIES
from bench.gaming.strategy import NOTHING
from bench.gaming.trial import Gain, Trial, honest_outcome, trials

SEEDS: Final = (1, 2, 3, 4, 5)
WEEKS: Final = 26
STRENGTHS: Final = (1, 3, 10)
HEAD: Final = (
    "| # | strategy | k | C | index | $ per C | team's C | index | $ per C | at the price of | stopped by | verdict |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|---:|---|---|---|"
)


def honest_line(seed: int, found: Outcome) -> str:
    whole, team = found.whole, found.team
    return (
        f"Honest, seed {seed}: {float(whole.earned.credits):g} credits, C {whole.credited:.2f}, "
        f"index {whole.index:.3f}, ${whole.cost:.2f} per C; the team: C {team.credited:.2f}, index {team.index:.3f}, "
        f"${team.cost:.2f} per C."
    )


def _share(part: float) -> str:
    return "0" if abs(part) < NOTHING else f"{part:+.2%}"


def _best(gains: Sequence[Gain]) -> list[str]:
    """For the gamer, over the seeds."""
    return [
        _share(max(each.credited for each in gains)),
        _share(max(each.index for each in gains)),
        _share(-max(each.saved for each in gains)),
    ]


def verdict(found: Sequence[Trial]) -> str:
    passed = sorted({name for each in found for name in each.passed})
    residual = STRATEGIES[found[0].at].residual
    if passed:
        return f"GAINS: {', '.join(passed)}"
    if residual is None or not any(each.gains for each in found):
        return "gains nothing"
    near = max((each.held / each.bound.credits for each in found if each.bound and each.bound.credits), default=None)
    used = "" if near is None else f" ({max(near, 0):.0%} of it used)"
    row = max(each.row.saved for each in found)
    beside = f"; its row {_share(-row)} $ per C" if row > max(each.team.saved for each in found) + NOTHING else ""
    return f"residual: {residual.says}{used}{beside}"


def line(found: Sequence[Trial]) -> str:
    """Of one strategy and strength, over the seeds."""
    strategy, first = STRATEGIES[found[0].at], found[0]
    price = ", ".join(f"{amount:+d} {name}" for name, amount in first.price.items() if amount) or "nothing"
    if first.refused:
        price += f", {first.refused} refused"
    shown = [*_best([each.whole for each in found]), *_best([each.team for each in found])]
    cells = (strategy.number, strategy.says, str(first.strength), *shown, price, strategy.stopped, verdict(found))
    return f"| {' | '.join(cells)} |"


def lines(found: Iterable[Trial]) -> tuple[list[str], int]:
    """The table, and how many gain that must not."""
    by_play: dict[tuple[int, int], list[Trial]] = defaultdict(list)
    for each in found:
        by_play[each.at, each.strength].append(each)
    plays = [by_play[play] for play in sorted(by_play)]
    return [line(each) for each in plays], sum(any(one.passed for one in each) for each in plays)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gaming", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)))
    parser.add_argument("--weeks", type=int, default=WEEKS)
    parser.add_argument("--strengths", default=",".join(map(str, STRENGTHS)))
    parser.add_argument("--only", default="", help="number of a strategy")
    given = parser.parse_args()
    began = time.monotonic()
    seeds, strengths = ([int(each) for each in text.split(",")] for text in (given.seeds, given.strengths))
    for seed in seeds:
        print(honest_line(seed, honest_outcome(seed, given.weeks)), flush=True)
    table, failed = lines(trials(seeds, given.weeks, strengths, given.only))
    print("", HEAD, *table, sep="\n")
    print(f"\n{failed} gain that must not. {time.monotonic() - began:.0f} s.")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
