"""Policies on record: when which set came into force, and what became of each key, as acts.

The files are changed by whoever may write them, with git, an editor or `outlay keys`. The ledger sees what changed and
when. By whose hand is known of `outlay keys`, which says who gives it, and of a folder in git, whose commit stands
beside the version; an editor leaves no name.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from proxy.ledger.statements import statement
from proxy.model.entry import Act
from proxy.policy.types import Key, PolicySet
from proxy.ports.store import Store

ACTOR: Final = "policy files"
IN_FORCE: Final = "policies_in_force"
CREATED: Final = "key_created"
CHANGED: Final = "key_changed"
REVOKED: Final = "key_revoked"
REMOVED: Final = "key_removed"
KEY_KINDS: Final = (CREATED, CHANGED, REVOKED, REMOVED)
BY: Final = "by"
"""Of an act's details: the user of the machine who gave the command that wrote the entry, as the command said it."""
HASH_CHARS: Final = 19
"""Of 'sha256:…': so that a new secret under an old id shows."""


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What the record says last."""

    version: str = ""
    """'': no set is on record yet."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Ids of keys -> what was recorded of them, as `state`. Without those that are gone."""


def on_record(store: Store, timeout_s: float = 30.0) -> OnRecord:
    """Raises StoreError, QueryTimeoutError."""
    versions = store.read(statement("policies_on_record"), {"kind": IN_FORCE}, timeout_s)
    keys = store.read(statement("keys_on_record"), {"kinds": list(KEY_KINDS)}, timeout_s)
    return OnRecord(versions[0][0] if versions else "", {id_: state for id_, state in keys if state})


def recorded(policies: PolicySet) -> OnRecord:
    """What the record says of a set once `acts` stand on it."""
    return OnRecord(policies.version, {key.id: state(key) for key in policies.keys.values()})


def acts(
    before: OnRecord,
    policies: PolicySet,
    files: Mapping[str, str],
    now_us: int,
    random: bytes,
    editor: Callable[[Key], str] = lambda _: "",
) -> Iterator[Act]:
    """What is not on record yet. `files`: name -> 'added', 'changed' or 'removed', against the version before.
    `editor`: who wrote an entry of keys.yaml, '' where that isn't known."""
    said = [*_set(before, policies, files), *_keys(before, policies, editor)]
    for number, (kind, subject, details) in enumerate(said):
        yield Act(f"pol_{now_us // 1000:012x}{random.hex()}{number:05x}", now_us, ACTOR, kind, subject, "", details)


def state(key: Key) -> str:
    """All that an entry says, as one word."""
    return sha256(repr(sorted(_said(key).items())).encode()).hexdigest()[:16]


def changed_files(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> dict[str, str]:
    """How a set's files differ from those before it."""
    found = {name: "removed" for name in before if name not in after}
    found |= {name: "added" if name not in before else "changed" for name in after if before.get(name) != after[name]}
    return dict(sorted(found.items()))


_Said = tuple[str, str, Mapping[str, str]]


def _set(before: OnRecord, policies: PolicySet, files: Mapping[str, str]) -> Iterable[_Said]:
    if policies.version != before.version:
        details = {"before": before.version, "commit": policies.commit, **files}
        yield IN_FORCE, policies.version, {name: text for name, text in details.items() if text}


def _keys(before: OnRecord, policies: PolicySet, editor: Callable[[Key], str]) -> Iterable[_Said]:
    now = {key.id: key for key in policies.keys.values()}
    for id_, key in now.items():
        known = before.keys.get(id_)
        if known == state(key):
            continue
        kind = REVOKED if key.revoked else CHANGED if known else CREATED
        by = editor(key)
        yield kind, id_, {**_said(key), "state": state(key), **({BY: by} if by else {})}
    for id_ in before.keys.keys() - now.keys():
        yield REMOVED, id_, {}


def _said(key: Key) -> dict[str, str]:
    said = {
        "owner": key.owner,
        "kind": str(key.owner_kind),
        "role": str(key.role),
        "projects": " ".join(key.projects),
        "team": key.team,
        "expires": key.expires.isoformat() if key.expires else "",
        "revoked": "true" if key.revoked else "",
        "hash": key.hash[:HASH_CHARS],
    }
    return {name: text for name, text in said.items() if text}
