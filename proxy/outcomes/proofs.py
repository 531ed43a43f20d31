"""Proofs: what spend is held against to find the work that it went into; all that attribution needs of a history."""

from collections.abc import Mapping
from dataclasses import dataclass

from proxy.model.service import Services
from proxy.outcomes.crediting import Verdicts
from proxy.outcomes.entities import Change, History
from proxy.outcomes.naming import only_owner
from proxy.outcomes.owning import Owners, owners_of


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged change."""

    repository: str
    branch: str
    merged_us: int
    persons: tuple[str, ...]
    """Who took part: author, co-authors, sponsor, approvers."""
    commits: tuple[str, ...]
    """That are this change's and no other's."""
    sessions: tuple[str, ...]
    service: str
    """'' where it landed nowhere, and its repository is not that of one service."""
    group: str
    """'' where it doesn't qualify."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A change that landed first, with others of its group or alone."""

    repository: str
    persons: tuple[str, ...]
    """Who wrote it."""
    at_us: int
    service: str
    group: str


@dataclass(frozen=True, slots=True)
class Proofs:
    merged: tuple[Merged, ...] = ()
    """In the order (merged_us, id)."""
    landed: tuple[Landed, ...] = ()


def proofs(history: History, verdicts: Verdicts, services: Services) -> Proofs:
    landed_in = {each.group: each.service for each in verdicts.landings}
    of_repository = only_owner({each.name: each.repositories for each in services.services.values()})
    owners = owners_of(history.changes.values())
    merged = []
    for change in sorted(history.changes.values(), key=lambda each: (each.merged_us, each.id)):
        known = verdicts.changes.get(change.id)
        group = known.group if known else ""
        service = landed_in.get(group) or of_repository.get(change.repository, "")
        merged.append(_merged(change, owners, service, group))
    return Proofs(tuple(merged), _landed(history, verdicts))


def _merged(change: Change, owners: Owners, service: str, group: str) -> Merged:
    approvers = (each.person for each in change.approvals)
    return Merged(
        change.repository,
        change.branch,
        change.merged_us,
        tuple(sorted({change.author, *change.coauthors, change.sponsor, *approvers} - {""})),
        tuple(sha for sha in change.commits if owners.of(change.repository, sha) == change.id),
        change.sessions,
        service,
        group,
    )


def _landed(history: History, verdicts: Verdicts) -> tuple[Landed, ...]:
    at_us: Mapping[str, int] = {each.id: each.at_us for each in history.deployments}
    found = []
    for landing in verdicts.landings:
        when_us = at_us[landing.deployment]
        for change in (history.changes[name] for name in landing.changes if name in history.changes):
            who = (change.author, *change.coauthors)
            found.append(Landed(change.repository, who, when_us, landing.service, landing.group))
    return tuple(found)
