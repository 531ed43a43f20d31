"""Folding: lines, in whatever order and however often they came, to one history."""

from collections.abc import Iterable
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
    Trust,
)
from proxy.model.told_facts import fact_of
from proxy.outcomes.admitting import MIRROR, Admission, registered_since
from proxy.outcomes.changes import ChangeLines, folded_changes
from proxy.outcomes.definition import CURRENT, Definition
from proxy.outcomes.deployments import DeploymentLines, folded_deployments
from proxy.outcomes.entities import History, Word, word_of
from proxy.outcomes.people import Named, People
from proxy.outcomes.setbacks import setbacks


@dataclass(slots=True)
class _Sorted:
    """Lines by what they are about."""

    deployments: DeploymentLines = field(default_factory=DeploymentLines)
    changes: ChangeLines = field(default_factory=ChangeLines)
    trouble: list[tuple[Word, IncidentTold]] = field(default_factory=list)
    commits: dict[str, int] = field(default_factory=dict)
    """How good the word on each is: 0 is best."""


def fold(lines: Iterable[Told], services: Services, aliases: Named, definition: Definition = CURRENT) -> History:
    """`aliases`: other names of people -> the person's name, as access.yaml has them; each person's own name too. With
    those of earlier policies: people.Aliases."""
    return fold_ordered(_once(lines), services, aliases, definition)


def fold_ordered(
    lines: Iterable[Told], services: Services, aliases: Named, definition: Definition = CURRENT
) -> History:
    """The same, of lines that come in the order (occurred_us, id), each once. None of them is kept."""
    found = _Sorted()
    admission = Admission(services)
    for line in lines:
        fact = fact_of(line.kind, line.facts)
        if fact is not None and admission.admits(line, fact):
            _put(found, word_of(line), fact)
    deployments = folded_deployments(found.deployments, services, definition)
    changes = folded_changes(found.changes, People(aliases), registered_since(services), definition)
    shipped = found.deployments.shipped
    bad_events = setbacks(deployments, found.trouble, services, shipped)
    return History(deployments, changes, bad_events, frozenset(shipped))


def _once(lines: Iterable[Told]) -> Iterable[Told]:
    """Each line once, in the order in which things happened."""
    first: dict[str, Told] = {}
    for line in lines:
        known = first.get(line.id)
        if known is None or (line is not known and _first_told(line) < _first_told(known)):
            first[line.id] = line
    return sorted(first.values(), key=lambda each: (each.occurred_us, each.id))


def _first_told(line: Told) -> tuple[object, ...]:
    """Of two lines of one id: nothing is left to the order in which they are read."""
    return line.at_us, line.payload, line.occurred_us, line.kind, sorted(line.facts.items())


def _put(found: _Sorted, line: Word, fact: Fact) -> None:
    match fact:
        case DeploymentTold():
            found.deployments.states.append((line, fact))
        case ArtifactTold():
            found.deployments.artifacts.setdefault(fact.digest, fact)
        case ShippedTold():
            found.deployments.shipped.setdefault((fact.service, fact.sha, fact.before), []).append(fact)
        case CommitTold():
            _put_commit(found, line, fact)
        case DiffTold():
            found.changes.diffs[fact.repository, fact.number, fact.sha] = fact
        case ChangeTold():
            found.changes.stands.setdefault((fact.repository, fact.number), []).append((line, fact))
        case ReviewTold():
            found.changes.reviews.setdefault((fact.repository, fact.number), []).append((line, fact))
        case IncidentTold():
            found.trouble.append((line, fact))


def _put_commit(found: _Sorted, line: Word, fact: CommitTold) -> None:
    """The best word on it: what the repository itself says, then what was signed, then what was told first."""
    rank = 0 if line.source == MIRROR else 1 if line.trust != Trust.CLAIMED else 2
    known = found.commits.get(fact.sha)
    if known is None or rank < known:
        found.commits[fact.sha] = rank
        found.changes.commits[fact.sha] = fact
    if fact.tree and (known is None or rank < known or fact.sha not in found.deployments.trees):
        found.deployments.trees[fact.sha] = fact.tree
