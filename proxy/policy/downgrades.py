"""Downgrades by budgets: which smaller models a call may go to where it doesn't fit, and in which order."""

from collections.abc import Iterable

from proxy.policy.charge import Charge
from proxy.policy.rules import Budget


def by_turn(charges: Iterable[Charge], short: str) -> list[Budget]:
    """The budgets among them whose models are tried one after the other; `short`: name of the one that the call doesn't
    fit, which comes first."""
    budgets = {charge.budget.name: charge.budget for charge in charges}
    naming = [each for each in budgets.values() if each.action == "downgrade" and each.mode == "enforce"]
    return sorted(naming, key=lambda each: (each.name != short, each.name))
