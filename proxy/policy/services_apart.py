"""Services apart: which service is meant, where one repository holds several of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from proxy.model.service import Service
from proxy.policy.document import Word
from proxy.policy.mistakes import Mistakes, shown

_Place = tuple[str, str]
"""Repository and environment: all that many a deployment tells of where it went."""


def check_apart(services: Mapping[str, Service], keys: Mapping[str, Word], mistakes: Mistakes) -> None:
    """A mistake for each service that is not told apart from another one of its repository and environment."""
    for name, other in _confused(services).items():
        repository = next(each for each in services[name].repositories if each in services[other].repositories)
        mistakes.add(
            keys[name],
            f"{shown(name)} and {shown(other)} deploy {repository} to one environment: say which paths are whose, or "
            "by which names their deployments are told",
            "paths: [services/checkout/**]",
        )


def _confused(services: Mapping[str, Service]) -> dict[str, str]:
    """Service -> the first one that it can't be told from."""
    found: dict[str, str] = {}
    for together in _places(services).values():
        paths: dict[tuple[str, ...], Service] = {}
        for service in together if len(together) > 1 else ():
            first = paths.setdefault(service.paths, service)
            alike = first is not service and not (service.names and first.names)
            if alike or not (service.paths or service.names):
                other = first if first is not service else together[service is together[0]]
                found.setdefault(service.name, other.name)
    return found


def _places(services: Mapping[str, Service]) -> Mapping[_Place, Sequence[Service]]:
    places: dict[_Place, list[Service]] = defaultdict(list)
    for service in services.values():
        for repository in service.repositories:
            for environment in service.environments:
                places[repository, environment].append(service)
    return places
