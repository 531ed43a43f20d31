"""Owning: which change a commit belongs to."""

from collections.abc import Iterable
from typing import NamedTuple

from proxy.outcomes.entities import Change, Deployment

MERGE, LANDED, HEAD = range(3)
"""How near a commit is to its change. The tip of a release is the merge commit of the last change in it."""


class Owned(NamedTuple):
    """A change, and its commits."""

    name: str
    repository: str
    merge: str
    head: str
    merged_us: int
    commits: Iterable[str]


def owners_of(changes: Iterable[Change]) -> "Owners":
    return Owners(
        Owned(each.id, each.repository, each.merge, each.head, each.merged_us, each.commits) for each in changes
    )


class Owners:
    def __init__(self, changes: Iterable[Owned]) -> None:
        best: dict[tuple[str, str], tuple[int, int, str]] = {}
        for change in changes:
            for sha in change.commits:
                near = MERGE if sha == change.merge else HEAD if sha == change.head else LANDED
                mine = near, change.merged_us, change.name
                known = best.setdefault((change.repository, sha), mine)
                if mine < known:
                    best[change.repository, sha] = mine
        self._names = {commit: name for commit, (_, _, name) in best.items()}

    def of(self, repository: str, sha: str) -> str:
        """'' of none. A fork has the same commits: each repository's are its own."""
        return self._names.get((repository, sha), "")

    def brought(self, deployment: Deployment) -> frozenset[str]:
        """Changes; those of which nobody knows are left out."""
        return self.named(deployment.repository, deployment.commits or ())

    def named(self, repository: str, commits: Iterable[str]) -> frozenset[str]:
        return frozenset({self.of(repository, sha) for sha in commits} - {""})
