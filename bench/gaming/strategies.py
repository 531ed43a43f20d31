"""Strategies: all of them, by their numbers."""

from typing import Final

from bench.gaming.changing import CHANGING, split_one_item
from bench.gaming.deploying import DEPLOYING, flap
from bench.gaming.diffs import hollow, read
from bench.gaming.door import DOOR
from bench.gaming.forging import FORGING
from bench.gaming.plan import HOUR, Plan, extra, numbered
from bench.gaming.registering import REGISTERING
from bench.gaming.reviewing import REVIEWING, bumps
from bench.gaming.spending import SPENDING
from bench.gaming.strategy import Strategy
from bench.gaming.timing import TIMING


def _together(plan: Plan, count: int) -> None:
    split_one_item(plan, count)
    flap(plan, count)
    bumps(plan, count)
    for number, day in numbered(plan, count):
        edits = hollow(number)
        extra(plan, f"6{number:03}", day + 3 * HOUR, **read(edits[number % len(edits)]))


def _order(strategy: Strategy) -> tuple[bool, int, str]:
    digits = "".join(each for each in strategy.number if each.isdigit())
    return not digits, int(digits or 0), strategy.number


STRATEGIES: Final = tuple(
    sorted(
        (
            *DEPLOYING, *CHANGING, *FORGING, *REVIEWING, *SPENDING, *TIMING, *REGISTERING, *DOOR,
            Strategy("+", "3, 4, 6 and 15 together", "all of these", _together),
        ),
        key=_order,
    )
)  # fmt: skip
