"""Charge: what a call takes from one budget, and where that is counted.

An account is one instance of one budget in one window: the payments team's month. A call is charged to every account
that its budgets have for it, all of them or none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from proxy.model.call import Hold
from proxy.model.fact import fact
from proxy.policy.rules import Budget, Unit


class Account(NamedTuple):
    """Where money, tokens or calls of one budget are counted."""

    budget: str
    """Name of the rule."""
    instance: tuple[str, ...]
    """Values of the rule's `per`, in its order."""
    start_us: int
    """Begin of its window, microseconds since the epoch, UTC; 0 for `total` and for rolling windows."""


@fact(frozen=True, slots=True)
class Charge:
    account: Account
    budget: Budget

    def takes(self, hold: Hold) -> int:
        """What this hold takes from it, in the budget's unit."""
        unit = self.budget.unit
        if unit is Unit.USD:
            return hold.cost_pico
        return hold.input_tokens + hold.output_tokens if unit is Unit.TOKENS else 1


@fact(frozen=True, slots=True)
class Balance:
    """What is known of one account, in the budget's unit."""

    spent: int
    """Settled."""
    held: int
    """Set aside for calls in flight."""
    limit: int
    resets_us: int
    """When its window ends; 0: never, or bit by bit (rolling)."""

    @property
    def left(self) -> int:
        return max(0, self.limit - self.spent - self.held)


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Why a call does not fit: the first account that is too small for it."""

    charge: Charge
    balance: Balance
    needed: int
    waiting_helps: bool
    """True: only what other calls hold is in the way, not what is spent."""
    room_us: int = 0
    """Of a rolling window: when so much of what is spent has left it that the call fits; 0: not known."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What was spent in each account before this process looked: from the ledger, or a snapshot."""

    spent: Mapping[Account, int]
