"""Identify: who pays, from the credential alone. Headers may narrow within the key's own projects, never beyond."""

import hmac
from datetime import datetime
from typing import Final

from proxy.model.decision import Reason, Refusal
from proxy.model.identity import Identity, OwnerKind, Project
from proxy.model.repository import repository as normal_repository
from proxy.policy.mistakes import shown
from proxy.policy.types import Access, Key, PolicySet

INVALID_KEY: Final = Refusal(
    401,
    Reason.INVALID_KEY,
    "No valid outlay key came with this call. Send one as 'authorization: Bearer outlay_…' (x-api-key, "
    "x-goog-api-key, api-key and x-outlay-key do as well). An admin makes one with `outlay keys create`.",
)
"""The one answer to a missing, wrong, expired and revoked key: a different one would tell which keys there are."""

_NOBODY: Final = "sha256:" + "0" * 64


def identify(policies: PolicySet, digest: str | None, now: datetime) -> Identity | Refusal:
    """The owner of the presented key, by its digest (`keys.digest`); None where none was presented.

    Looking up by digest tells nothing about a key through timing: to steer where a look-up ends, one would have to
    choose bytes of a SHA-256. The comparison is constant-time all the same, also where there is nothing to compare.
    """
    presented = digest or ""
    key = policies.keys.get(presented)
    same = hmac.compare_digest(key.hash if key else _NOBODY, presented)
    if key is None or not same or key.revoked or (key.expires is not None and now >= key.expires):
        return INVALID_KEY
    return identity(policies.access, key)


def identity(access: Access, key: Key) -> Identity:
    """The owner of a key as access.yaml knows them; what it doesn't know is allowed, and marked unregistered."""
    owner = (
        access.people.get(key.owner) if key.owner_kind is OwnerKind.PERSON else access.service_accounts.get(key.owner)
    )
    return Identity(
        key_id=key.id,
        owner=key.owner,
        owner_kind=key.owner_kind,
        role=key.role,
        team=(owner.team if owner else "") or key.team,
        projects=tuple([access.projects.get(name) or Project(name, registered=False) for name in key.projects]),
        registered=owner is not None,
    )


def choose_project(identity: Identity, requested: str, repository: str) -> Project | Refusal:
    """The project a call is charged to: the one asked for, else the repository's, else the key's first.

    A project outside the key's list is refused, never silently replaced. A repository that no project of the list
    has is no reason to refuse: work goes on in many repositories.
    """
    if requested:
        for project in identity.projects:
            if project.name == requested:
                return project
        return _forbidden(identity, requested)
    if not identity.projects:
        return Refusal(403, Reason.PROJECT_FORBIDDEN, f"The key {identity.key_id} is for no project, so for no call.")
    normal = normal_repository(repository) if repository and len(identity.projects) > 1 else ""
    if normal:
        for project in identity.projects:
            if normal in project.repositories:
                return project
    return identity.projects[0]


def _forbidden(identity: Identity, requested: str) -> Refusal:
    allowed = ", ".join(project.name for project in identity.projects) or "none"
    return Refusal(
        403,
        Reason.PROJECT_FORBIDDEN,
        f"The key {identity.key_id} is not for the project {shown(requested)} (x-outlay-project). "
        f"Its projects: {allowed}. An admin changes the key's projects in keys.yaml.",
    )
