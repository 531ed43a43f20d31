"""Service: what deployments are counted for, and who may speak of them, as services.yaml registers them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, Literal

SourceKind = Literal["github", "gitlab", "argocd", "cdevents", "generic"]
Trust = Literal["claimed", "signed", "corroborated"]
"""As model.told.Trust."""

HOUR_US = 3_600_000_000
CODE_HOSTS: Final[tuple[SourceKind, ...]] = ("github", "gitlab")
"""Kinds that say who approved what, since it happened there. Whatever else tells of it repeats what somebody wrote."""


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    repositories: tuple[str, ...]
    """As model.repository spells them."""
    environments: tuple[str, ...]
    """Names of its production environments, exactly."""
    registered_us: int
    """From when on it counts; before it has proved itself it is in probation."""
    paths: tuple[str, ...] = ()
    """Globs of the part of the repository that is this service; empty: all of it."""
    names: tuple[str, ...] = ()
    """What sources that know no repository call it; its own name always."""
    deploy_actors: tuple[str, ...] = ()
    """Who may deploy it, by the sources' names or as globs; empty: nobody is trusted by a signature alone."""
    sources: tuple[str, ...] = ()
    """Names of the sources that may speak of it; empty: any registered one."""
    soak_us: int = 72 * HOUR_US
    tier: str = ""
    """Services of a tier share what a normal week is, as far as their own history doesn't tell."""
    owner: str = ""
    """Team."""
    projects: tuple[str, ...] = ()
    """Whose build spend is this service's where nothing nearer says whose it is."""
    trust: Trust = "signed"
    """The least that a deployment needs."""
    config_counts: bool = False
    """True: changes to configuration and flags alone count too, on a line of their own."""
    ignored: tuple[str, ...] = ()
    """Globs of paths whose changes have no substance, beside the usual ones."""
    where: str = ""
    """'file:line' of the entry."""

    def hears(self, source: str) -> bool:
        """Of its deployments, and of the changes and reviews of its repositories."""
        return not self.sources or source in self.sources


@dataclass(frozen=True, slots=True)
class EventSource:
    """Who may send outcome events. Never the secret itself."""

    name: str
    kind: SourceKind
    secrets: tuple[tuple[Literal["env", "file"], str], ...] = ()
    """One, or two while it is changed; of generic sources too."""
    repositories: tuple[str, ...] = ()
    """Globs of those that it may speak of; empty: those of registered services."""
    host: str = ""
    """Where its repositories are, for names without one ('github.com')."""
    where: str = ""
    changes: bool = False
    """Of kind 'cdevents': true where it may tell of changes and reviews."""

    @property
    def tells_changes(self) -> bool:
        """Changes and reviews. Whoever holds a pipeline's key would approve his own work, so no other source may."""
        return self.kind in CODE_HOSTS or (self.kind == "cdevents" and self.changes)

    def may_name(self, repository: str) -> bool:
        """Whether its own list of repositories lets it speak of this one."""
        return not self.repositories or any(fnmatchcase(repository, glob.lower()) for glob in self.repositories)


@dataclass(frozen=True, slots=True)
class Mirror:
    """How a repository's history is read."""

    repository: str
    url: str
    credential: tuple[Literal["env", "file", "ssh_key", "none"], str] = ("none", "")
    where: str = ""


@dataclass(frozen=True, slots=True)
class Services:
    services: Mapping[str, Service] = field(default_factory=dict)
    sources: Mapping[str, EventSource] = field(default_factory=dict)
    mirrors: Mapping[str, Mirror] = field(default_factory=dict)
    """By repository."""
    probation_us: int = 30 * 24 * HOUR_US
    probation_deployments: int = 5
    persons_min: int = 5
    """Fewer than so many persons behind a figure that could be read as one person's: it is not published."""


NO_SERVICES = Services()
