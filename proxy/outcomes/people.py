"""People: the many names of one person, brought to one."""

from collections.abc import Iterable, Mapping
from typing import Final

UNRESOLVED: Final = "?"
"""Begins the name of somebody whom no alias resolves: a person of its own, but never a second pair of eyes."""


class People:
    def __init__(self, aliases: Mapping[str, str]) -> None:
        """`aliases`: other names (logins, e-mail addresses) -> the person's name."""
        self._persons = {alias.lower(): person for alias, person in aliases.items()}
        self._persons.update({person.lower(): person for person in aliases.values()})

    def person(self, name: str) -> str:
        """'' of ''."""
        return self._persons.get(name.lower(), f"{UNRESOLVED}{name.lower()}") if name else ""

    def persons(self, names: Iterable[str]) -> tuple[str, ...]:
        """Each once, in order."""
        return tuple(sorted({self.person(name) for name in names if name}))
