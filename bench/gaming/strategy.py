"""Strategy: one way of gaming the figures, and the most that it may gain where nothing stops it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.gaming.outcome import Figures, Outcome
from bench.gaming.plan import PICO, Plan
from proxy.model.service import HOUR_US
from proxy.outcomes.definition import CURRENT
from proxy.outcomes.index import Credited

SOAK_US: Final = 72 * HOUR_US
NOTHING: Final = 1e-9
"""Gains below it are rounding."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that a strategy may gain, beside what honest work has."""

    credits: float = 0.0
    """Credited deployments, under the baselines of honest work: of the organisation."""
    team: float = 0.0
    """The same, of the gaming team alone, where that takes them from others."""
    moved: float = 0.0
    """Credits that come, go, or stand in another week: so much later baselines may follow."""
    dollars: float = 0.0
    """That are no longer counted as spend of the organisation and the team."""
    row: float = 0.0
    """Dollars that leave the row of the team's service for another row."""
    lowered: float = 0.0
    """By what part baselines may be lowered besides, or raised."""
    since_us: int = 0
    """The team's weeks before it count no more."""


@dataclass(frozen=True, slots=True)
class Residual:
    """What no rule stops."""

    says: str
    """How much, and why no more."""
    bound: Callable[[Outcome, Plan, int], Bound]
    """By the honest outcome and plan, and the strength."""


@dataclass(frozen=True, slots=True)
class Strategy:
    number: str
    """Of the specification's table; 'a' and so on: beyond it; '+': several at once."""
    says: str
    stopped: str
    """The rule that stops it, or what limits it."""
    play: Callable[[Plan, int], None]
    residual: Residual | None = None
    situation: Callable[[Plan], None] | None = None
    """Of honest work too: what the strategy starts from."""


def passed(bound: Bound, honest: Outcome, gamed: Outcome, tier: int) -> tuple[str, ...]:
    """Figures that gained more than the bound allows; ought to be none. `tier`: services in the gaming team's.

    A credit that comes or goes stays in a service's mean for 26 weeks and in its tier's median as long: over all
    services and weeks baselines follow by (26 + 8 · tier) / 34 of it at most. C follows a baseline by twice its move
    at most, and the index is highest where baselines are lowest.
    """
    drift = (
        bound.moved * (CURRENT.baseline_weeks + CURRENT.shrinkage * tier) / (CURRENT.baseline_weeks + CURRENT.shrinkage)
    )
    held = gamed.held(honest.normal) - honest.held(honest.normal)
    found = [] if held <= bound.credits + NOTHING else ["C held"]
    whole, team = honest.since(bound.since_us)
    for name, before, after, left, more, less in (
        ("", honest.whole, gamed.whole, whole, bound.credits, bound.dollars),
        ("team's ", honest.team, gamed.team, team, bound.team or bound.credits, bound.dollars),
        ("row's ", honest.row, gamed.row, team, bound.team or bound.credits, bound.dollars + bound.row),
    ):
        found += [name + each for each in _passed(before, after, left, more, less, drift, bound.lowered)]
    return tuple(found)


def _passed(
    before: Figures, after: Figures, left: Credited, more: float, less: float, drift: float, lowered: float
) -> list[str]:
    """`left`: what honest work earned in the weeks that still count."""
    most = before.credited + more + 2 * drift + 2 * lowered * before.earned.normal
    least = max(left.normal * (1 - lowered) - drift, NOTHING)
    cheapest = (before.spent_pico / PICO - less) / most
    return [
        name
        for name, is_passed in (
            ("C", after.credited > most + NOTHING),
            ("index", after.index > (left.credited + more) / least + NOTHING),
            ("cost", after.cost < cheapest - NOTHING),
        )
        if is_passed
    ]


def distinct(times: int = 1) -> Residual:
    """So many more changes for each: distinct and reviewed."""
    says = "one for each more distinct, reviewed change, and two normal weeks"
    return Residual(says, lambda honest, plan, count: Bound(times * count, moved=times * count))


def smoothed(honest: Outcome, plan: Plan, count: int) -> Bound:
    """C is never more than x, and x stays."""
    cut_off = float(honest.whole.earned.credits) - honest.held(honest.normal)
    return Bound(cut_off, moved=2.0 * count)


def lacking(troubles: Callable[[Plan, int], list[tuple[str, int]]]) -> Callable[[Outcome, Plan, int], Bound]:
    """`troubles`: where and when somebody should have told of trouble. What the work deployed within a soak before it
    falls short of whole credits is the most that silence brings."""

    def bound(honest: Outcome, plan: Plan, count: int) -> Bound:
        lost = sum(
            float(lack)
            for name, when in troubles(plan, count)
            for service, at_us, lack in honest.lacking
            if service == name and when - SOAK_US <= at_us <= when
        )
        return Bound(lost, moved=lost)

    return bound
