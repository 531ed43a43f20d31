"""services.yaml, `services`: one service, and what must hold across all of them."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from proxy.model.service import Service, Trust
from proxy.policy.access_yaml import read_repositories
from proxy.policy.document import Word
from proxy.policy.mistakes import Mistakes, shown, suggestion
from proxy.policy.rule_yaml import Known, check_known
from proxy.policy.section import Section

SERVICE: Final = {
    "repositories": "repositories: [github.com/acme/checkout]",
    "environments": "environments: [production]",
    "registered": "registered: 2026-11-01",
    "paths": "paths: [services/checkout/**]",
    "names": "names: [checkout-api]",
    "deploy_actors": 'deploy_actors: ["github-actions[bot]"]',
    "sources": "sources: [acme-github]",
    "soak": "soak: 72h",
    "tier": "tier: critical",
    "owner": "owner: payments",
    "projects": "projects: [checkout]",
    "trust": "trust: signed",
    "config_counts": "config_counts: true",
    "ignored": "ignored: [docs/**]",
}
TRUSTS: Final[tuple[Trust, ...]] = ("claimed", "signed", "corroborated")
SOAK_S: Final = 72 * 3600
SOAK_S_MIN: Final = 1
SOAK_S_SHORT: Final = 3600
"""In less hardly anything goes wrong that will."""
LISTS: Final = ("repositories", "environments", "paths", "names", "deploy_actors", "sources", "projects", "ignored")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class ServiceReading:
    """`services`, `sources`: the names that the file has. `now_us`: 0 where nobody says what time it is."""

    def __init__(self, services: Collection[str], sources: Collection[str], known: Known, now_us: int) -> None:
        self._named = {name: name for name in services}
        self._sources = sources
        self._known = known
        self._now_us = now_us

    def read(self, key: Word, section: Section) -> Service:
        for name in LISTS:
            section.some(name)
        section.require("repositories", "environments", "registered")
        about = f"service {shown(key.text)}: "
        service = Service(
            name=key.text,
            repositories=read_repositories(section),
            environments=_environments(section),
            registered_us=_registered_us(section),
            paths=_paths(section, "paths"),
            names=self._names(key, section),
            deploy_actors=_deploy_actors(section, about),
            sources=self._sources_of(section),
            soak_us=section.seconds("soak", SOAK_S, SOAK_S_MIN) * 1_000_000,
            tier=section.name("tier"),
            owner=_owner(section, self._known, about),
            projects=_projects(section, self._known, about),
            trust=section.choice("trust", TRUSTS, "signed"),
            config_counts=section.flag("config_counts"),
            ignored=_paths(section, "ignored"),
            where=section.mistakes.where(key),
        )
        if 0 < self._now_us < service.registered_us:
            section.mistakes.warn(key, f"{about}registered on a day to come: before it nothing counts")
        if service.soak_us < SOAK_S_SHORT * 1_000_000:
            said = f"a soak of {section.text('soak')} shows little: it is for trying things out"
            section.mistakes.warn(key, about + said, SERVICE["soak"])
        self._warn_of_trust(key, service, about, section.mistakes)
        return service

    def _names(self, key: Word, section: Section) -> tuple[str, ...]:
        """A name leads to one service, or what is told of it belongs to none."""
        words = section.words("names")
        for word in words:
            other = self._named.setdefault(word.text, key.text)
            if other != key.text:
                section.mistakes.add(word, f"names: {shown(word.text)} is a name of the service {shown(other)} already")
        return tuple(word.text for word in words)

    def _sources_of(self, section: Section) -> tuple[str, ...]:
        words = section.words("sources")
        for word in words:
            if word.text not in self._sources:
                hint = suggestion(word.text, self._sources)
                section.mistakes.add(word, f"sources: the file has no source {shown(word.text)}: {hint}")
        return tuple(word.text for word in words)

    def _warn_of_trust(self, key: Word, service: Service, about: str, mistakes: Mistakes) -> None:
        """A signature proves who sent it, so that somebody deployed takes a known deployer, or a second source."""
        strict = service.trust == "corroborated"
        tellers = len(service.sources or self._sources)
        if not tellers or (strict and tellers > 1) or (service.deploy_actors and not strict):
            return
        why = "with trust: corroborated" if strict else "without deploy_actors"
        end = ", and only one may tell of it: nothing will count" if tellers == 1 else ""
        example = "" if strict else SERVICE["deploy_actors"]
        mistakes.warn(key, f"{about}{why} a deployment counts only where a second source tells the same{end}", example)


def _environments(section: Section) -> tuple[str, ...]:
    words = section.words("environments")
    for word in words:
        if "*" in word.text:
            section.mistakes.add(
                word, f"environments: {shown(word.text)} is a pattern: production is what is named exactly"
            )
    return tuple(word.text for word in words)


def _registered_us(section: Section) -> int:
    found = section.moment("registered")
    return (found - _EPOCH) // timedelta(microseconds=1) if found else 0


def _paths(section: Section, name: str) -> tuple[str, ...]:
    words = section.words(name)
    for word in words:
        if word.text.startswith("/") or "\\" in word.text or {".", ".."} & set(word.text.split("/")):
            said = (
                f"{name}: {shown(word.text)} is no path as git has it, from the top of the repository, without / first"
            )
            section.mistakes.add(word, said, section.example(name))
    return tuple(word.text for word in words)


def _deploy_actors(section: Section, about: str) -> tuple[str, ...]:
    words = section.words("deploy_actors")
    for word in words:
        if not word.text.strip("*"):
            section.mistakes.warn(word, f"{about}{shown(word.text)} lets everybody deploy whom a source names")
    return tuple(word.text for word in words)


def _owner(section: Section, known: Known, about: str) -> str:
    node = section.node("owner")
    if node is not None:
        check_known(section.mistakes, "team", node, known, about)
    return section.name("owner")


def _projects(section: Section, known: Known, about: str) -> tuple[str, ...]:
    words = section.names("projects")
    for word in words:
        check_known(section.mistakes, "project", word, known, about)
    return tuple(word.text for word in words)
