"""Balances as the gateway asks for them: what was spent by budget before it looked, and up to which line that is so.

The ledger sums facts; where a window begins and ends, and how a rolling one is cut into buckets, is the asker's word,
in numbers. So calendars are reckoned in one place, and both sides mean the same account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from proxy.policy.charge import Account
from proxy.policy.rules import Budget, Unit
from proxy.policy.windows import bounds, buckets

BUDGETS_MAX: Final = 2000
"""In one question."""
ACCOUNTS_MAX: Final = 100_000
"""In one answer; some 10 MB."""


class Place(NamedTuple):
    """A byte of a node's journal, in the order of writing."""

    boot: int
    number: int
    offset: int


BEGINNING: Final = Place(0, 0, 0)


@dataclass(frozen=True, slots=True)
class AskedBudget:
    """One budget, in the window that is asked about."""

    budget: str
    """Name of the rule."""
    conditions: Mapping[str, tuple[str, ...]]
    """As Scope.conditions."""
    per: tuple[str, ...]
    unit: Unit
    count_refused: bool
    since_us: int
    """Calls admitted in [since, until) count. 0: from the first on."""
    until_us: int
    bucket_us: int = 0
    """Of a rolling window: one account for each bucket of this length, named by its begin (a multiple of the length).
    0: one account, that begins at `since_us`."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Of one account, in its budget's unit."""

    total: int
    own: int
    """The part that stands in the asking node's journal: what its own counters must know of."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How much of a node's journal some sums hold. By segment: while a node rotates, the next segment may be loaded
    before the last lines of the one before."""

    since: Place
    """Segments before that of this place are wholly counted."""
    loaded: Mapping[tuple[int, int], int]
    """Of the others (boot, number): bytes that are counted. A segment that isn't here counts with nothing."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows: all of it from one moment."""

    accounts: Mapping[Account, Standing]
    """An account that isn't here has spent nothing."""
    loaded: Mapping[tuple[int, int], int]
    """As Counted.loaded, of the asking node's segments from the question's `since` on."""


class BalancesUnavailableError(Exception):
    """The ledger gave no answer, or none that can be used: down, restarting, too slow, too many accounts."""


def asked(budget: Budget, at_us: int) -> AskedBudget:
    """The question about a budget in its window at that moment; of a rolling one, all buckets that still count."""
    bucket_us = 0
    if budget.window.kind == "rolling":
        cut = buckets(budget.window, at_us)
        bucket_us, since_us, until_us = cut.size_us, cut.first_us, cut.last_us + cut.size_us
    else:
        since_us, until_us = bounds(budget.window, at_us)
    return AskedBudget(
        budget=budget.name,
        conditions=budget.scope.conditions,
        per=budget.per,
        unit=budget.unit,
        count_refused=budget.count_refused,
        since_us=since_us,
        until_us=until_us,
        bucket_us=bucket_us,
    )


class Balances(Protocol):
    async def known(self, budgets: Sequence[AskedBudget], node: str, since: Place) -> Known:
        """`since`: lines of the node before it are known to be loaded; segments from there on are told of.

        Raises BalancesUnavailableError.
        """
        ...
