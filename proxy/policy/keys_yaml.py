"""keys.yaml: who holds which key, as hashes. The only policy file that commands write."""

import re
from typing import Final

from proxy.model.identity import OwnerKind, Role
from proxy.policy.document import Node, Word, read_document
from proxy.policy.keys import EMPTY_DIGEST
from proxy.policy.mistakes import Mistakes, shown
from proxy.policy.section import Section, entry
from proxy.policy.types import Access, Key

FILE: Final = "keys.yaml"

TOP: Final = {
    "keys": "keys: [{id: k_1f3a09bc, hash: 'sha256:…', user: alice, projects: [checkout]}]",
}
KEY: Final = {
    "id": "id: k_1f3a09bc",
    "hash": "hash: 'sha256:…'",
    "user": "user: alice",
    "service_account": "service_account: checkout-api",
    "projects": "projects: [checkout, search]",
    "role": "role: developer",
    "team": "team: payments",
    "expires": "expires: 2027-01-01",
    "revoked": "revoked: true",
}

_ID: Final = re.compile(r"k_[A-Za-z0-9_-]{1,40}", re.ASCII)
_HASH: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_OWNERS: Final = {OwnerKind.PERSON: "user", OwnerKind.SERVICE: "service_account"}


def read_keys(data: bytes | str, access: Access, mistakes: Mistakes) -> dict[str, Key]:
    """The keys by their hash."""
    reading = _Reading(access, mistakes)
    document = read_document(data, mistakes, {"keys": reading.take})
    if document is not None:
        top = Section(document, TOP, mistakes, FILE)
        for section in top.sections("keys", KEY, "a key"):
            reading.key(section)
    return reading.keys


class _Reading:
    """What must hold across the entries: ids and hashes are unique, an owner is one thing only."""

    def __init__(self, access: Access, mistakes: Mistakes) -> None:
        self.keys: dict[str, Key] = {}
        self._ids: dict[str, int] = {}
        self._kinds: dict[str, OwnerKind] = {
            **dict.fromkeys(access.people, OwnerKind.PERSON),
            **dict.fromkeys(access.service_accounts, OwnerKind.SERVICE),
        }
        self._access = access
        self._mistakes = mistakes

    def take(self, key: Word | None, node: Node) -> None:
        section = entry(None, node, KEY, self._mistakes, "a key") if key is None else None
        if section is not None:
            self.key(section)

    def key(self, section: Section) -> None:
        section.require("id", "hash", "projects")
        id_ = self._id(section)
        hash_ = self._hash(section)
        kind, owner = self._owner(section)
        projects = section.names("projects")
        if not projects and section.node("projects") is not None:
            section.wrong("projects", "must name at least one project: the first is the default")
        if not (id_ and hash_ and owner):
            return
        self.keys[hash_] = Key(
            id=id_,
            hash=hash_,
            owner=owner,
            owner_kind=kind,
            projects=tuple(project.text for project in projects),
            role=self._role(section, id_, owner),
            team=section.name("team"),
            expires=section.moment("expires"),
            revoked=section.flag("revoked"),
            where=self._mistakes.where(section.table),
        )

    def _id(self, section: Section) -> str:
        id_ = section.text("id")
        if id_ and not _ID.fullmatch(id_):
            section.wrong("id", f"can't be {shown(id_)}: k_ and at most 40 letters, digits, - and _")
        elif id_ in self._ids:
            section.wrong("id", f"{shown(id_)} stands twice, first in line {self._ids[id_]}")
        self._ids.setdefault(id_, section.table.line)
        return id_

    def _hash(self, section: Section) -> str:
        """The hash; what stands in its place may be the key itself, and is never repeated."""
        hash_ = section.text("hash")
        if not hash_:
            return ""
        if not _HASH.fullmatch(hash_):
            section.wrong(
                "hash", "must be 'sha256:' and 64 hex digits, never the key itself (what stands here is not shown)"
            )
            return ""
        if hash_ == EMPTY_DIGEST:
            section.wrong("hash", "can't be the hash of nothing: every call without a key would have it")
        if hash_ in self.keys:
            section.wrong("hash", f"stands twice, first in line {self.keys[hash_].where.rpartition(':')[2]}")
            return ""
        return hash_

    def _owner(self, section: Section) -> tuple[OwnerKind, str]:
        written = [(kind, name) for kind, name in _OWNERS.items() if section.node(name) is not None]
        if len(written) != 1:
            problem = "has one owner, user or service_account" + (", not both" if written else "")
            self._mistakes.add(section.table, f"a key {problem}", KEY["user"])
            return OwnerKind.PERSON, ""
        kind, name = written[0]
        owner = section.name(name)
        owner = self._access.names.get(owner, owner)
        if owner and self._kinds.setdefault(owner, kind) is not kind:
            section.wrong(name, f"can't be {shown(owner)}, which is a {_OWNERS[self._kinds[owner]]} already")
        return kind, owner

    def _role(self, section: Section, id_: str, owner: str) -> Role:
        role = section.choice("role", tuple(Role), Role.DEVELOPER)
        person = self._access.people.get(owner)
        if person is None or not person.roles or role in person.roles or role is Role.DEVELOPER:
            return role
        at: Node = section.node("role") or section.table
        self._mistakes.warn(at, f"{id_} counts as developer: access.yaml doesn't give {owner} the role {role}")
        return Role.DEVELOPER
