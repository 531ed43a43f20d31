"""Owning: which change a commit belongs to."""

from collections.abc import Iterable, Mapping

from proxy.outcomes.entities import Change, Deployment

MERGE, LANDED, HEAD = range(3)
"""How near a commit is to its change. The tip of a release is the merge commit of the last change in it."""


class Owners:
    def __init__(self, changes: Mapping[str, Change]) -> None:
        best: dict[tuple[str, str], tuple[int, int, str]] = {}
        for name, change in changes.items():
            for sha in change.commits:
                near = MERGE if sha == change.merge else HEAD if sha == change.head else LANDED
                mine = near, change.merged_us, name
                best[change.repository, sha] = min(best.get((change.repository, sha), mine), mine)
        self._names = {commit: name for commit, (_, _, name) in best.items()}

    def of(self, repository: str, sha: str) -> str:
        """'' of none. A fork has the same commits: each repository's are its own."""
        return self._names.get((repository, sha), "")

    def brought(self, deployment: Deployment) -> frozenset[str]:
        """Changes; those of which nobody knows are left out."""
        return self.named(deployment.repository, deployment.commits or ())

    def named(self, repository: str, commits: Iterable[str]) -> frozenset[str]:
        return frozenset({self.of(repository, sha) for sha in commits} - {""})
