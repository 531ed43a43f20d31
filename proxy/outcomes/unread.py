"""Unread: which rules can't be applied to the changes of a repository whose mirror can't be read, and why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from proxy.model.service import Services

NEED_A_MIRROR: Final[Mapping[str, str]] = {
    "D6": "which changes a deployment brought",
    "Q1": "whether a change has substance",
    "Q4": "reverts that nobody names: the same diff turned round",
    "groups": "the same work again: equal and nearly equal diffs",
    "redeploy_older": "that an older commit never deployed before takes back what ran",
}
"""Rules, with what can't be told without a repository's history."""
NO_MIRROR: Final = "services.yaml has no mirror of it"
NEVER_FETCHED: Final = "its mirror has not been fetched yet"


@dataclass(frozen=True, slots=True)
class MirrorState:
    """Of one mirror, as it is kept."""

    repository: str
    fetched_us: int = 0
    """When it was last fetched in whole; 0: never."""
    tried_us: int = 0
    error: str = ""
    """Why it could not be fetched or read the last time; '' where it could."""
    next_us: int = 0
    """When it is tried again, after an error."""
    waiting: int = 0
    """Questions that are open."""
    missing: tuple[str, ...] = ()
    """Commits that were told of and are not in the repository: some of them."""
    size_bytes: int = 0
    fetches: int = 0
    failures: int = 0
    facts: int = 0
    """Told since the start."""

    @property
    def reachable(self) -> bool | None:
        """None: not tried since the start."""
        return None if not self.tried_us else not self.error


@dataclass(frozen=True, slots=True)
class Unread:
    repository: str
    services: tuple[str, ...]
    why: str


def unread(services: Services, states: Iterable[MirrorState]) -> tuple[Unread, ...]:
    """Repositories of registered services to whose deployments the rules of NEED_A_MIRROR can't be applied in full."""
    by_name = {each.repository: each for each in states}
    of: dict[str, list[str]] = {}
    for service in services.services.values():
        for repository in service.repositories:
            of.setdefault(repository, []).append(service.name)
    found = ((name, _why(name, services, by_name.get(name))) for name in sorted(of))
    return tuple(Unread(name, tuple(sorted(of[name])), why) for name, why in found if why)


def _why(repository: str, services: Services, state: MirrorState | None) -> str:
    if repository not in services.mirrors:
        return NO_MIRROR
    if state is None or not (state.fetched_us or state.error):
        return NEVER_FETCHED
    if state.error:
        return state.error
    if state.missing:
        return f"{len(state.missing)} commits that were told of are not in it, {state.missing[0][:12]} among them"
    return ""


def said(found: Iterable[Unread]) -> list[str]:
    """A sentence for each, for a report."""
    missing = "; ".join(f"{rule}: {what}" for rule, what in NEED_A_MIRROR.items())
    return [
        f"{each.repository} ({', '.join(each.services)}) can't be read: {each.why}. "
        f"Of its deployments can't be told: {missing}."
        for each in found
    ]
