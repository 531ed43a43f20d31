"""Intervals: how sure a cost per deployment is, where counts are small and chance is not."""

from dataclasses import dataclass
from math import exp, lgamma, log, sqrt
from statistics import NormalDist
from typing import Final

TOO_FEW: Final = 5
"""Below it only counts are told."""
EXACT_MAX: Final = 300
"""Above it the limits come from the cube root of chi-square (Wilson and Hilferty 1931), within 0.001 %."""
_STEPS: Final = 100


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float


def counted(count: int, sure: float = 0.95) -> Interval:
    """Exact limits of a Poisson mean of which `count` was seen (Garwood 1936)."""
    tail = (1 - sure) / 2
    if count > EXACT_MAX:
        return Interval(_half_chi_square(count, tail), _half_chi_square(count + 1, 1 - tail))
    low = 0.0 if count == 0 else _mean_with(count - 1, 1 - tail)
    return Interval(low, _mean_with(count, tail))


def _half_chi_square(half: int, share: float) -> float:
    """The quantile of chi-square with 2 * `half` degrees of freedom, halved."""
    root = 1 - 1 / (9 * half) + NormalDist().inv_cdf(share) / (3 * sqrt(half))
    return half * root * root * root


def _mean_with(count: int, share: float) -> float:
    """The mean of which at most `count` are seen with the probability `share`."""
    low, high = 0.0, 10.0 + 2 * count
    while _at_most(count, high) > share:
        high *= 2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(count, middle) > share else (low, middle)
    return (low + high) / 2


def _at_most(count: int, mean: float) -> float:
    """The probability of at most `count` where `mean` is expected."""
    if mean == 0:
        return 1.0
    return min(1.0, sum(exp(seen * log(mean) - mean - lgamma(seen + 1)) for seen in range(count + 1)))
