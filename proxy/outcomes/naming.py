"""Naming: which registered service a source speaks of."""

from proxy.model.service import Service, Services


def service_of(services: Services, repository: str, name: str, environment: str) -> str:
    """The one service that the name, the repository and the environment fit; '' where none does, or several do."""
    named = [each for each in services.services.values() if name and name in (each.name, *each.names)]
    found = [each for each in named if not repository or repository in each.repositories]
    if not named and repository:
        found = [each for each in services.services.values() if repository in each.repositories]
    return _only(found) or _only([each for each in found if environment in each.environments])


def _only(found: list[Service]) -> str:
    return found[0].name if len(found) == 1 else ""
