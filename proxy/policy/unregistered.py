"""Unregistered: who and what keys name before access.yaml does, with the lines that would register them."""

from dataclasses import dataclass

from proxy.model.identity import OwnerKind
from proxy.policy.types import Access, Key


@dataclass(frozen=True, slots=True)
class Unregistered:
    people: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.people or self.service_accounts or self.projects)

    def lines_to_add(self) -> list[str]:
        """YAML for access.yaml; a service account's team has to be filled in."""
        sections = {
            "people": dict.fromkeys(self.people, "{team: …}"),
            "service_accounts": dict.fromkeys(self.service_accounts, "{team: …}"),
            "projects": dict.fromkeys(self.projects, "{team: …, cost_center: …}"),
        }
        lines: list[str] = []
        for section, entries in sections.items():
            if entries:
                lines += [f"{section}:", *(f"  {name}: {body}" for name, body in entries.items())]
        return lines


def unregistered(access: Access, keys: list[Key]) -> Unregistered:
    """What keys that are not revoked name and access.yaml doesn't, sorted."""
    live = [key for key in keys if not key.revoked]
    people = {key.owner for key in live if key.owner_kind is OwnerKind.PERSON}
    services = {key.owner for key in live if key.owner_kind is OwnerKind.SERVICE}
    projects = {project for key in live for project in key.projects}
    return Unregistered(
        tuple(sorted(people - access.people.keys())),
        tuple(sorted(services - access.service_accounts.keys())),
        tuple(sorted(projects - access.projects.keys())),
    )
