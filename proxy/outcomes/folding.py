"""Folding: lines, in whatever order and however often they came, to one history."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from proxy.model.service import Services
from proxy.model.told import (
    ArtifactTold,
    ChangeTold,
    CommitTold,
    DeploymentTold,
    DiffTold,
    Fact,
    IncidentTold,
    ReviewTold,
    ShippedTold,
    Told,
)
from proxy.model.told_facts import fact_of
from proxy.outcomes.changes import ChangeLines, folded_changes
from proxy.outcomes.deployments import DeploymentLines, folded_deployments
from proxy.outcomes.entities import History
from proxy.outcomes.people import People
from proxy.outcomes.setbacks import setbacks


@dataclass(slots=True)
class _Sorted:
    """Lines by what they are about."""

    deployments: DeploymentLines = field(default_factory=DeploymentLines)
    changes: ChangeLines = field(default_factory=ChangeLines)
    trouble: list[tuple[Told, IncidentTold]] = field(default_factory=list)


def fold(lines: Iterable[Told], services: Services, aliases: Mapping[str, str]) -> History:
    """`aliases`: other names of people -> the person's name, as access.yaml has them."""
    found = _Sorted()
    for line, fact in _once(lines):
        _put(found, line, fact)
    deployments = folded_deployments(found.deployments, services)
    changes = folded_changes(found.changes, People(aliases))
    return History(deployments, changes, setbacks(deployments, found.trouble, services))


def _once(lines: Iterable[Told]) -> Iterable[tuple[Told, Fact]]:
    """Each line once, in the order in which things happened, without those that an admin has yet to let in."""
    first: dict[str, Told] = {}
    for line in lines:
        known = first.get(line.id)
        if known is None or (line.at_us, line.payload) < (known.at_us, known.payload):
            first[line.id] = line
    for line in sorted(first.values(), key=lambda each: (each.occurred_us, each.id)):
        fact = None if line.quarantine else fact_of(line.kind, line.facts)
        if fact is not None:
            yield line, fact


def _put(found: _Sorted, line: Told, fact: Fact) -> None:
    match fact:
        case DeploymentTold():
            found.deployments.states.append((line, fact))
        case ArtifactTold():
            found.deployments.artifacts.setdefault(fact.digest, fact)
        case ShippedTold():
            found.deployments.shipped.setdefault((fact.service, fact.sha, fact.before), []).append(fact)
        case CommitTold():
            if fact.tree:
                found.deployments.trees.setdefault(fact.sha, fact.tree)
            found.changes.commits.setdefault(fact.sha, fact)
        case DiffTold():
            found.changes.diffs[fact.repository, fact.number, fact.sha] = fact
        case ChangeTold():
            found.changes.stands[fact.repository, fact.number] = fact
        case ReviewTold():
            found.changes.reviews.setdefault((fact.repository, fact.number), []).append((line, fact))
        case IncidentTold():
            found.trouble.append((line, fact))
