"""Quarantine: what scores nothing until somebody registers it, decided anew with every services.yaml.

A line keeps the reason it had on receipt; what counts is the reason it has now. So whoever registers a service doesn't
lose what came before, and what is taken out of services.yaml speaks no more.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from proxy.model.service import EventSource, Services
from proxy.model.told import Told

OWN: Final = frozenset(("mirror", "import"))
"""Sources that are no sender: what outlay reads itself, and what an admin brought in."""


def quarantined(told: Told, services: Services) -> str:
    """Why it scores nothing under these services; '' where it may."""
    return unregistered(told.source, told.facts.get("repository", ""), told.facts.get("service", ""), services)


def decided(lines: Iterable[Told], services: Services) -> Iterator[Told]:
    """The lines, each with its quarantine as these services have it: what `fold` takes."""
    known: dict[tuple[str, str, str], str] = {}
    for line in lines:
        where = line.source, line.facts.get("repository", ""), line.facts.get("service", "")
        reason = known.get(where)
        if reason is None:
            reason = known[where] = unregistered(*where, services)
        yield line if reason == line.quarantine else replace(line, quarantine=reason)


def unregistered(source: str, repository: str, service: str, services: Services) -> str:
    """Why what this source says of this repository or service scores nothing; '' where it may."""
    if source in OWN:
        return ""
    sender = services.sources.get(source)
    if sender is None:
        return f"services.yaml has no source {source}"
    if repository:
        return _of_repository(sender, repository, services)
    named = {name for each in services.services.values() for name in (each.name, *each.names)}
    if service and service not in named:
        return f"no service in services.yaml is called {service}"
    return ""


def _of_repository(sender: EventSource, repository: str, services: Services) -> str:
    if sender.repositories:
        if sender.may_name(repository):
            return ""
        return f"source {sender.name} may not speak of {repository}"
    if any(repository in each.repositories for each in services.services.values()):
        return ""
    return f"no service in services.yaml has the repository {repository}"
