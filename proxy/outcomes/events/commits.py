"""Commits, as pushes and runs name them: GitHub and GitLab in nearly the same form."""

from collections.abc import Iterable

from proxy.model.told import CommitTold
from proxy.outcomes.events import wording
from proxy.outcomes.events.tree import Tree


def commit_told(commit: Tree, place: str, branch: str) -> Iterable[CommitTold]:
    """None where there is no commit. GitLab names neither trees nor logins."""
    sha, message = commit.name("id").lower(), wording.message(commit.text("message"))
    if not sha:
        return
    title, _, rest = message.partition("\n")
    yield CommitTold(
        place,
        sha,
        tree=commit.name("tree_id").lower(),
        author=commit.name("author", "username") or commit.name("author", "email"),
        coauthors=wording.coauthors(message),
        branch=branch,
        work_items=wording.work_items(place, title, rest),
        sessions=wording.sessions(message),
        reverts=wording.reverted_commits(message),
    )
