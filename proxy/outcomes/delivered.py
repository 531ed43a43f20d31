"""Delivered: what became of each deployment, by D1 to D7; docs/outcomes.md says them in words."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from proxy.model.service import Service, Services
from proxy.outcomes.definition import DAY_US, HOUR_US, Definition
from proxy.outcomes.entities import BadEvent, Deployment
from proxy.outcomes.trusting import trust
from proxy.outcomes.verdicts import Ruling

SUPERSEDED_US = 60_000_000
"""Sources tell that a deployment is no longer active some time after the one that took its place succeeded."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A deployment that D1 to D5 are told of."""

    deployment: Deployment
    service: Service
    rulings: tuple[Ruling, ...]
    origin: str
    """The first deployment in its place of any of its artefact's names: itself where D4 holds."""

    @property
    def arrived(self) -> bool:
        """D1 to D5 hold: what it brought is in production."""
        return all(each.holds for each in self.rulings)

    @property
    def past(self) -> bool:
        """From before its service was registered: it makes a baseline, and counts nowhere."""
        return self.deployment.at_us < self.service.registered_us

    @property
    def lands(self) -> bool:
        """What it brought is no longer new."""
        return self.arrived or (self.past and all(each.holds for each in self.rulings[:4]))

    @property
    def until_us(self) -> int:
        """When its soak ends."""
        return self.deployment.soaks_us + self.service.soak_us


def candidates(deployments: Sequence[Deployment], services: Services, definition: Definition) -> list[Candidate]:
    """Those of registered services, in their order."""
    followed = _followed(deployments)
    places: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    proved: dict[str, int] = defaultdict(int)
    found = []
    for each in deployments:
        service = services.services.get(each.service)
        if service is None:
            continue
        seen = places[each.service, each.environment]
        rulings = (
            trust(each, service),
            _in_production(each, service),
            _succeeded(each, followed.get(each.id, ()), definition),
            _is_new(each, seen),
            _past_probation(each, service, proved[service.name], services),
        )
        origin = next((seen[part] for part in sorted(each.artefact) if part in seen), each.id)
        found.append(Candidate(each, service, rulings, origin))
        if each.trusted and each.succeeded:
            for part in each.artefact:
                seen.setdefault(part, origin)
        if each.at_us >= service.registered_us:
            proved[service.name] += all(ruling.holds for ruling in rulings[:4])
    return found


def _followed(deployments: Iterable[Deployment]) -> Mapping[str, tuple[int, ...]]:
    """When the next one succeeded in the same place, and in the same environment of the same repository.

    GitHub calls a deployment inactive as soon as another one of its repository and environment succeeds, be that of
    another service.
    """
    last: dict[tuple[str, ...], str] = {}
    found: dict[str, tuple[int, ...]] = defaultdict(tuple)
    for each in deployments:
        if not each.succeeded:
            continue
        for place in ((each.service, each.environment), (each.source, each.repository, each.environment)):
            if place in last:
                found[last[place]] += (each.at_us,)
            last[place] = each.id
    return found


def _in_production(deployment: Deployment, service: Service) -> Ruling:
    holds = deployment.environment in service.environments
    known = ", ".join(service.environments)
    where = f"environment {deployment.environment or 'without a name'}"
    return Ruling("D2", holds, where if holds else f"{where}; production of {service.name} is {known}")


def _succeeded(deployment: Deployment, followed_us: Iterable[int], definition: Definition) -> Ruling:
    if not deployment.succeeded:
        return Ruling("D3", False, f"it never succeeded: {deployment.state}")
    if deployment.failed_us and deployment.failed_us - deployment.at_us <= definition.settled_us:
        return Ruling("D3", False, "it failed within ten minutes of its success")
    gone = deployment.inactive_us and deployment.inactive_us - deployment.at_us <= definition.settled_us
    if gone and not any(each <= deployment.inactive_us + SUPERSEDED_US for each in followed_us):
        return Ruling("D3", False, "it was taken down within ten minutes of its success")
    return Ruling("D3", True, "it succeeded")


def _is_new(deployment: Deployment, seen: Mapping[str, str]) -> Ruling:
    if not deployment.artefact:
        return Ruling("D4", False, "neither artefact, tree nor commit is known")
    again = sorted(deployment.artefact & seen.keys())
    if again:
        return Ruling("D4", False, f"{again[0][:19]} ran there before")
    return Ruling("D4", True, "an artefact that never ran there before")


def _past_probation(deployment: Deployment, service: Service, proved: int, services: Services) -> Ruling:
    if deployment.at_us < service.registered_us:
        return Ruling("D5", False, f"{service.name} was not registered yet: it counts towards its baseline alone")
    days = (deployment.at_us - service.registered_us) // DAY_US
    if deployment.at_us - service.registered_us >= services.probation_us:
        return Ruling("D5", True, f"registered {days} days before")
    if proved >= services.probation_deployments:
        return Ruling("D5", True, f"{proved} deployments before it")
    need = f"{services.probation_us // DAY_US} days or {services.probation_deployments} deployments"
    return Ruling("D5", False, f"in probation: registered {days} days before, {proved} deployments so far of {need}")


def soaked(candidate: Candidate, bad: Iterable[BadEvent], now_us: int) -> Ruling:
    """D7, as of `now_us`."""
    deployment, service = candidate.deployment, candidate.service
    until_us = candidate.until_us
    within = [event for event in bad if deployment.at_us <= event.at_us <= until_us]
    if within:
        event = min(within, key=lambda each: (each.at_us, each.kind))
        hours = (event.at_us - deployment.at_us) // 3_600_000_000
        return Ruling("D7", False, f"{event.kind.replace('_', ' ')} {hours} h after it, told by {event.source}")
    soak = _span(service.soak_us)
    if now_us < until_us:
        return Ruling("D7", None, f"it has to last {soak}, and has not yet")
    return Ruling("D7", True, f"it lasted {soak}")


def _span(us: int) -> str:
    return f"{us // HOUR_US} h" if us >= HOUR_US else f"{us // 1_000_000} s"
