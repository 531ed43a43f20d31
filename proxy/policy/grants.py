"""Grants: what admins have added to budgets for a time. Facts, not policy: the file keeps saying what the rule is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from proxy.policy.rules import Budget, Unit


@dataclass(frozen=True, slots=True)
class Grant:
    """So much more for one instance of a budget, in [since, until)."""

    id: str
    budget: str
    """Name of the rule."""
    instance: tuple[str, ...]
    """Values of the rule's `per`, in its order."""
    unit: Unit
    amount: int
    """Pico-dollars, tokens or calls."""
    since_us: int
    until_us: int


class Grants:
    """What is granted, found by budget and instance."""

    def __init__(self, grants: Iterable[Grant] = ()) -> None:
        self._by_account: dict[tuple[str, tuple[str, ...]], list[Grant]] = {}
        for grant in grants:
            self._by_account.setdefault((grant.budget, grant.instance), []).append(grant)

    def __len__(self) -> int:
        return sum(map(len, self._by_account.values()))

    def instances(self, budget: Budget) -> list[tuple[str, ...]]:
        """Those that anything was ever granted to, and that the budget can still have."""
        return [whose for name, whose in self._by_account if name == budget.name and len(whose) == len(budget.per)]

    def granted(self, budget: Budget, instance: tuple[str, ...], at_us: int) -> int:
        """What stands above the limit at that moment, in the budget's unit. A budget whose unit has changed since is
        another one: what was granted in tokens is no money. Zero stays zero: a limit of nothing is a ban, not a cap.
        """
        grants = self._by_account.get((budget.name, instance))
        if grants is None or not budget.limit:
            return 0
        return sum(
            each.amount for each in grants if each.since_us <= at_us < each.until_us and each.unit is budget.unit
        )


NO_GRANTS: Final = Grants()
