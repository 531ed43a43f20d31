"""Admitting: whose word is taken for what, by the services and sources that are registered now."""

from collections.abc import Iterable
from typing import Final

from proxy.model.service import Service, Services
from proxy.model.told import (
    ChangeTold,
    DeploymentTold,
    DiffTold,
    Fact,
    IncidentTold,
    ReviewTold,
    ShippedTold,
    Told,
    Trust,
)
from proxy.outcomes.naming import service_of

MIRROR: Final = "mirror"
"""Tells what was read from a repository's own history; no source may be called so."""

NEVER_US: Final = 2**63 - 1


def registered_since(services: Services) -> dict[str, int]:
    """By repository: when the first of its services was registered."""
    found: dict[str, int] = {}
    for each in services.services.values():
        for name in each.repositories:
            found[name] = min(found.get(name, NEVER_US), each.registered_us)
    return found


class Admission:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._registered = {name for each in services.services.values() for name in each.repositories}
        self._believing = {
            name for each in services.services.values() if each.trust == "claimed" for name in each.repositories
        }
        self._since_us = registered_since(services)
        self._speaking = _speaking(services.services.values())

    def admits(self, line: Told, fact: Fact) -> bool:
        """What was held back on receipt comes in once its repository or service is named: not to lose what came before.

        Only the mirror speaks of diffs and of what shipped; and a claim says nothing of changes, reviews and commits,
        or whoever holds a pipeline's key would approve his own work. Unless nothing better is asked for. For the same
        reason changes and reviews are told by code hosts and those that services.yaml lets, and of the repositories of
        a service that names its sources by no others.
        """
        if line.imported or (line.source == MIRROR and MIRROR not in self._services.sources):
            return not line.quarantine and not (line.imported and self._is_late(fact))
        if isinstance(fact, DiffTold | ShippedTold):
            return False
        if line.quarantine and not self._named_since(line, fact):
            return False
        if isinstance(fact, DeploymentTold | IncidentTold):
            return True
        if isinstance(fact, ChangeTold | ReviewTold) and not self._may_speak(line.source, fact.repository):
            return False
        return line.trust != Trust.CLAIMED or fact.repository in self._believing

    def _is_late(self, fact: Fact) -> bool:
        """History is read of the time before; from then on only what is told as it happens counts."""
        return isinstance(fact, ChangeTold) and fact.merged_us >= self._since_us.get(fact.repository, NEVER_US)

    def _may_speak(self, source: str, repository: str) -> bool:
        sender, names = self._services.sources.get(source), self._speaking.get(repository)
        return sender is not None and sender.tells_changes and (not names or source in names)

    def _named_since(self, line: Told, fact: Fact) -> bool:
        """A source that was unknown then could prove nothing, and stays out."""
        source = self._services.sources.get(line.source)
        if source is None or line.trust == Trust.CLAIMED:
            return False
        if fact.repository:
            return fact.repository in self._registered and source.may_name(fact.repository)
        if isinstance(fact, DeploymentTold | IncidentTold):
            return bool(service_of(self._services, "", fact.service, fact.environment))
        return False


def _speaking(services: Iterable[Service]) -> dict[str, frozenset[str]]:
    """By repository: which sources its services name; empty where one of them takes any."""
    found: dict[str, frozenset[str]] = {}
    for each in services:
        for name in each.repositories:
            known = found.get(name)
            anybody = not each.sources or (known is not None and not known)
            found[name] = frozenset() if anybody else frozenset(each.sources) | (known or frozenset())
    return found
