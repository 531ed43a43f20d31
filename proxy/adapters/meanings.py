"""Meanings: what budgets count, as numbers that are compared at once."""

from typing import Final

from proxy.policy.rules import Budget

MEANINGS_MAX: Final = 4096
"""Budgets that are known again at a glance."""


class Meanings:
    """Numbers for what budgets count. A budget whose scope, instances, unit or window change counts something else
    under the same name, in accounts of its own; one whose limit changes goes on."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Budget, int]] = {}
        self._latest: dict[int, Budget] = {}
        self._by_name: dict[str, list[tuple[Budget, int]]] = {}
        self._numbers = 0
        self.version = 0
        """Another one as soon as a budget is seen for the first time: what is in force may be another."""

    def of(self, budget: Budget) -> int:
        known = self._known.get(id(budget))
        if known is not None:
            return known[1]
        self.version += 1
        number = self._found(budget)
        if len(self._known) >= MEANINGS_MAX:
            self._known.clear()
        self._known[id(budget)] = (budget, number)
        self._latest[number] = budget
        return number

    def look(self, budget: Budget) -> tuple[int, Budget]:
        """Its meaning, and the budget of this meaning that was seen last for the first time: the one in force."""
        known = self._known.get(id(budget))
        number = known[1] if known is not None else self.of(budget)
        return number, self._latest[number]

    def _found(self, budget: Budget) -> int:
        same = self._by_name.setdefault(budget.name, [])
        for known, number in same:
            if _means(known) == _means(budget):
                return number
        self._numbers += 1
        same.append((budget, self._numbers))
        return self._numbers


def _means(budget: Budget) -> tuple[object, ...]:
    return budget.scope, budget.per, budget.unit, budget.window, budget.count_refused
