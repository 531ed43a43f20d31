"""Budget people: which persons an account of a budget tells about, by its instance and by its rule's scope."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

from proxy.ledger.budget_levels import PERSONAL
from proxy.ledger.people import OTHER_PEOPLE, Directory, Viewer
from proxy.ledger.statements import statement
from proxy.model.identity import OwnerKind
from proxy.policy.charge import Account
from proxy.policy.rules import Budget
from proxy.ports.store import Store


@dataclass(frozen=True, slots=True)
class BudgetPeople:
    """Of one report, for one viewer."""

    viewer: Viewer
    directory: Directory
    services: frozenset[str]
    """Owners that made calls, and are no persons."""
    key_owners: Mapping[str, str]
    """Persons by the id of a key."""

    @classmethod
    def of(
        cls,
        store: Store,
        accounts: Iterable[Account],
        budgets: Mapping[str, Budget],
        viewer: Viewer,
        directory: Directory,
        timeout_s: float,
    ) -> Self:
        """Asks the facts whose the names are, where there are any. Raises QueryTimeoutError, StoreError."""
        named: dict[str, set[str]] = {name: set() for name in PERSONAL}
        for account in accounts:
            for dimension, value in zip(budgets[account.budget].per, account.instance, strict=True):
                if dimension in named:
                    named[dimension].add(value)
        rows: Sequence[tuple[str, str, str]] = []
        # Who is known from the policies needs no look at the facts.
        users, keys = named["user"] - directory.persons, named["key"] - directory.key_persons.keys()
        if users or keys:
            values = {"users": sorted(users), "keys": sorted(keys)}
            rows = [(owner, kind, key) for owner, kind, key in store.read(statement("owners"), values, timeout_s)]
        persons = {owner for owner, kind, _ in rows if kind == OwnerKind.PERSON} | directory.persons
        by_key = {key: owner for owner, kind, key in rows if kind == OwnerKind.PERSON}
        return cls(
            viewer,
            directory,
            services=frozenset(owner for owner, _, _ in rows) - persons,
            key_owners=by_key | {**directory.key_persons},
        )

    def others(self, budget: Budget, instance: Sequence[str]) -> set[str]:
        """The other persons whom a row of this account tells about; empty: none."""
        values = dict(zip(budget.per, instance, strict=True))
        found: set[str] = set()
        if "user" in values:
            found.add(values["user"])
        elif "key" in values:
            found.add(self.key_owners.get(values["key"], ""))
        else:
            return self.pinned(budget)
        return {name for name in found if self._is_other(name)}

    def pinned(self, budget: Budget) -> set[str]:
        """The other persons whom its scope names: one row then tells what they spent, whatever it is called."""
        conditions = budget.scope.conditions
        users = [glob for glob in conditions.get("user", ()) if glob != "*"]
        keys = [glob for glob in conditions.get("key", ()) if glob != "*"]
        found = {glob for glob in users if not any(wild in glob for wild in "*?[")}
        found |= {name for name in self.directory.persons if any(fnmatchcase(name, glob) for glob in users)}
        by_key = {**self.directory.key_persons, **self.key_owners}
        found |= {owner for key, owner in by_key.items() if any(fnmatchcase(key, glob) for glob in keys)}
        return {name for name in found if self._is_person(name) and self._is_other(name)}

    def _is_person(self, name: str) -> bool:
        return name in self.directory.persons or name in self.key_owners.values()

    def _is_other(self, name: str) -> bool:
        """Who isn't known to be a service counts as a person."""
        return bool(name) and name not in self.services and self.viewer.is_other_person(name, OwnerKind.PERSON)


def folded(budget: Budget, instance: Sequence[str]) -> tuple[str, ...]:
    """The instance without the values that say who it is."""
    return tuple(OTHER_PEOPLE if name in PERSONAL else value for name, value in zip(budget.per, instance, strict=True))
