"""Unheard: what a registered source tells in vain, because services.yaml doesn't let it tell of that.

It is on record, and counts from the moment on in which services.yaml lets it.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from proxy.model.service import EventSource, Service, Services
from proxy.model.told import Told, Trust
from proxy.outcomes.naming import service_of
from proxy.outcomes.quarantine import OWN

CHANGES: Final = frozenset(("change", "review"))
_SIGN: Final = "# better: a signing token, docs/connect-gitlab.md; else, where claims are enough\n"
_PROVES: Final = "  # whoever has its secret can then say who approved what\n"


@dataclass(frozen=True, slots=True)
class Place:
    """What one source says of one repository or service."""

    source: str
    repository: str
    service: str
    trust: str
    kinds: Collection[str]
    environments: Collection[str]


@dataclass(frozen=True, slots=True)
class Unheard:
    why: str
    add: str
    """To services.yaml, for somebody to look at first."""


def place_of(line: Told) -> Place:
    facts = line.facts
    where = facts.get("repository", ""), facts.get("service", "")
    return Place(line.source, *where, line.trust, (line.kind,), (facts.get("environment", ""),))


def unheard(place: Place, services: Services) -> Unheard | None:
    """None: all of it counts, as far as services.yaml is concerned, or its source or place isn't registered at all."""
    sender = services.sources.get(place.source)
    if sender is None or place.source in OWN or (place.repository and not sender.may_name(place.repository)):
        return None
    return next((found for found in _reasons(place, sender, services) if found), None)


def _reasons(place: Place, sender: EventSource, services: Services) -> Iterator[Unheard | None]:
    having = [each for each in services.services.values() if place.repository in each.repositories]
    if having and not CHANGES.isdisjoint(place.kinds):
        yield _of_changes(place, sender, having)
    if "deployment" in place.kinds:
        yield _left_out(sender, _deployed(place, services))


def _of_changes(place: Place, sender: EventSource, having: list[Service]) -> Unheard | None:
    if not sender.tells_changes:
        add = f"sources:\n  {json.dumps(sender.name)}:\n    changes: true{_PROVES}"
        return Unheard(f"source {sender.name} may not tell of changes and reviews", add)
    if not any(each.hears(sender.name) for each in having):
        return _left_out(sender, having)
    if place.trust == Trust.CLAIMED and not any(each.trust == "claimed" for each in having):
        add = f"{_SIGN}services:\n  {json.dumps(having[0].name)}:\n    trust: claimed\n"
        return Unheard(f"what source {sender.name} says of changes and reviews is a claim", add)
    return None


def _deployed(place: Place, services: Services) -> list[Service]:
    asked = {service_of(services, place.repository, place.service, each) for each in place.environments}
    return [services.services[name] for name in sorted(asked - {""})]


def _left_out(sender: EventSource, having: Iterable[Service]) -> Unheard | None:
    deaf = [each for each in having if not each.hears(sender.name)]
    if not deaf:
        return None
    first, names = deaf[0], ", ".join(each.name for each in deaf)
    add = f"services:\n  {json.dumps(first.name)}:\n    sources: {json.dumps([*first.sources, sender.name])}\n"
    return Unheard(f"source {sender.name} is not among the sources of {names}", add)
