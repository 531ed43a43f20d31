"""Unit cost: spend for each credited deployment, with what keeps it from being exact."""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from proxy.outcomes.index import Credited
from proxy.outcomes.intervals import TOO_FEW, counted

ATTRIBUTED_MIN: Final = Decimal("0.7")
"""Where less of the spend is attributed, only the range is told that the cost lies in."""
COUNTS_MAX: Final = 4096
"""Of which the interval is kept in mind: a report has the same counts again and again."""
_USD: Final = Decimal(10**12)
_MICRO: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class UnitCost:
    """Dollars, to the millionth."""

    basis: str
    """'chance': an interval by chance (95 %); 'attribution': between what is attributed and all of it; or why there is
    none: 'too few', 'no baseline', 'nothing spent'."""
    cost: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None


def unit_cost(attributed_pico: int, open_pico: int, earned: Credited) -> UnitCost:
    """`open_pico`: what is spent and attributed to nothing, and may belong here. It is in the cost: who leaves out what
    names the work gains nothing by it."""
    if earned.credits < TOO_FEW:
        return UnitCost("too few")
    if not earned.credited:
        return UnitCost("no baseline")
    # Those without a baseline are not in `credited`: they make it no surer.
    count = earned.credits - earned.without_baseline
    if count < TOO_FEW:
        return UnitCost("too few")
    whole = attributed_pico + open_pico
    if not whole:
        return UnitCost("nothing spent")
    credited = Decimal(earned.credited) * _USD
    if attributed_pico < ATTRIBUTED_MIN * whole:
        return UnitCost("attribution", None, _rounded(attributed_pico / credited), _rounded(whole / credited))
    low, high = _chance(int(count))
    cost = whole / credited
    return UnitCost("chance", _rounded(cost), _rounded(cost * low), _rounded(cost * high))


@lru_cache(COUNTS_MAX)
def _chance(count: int) -> tuple[Decimal, Decimal]:
    """By what the cost of one is less, and more, at the ends of the interval."""
    sure = counted(count)
    return Decimal(count) / Decimal(sure.high), Decimal(count) / Decimal(sure.low)


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(_MICRO)
