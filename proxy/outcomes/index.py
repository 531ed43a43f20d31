"""Index: credits to credited deployments and the delivery index, against what is a normal week for each service."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import e, log

from proxy.outcomes.verdicts import Landing

Cell = tuple[str, int]
"""Service, and where the ISO week begins (microseconds, UTC)."""


@dataclass(frozen=True, slots=True)
class Credited:
    """Of one cohort and period."""

    credits: Fraction
    """x: change groups that landed and lasted, halves included."""
    credited: float
    """C, in deployments."""
    normal: float
    """Σ of the baselines: what its normal weeks would have been credited."""
    without_baseline: Fraction
    """Of `credits`: those of services that have no baseline yet; not in `credited`."""

    @property
    def index(self) -> float | None:
        """NDI: 1.0 is a normal week; None where nothing says what is normal."""
        return self.credited / self.normal if self.normal else None


def gain(z: float) -> float:
    """Credits relative to a normal week, to what they are worth: each beyond it less, and twice a week at most."""
    if z <= 1:
        return z
    return 1 + log(z) if z <= e else 2.0


def cells(landings: Iterable[Landing]) -> dict[Cell, Fraction]:
    """x by service and week."""
    found: dict[Cell, Fraction] = defaultdict(Fraction)
    for landing in landings:
        if landing.credit:
            found[landing.service, landing.week_us] += landing.credit
    return dict(found)


def credited_in(cell: float, baseline: float) -> float:
    """C of one service and week."""
    return baseline * gain(cell / baseline)


def credited(by_cell: Mapping[Cell, Fraction], baselines: Mapping[Cell, float], weeks: Iterable[Cell]) -> Credited:
    """Over `weeks`: every service and week of the cohort and period, empty ones too."""
    total = missing = Fraction(0)
    worth = normal = 0.0
    for cell in sorted(set(weeks)):
        x, baseline = by_cell.get(cell, Fraction(0)), baselines.get(cell)
        total += x
        if baseline is None:
            missing += x
            continue
        worth += credited_in(float(x), baseline)
        normal += baseline
    return Credited(total, worth, normal, missing)
