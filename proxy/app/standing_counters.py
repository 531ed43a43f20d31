"""What counters say of some budgets, and how they are brought to what is right."""

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from proxy.gateway.openings import asked, meaning
from proxy.policy.charge import Account, Charge
from proxy.policy.rules import Budget
from proxy.ports.balances import AskedBudget
from proxy.ports.counters import Counters, Spent

V = TypeVar("V")


class StandingCounters(Counters, Protocol):
    """Counters that tell what they hold."""

    def standings(self) -> Iterable[tuple[Budget, Account, int]]:
        """Every account with what is spent in it. Of a rolling window: each bucket, as an account that begins there."""
        ...

    def withhold(self, budgets: frozenset[str]) -> None:
        """Of these budgets nobody can say yet what was spent: nothing that they enforce passes. All others are
        known."""
        ...


def counted(counters: StandingCounters, budgets: Iterable[Budget], now_us: int) -> dict[Account, int]:
    """What the counters say of these budgets, in their windows now and later ones."""
    wanted = list(budgets)
    meanings = {meaning(each) for each in wanted}
    found = {account: spent for budget, account, spent in counters.standings() if meaning(budget) in meanings}
    return since(found, [asked(each, now_us) for each in wanted])


def since(accounts: Mapping[Account, V], questions: Iterable[AskedBudget]) -> dict[Account, V]:
    """Those whose window was not over when the question was asked."""
    begins = {each.budget: each.since_us for each in questions}
    return {
        each: amount for each, amount in accounts.items() if each.start_us >= begins.get(each.budget, each.start_us + 1)
    }


def correct(counters: Counters, deltas: Mapping[Account, int], budgets: Iterable[Budget]) -> None:
    """Change the counters, and have them take what is spent as told: no warning of a level passed long ago."""
    by_name = {each.name: each for each in budgets}
    for account, delta in deltas.items():
        budget = by_name[account.budget]
        rolling = budget.window.kind == "rolling"
        charge = Charge(account._replace(start_us=0) if rolling else account, budget)
        if delta:
            counters.count(account.start_us, Spent(delta, delta, delta), [charge])
        counters.open(charge, account.start_us, 0)
