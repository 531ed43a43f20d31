"""Wanting: what the mirrors have to read before more can be told."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from proxy.model.service import Services
from proxy.outcomes.entities import Deployment, History
from proxy.outcomes.running import ROLLED_BACK
from proxy.outcomes.setbacks import LATE_US


@dataclass(frozen=True, slots=True)
class WantedCommits:
    """What does the deployed commit bring to the service beside the one before? Answered by ShippedTold."""

    service: str
    repository: str
    sha: str
    before: str
    """'' : all of the commit's history."""


@dataclass(frozen=True, slots=True)
class WantedDiff:
    """What does a merged change change? Answered by DiffTold."""

    repository: str
    number: str
    merge: str
    head: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """The newest first: what is pending is looked at before what is long past."""

    commits: tuple[WantedCommits, ...]
    diffs: tuple[WantedDiff, ...]


def wanted(history: History, services: Services, repositories: Iterable[str]) -> Wanted:
    """Of `repositories`, those that have a mirror. Answers may raise new questions: ask again after each fold."""
    mirrored = frozenset(repositories)
    commits = [each for each in _comparisons(history, services) if each.repository in mirrored]
    known = {(each.service, each.sha, each.before) for each in commits} & history.compared
    unread = [each for each in history.changes.values() if each.substance is None and each.repository in mirrored]
    unread.sort(key=lambda each: (-each.merged_us, each.id))
    return Wanted(
        tuple(dict.fromkeys(each for each in commits if (each.service, each.sha, each.before) not in known)),
        tuple(WantedDiff(each.repository, each.id.rpartition("#")[2], each.merge, each.head) for each in unread),
    )


def _comparisons(history: History, services: Services) -> Iterable[WantedCommits]:
    places: dict[tuple[str, str], list[Deployment]] = defaultdict(list)
    found: list[WantedCommits] = []
    for each in history.deployments:
        if not (each.heard and each.sha and (each.succeeded or each.state == ROLLED_BACK)):
            continue
        place = places[each.service, each.environment]
        found.append(WantedCommits(each.service, each.repository, each.sha, each.before))
        if each.older:
            found.extend(_undone(each, place, services.services[each.service].soak_us))
        if each.succeeded and each.trusted:
            place.append(each)
    return reversed(found)


def _undone(each: Deployment, place: Sequence[Deployment], soak_us: int) -> Iterable[WantedCommits]:
    """Whoever goes back behind the last one may have gone back behind more."""
    for run in reversed(place):
        if each.at_us - run.at_us > soak_us + LATE_US:
            return
        if each.at_us - run.soaks_us <= soak_us and run.repository == each.repository and run.sha:
            yield WantedCommits(each.service, each.repository, each.sha, run.sha)
