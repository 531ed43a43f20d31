"""Mirror reading: answers to what folding wants to know of a repository, as facts for the journal. Blocks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from proxy.adapters.git_mirror import GitMirror
from proxy.adapters.git_process import TooMuchError
from proxy.model.service import Services
from proxy.model.told import CommitTold, DiffTold, Fact, ShippedTold, Told, Trust
from proxy.model.told_facts import kind_of, told
from proxy.outcomes.admitting import MIRROR
from proxy.outcomes.commits import ChangedFile, Commit
from proxy.outcomes.diff_files import diff_files
from proxy.outcomes.entities import Change
from proxy.outcomes.git_history import commit_told
from proxy.outcomes.landing import FORWARD_MAX, OWN_MAX, Landed, forwarded, number_of, picked_from, rebased
from proxy.outcomes.owning import Owners
from proxy.outcomes.path_kinds import Ignoring
from proxy.outcomes.similarity import simhash
from proxy.outcomes.substance import TOO_LARGE, Substance, ignoring, normalised, substance, told_by_path
from proxy.outcomes.wanting import WantedCommits, WantedDiff

DIFF_BYTES_MAX: Final = 20 * 1024 * 1024
"""A longer diff of what is not generated, vendored or ignored has the word 'too_large'."""
WHOLE: Final = 1_000_000
"""Lines around each change: with all of a file, what stands in a comment is known for certain."""
AROUND: Final = 3
"""Where whole files are too much."""
BROUGHT_MAX: Final = 10_000
"""Commits that one deployment brings. What a first one has beyond them lands nowhere."""
UNKNOWN_MAX: Final = 200
"""Commits of a deployment that belong to no change, and are looked at for the name of one."""
COMMITS_CHARS_MAX: Final = 1900
"""Of commits on a line, joined by blanks."""


class MissingCommitError(Exception):
    """A commit is not in the mirror."""

    def __init__(self, sha: str) -> None:
        super().__init__(f"commit {sha[:12]} is not in the repository")
        self.sha = sha


@dataclass(frozen=True, slots=True)
class MirrorReading:
    mirror: GitMirror
    services: Services
    changes: Mapping[str, Change]
    owners: Owners
    diff_bytes_max: int = DIFF_BYTES_MAX

    def shipped(self, wanted: WantedCommits) -> tuple[Fact, ...]:
        """ShippedTold, and which of the commits say that they came from a change.

        Raises MissingCommitError, GitError.
        """
        self._present(wanted.sha, wanted.before)
        self.mirror.keep([wanted.sha])
        before = wanted.before
        if before and before != wanted.sha and self.mirror.is_ancestor(wanted.sha, before):
            return (ShippedTold(wanted.service, wanted.repository, wanted.sha, before, (), older=True),)
        paths = self.services.services[wanted.service].paths if wanted.service in self.services.services else ()
        commits, _ = self.mirror.brought(wanted.sha, before, paths, BROUGHT_MAX)
        lines = (ShippedTold(wanted.service, wanted.repository, wanted.sha, before, part) for part in _parts(commits))
        return (*lines, *self._named(wanted.repository, commits))

    def _named(self, repository: str, commits: Sequence[str]) -> Iterator[Fact]:
        """Copies of a change elsewhere, on a release branch for one, that say so and touch a file that it touched."""
        unknown = [sha for sha in commits if not self.owners.of(repository, sha)][:UNKNOWN_MAX]
        for commit in self.mirror.commits(unknown):
            change = self._meant(repository, commit)
            if change is not None and self._share_a_file(commit, change):
                yield DiffTold(repository, change.id.rpartition("#")[2], commit.sha)
                yield commit_told(repository, commit)

    def _meant(self, repository: str, commit: Commit) -> Change | None:
        number = number_of(commit)
        known = [self.changes.get(f"{repository}#{number}")] if number else []
        known += [self.changes.get(self.owners.of(repository, sha)) for sha in picked_from(commit)]
        return next((each for each in known if each is not None), None)

    def _share_a_file(self, commit: Commit, change: Change) -> bool:
        if not self.mirror.has(change.merge):
            return False
        first, second = (
            {path for each in self._files(sha) for path in (each.before, each.after)}
            for sha in (commit.sha, change.merge)
        )
        return not first.isdisjoint(second)

    def _files(self, sha: str) -> Sequence[ChangedFile]:
        return self.mirror.files(self.mirror.parent_of(sha), sha)

    def diff(self, wanted: WantedDiff) -> tuple[Fact, ...]:
        """DiffTold of the change, and of each commit that is its own; CommitTold of those. Raises MissingCommitError,
        GitError."""
        self._present(wanted.merge)
        self.mirror.keep(sha for sha in (wanted.merge, wanted.head) if self.mirror.has(sha))
        landed = self._landed(wanted)
        base = landed.base or self.mirror.empty_tree(landed.tip)
        files = _Files.sorted_out(self.mirror.files(base, landed.tip), self._ignores(wanted.repository))
        found = self._substance(base, landed.tip, files)
        # Read anew the other way round: git may lay the same lines side by side in another way.
        back = self._substance(base, landed.tip, files, turned=True).left if found.left else ()
        main = DiffTold(
            wanted.repository, wanted.number, wanted.merge, self.mirror.patch_id(normalised(found.left)),
            simhash(found.left), found.word, self.mirror.patch_id(normalised(back)),
        )  # fmt: skip
        others = [sha for sha in dict.fromkeys(landed.commits) if sha != wanted.merge and self._free(wanted, sha)]
        links = (DiffTold(wanted.repository, wanted.number, sha) for sha in others)
        commits = self.mirror.commits([wanted.merge, *others])
        return (main, *links, *(commit_told(wanted.repository, each) for each in commits))

    def _free(self, wanted: WantedDiff, sha: str) -> bool:
        """Of nobody else: a branch on top of another has that one's commits too."""
        return self.owners.of(wanted.repository, sha) in ("", f"{wanted.repository}#{wanted.number}")

    def _landed(self, wanted: WantedDiff) -> Landed:
        merge = self.mirror.commits([wanted.merge])[0]
        before = merge.parents[0] if merge.parents else ""
        if len(merge.parents) > 1:
            own = self.mirror.own(before, merge.parents[1], OWN_MAX)
            return Landed("merged", before, merge.sha, own)
        if wanted.head == wanted.merge:
            came = forwarded(self.mirror.line(merge.sha, FORWARD_MAX), self._others(wanted))
            return Landed("forwarded", _before(came), merge.sha, tuple(each.sha for each in came))
        own = self.mirror.own(before, wanted.head, OWN_MAX) if before and self.mirror.has(wanted.head) else ()
        if len(own) > 1:
            series = self._rebased(merge, own)
            if len(series) > 1:
                return Landed("rebased", _before(series), merge.sha, (*(each.sha for each in series), *own))
        return Landed("squashed", before, merge.sha, own)

    def _others(self, wanted: WantedDiff) -> frozenset[str]:
        mine = f"{wanted.repository}#{wanted.number}"
        return frozenset(
            sha
            for name, each in self.changes.items()
            if name != mine and each.repository == wanted.repository
            for sha in (each.merge, each.head)
        )

    def _rebased(self, merge: Commit, own: Sequence[str]) -> tuple[Commit, ...]:
        line = self.mirror.line(merge.sha, len(own))
        try:
            patches = self.mirror.patch_ids([*own, *(each.sha for each in line)], 2 * self.diff_bytes_max)
        except TooMuchError:
            return ()
        return rebased(line, patches, own)

    def _ignores(self, repository: str) -> Ignoring:
        return ignoring(self.services.services.values(), repository)

    def _substance(self, base: str, tip: str, files: "_Files", *, turned: bool = False) -> Substance:
        if not files.unread:
            return substance((), files.words)
        paths = tuple(files.unread)
        for context in (WHOLE, AROUND):
            try:
                with self.mirror.diff(
                    base, tip, paths, context=context, turned=turned, bytes_max=self.diff_bytes_max
                ) as chunks:
                    read = diff_files(chunks)
                    wanted = (each for each in read if each.before in files.unread or each.after in files.unread)
                    return substance(wanted, files.words)
            except TooMuchError:
                continue
        return Substance(TOO_LARGE)

    def _present(self, *shas: str) -> None:
        for sha in shas:
            if sha and not self.mirror.has(sha):
                raise MissingCommitError(sha)


