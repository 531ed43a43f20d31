"""Known names: whose each name is, by the policies in force and, where they are silent, by those before them.

Which sets were in force until when stands on record (acts), and their files are kept beside the journal: what is known
of a person who left is made of facts, as all of outcomes is.
"""

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from threading import Lock
from typing import Final

import structlog

from proxy.ledger.policy_record import IN_FORCE
from proxy.ledger.statements import statement
from proxy.outcomes.people import EVER_US, Aliases, aliases_of
from proxy.policy import access_yaml
from proxy.policy.mistakes import Mistakes
from proxy.policy.types import Access, PolicySet
from proxy.ports.store import Store

log = structlog.get_logger("outlay.policies")

VERSIONS_MAX: Final = 2000
"""Of sets that were in force before, the newest: each has its files looked at once."""
SETS_MAX: Final = 100
"""Different access.yaml among them: one with 5,000 people takes half a second to read, once."""

_Spells = tuple[tuple[int, str], ...]
"""Until when, and the version: the newest first."""


class KnownNames:
    """Safe from any thread."""

    def __init__(
        self,
        store: Store,
        policies: Callable[[], PolicySet],
        kept: Callable[[str], Mapping[str, bytes] | None],
    ) -> None:
        """`kept`: files of a version, None where they weren't kept."""
        self._store = store
        self._policies = policies
        self._kept = kept
        self._one = Lock()
        self._contents: dict[str, bytes] = {}
        """By version: the hash of its access.yaml, b'' where there is none."""
        self._names: dict[bytes, Mapping[str, str]] = {}
        """By that hash."""
        self._made: tuple[Access, _Spells, Aliases] | None = None

    def __call__(self) -> Aliases:
        """Raises StoreError, QueryTimeoutError."""
        policies = self._policies()
        rows = self._store.read(statement("policies_since"), {"kind": IN_FORCE})
        with self._one:
            spells = _spells([(int(at_us), str(version)) for at_us, version in rows], policies.version)
            if self._made and self._made[:2] == (policies.access, spells):
                return self._made[2]
            found = aliases_of(names_of(policies.access), self._earlier(spells), policies.access.service_accounts)
            self._made = policies.access, spells, found
            return found

    def _earlier(self, spells: _Spells) -> Iterator[tuple[int, Mapping[str, str]]]:
        """An older set with the same file adds nothing."""
        seen: set[bytes] = set()
        for until_us, version in spells[:VERSIONS_MAX]:
            content = self._content(version)
            if content and content not in seen and len(seen) < SETS_MAX:
                seen.add(content)
                yield until_us, self._names[content]

    def _content(self, version: str) -> bytes:
        """b'' where there is none, or it can't be read now."""
        if version not in self._contents:
            try:
                file = (self._kept(version) or {}).get(access_yaml.FILE, b"")
            except OSError as error:
                log.warning("names of earlier policies not read", version=version, why=str(error))
                return b""
            content = sha256(file).digest() if file else b""
            if content and content not in self._names:
                self._names[content] = names_of(access_yaml.read_access(file, Mistakes(access_yaml.FILE)))
            self._contents[version] = content
        return self._contents[version]


def names_of(access: Access) -> dict[str, str]:
    """Every name of each person, the own one too -> the person."""
    return {**{name: name for name in access.people}, **access.names}


def _spells(record: list[tuple[int, str]], present: str) -> _Spells:
    """`record`: from when on each version was in force, in that order."""
    found: dict[str, int] = {}
    until_us = EVER_US
    for since_us, version in reversed(record):
        if version != present:
            found.setdefault(version, until_us)
        until_us = since_us
    return tuple((until_us, version) for version, until_us in found.items())
