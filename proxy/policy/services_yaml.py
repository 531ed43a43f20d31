"""services.yaml: what deployments are counted for, who may tell of them, and how the history of changes is read.

Nothing counts that isn't registered here. Secrets never stand here.
"""

from typing import Final

from proxy.model.service import HOUR_US, NO_SERVICES, Service, Services
from proxy.policy.document import Table, Word, read_document
from proxy.policy.event_sources_yaml import read_sources
from proxy.policy.mirrors_yaml import read_mirrors
from proxy.policy.mistakes import Mistakes, shown
from proxy.policy.names import Names
from proxy.policy.rule_yaml import Known
from proxy.policy.section import Section
from proxy.policy.service_yaml import SERVICE, ServiceReading
from proxy.policy.services_apart import check_apart
from proxy.policy.services_heard import check_heard

FILE: Final = "services.yaml"

TOP: Final = {
    "services": "services: {checkout: {repositories: [github.com/acme/checkout], environments: [production], "
    "registered: 2026-11-01}}",
    "sources": "sources: {acme-github: {kind: github, secrets: [{env: GITHUB_WEBHOOK_SECRET}]}}",
    "mirrors": "mirrors: {github.com/acme/checkout: {token: {env: GITHUB_READ_TOKEN}}}",
    "probation_days": "probation_days: 30",
    "probation_deployments": "probation_deployments: 5",
    "persons_min": "persons_min: 5",
}
SERVICES_MAX: Final = 5000
PROBATION_DAYS_MAX: Final = 365
PROBATION_DEPLOYMENTS_MAX: Final = 1000
PERSONS_MIN: Final = 3
PERSONS_MAX: Final = 1000

_DAY_US: Final = 24 * HOUR_US


def read_services(data: bytes | str, known: Known, mistakes: Mistakes, now_us: int = 0) -> Services:
    """`now_us`: with it, a service that counts from a day to come is warned about."""
    document = read_document(data, mistakes)
    if document is None:
        return NO_SERVICES
    top = Section(document, TOP, mistakes, FILE)
    services, keys = _services(top, known, now_us)
    repositories = Names(each for service in services.values() for each in service.repositories)
    least = NO_SERVICES.probation_deployments
    days = _whole(top, "probation_days", NO_SERVICES.probation_us // _DAY_US, 0, PROBATION_DAYS_MAX)
    sources = read_sources(top, repositories)
    check_heard(services, keys, sources, mistakes)
    return Services(
        services=services,
        sources=sources,
        mirrors=read_mirrors(top, repositories),
        probation_us=days * _DAY_US,
        probation_deployments=_whole(top, "probation_deployments", least, 0, PROBATION_DEPLOYMENTS_MAX),
        persons_min=_whole(top, "persons_min", NO_SERVICES.persons_min, PERSONS_MIN, PERSONS_MAX),
    )


def _services(top: Section, known: Known, now_us: int) -> tuple[dict[str, Service], dict[str, Word]]:
    """And where each stands."""
    sources = _names_under(top, "sources")
    reading = ServiceReading(_names_under(top, "services"), sources, known, now_us)
    services: dict[str, Service] = {}
    keys: dict[str, Word] = {}
    for key, section in top.entries("services", SERVICE, "a service"):
        if len(services) == SERVICES_MAX:
            top.mistakes.add(key, f"there are more than {SERVICES_MAX} services")
            break
        services[key.text], keys[key.text] = reading.read(key, section), key
    if services and not sources:
        first = next(iter(keys.values()))
        top.mistakes.warn(first, "no source may tell of deployments, so that none will ever count", TOP["sources"])
    check_apart(services, keys, top.mistakes)
    return services, keys


def _names_under(top: Section, name: str) -> tuple[str, ...]:
    table = top.node(name)
    return tuple(key.text for key, _ in table.pairs) if isinstance(table, Table) else ()


def _whole(section: Section, name: str, default: int, least: int, most: int) -> int:
    text = section.text(name)
    found = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    if not text or least <= found <= most:
        return found if text else default
    section.wrong(name, f"can't be {shown(text)}: it is a whole number from {least} to {most}")
    return default
