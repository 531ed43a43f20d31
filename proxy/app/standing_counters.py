"""What counters say of some budgets, and how they are brought to what is right."""

from collections.abc import Iterable, Mapping
from typing import Final, Protocol, TypeVar

from proxy.gateway.openings import meaning
from proxy.policy.charge import Account, Charge
from proxy.policy.rules import Budget
from proxy.ports.balances import AskedBudget, Known, Standing, asked
from proxy.ports.counters import ALL_OTHERS, Counters, Spent

V = TypeVar("V")
_SHARED: Final = (ALL_OTHERS,)


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


class Folded:
    """Which accounts the counters keep as one, for want of place: there what is right is compared as one, too."""

    def __init__(self, says: Iterable[Account], budgets: Iterable[Budget]) -> None:
        """`says`: the accounts that the counters keep."""
        self._rolling = {each.name for each in budgets if each.window.kind == "rolling"}
        kept = {self._at(each) for each in says}
        self._kept = {each for each in kept if each.instance != _SHARED}
        self._shared = {(each.budget, each.start_us) for each in kept - self._kept}

    def sums(self, accounts: Mapping[Account, int]) -> Mapping[Account, int]:
        if not self._shared:
            return accounts
        sums: dict[Account, int] = {}
        for account, amount in accounts.items():
            into = self.account(account)
            sums[into] = sums.get(into, 0) + amount
        return sums

    def known(self, known: Known) -> Known:
        if not self._shared:
            return known
        sums: dict[Account, Standing] = {}
        for account, each in known.accounts.items():
            into = self.account(account)
            before = sums.get(into, Standing(0, 0))
            sums[into] = Standing(before.total + each.total, before.own + each.own)
        return Known(sums, known.loaded)

    def account(self, account: Account) -> Account:
        at = self._at(account)
        shared = at not in self._kept and (at.budget, at.start_us) in self._shared
        return account._replace(instance=_SHARED) if shared else account

    def _at(self, account: Account) -> Account:
        """All buckets of a rolling window are kept together."""
        return account._replace(start_us=0) if account.budget in self._rolling else account


def correct(counters: Counters, deltas: Mapping[Account, int], budgets: Iterable[Budget]) -> None:
    """Change the counters, and have them take what is spent as told: no warning of a level passed long ago."""
    by_name = {each.name: each for each in budgets}
    # What is shared comes first: once it is there, no account of its own is made beside it.
    for account, delta in sorted(deltas.items(), key=lambda each: each[0].instance != _SHARED):
        budget = by_name[account.budget]
        rolling = budget.window.kind == "rolling"
        charge = Charge(account._replace(start_us=0) if rolling else account, budget)
        if delta:
            counters.count(account.start_us, Spent(delta, delta, delta), [charge])
        counters.open(charge, account.start_us, 0)
