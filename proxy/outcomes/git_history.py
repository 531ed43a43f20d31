"""Git history: merges and tags of a repository, as changes and deployments of the past, for a first look at it.

Nobody told of them when they happened: approvals are known only where messages have 'Reviewed-by:', and a tag says what
was released, not that it ran. What is made of them is labelled imported, and forms baselines at most.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.model.told import ChangeTold, CommitTold, DeploymentTold, Fact, ReviewTold
from proxy.outcomes.commits import Commit, Ref
from proxy.outcomes.events.tree import named
from proxy.outcomes.events.wording import (
    coauthors,
    is_bot,
    joined,
    reverted_commits,
    sessions,
    trailers,
    work_items,
)
from proxy.outcomes.landing import number_of

REVIEWED: Final = ("Reviewed-by", "Approved-by")
IMPORTER: Final = "import"
"""In place of who deployed."""

Past = tuple[int, Fact]
"""When, microseconds since the epoch, and what."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a history was read to say."""

    merges: int
    """Commits on the branch that name a pull or merge request."""
    direct: int
    """Commits on the branch that name none: nobody can say who looked at them."""
    tags: int
    facts: tuple[Past, ...]
    """The oldest first."""


def found(
    repository: str, branch: str, line: Sequence[Commit], heads: Iterable[Commit], tags: Iterable[Ref], environment: str
) -> Found:
    """`line`: the commits of the branch by first parents; `heads`: second parents of its merges; `tags`: of what was
    deployed to `environment`."""
    by_sha = {each.sha: each for each in heads}
    facts: list[Past] = []
    merges = 0
    for commit in line:
        number = number_of(commit)
        merges += bool(number)
        if number:
            facts += _change(
                repository, branch, number, commit, by_sha.get(commit.parents[1]) if _merged(commit) else None
            )
    released = [(each.at_us, _deployment(repository, each, environment)) for each in tags]
    whole = sorted([*facts, *released], key=lambda each: (each[0], str(each[1])))
    return Found(merges, len(line) - merges, len(released), tuple(whole))


def _merged(commit: Commit) -> bool:
    return len(commit.parents) > 1


def _change(repository: str, branch: str, number: str, merge: Commit, head: Commit | None) -> Iterator[Past]:
    """`head`: the tip that was merged; None: it was squashed, and the commit stands for it. Whoever merges is the
    author of a merge commit, so the change's is that of its tip."""
    own = head or merge
    told = [own, merge] if head else [merge]
    author = named(own.author)
    yield (
        merge.at_us,
        ChangeTold(
            repository=repository,
            number=number,
            author=author,
            head=own.sha,
            base=named(branch),
            merge=merge.sha,
            merged_us=merge.at_us,
            bot=is_bot(author.partition("@")[0].rpartition("+")[2]),
            work_items=joined(
                item for each in told for item in work_items(repository, _without(each, number), each.message)
            ),
            coauthors=joined(name for each in told for name in coauthors(each.message)),
            reverts=next((sha for each in told for sha in reverted_commits(each.message)), ""),
        ),
    )
    for reviewer in dict.fromkeys(
        _email(value) for each in told for word in REVIEWED for value in trailers(each.message, word)
    ):
        yield merge.at_us, ReviewTold(repository, number, reviewer, "approved", own.sha)
    for each in told:
        yield each.at_us, commit_told(repository, each)


def _without(commit: Commit, number: str) -> str:
    """A squash's own number is no work item."""
    return commit.subject.replace(f"(#{number})", "").replace(f"request #{number} ", "request ")


def _email(value: str) -> str:
    inner = value.partition("<")[2].partition(">")[0]
    return named(inner or value)


def _deployment(repository: str, tag: Ref, environment: str) -> DeploymentTold:
    name = named(tag.name.removeprefix("refs/tags/").removeprefix("refs/"))
    return DeploymentTold(repository, name, environment, "success", sha=tag.sha, actor=IMPORTER)


def commit_told(repository: str, commit: Commit) -> CommitTold:
    """What a commit says of itself: no word of its message but names."""
    return CommitTold(
        repository=repository,
        sha=commit.sha,
        tree=commit.tree,
        author=named(commit.author),
        coauthors=coauthors(commit.message),
        work_items=work_items(repository, commit.subject, commit.message),
        sessions=sessions(commit.message),
        reverts=reverted_commits(commit.message),
    )
