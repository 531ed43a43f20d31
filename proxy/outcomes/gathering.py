"""Gathering: changes that only carry on what was merged before them, as releases do (Q5)."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from proxy.outcomes.entities import Change, Deployment
from proxy.outcomes.owning import Owners

Branch = tuple[str, str]
"""Repository and name."""


def gatherers(changes: Mapping[str, Change], deployments: Iterable[Deployment], owners: Owners) -> frozenset[str]:
    """Ids. What they carry counts for itself."""
    return frozenset({*_from_living_branches(changes.values()), *_of_releases(changes, deployments, owners)})


def _from_living_branches(changes: Iterable[Change]) -> Iterable[str]:
    """From a branch that others merge into, if it lives on after its first change, or gathers two people's."""
    out: dict[Branch, list[Change]] = defaultdict(list)
    into: dict[Branch, set[str]] = defaultdict(set)
    for each in changes:
        into[each.repository, each.base].add(each.author)
        if each.branch:
            out[each.repository, each.branch].append(each)
    for branch, merged in out.items():
        if branch not in into:
            continue
        for each in merged:
            if len(merged) > 1 or len(into[branch] - {each.author}) > 1:
                yield each.id


def _of_releases(changes: Mapping[str, Change], deployments: Iterable[Deployment], owners: Owners) -> Iterable[str]:
    """Where a deployment brings what was merged into several branches, one change carried it from one to the other.

    A release branch cut from 'develop' goes into 'main' under a name of its own; nothing but that tells that its
    change is the sum of those before it. It is taken to be the last one. The branches of a stack are no such branches.
    """
    branches = Counter((each.repository, each.branch) for each in changes.values())
    slices = {branch for branch, merged in branches.items() if merged == 1}
    for each in deployments:
        brought = [changes[name] for name in owners.brought(each)]
        if len({change.base for change in brought}) < 2:
            continue
        onto = [change for change in brought if (change.repository, change.base) not in slices]
        top = max(onto, key=lambda change: (change.merged_us, change.id), default=None)
        if top is not None and _carries(top, onto):
            yield top.id


def _carries(top: Change, brought: Iterable[Change]) -> bool:
    """It brings what went into another branch, and isn't what sends that branch's news back."""
    return any(each.base not in (top.base, top.branch) and each.branch != top.base for each in brought)
