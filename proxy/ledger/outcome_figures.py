"""Outcome figures: money, what was delivered, and the one for the other, of one row of the deployments report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from proxy.outcomes.attribution import ATTRIBUTED
from proxy.outcomes.index import Credited
from proxy.outcomes.unit_cost import UnitCost

RUN: Final = "run"
"""In place of a method: spent on running products."""
_NOT_OPEN: Final = frozenset((*ATTRIBUTED, RUN))


@dataclass(frozen=True, slots=True)
class Money:
    """Pico-dollars."""

    by_method: Mapping[str, int] = field(default_factory=dict)
    reach: int = 0
    """Attributed to no service, and it may belong to this row: spent by the teams or projects of its services."""

    @property
    def build(self) -> int:
        return sum(amount for method, amount in self.by_method.items() if method != RUN)

    @property
    def attributed(self) -> int:
        return sum(self.by_method.get(method, 0) for method in ATTRIBUTED)

    @property
    def open(self) -> int:
        """Not attributed, and perhaps its."""
        return sum(amount for method, amount in self.by_method.items() if method not in _NOT_OPEN) + self.reach


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was delivered, of one row."""

    standings: Mapping[str, int]
    deployments: int
    reasons: Mapping[tuple[str, str, str], int]
    earned: Credited
    config: Fraction
    change_fail_rate: float | None
    rework_rate: float | None
    lead_h: float | None
    """Median, from merge to production."""
    maintenance_share: float | None
    review_load: float | None
    """Approvals for each merged change."""
    weak_share: float | None
    imported: int
    unknown: int


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    values: tuple[str, ...]
    """Of the dimensions, in the order asked for."""
    money: Money
    delivered: Delivered | None
    """None: withheld, because fewer persons stand behind it than may be told of."""
    cost: UnitCost | None
