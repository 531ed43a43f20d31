"""Setbacks: what speaks against deployments, found without anybody's ticket where that can be."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Final

from proxy.model.service import Services
from proxy.model.told import IncidentTold
from proxy.outcomes.entities import BadEvent, Deployment, Word
from proxy.outcomes.events.delivery import BEFORE_US
from proxy.outcomes.naming import service_of
from proxy.outcomes.running import ROLLED_BACK, Shipped

LATE_US: Final = BEFORE_US
"""So long after it happened a deployment may be told, and soak from then."""

Places = Mapping[str, Mapping[str, Sequence[Deployment]]]
"""By service and environment; each sequence in order."""


def setbacks(
    deployments: Sequence[Deployment],
    trouble: Iterable[tuple[Word, IncidentTold]],
    services: Services,
    shipped: Shipped,
) -> tuple[BadEvent, ...]:
    """In the order in which they happened. Of those after the soak only what cost nothing to find."""
    places: dict[str, dict[str, list[Deployment]]] = defaultdict(lambda: defaultdict(list))
    for each in deployments:
        if each.service and each.heard:
            places[each.service][each.environment].append(each)
    found: set[BadEvent] = set()
    for name, environments in places.items():
        for place in environments.values():
            found.update(_failed(place))
            found.update(_rolled_back(place, shipped, services.services[name].soak_us))
    for line, incident in trouble:
        found.update(_incidents(line, incident, places, services))
    return tuple(sorted(found, key=lambda event: (event.at_us, event.deployment, event.kind, event.source)))


def _failed(place: Iterable[Deployment]) -> Iterable[BadEvent]:
    for each in place:
        if each.succeeded and each.failed_us:
            yield BadEvent(each.id, "failed_status", each.failed_us, each.source)


def _rolled_back(place: Iterable[Deployment], shipped: Shipped, soak_us: int) -> Iterable[BadEvent]:
    """Whoever puts an older artefact in place takes back all that came after it."""
    runs: list[Deployment] = []
    newest: dict[str, int] = {}
    for each in place:
        if not (each.succeeded or each.state == ROLLED_BACK):
            continue
        kind = "redeploy_older" if each.succeeded else "rollback"
        for undone in _taken_back(runs, each, newest, shipped):
            if each.at_us - undone.at_us > soak_us + LATE_US:
                break
            if each.at_us - undone.soaks_us <= soak_us:
                yield BadEvent(undone.id, kind, each.at_us, each.source)
        if each.succeeded and each.trusted:
            newest.update(dict.fromkeys(each.artefact, len(runs)))
            runs.append(each)


def _taken_back(
    runs: Sequence[Deployment], each: Deployment, newest: Mapping[str, int], shipped: Shipped
) -> Iterable[Deployment]:
    """The newest first. `newest`: where in `runs` an artefact ran last."""
    ran = max((newest[part] for part in each.artefact if part in newest), default=None)
    if ran is not None and (each.succeeded or ran < len(runs) - 1):
        return (runs[at] for at in range(len(runs) - 1, ran, -1))
    if not each.older:
        return () if each.succeeded else runs[-1:]
    return takewhile(lambda run: run is runs[-1] or _is_older(each, run, shipped), reversed(runs))


def _is_older(each: Deployment, run: Deployment, shipped: Shipped) -> bool:
    return any(line.older for line in shipped.get((each.service, each.sha, run.sha), ()))


def _incidents(line: Word, incident: IncidentTold, places: Places, services: Services) -> Iterable[BadEvent]:
    if incident.state != "begun":
        return
    name = service_of(services, incident.repository, incident.service, incident.environment)
    for environment, deployments in places.get(name, {}).items():
        if incident.environment in ("", environment):
            for each in _accused(line, incident, deployments, services.services[name].soak_us):
                yield BadEvent(each.id, incident.kind, line.occurred_us, line.source)


def _accused(
    line: Word, incident: IncidentTold, deployments: Sequence[Deployment], soak_us: int
) -> Sequence[Deployment]:
    """The one that it names, else the newest that ran, with those after it that had failed: who knows what ran?"""
    found: list[Deployment] = []
    for at in range(bisect_right(deployments, line.occurred_us, key=lambda each: each.at_us) - 1, -1, -1):
        each = deployments[at]
        if not each.succeeded:
            continue
        if incident.deployment and each.id.endswith(f"/{incident.deployment}"):
            return [each]
        if each.trusted and (not found or 0 < found[-1].failed_us <= line.occurred_us):
            found.append(each)
        settled = found and not 0 < found[-1].failed_us <= line.occurred_us
        if settled and (not incident.deployment or line.occurred_us - each.at_us > soak_us + LATE_US):
            break
    return found
