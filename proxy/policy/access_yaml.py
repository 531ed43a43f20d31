"""access.yaml: people, service accounts, and the projects that calls are charged to."""

from typing import Final

from proxy.model.identity import Project, Purpose, Role
from proxy.model.repository import repository
from proxy.policy.document import Node, Word, read_document
from proxy.policy.mistakes import Mistakes, shown, suggestion
from proxy.policy.section import Section, entry
from proxy.policy.types import Access, Person, ServiceAccount

FILE: Final = "access.yaml"

TOP: Final = {
    "people": "people: {alice: {team: payments}}",
    "service_accounts": "service_accounts: {checkout-api: {team: payments}}",
    "projects": "projects: {checkout: {team: payments, repositories: [github.com/acme/checkout]}}",
}
PERSON: Final = {
    "team": "team: payments",
    "aliases": "aliases: [alice@example.com]",
    "roles": "roles: [developer, finance]",
}
SERVICE_ACCOUNT: Final = {"team": "team: payments"}
PROJECT: Final = {
    "team": "team: payments",
    "cost_center": "cost_center: CC-42",
    "purpose": "purpose: build",
    "members": "members: [alice, checkout-api]",
    "owners": "owners: [alice]",
    "repositories": "repositories: [github.com/acme/checkout]",
}


def read_access(data: bytes | str, mistakes: Mistakes) -> Access:
    reading = _People(mistakes)
    document = read_document(data, mistakes, {"people": reading.take})
    if document is None:
        return Access(reading.people, names=reading.names())
    top = Section(document, TOP, mistakes, FILE)
    for key, section in top.entries("people", PERSON, "a person"):
        reading.person(key, section)
    people, names = reading.people, reading.names()
    services = dict(_services(top, people, names))
    return Access(people, services, dict(_projects(top, people, services, names)), names)


class _People:
    """What must hold across people: a name or alias is one person's only."""

    def __init__(self, mistakes: Mistakes) -> None:
        self.people: dict[str, Person] = {}
        self._aliases: dict[str, tuple[str, Word]] = {}
        self._mistakes = mistakes

    def take(self, key: Word | None, node: Node) -> None:
        section = entry(key, node, PERSON, self._mistakes, "a person") if key is not None else None
        if key is not None and section is not None:
            self.person(key, section)

    def person(self, key: Word, section: Section) -> None:
        aliases = section.names("aliases")
        for alias in aliases:
            if alias.text == key.text:
                self._mistakes.add(alias, f"{shown(alias.text)} is the person's name already")
            elif alias.text in self._aliases:
                self._mistakes.add(alias, f"{shown(alias.text)} is an alias of {self._aliases[alias.text][0]} already")
            else:
                self._aliases[alias.text] = (key.text, alias)
        self.people[key.text] = Person(
            name=key.text,
            team=section.name("team"),
            aliases=tuple(alias.text for alias in aliases),
            roles=_roles(section),
        )

    def names(self) -> dict[str, str]:
        """Every alias with its person, once all are known."""
        for alias, (person, word) in self._aliases.items():
            if alias in self.people:
                self._mistakes.add(word, f"{shown(alias)} is an alias of {person}, and a person of its own")
        return {alias: person for alias, (person, _) in self._aliases.items()}


def _roles(section: Section) -> tuple[Role, ...]:
    roles: list[Role] = []
    section.some("roles")
    for word in section.words("roles"):
        if word.text in list(Role):
            roles.append(Role(word.text))
        else:
            section.mistakes.add(
                word, f"roles can't have {shown(word.text)}: {suggestion(word.text, Role)}", PERSON["roles"]
            )
    return tuple(roles)


def _services(top: Section, people: dict[str, Person], names: dict[str, str]) -> list[tuple[str, ServiceAccount]]:
    services: list[tuple[str, ServiceAccount]] = []
    for key, section in top.entries("service_accounts", SERVICE_ACCOUNT, "a service account"):
        if key.text in people or key.text in names:
            top.mistakes.add(key, f"{shown(key.text)} is a person already: a service account has a name of its own")
        if section.require("team"):
            services.append((key.text, ServiceAccount(key.text, section.name("team"))))
    return services


def _projects(
    top: Section, people: dict[str, Person], services: dict[str, ServiceAccount], names: dict[str, str]
) -> list[tuple[str, Project]]:
    known = {**dict.fromkeys(people), **dict.fromkeys(services), **dict.fromkeys(names)}
    persons = {**{name: name for name in people}, **names}
    return [
        (key.text, _project(key, section, known, persons))
        for key, section in top.entries("projects", PROJECT, "a project")
    ]


def _project(key: Word, section: Section, known: dict[str, None], persons: dict[str, str]) -> Project:
    members = section.names("members")
    for member in members:
        if member.text not in known:
            hint = suggestion(member.text, known)
            section.mistakes.warn(member, f"{shown(member.text)} is no person or service account of this file: {hint}")
    return Project(
        name=key.text,
        team=section.name("team"),
        cost_center=section.text("cost_center", 100),
        purpose=section.choice("purpose", tuple(Purpose), Purpose.BUILD),
        repositories=read_repositories(section),
        members=tuple(member.text for member in members),
        owners=_owners(section, persons),
    )


def _owners(section: Section, persons: dict[str, str]) -> tuple[str, ...]:
    """By their names. Whoever owns a project sees its money, so a name that nobody has is a mistake."""
    found: dict[str, None] = {}
    for word in section.names("owners"):
        if word.text in persons:
            found[persons[word.text]] = None
        else:
            hint = suggestion(word.text, persons)
            said = f"owners: {shown(word.text)} is no person of this file: {hint}"
            section.mistakes.add(word, said, PROJECT["owners"])
    return tuple(found)


def read_repositories(section: Section) -> tuple[str, ...]:
    """Each in the one spelling of model.repository."""
    found: dict[str, None] = {}
    for word in section.words("repositories"):
        normal = repository(word.text)
        if normal:
            found[normal] = None
        else:
            section.mistakes.add(
                word, f"repositories: {shown(word.text)} is not host/owner/name", section.example("repositories")
            )
    return tuple(found)
