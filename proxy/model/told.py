"""Told: what sources say of deployments, changes, reviews, commits and incidents, in one vocabulary.

A delivery of a source (a webhook, a command in a pipeline, a look into a repository's mirror) becomes one line for
each thing it tells. Lines are append-only and may come late, twice, in any order; what they add up to is derived.
No title, message or text of a change is among them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Trust(StrEnum):
    """How much a source's word is worth."""

    CLAIMED = "claimed"
    """Anyone with a key could have said it."""
    SIGNED = "signed"
    """The delivery proved who sent it; not that it is so."""
    CORROBORATED = "corroborated"
    """A second source, with other credentials, told the same. Never on a line: derived from two of them."""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that one delivery says: a line of the ledger's journal."""

    id: str
    """Of this line: the delivery's, and its place within it."""
    at_us: int
    """When it was received, microseconds since the epoch, UTC."""
    source: str
    """Name of the source in services.yaml; 'mirror' for what was read from a repository's own history."""
    delivery: str
    """The source's id of the delivery: the same again tells nothing new."""
    kind: str
    """'deployment', 'change', 'review', 'commit', 'incident', 'artifact', 'diff', 'shipped': the classes below."""
    occurred_us: int
    """When it happened by the source's clock, held within what can be believed of it."""
    trust: str
    payload: str = ""
    """SHA-256 of the raw delivery."""
    clamped: bool = False
    """True: the source's time could not be believed, and the time of receipt stands in."""
    imported: bool = False
    """True: read from history, not told when it happened."""
    quarantine: str = ""
    """Why it scores nothing until an admin names its source, repository or environment; '' where it may."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """The fields of the class of `kind`, lists joined by blanks, numbers in decimals, what is as usual left out."""


@dataclass(frozen=True, slots=True)
class DeploymentTold:
    """A state of one deployment."""

    repository: str
    """As model.repository spells it; '' where the source knows none (Argo CD, CDEvents)."""
    deployment: str
    """The source's own id: all states of one deployment share it."""
    environment: str
    state: str
    """'pending', 'success', 'failure', 'inactive' (another one took its place, or it was taken down), 'rolled_back'."""
    service: str = ""
    """The source's own name for what was deployed; '' where it has only the repository."""
    sha: str = ""
    tree: str = ""
    digest: str = ""
    """Of the artefact ('sha256:…')."""
    actor: str = ""
    """Who, or what, started it, by the source's name."""


@dataclass(frozen=True, slots=True)
class ChangeTold:
    """A pull or merge request as it stands."""

    repository: str
    number: str
    author: str
    head: str
    """Commit at its tip."""
    base: str
    """Branch that it goes into."""
    branch: str = ""
    """Branch that it comes from, 'owner:branch' from another repository: a change whose base is another's branch is
    stacked on that."""
    merge: str = ""
    """Commit that brought it in; '' until it is merged."""
    merged_us: int = 0
    bot: bool = False
    work_items: tuple[str, ...] = ()
    """Of a tracker ('PAY-12'), or of the repository ('host/owner/name#12')."""
    coauthors: tuple[str, ...] = ()
    reverts: str = ""
    """Number of the change, or commit, that it takes back; '' for none."""
    sponsor: str = ""
    """A person who answers for a bot's change; '' for none."""


@dataclass(frozen=True, slots=True)
class ReviewTold:
    repository: str
    number: str
    reviewer: str
    state: str
    """'approved', 'changes_requested', 'dismissed', 'commented'."""
    commit: str = ""
    """The tip that was reviewed."""
    review: str = ""
    """The source's id of the review: a dismissal takes back the one of the same id."""


@dataclass(frozen=True, slots=True)
class CommitTold:
    repository: str
    sha: str
    tree: str = ""
    author: str = ""
    coauthors: tuple[str, ...] = ()
    branch: str = ""
    work_items: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    """Of trailers 'AI-Session: …'."""
    reverts: tuple[str, ...] = ()
    """Of trailers 'This reverts commit …'."""


@dataclass(frozen=True, slots=True)
class IncidentTold:
    incident: str
    kind: str
    """'incident', 'degraded', 'sync_failed', 'alert'."""
    state: str = "begun"
    """'begun' or 'resolved'."""
    repository: str = ""
    service: str = ""
    environment: str = ""
    deployment: str = ""


@dataclass(frozen=True, slots=True)
class ArtifactTold:
    """Which commit an artefact was built from."""

    digest: str
    repository: str
    sha: str


@dataclass(frozen=True, slots=True)
class DiffTold:
    """What a change changes, read from the mirror: numbers and hashes, never text."""

    repository: str
    number: str
    """Of the change; '' for a commit that belongs to none."""
    sha: str
    """Tip, or merge commit, that was read."""
    patch_id: str = ""
    """git patch-id --stable, of what is left after the rules of substance."""
    simhash: str = ""
    """64 bits in hex, of the normalised diff; '' where too little is left to compare."""
    substance: str = ""
    """'substantive', 'config', or why there is none: 'empty', 'white_space', 'comments', 'generated', 'lock_files',
    'vendored', 'ignored', 'too_large' (nobody can have reviewed it)."""
    inverse: str = ""
    """patch-id of the same diff turned round: equal to another change's patch_id, this one takes that one back."""


@dataclass(frozen=True, slots=True)
class ShippedTold:
    """Commits that a deployment brought to a service, read from the mirror: those that touch the service's paths, in
    the deployed commit's history and not in that of the one before."""

    service: str
    repository: str
    sha: str
    """The commit deployed."""
    before: str
    """The commit that ran before; '' for the first."""
    commits: tuple[str, ...]
    """At most 40 on a line; more commits take more lines."""
    older: bool = False
    """True: the deployed commit is an ancestor of the one before: what ran was rolled back."""


Fact = DeploymentTold | ChangeTold | ReviewTold | CommitTold | IncidentTold | ArtifactTold | DiffTold | ShippedTold