@dataclass(frozen=True, slots=True)
class _Files:
    """What differs between two commits."""

    words: tuple[str, ...]
    """Of files that are told by their paths."""
    unread: Mapping[str, None]
    """Paths of the others, in their order."""

    @staticmethod
    def sorted_out(files: Iterable[ChangedFile], ignores: Ignoring) -> "_Files":
        told_of = [(each, told_by_path(each, ignores)) for each in files]
        unread = {path: None for each, word in told_of if not word for path in (each.before, each.after)}
        return _Files(tuple(word for _, word in told_of if word), unread)


def _before(came: Sequence[Commit]) -> str:
    last = came[-1]
    return last.parents[0] if last.parents else ""


def _parts(commits: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """As many as fit on a line; of none, one line says so."""
    size = max(1, COMMITS_CHARS_MAX // (len(commits[0]) + 1)) if commits else 1
    for at in range(0, len(commits) or 1, size):
        yield tuple(commits[at : at + size])


def line_of(fact: Fact, repository: str, now_us: int) -> Told:
    """The same fact has the same id, whenever it is read."""
    sha, *parts = _apart(fact)
    told_apart = sha256("\0".join((repository, *parts)).encode()).hexdigest()[:24]
    kind = kind_of(fact)
    return Told(
        id=f"{MIRROR}:{kind}:{sha}:{told_apart}",
        at_us=now_us,
        source=MIRROR,
        delivery=f"{kind}:{sha}",
        kind=kind,
        occurred_us=now_us,
        trust=Trust.SIGNED.value,
        facts=told(fact),
    )


def _apart(fact: Fact) -> tuple[str, ...]:
    """What tells it apart from others of its kind and repository, the commit first."""
    match fact:
        case DiffTold():
            return fact.sha, fact.number
        case ShippedTold():
            return fact.sha, fact.service, fact.before, fact.commits[0] if fact.commits else ""
        case CommitTold():
            return (fact.sha,)
    raise ValueError(f"no mirror tells a {kind_of(fact)}")
