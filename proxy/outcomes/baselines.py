"""Baselines: a normal week of each service, by its own past, drawn towards that of its tier; frozen for a quarter."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import median

from proxy.outcomes.definition import CURRENT, Definition


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of one service before a quarter begins."""

    service: str
    tier: str
    weeks: tuple[Fraction, ...]
    """x of each week observed, empty ones too, the newest last."""
    imported: bool = False
    """True: any of them was read from history."""


@dataclass(frozen=True, slots=True)
class Baseline:
    service: str
    credits_a_week: float
    weeks: int
    """How many were observed."""
    imported: bool
    limited: bool
    """True: it would have moved further from the quarter before than it may."""


def baselines(
    pasts: Sequence[Past], before: Mapping[str, float], definition: Definition = CURRENT
) -> dict[str, Baseline]:
    """Of services of which anything is known. `before`: those of the quarter before."""
    recent = {past.service: past.weeks[-definition.baseline_weeks :] for past in pasts}
    tiers: dict[str, list[float]] = defaultdict(list)
    for past in pasts:
        if recent[past.service]:
            tiers[past.tier].append(_mean(recent[past.service]))
    normal = {tier: _median(means, definition) for tier, means in tiers.items()}
    return {
        past.service: _baseline(past, recent[past.service], normal[past.tier], before, definition)
        for past in pasts
        if past.tier in normal
    }


def _median(means: Sequence[float], definition: Definition) -> float:
    """Of those that ever earned: whoever registers services that do nothing would lower what is normal for others."""
    earning = [each for each in means if each] if definition.baseline_worked else []
    return median(earning or means)


def _mean(weeks: Sequence[Fraction]) -> float:
    return float(sum(weeks, Fraction(0)) / len(weeks)) if weeks else 0.0


def _baseline(
    past: Past, weeks: Sequence[Fraction], tier: float, before: Mapping[str, float], definition: Definition
) -> Baseline:
    count = len(weeks)
    drawn = (count * _mean(weeks) + definition.shrinkage * tier) / (count + definition.shrinkage)
    wanted = max(drawn, definition.baseline_min)
    known = before.get(past.service)
    if known is None:
        return Baseline(past.service, wanted, count, past.imported, limited=False)
    low, high = known * (1 - definition.baseline_step), known * (1 + definition.baseline_step)
    held = max(min(max(wanted, low), high), definition.baseline_min)
    return Baseline(past.service, held, count, past.imported, limited=held != wanted)
