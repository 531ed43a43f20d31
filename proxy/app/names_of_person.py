"""The names of a person: what access.yaml, as it is and as it was in any set that was in force, says whose they are."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from proxy.adapters.policy_archive import FOLDER as ARCHIVE
from proxy.app.known_names import names_of
from proxy.policy import access_yaml
from proxy.policy.mistakes import Mistakes
from proxy.settings import Settings


@dataclass(frozen=True, slots=True)
class NamesFound:
    """What sets say that have one of the names that were given."""

    names: tuple[str, ...]
    """Further ones of the same person."""
    unclear: Mapping[str, tuple[str, ...]]
    """Such names that another set gives to somebody who has more of them: perhaps the same person, perhaps not."""
    sets: int
    """That name the person."""


def names_of_person(settings: Settings, given: Collection[str]) -> NamesFound:
    """Raises OSError."""
    wanted = set(given)
    kept = list(_sets(settings))
    hers: set[str] = set()
    for names in kept:
        if owners := {names[name] for name in wanted & names.keys()}:
            hers |= {name for name, owner in names.items() if owner in owners}
    unclear: dict[str, set[str]] = {}
    for names in kept:
        for name in (hers - wanted) & names.keys():
            others = {each for each, owner in names.items() if owner == names[name]} - hers - wanted
            if others:
                unclear.setdefault(name, set()).update(others)
    found = sorted(hers - wanted - unclear.keys())
    of_the_person = sum(1 for names in kept if not names.keys().isdisjoint({*wanted, *found}))
    return NamesFound(tuple(found), {name: tuple(sorted(unclear[name])) for name in sorted(unclear)}, of_the_person)


def _sets(settings: Settings) -> Iterator[Mapping[str, str]]:
    """Of each different access.yaml: every name -> the person."""
    seen: set[bytes] = set()
    kept = sorted((settings.data / ARCHIVE).glob(f"[!.]*/{access_yaml.FILE}"))
    for path in [Path(settings.policies) / access_yaml.FILE, *kept]:
        content = path.read_bytes() if path.is_file() else b""
        digest = sha256(content).digest()
        if content and digest not in seen:
            seen.add(digest)
            yield names_of(access_yaml.read_access(content, Mistakes(access_yaml.FILE)))
