"""History reading: the past of a repository, from its mirror, as lines for an import. Blocks."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from proxy.adapters.git_mirror import GitMirror
from proxy.adapters.git_process import GitError
from proxy.model.told import DeploymentTold, Fact, Told, Trust
from proxy.model.told_facts import kind_of, told
from proxy.outcomes.git_history import IMPORTER, Found, found

COMMITS_MAX: Final = 50_000
"""On the branch, the newest."""
HEADS_AT_ONCE: Final = 1000
TAGS: Final = "refs/tags/*"


def history(mirror: GitMirror, environment: str, *, branch: str = "", deployed: str = TAGS, since_us: int = 0) -> Found:
    """Merges of `branch` ('' : the remote's own) since then, and what was deployed to `environment`: the commits of the
    refs that fit `deployed` ('refs/tags/v*', 'refs/heads/deployed/*'). Raises GitError.

    A deployment's time is that of its tag; where the tag is none of its own (no annotation), that of its commit.
    """
    ref = f"refs/heads/{branch}" if branch else mirror.head()
    if not ref.startswith("refs/heads/"):
        raise GitError("the repository has no branch of its own to read: name one")
    line = [each for each in mirror.line(ref, COMMITS_MAX) if each.at_us >= since_us]
    second = [each.parents[1] for each in line if len(each.parents) > 1]
    heads = [
        commit
        for at in range(0, len(second), HEADS_AT_ONCE)
        for commit in mirror.commits(second[at : at + HEADS_AT_ONCE])
    ]
    tags = [each for each in mirror.refs(deployed) if each.at_us >= since_us]
    return found(mirror.repository, ref.removeprefix("refs/heads/"), line, heads, tags, environment)


def imported_lines(repository: str, read: Found, now_us: int) -> Iterator[Told]:
    """The same facts have the same ids, however often they are imported."""
    for at_us, fact in read.facts:
        yield Told(
            id=f"{IMPORTER}:git:{_apart(repository, fact)}",
            at_us=now_us,
            source=IMPORTER,
            delivery=f"git:{sha256(repository.encode()).hexdigest()[:16]}",
            kind=kind_of(fact),
            occurred_us=min(max(at_us, 1), now_us),
            trust=Trust.CLAIMED.value,
            clamped=at_us > now_us,
            imported=True,
            facts=told(fact),
        )


def _apart(repository: str, fact: Fact) -> str:
    """A tag that was moved is another deployment."""
    parts = [f"{name}={value}" for name, value in sorted(told(fact).items())]
    kind = kind_of(fact) if not isinstance(fact, DeploymentTold) else f"deployment {fact.sha}"
    return sha256("\0".join((repository, kind, *parts)).encode()).hexdigest()[:40]
