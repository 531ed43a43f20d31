"""Naming: which registered service a source speaks of, and what is one service's alone."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from proxy.model.service import Service, Services


def service_of(services: Services, repository: str, name: str, environment: str) -> str:
    """The one service that the name, the repository and the environment fit; '' where none does, or several do."""
    named = [each for each in services.services.values() if name and name in (each.name, *each.names)]
    found = [each for each in named if not repository or repository in each.repositories]
    if not named and repository:
        found = [each for each in services.services.values() if repository in each.repositories]
    return _only(found) or _only([each for each in found if environment in each.environments])


class Names:
    """`service_of`, each answer kept: the same few are asked for again and again."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._known: dict[tuple[str, str, str], str] = {}

    def service(self, repository: str, name: str, environment: str) -> str:
        asked = repository, name, environment
        if asked not in self._known:
            self._known[asked] = service_of(self.services, *asked)
        return self._known[asked]


def _only(found: list[Service]) -> str:
    return found[0].name if len(found) == 1 else ""


def only_owner(names: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Whose each thing is, of those that are one's alone."""
    owners: dict[str, list[str]] = defaultdict(list)
    for owner, things in names.items():
        for thing in things:
            owners[thing].append(owner)
    return {thing: found[0] for thing, found in owners.items() if len(found) == 1}
