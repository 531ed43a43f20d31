"""Entities: what all that was told adds up to, whatever order it came in. `folding` makes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import NamedTuple

from proxy.model.told import Told, Trust


class Word(NamedTuple):
    """Of a line told: who said it and when, without what was said. There are many of them."""

    id: str
    source: str
    occurred_us: int
    trust: str
    clamped: bool
    imported: bool
    at_us: int
    """When it was received."""


def word_of(line: Told) -> Word:
    source, trust = intern(line.source), intern(line.trust)
    return Word(line.id, source, line.occurred_us, trust, line.clamped, line.imported, line.at_us)


@dataclass(frozen=True, slots=True)
class Deployment:
    """All states of one deployment, folded into one."""

    id: str
    """'source/repository-or-service/the source's id'."""
    source: str
    repository: str
    service: str
    """Of services.yaml; '' where it belongs to none."""
    environment: str
    sha: str
    tree: str
    digest: str
    actor: str
    state: str
    """The last one, as DeploymentTold.state."""
    at_us: int
    """When it first succeeded; when it was last heard of where it never did. Orders all deployments, with `id`."""
    trust: Trust
    told_us: int = 0
    """When its success was received; 0: its soak does not wait for that."""
    succeeded: bool = True
    failed_us: int = 0
    """When a failure followed the success; 0: none did."""
    inactive_us: int = 0
    """When it was taken down, or another one took its place; 0: it was not."""
    clamped: bool = False
    imported: bool = False
    """True: read from history, not told when it happened."""
    trusted: bool = True
    """False: it does not have the trust that its service asks for, so nothing is built on it."""
    heard: bool = True
    """True: what it says against others is believed, trusted or not: nobody hides a rollback by being unknown."""
    before: str = ""
    """Commit that ran before it; '' for the first."""
    after: str = ""
    """Id of the deployment that ran before it."""
    commits: tuple[str, ...] | None = None
    """That it brought to the service; None: nobody knows (no mirror)."""
    older: bool = False
    """True: an ancestor of what ran before."""
    also: tuple[str, ...] = ()
    """Ids under which other sources told of it."""

    @property
    def soaks_us(self) -> int:
        """Where its soak begins."""
        return max(self.at_us, self.told_us)

    @property
    def artefact(self) -> frozenset[str]:
        """By what it is known again: any of them will do."""
        return frozenset({self.digest, self.tree, self.sha} - {""})


@dataclass(frozen=True, slots=True)
class Approval:
    person: str
    """Resolved by the aliases; a name that no alias resolves begins with '?'."""
    commit: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Change:
    """A merged pull or merge request."""

    id: str
    """'repository#number'."""
    repository: str
    author: str
    """As Approval.person."""
    coauthors: tuple[str, ...]
    approvals: tuple[Approval, ...]
    """Those that stand: not dismissed."""
    head: str
    base: str
    branch: str
    merge: str
    merged_us: int
    bases: tuple[str, ...] = ()
    """Each branch that it was ever to go into: when the change below it in a stack goes in, it is sent on."""
    commits: tuple[str, ...] = ()
    """By which a deployment is known to bring it: its merge commit, and what it was squashed or rebased into."""
    work_items: tuple[str, ...] = ()
    patch_id: str = ""
    simhash: int = 0
    """0: too little to compare."""
    substance: str | None = None
    """As DiffTold.substance; None: nobody has read its diff."""
    bot: bool = False
    sponsor: str = ""
    reverts: tuple[str, ...] = ()
    """Ids of the changes that it takes back."""
    sessions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BadEvent:
    """Something that speaks against a deployment."""

    deployment: str
    kind: str
    """'rollback', 'redeploy_older', 'revert', 'incident', 'failed_status', 'degraded'."""
    at_us: int
    source: str


@dataclass(frozen=True, slots=True)
class History:
    """Everything known, in the order (at_us, id)."""

    deployments: tuple[Deployment, ...] = ()
    changes: Mapping[str, Change] = field(default_factory=dict)
    bad_events: tuple[BadEvent, ...] = ()
    compared: frozenset[tuple[str, str, str]] = frozenset()
    """Service, commit and the commit before: of which the mirror has said what the one brings beside the other."""
