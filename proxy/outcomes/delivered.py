"""Delivered: what became of each deployment, by D1 to D7; docs/outcomes.md says them in words."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from proxy.model.service import Service, Services
from proxy.outcomes.definition import DAY_US, Definition
from proxy.outcomes.entities import BadEvent, Deployment
from proxy.outcomes.trusting import trust
from proxy.outcomes.verdicts import Ruling

SUPERSEDED_US = 60_000_000
"""Sources tell that a deployment is no longer active some time after the one that took its place succeeded."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A deployment that D1 to D5 are told of, and D7 as far as it can be."""

    deployment: Deployment
    service: Service
    rulings: tuple[Ruling, ...]
    soak: Ruling
    until_us: int

    @property
    def arrived(self) -> bool:
        """D1 to D5 hold: what it brought is in production."""
        return all(each.holds for each in self.rulings)


@dataclass(slots=True)
class _Place:
    """What is known of one service in one environment, so far."""

    seen: set[str] = field(default_factory=set)


def candidates(
    deployments: Sequence[Deployment],
    bad_events: Iterable[BadEvent],
    services: Services,
    now_us: int,
    definition: Definition,
) -> list[Candidate]:
    """Those of registered services, in their order."""
    bad: dict[str, list[BadEvent]] = defaultdict(list)
    for event in bad_events:
        bad[event.deployment].append(event)
    follower = _followers(deployments)
    places: dict[tuple[str, str], _Place] = defaultdict(_Place)
    proved: dict[str, int] = defaultdict(int)
    found = []
    for each in deployments:
        service = services.services.get(each.service)
        if service is None:
            continue
        place = places[each.service, each.environment]
        rulings = (
            trust(each, service),
            _in_production(each, service),
            _succeeded(each, follower.get(each.id, 0), definition),
            _is_new(each, place),
            _past_probation(each, service, proved[service.name], services),
        )
        if each.trusted and each.succeeded:
            place.seen |= each.artefact
        proved[service.name] += all(ruling.holds for ruling in rulings[:4])
        soak = _soaked(each, service, bad.get(each.id, ()), now_us)
        found.append(Candidate(each, service, rulings, soak, each.at_us + service.soak_us))
    return found


def _followers(deployments: Iterable[Deployment]) -> Mapping[str, int]:
    """When the next one in the same place succeeded, by deployment."""
    last: dict[tuple[str, str], str] = {}
    found: dict[str, int] = {}
    for each in deployments:
        if each.succeeded and each.trusted:
            place = each.service, each.environment
            if place in last:
                found[last[place]] = each.at_us
            last[place] = each.id
    return found


def _in_production(deployment: Deployment, service: Service) -> Ruling:
    holds = deployment.environment in service.environments
    known = ", ".join(service.environments)
    where = f"environment {deployment.environment or 'without a name'}"
    return Ruling("D2", holds, where if holds else f"{where}; production of {service.name} is {known}")


def _succeeded(deployment: Deployment, followed_us: int, definition: Definition) -> Ruling:
    if not deployment.succeeded:
        return Ruling("D3", False, f"it never succeeded: {deployment.state}")
    if deployment.failed_us and deployment.failed_us - deployment.at_us <= definition.settled_us:
        return Ruling("D3", False, "it failed within ten minutes of its success")
    gone = deployment.inactive_us and deployment.inactive_us - deployment.at_us <= definition.settled_us
    if gone and not (followed_us and followed_us <= deployment.inactive_us + SUPERSEDED_US):
        return Ruling("D3", False, "it was taken down within ten minutes of its success")
    return Ruling("D3", True, "it succeeded")


def _is_new(deployment: Deployment, place: _Place) -> Ruling:
    if not deployment.artefact:
        return Ruling("D4", False, "neither artefact, tree nor commit is known")
    again = sorted(deployment.artefact & place.seen)
    if again:
        return Ruling("D4", False, f"{again[0][:19]} ran there before")
    return Ruling("D4", True, "an artefact that never ran there before")


def _past_probation(deployment: Deployment, service: Service, proved: int, services: Services) -> Ruling:
    if deployment.at_us < service.registered_us:
        return Ruling("D5", False, f"{service.name} was not registered yet")
    days = (deployment.at_us - service.registered_us) // DAY_US
    if deployment.at_us - service.registered_us >= services.probation_us:
        return Ruling("D5", True, f"registered {days} days before")
    if proved >= services.probation_deployments:
        return Ruling("D5", True, f"{proved} deployments before it")
    need = f"{services.probation_us // DAY_US} days or {services.probation_deployments} deployments"
    return Ruling("D5", False, f"in probation: registered {days} days before, {proved} deployments so far of {need}")


def _soaked(deployment: Deployment, service: Service, bad: Iterable[BadEvent], now_us: int) -> Ruling:
    until_us = deployment.at_us + service.soak_us
    within = [event for event in bad if deployment.at_us <= event.at_us <= until_us]
    if within:
        event = min(within, key=lambda each: (each.at_us, each.kind))
        hours = (event.at_us - deployment.at_us) // 3_600_000_000
        return Ruling("D7", False, f"{event.kind.replace('_', ' ')} {hours} h after it, told by {event.source}")
    hours = service.soak_us // 3_600_000_000
    if now_us < until_us:
        return Ruling("D7", None, f"it has to last {hours} h, and has not yet")
    return Ruling("D7", True, f"it lasted {hours} h")
