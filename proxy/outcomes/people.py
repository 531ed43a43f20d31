"""People: the many names of one person, brought to one.

Whom access.yaml knows today is known of the past too. Whom it knew once is known of what happened while it did: who
leaves takes nothing out of the past, and approves nothing any more.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

UNRESOLVED: Final = "?"
"""Begins the name of somebody whom no alias resolves: a person of its own, but never a second pair of eyes."""
EVER_US: Final = 2**63 - 1

Spell = tuple[int, str]
"""Until when a name is somebody's (that moment not included), and whose."""


@dataclass(frozen=True, slots=True)
class Aliases:
    now: Mapping[str, str] = field(default_factory=dict)
    """Every name that the policies in force know (logins, e-mail addresses, the own one too) -> the person."""
    before: Mapping[str, Spell] = field(default_factory=dict)
    """Names in small letters that only earlier ones knew."""


Named = Mapping[str, str] | Aliases
"""Without earlier policies their names alone will do."""


def aliases_in(named: Named) -> Aliases:
    return named if isinstance(named, Aliases) else Aliases(named)


def aliases_of(
    now: Mapping[str, str], earlier: Iterable[tuple[int, Mapping[str, str]]], taken: Iterable[str]
) -> Aliases:
    """`earlier`: until when each set was in force, and its names, the newest first. `taken`: names of others than
    persons today.

    The newest set that has a name says whose it was. Whoever shares a name with a person of a newer set is that person,
    so that nobody becomes two by being renamed.
    """
    known = {name.lower(): person for name, person in now.items()}
    known |= {person.lower(): person for person in now.values()}
    silent = {name.lower() for name in taken} - known.keys()
    before: dict[str, Spell] = {}
    for until_us, names in earlier:
        for person, own in _by_person(names).items():
            same = next((known[name] for name in own if name in known), person)
            for name in own:
                if name not in known and name not in silent:
                    known[name] = same
                    before[name] = until_us, same
    return Aliases(now, before)


def _by_person(names: Mapping[str, str]) -> dict[str, list[str]]:
    """In small letters, the person's own name first."""
    found: dict[str, list[str]] = {}
    for name, person in sorted(names.items()):
        own = found.setdefault(person, [person.lower()])
        if name.lower() not in own:
            own.append(name.lower())
    return found


class People:
    def __init__(self, aliases: Named) -> None:
        known = aliases_in(aliases)
        self._persons = {alias.lower(): person for alias, person in known.now.items()}
        self._persons.update({person.lower(): person for person in known.now.values()})
        self._before = known.before

    def person(self, name: str, at_us: int) -> str:
        """Whose name it was then. '' of ''."""
        until_us, person = self.spell(name)
        return person if not name or at_us < until_us else f"{UNRESOLVED}{name.lower()}"

    def spell(self, name: str) -> Spell:
        key = name.lower()
        person = self._persons.get(key)
        if person is None:
            return self._before.get(key, (EVER_US, f"{UNRESOLVED}{key}" if name else ""))
        return EVER_US, person

    def persons(self, names: Iterable[str], at_us: int) -> tuple[str, ...]:
        """Each once, in order."""
        return tuple(sorted({self.person(name, at_us) for name in names if name}))
