"""Association: whether weekly spend and weekly credits move together. Never what causes what."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import atanh, sqrt, tanh
from statistics import StatisticsError, correlation
from typing import Final

WEEKS_MIN: Final = 26
"""Of 26 unrelated weeks one in a hundred shows half a correlation or more; of 12 one in ten, of 4 every other."""
_SURE: Final = 1.959964
"""Of a normal distribution, 95 % lies within so many standard deviations."""


@dataclass(frozen=True, slots=True)
class Association:
    weeks: int
    coefficient: float
    """Pearson's."""
    low: float
    high: float
    """95 %, by Fisher's transformation."""


def association(first: Sequence[float], second: Sequence[float]) -> Association | None:
    """None below WEEKS_MIN points, or where one of the two never changes."""
    weeks = len(first)
    if weeks < WEEKS_MIN:
        return None
    try:
        found = correlation(first, second)
    except StatisticsError:
        return None
    middle, spread = atanh(max(min(found, 1 - 1e-12), 1e-12 - 1)), _SURE / sqrt(weeks - 3)
    return Association(weeks, found, tanh(middle - spread), tanh(middle + spread))
