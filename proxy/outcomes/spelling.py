"""Spelling: how the people in a deployment's story are called: by their names, or by what they did in it."""

from collections.abc import Collection

from proxy.outcomes.people import UNRESOLVED, People
from proxy.outcomes.verdicts import Role, Who, plain


class Spelling:
    """Of one story. Machines always go by their names, and so does who reads it."""

    def __init__(self, people: People, machines: Collection[str], reader: str = "", *, openly: bool = False) -> None:
        """`machines`: deployers that are no persons; `reader`: a person's name, or ''; `openly`: all go by names."""
        self._people = people
        self._machines = machines
        self._reader = reader
        self._openly = openly
        self._labels: dict[Who, str] = {}
        self.persons: set[str] = set()
        """Others than the reader whom it speaks of, as far as anybody knows them."""

    def __call__(self, who: Who) -> str:
        person = self._person(who)
        if person and person == self._reader:
            return plain(who)
        if person and not person.startswith(UNRESOLVED):
            self.persons.add(person)
        elif who.role == "deployer" and (who.name in self._machines or who.name.endswith("[bot]")):
            return who.name
        if self._openly:
            return plain(who)
        return self._labels.setdefault(who, f"{who.role} {self._count(who.role) + 1}")

    def _person(self, who: Who) -> str:
        """'' of a branch."""
        if who.role == "branch":
            return ""
        return self._people.spell(who.name)[1] if who.role == "deployer" else who.name

    def _count(self, role: Role) -> int:
        return sum(each.role == role for each in self._labels)
