"""Counters: what is spent and held in every account. All-or-nothing, idempotent by call id.

Nothing here waits: between evaluating the rules and reserving there must be no `await`, or two calls could both see the
same room. Spent is what is recorded; held is a bound of what calls in flight may still come to.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from proxy.model.call import Call, Hold
from proxy.model.decision import Refusal
from proxy.model.fact import fact
from proxy.policy.charge import Account, Balance, Charge, Shortfall

ALL_OTHERS: Final = "(all others)"
"""The instance that further instances of a budget share, where there are more than counters have place for."""


@fact(frozen=True, slots=True)
class Spent:
    """What a call came to, in every unit that budgets have."""

    cost_pico: int
    tokens: int
    """All that the model read and wrote, cached input included."""
    calls: int = 1


NOTHING: Final = Spent(0, 0, 0)
"""Of a call that was never sent."""


@fact(frozen=True, slots=True)
class Reserved:
    """The hold stands, under every charge."""

    missed: tuple[Shortfall, ...] = ()
    """Budgets that it does not fit, and that refuse nothing: in shadow mode, or made to warn."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A level of `warn_at` that an account's spending has reached."""

    charge: Charge
    level: int
    """Per cent."""
    balance: Balance


@dataclass(frozen=True, slots=True)
class HeldCall:
    """A call in flight, and what is set aside for it."""

    call: Call
    hold: Hold


class Counters(Protocol):
    def reserve(self, call: Call, hold: Hold, charges: Sequence[Charge] = ()) -> Reserved | Refusal | Shortfall:
        """Set `hold` aside under every charge, or under none and say why: too many calls in flight, or the account
        that is too small. A second reservation of a call changes nothing."""
        ...

    def shortfall(self, call: Call, hold: Hold, charges: Sequence[Charge]) -> Shortfall | None:
        """What `reserve` would say of the accounts, with nothing set aside."""
        ...

    def take(self, call: Call, hold: Hold, charges: Sequence[Charge] = ()) -> None:
        """As `reserve`, asking nobody: of a call that the provider has begun, so that it costs in any case."""
        ...

    def extend(self, call_id: str, hold: Hold) -> Shortfall | None:
        """Raise the call's hold to `hold` (a total) in all its accounts, or in none and name the one without room."""
        ...

    def settle(self, call_id: str, spent: Spent) -> Sequence[Crossing]:
        """Release the hold and count what was spent, above the hold too: recorded is recorded. A second settlement of
        a call changes nothing."""
        ...

    def accounts_of(self, call_id: str) -> Sequence[Account]:
        """Where a call in flight is charged now; none of one that isn't."""
        ...

    def count(self, at_us: int, spent: Spent, charges: Sequence[Charge]) -> None:
        """Count what no hold was made for: work that a provider reports later, a refused call where those count."""
        ...

    def balance(self, charge: Charge, at_us: int) -> Balance: ...

    def near(self, call_id: str) -> Sequence[tuple[Charge, Balance]]:
        """Of a call in flight, the enforced budgets that have reached the first level they warn at, and those that only
        warn and are over their limit: what its caller is told of."""
        ...

    def knows(self, charge: Charge, at_us: int) -> bool:
        """False: nobody has said yet what was spent there before this process looked."""
        ...

    def open(self, charge: Charge, at_us: int, spent: int) -> None:
        """What was spent there before, at the time of `at_us` (a rolling window has an opening for each bucket). Said
        twice, it counts once."""
        ...

    def correct(self, charge: Charge, at_us: int, more: int) -> None:
        """What others spent there meanwhile, or what was counted wrongly: `more` may be below zero."""
        ...

    def reload(self, charges_of: Callable[[Call], Sequence[Charge]]) -> None:
        """Other rules are in force: calls in flight are charged as those say. Refuses nothing that runs."""
        ...
