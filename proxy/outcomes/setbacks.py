"""Setbacks: what speaks against deployments, found without anybody's ticket where that can be."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from proxy.model.service import Services
from proxy.model.told import IncidentTold, Told
from proxy.outcomes.entities import BadEvent, Deployment
from proxy.outcomes.naming import service_of

Place = tuple[str, str]
"""Service and environment."""


def setbacks(
    deployments: Sequence[Deployment], trouble: Iterable[tuple[Told, IncidentTold]], services: Services
) -> tuple[BadEvent, ...]:
    """In the order in which they happened."""
    places: dict[Place, list[Deployment]] = defaultdict(list)
    for each in deployments:
        if each.service and each.trusted:
            places[each.service, each.environment].append(each)
    found = [event for place in places.values() for event in (*_failed(place), *_rolled_back(place))]
    for line, incident in trouble:
        found += _incidents(line, incident, places, services)
    return tuple(sorted(set(found), key=lambda event: (event.at_us, event.deployment, event.kind, event.source)))


def _failed(place: Iterable[Deployment]) -> Iterable[BadEvent]:
    for each in place:
        if each.succeeded and each.failed_us:
            yield BadEvent(each.id, "failed_status", each.failed_us, each.source)


def _rolled_back(place: Iterable[Deployment]) -> Iterable[BadEvent]:
    """Whoever puts an older artefact in place takes back all that came after it."""
    runs: list[Deployment] = []
    newest: dict[str, int] = {}
    for each in place:
        if not (each.succeeded or each.state == "rolled_back"):
            continue
        kind = "redeploy_older" if each.succeeded else "rollback"
        for undone in _taken_back(runs, each, newest):
            yield BadEvent(undone.id, kind, each.at_us, each.source)
        if each.succeeded:
            newest.update(dict.fromkeys(each.artefact, len(runs)))
            runs.append(each)


def _taken_back(runs: Sequence[Deployment], each: Deployment, newest: Mapping[str, int]) -> Sequence[Deployment]:
    """`newest`: where in `runs` an artefact ran last."""
    ran = max((newest[part] for part in each.artefact if part in newest), default=None)
    if ran is not None:
        return runs[ran + 1 :]
    return runs[-1:] if each.older or not each.succeeded else ()


def _incidents(
    line: Told, incident: IncidentTold, places: Mapping[Place, Sequence[Deployment]], services: Services
) -> Iterable[BadEvent]:
    """Against what ran when it began."""
    if incident.state != "begun":
        return
    service = service_of(services, incident.repository, incident.service, incident.environment)
    for (name, environment), deployments in places.items():
        if name == service and incident.environment in ("", environment):
            ran = [each for each in deployments if each.succeeded]
            at = bisect_right(ran, line.occurred_us, key=lambda each: each.at_us)
            if at:
                yield BadEvent(ran[at - 1].id, incident.kind, line.occurred_us, line.source)
