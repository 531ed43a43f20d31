"""Git mirror: a bare copy of a repository's history on our disk, and the questions that are asked of it.

Branches, tags and the tips of pull and merge requests are fetched. What was deployed or merged is kept by refs of our
own, so that a force-push takes nothing away that was read before.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Final

from proxy.adapters.git_access import Access
from proxy.adapters.git_process import Git, GitError
from proxy.model.service import Mirror
from proxy.outcomes.commits import ChangedFile, Commit, Ref, is_commit
from proxy.outcomes.diff_files import lines_of

FETCH_S: Final = 1800.0
"""The first one brings the whole history."""
GC_S: Final = 900.0
MIRROR_BYTES_MAX: Final = 20 * 1024**3
FREE_BYTES_MIN: Final = 1024**3
"""What must stay free on the disk: the journal is on it."""
LOG_BYTES_MAX: Final = 256 * 1024 * 1024
PATHS_MAX: Final = 1000
"""So many are named to git; of more, all are read."""
REFSPECS: Final = (
    "+refs/heads/*:refs/heads/*",
    "+refs/tags/*:refs/tags/*",
    "+refs/pull/*/head:refs/pull/*/head",
    "+refs/merge-requests/*/head:refs/merge-requests/*/head",
)
KEPT: Final = "refs/outlay/kept/"
_FORMAT: Final = "--format=%H%x00%T%x00%P%x00%ae%x00%ct%x00%B"
_FIELDS: Final = 6
_REF_FORMAT: Final = "--format=" + "%00".join(
    f"%({each})" for each in ("refname", "objecttype", "objectname", "*objecttype", "*objectname", "creatordate:unix")
)
_DIFF: Final = (
    "diff-tree", "-r", "--no-commit-id", "--no-color", "--no-ext-diff", "--no-textconv", "--full-index",
    "--find-renames", "--diff-algorithm=myers", "--indent-heuristic", "--submodule=short", "--ignore-submodules=none",
    "--src-prefix=a/", "--dst-prefix=b/", "--no-relative", "--inter-hunk-context=0",
)  # fmt: skip


def folder_of(mirrors: Path, repository: str, url: str) -> Path:
    """Another address is another mirror: what was at the old one isn't taken for what is at the new one."""
    return mirrors / f"{hashlib.sha256(f'{repository} {url}'.encode()).hexdigest()[:32]}.git"


class GitMirror:
    """All of it blocks. Raises GitError throughout; its message says why, and holds no credential."""

    def __init__(
        self,
        mirror: Mirror,
        folder: Path,
        access: Access,
        environ: Mapping[str, str],
        *,
        bytes_max: int = MIRROR_BYTES_MAX,
        free_bytes_min: int = FREE_BYTES_MIN,
    ) -> None:
        self.repository = mirror.repository
        self.folder = folder
        self._url = mirror.url
        self._bytes_max = bytes_max
        self._free_bytes_min = free_bytes_min
        self._git = Git(
            folder,
            environ,
            protocols=access.protocols,
            access=access.environ,
            config=access.config,
            hidden=access.hidden,
        )

    def stop(self) -> None:
        self._git.stop()

    def fetched_us(self) -> int:
        """When it was last fetched in whole; 0: never."""
        try:
            return (self.folder / "fetched").stat().st_mtime_ns // 1000
        except OSError:
            return 0

    def size_bytes(self) -> int:
        return _size(self.folder)

    def fetch(self, wanted: Iterable[str] = ()) -> None:
        """Bring it up to date. `wanted`: commits that no branch may hold any more; who has them may refuse them."""
        self._begin()
        self._room()
        arguments = (
            "fetch",
            "--quiet",
            "--prune",
            "--no-tags",
            "--no-write-fetch-head",
            "--force",
            "--no-recurse-submodules",
        )
        self._git.run(*arguments, "--", self._url, *REFSPECS, timeout_s=FETCH_S, watch=self._room)
        for sha in wanted:
            if is_commit(sha) and not self.has(sha):
                self._fetch_one(sha)
        (self.folder / "fetched").touch()
        self._git.run("-c", "gc.auto=6700", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet", timeout_s=GC_S)

    def _fetch_one(self, sha: str) -> None:
        try:
            self._git.run(
                "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--",
                self._url, f"+{sha}:{KEPT}{sha}", timeout_s=FETCH_S, watch=self._room,
            )  # fmt: skip
        except GitError as error:
            if error.code == 0:
                raise

    def _begin(self) -> None:
        if (self.folder / "HEAD").is_file():
            self._clear()
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._git.run("init", "--quiet", "--bare", "--template=")

    def _clear(self) -> None:
        """What a git that was killed left behind: locks that would keep out every later one, and halves of packs."""
        refs = self.folder / "refs"
        objects = self.folder / "objects"
        left = (self.folder.glob("*.lock"), refs.rglob("*.lock"), objects.glob("*.lock"), objects.glob("pack/tmp_*"))
        for path in chain(*left, objects.glob("pack/*.lock")):
            path.unlink(missing_ok=True)
        for path in chain(objects.glob("tmp_objdir-*"), objects.glob("incoming-*")):
            shutil.rmtree(path, ignore_errors=True)

    def _room(self) -> None:
        size = _size(self.folder)
        if size > self._bytes_max:
            raise GitError(f"the mirror is larger than {self._bytes_max // 1024**2} MB")
        if shutil.disk_usage(self.folder).free < self._free_bytes_min:
            raise GitError(f"less than {self._free_bytes_min // 1024**2} MB are free on the disk")

    def has(self, *shas: str) -> bool:
        """Whether all of these commits are here."""
        if not self._readable() or not all(map(is_commit, shas)):
            return False
        asked = "".join(f"{sha}\n" for sha in shas).encode()
        said = self._git.run("cat-file", "--batch-check=%(objecttype)", given=asked).decode("utf-8", "replace")
        return all(line == "commit" for line in said.splitlines())

    def _readable(self) -> bool:
        return (self.folder / "HEAD").is_file()

    def keep(self, shas: Iterable[str]) -> None:
        """For good, whatever becomes of the branches that hold them now."""
        asked = "".join(f"update {KEPT}{sha} {sha}\n" for sha in dict.fromkeys(shas) if is_commit(sha))
        if asked:
            self._git.run("update-ref", "--stdin", given=asked.encode())

    def is_ancestor(self, older: str, newer: str) -> bool:
        return self._git.says("merge-base", "--is-ancestor", older, newer)

    def merge_base(self, first: str, second: str) -> str:
        """'' where they have nothing in common."""
        try:
            return self._git.run("merge-base", first, second).decode().strip()
        except GitError as error:
            if error.code != 1:
                raise
            return ""

    def brought(self, sha: str, before: str, paths: Sequence[str], commits_max: int) -> tuple[tuple[str, ...], bool]:
        """Commits in the history of `sha` and not in that of `before` ('' : none) that touch `paths` (globs; empty:
        all), the newest first; and whether there are more than so many.

        The merge of a branch that touches them is among them, though it adds nothing to what the branch brought; of
        other branches it is not.
        """
        most = f"--max-count={commits_max + 1}"
        left_out = (f"^{before}",) if before else ()
        if paths:
            found = self._touching(most, sha, *left_out, "--", *(f":(glob){each}" for each in paths))
        else:
            found = self._git.run("rev-list", most, sha, *left_out, "--", bytes_max=LOG_BYTES_MAX).decode().split()
        return tuple(found[:commits_max]), len(found) > commits_max

    def _touching(self, *arguments: str) -> list[str]:
        """Merges beside their first parents: beside the others, a merge differs in all that the first one had."""
        found: list[str] = []
        sha = ""
        options = ("--full-history", "--diff-merges=first-parent", "--raw", "--no-renames", "--format=%H")
        with self._git.stream("log", *options, *arguments, bytes_max=LOG_BYTES_MAX) as chunks:
            for line in lines_of(chunks):
                if not line.startswith(b":"):
                    sha = line.decode("ascii", "replace") or sha
                elif sha:
                    found.append(sha)
                    sha = ""
        return found

    def own(self, base: str, tip: str, commits_max: int) -> tuple[str, ...]:
        """Commits of the branch itself that ends in `tip` and left `base`, the newest first."""
        said = self._git.run(
            "rev-list", "--first-parent", "--no-merges", f"--max-count={commits_max}", tip, f"^{base}", "--"
        )
        return tuple(said.decode().split())

    def line(self, tip: str, commits_max: int) -> tuple[Commit, ...]:
        """The commits behind a tip by first parents, itself first."""
        return self._log("--first-parent", f"--max-count={commits_max}", tip, "--")

    def commits(self, shas: Iterable[str]) -> tuple[Commit, ...]:
        asked = "".join(f"{sha}\n" for sha in shas if is_commit(sha)).encode()
        return self._log("--no-walk=unsorted", "--stdin", given=asked) if asked else ()

    def _log(self, *arguments: str, given: bytes = b"") -> tuple[Commit, ...]:
        said = self._git.run(
            "log", "-z", "--encoding=UTF-8", "--no-show-signature", "--no-notes", "--no-mailmap", "--no-decorate",
            _FORMAT, *arguments, given=given, bytes_max=LOG_BYTES_MAX,
        )  # fmt: skip
        fields = said.decode("utf-8", "replace").split("\0")
        return tuple(_commit(fields[at : at + _FIELDS]) for at in range(0, len(fields) - _FIELDS + 1, _FIELDS))

    def refs(self, pattern: str) -> tuple[Ref, ...]:
        """Those of commits whose names begin so, or fit the glob, the oldest first."""
        said = self._git.run("for-each-ref", "--sort=creatordate", _REF_FORMAT, "--", pattern, bytes_max=LOG_BYTES_MAX)
        return tuple(_refs(said.decode("utf-8", "replace").splitlines()))

    def head(self) -> str:
        """The ref of the branch that the remote calls its own ('refs/heads/main'); '' where it doesn't say.

        Of a mirror without an address, a clone on this disk that is only read, its own.
        """
        if not self._url:
            return self._git.run("rev-parse", "--symbolic-full-name", "HEAD").decode("utf-8", "replace").strip()
        said = self._git.run("ls-remote", "--symref", "--", self._url, "HEAD", timeout_s=120).decode("utf-8", "replace")
        first = said.partition("\n")[0]
        return first.removeprefix("ref: ").partition("\t")[0] if first.startswith("ref: ") else ""

    def parent_of(self, sha: str) -> str:
        """Its first one; the empty tree for a first commit, so that there is always something to compare it with."""
        found = self.commits([sha])
        if not found:
            raise GitError(f"commit {sha[:12]} is not in the mirror")
        return found[0].parents[0] if found[0].parents else self.empty_tree(sha)

    def empty_tree(self, like: str) -> str:
        """What stands before a first commit, in the hashes of a repository that has the commit `like`."""
        kind = "sha256" if len(like) == 64 else "sha1"
        return hashlib.new(kind, b"tree 0\0", usedforsecurity=False).hexdigest()

    def files(self, base: str, tip: str) -> tuple[ChangedFile, ...]:
        """What differs between two commits."""
        said = self._git.run(*_DIFF, "--raw", "-z", base, tip, "--", bytes_max=LOG_BYTES_MAX)
        return tuple(_files(iter(said.decode("utf-8", "surrogateescape").split("\0"))))

    @contextmanager
    def diff(
        self, base: str, tip: str, paths: Sequence[str] = (), *, context: int, turned: bool = False, bytes_max: int
    ) -> Iterator[Iterator[bytes]]:
        """The diff as text, in chunks. `paths`: these files alone; `turned`: the other way round.

        Raises TooMuchError.
        """
        within = [f":(literal){each}" for each in paths] if len(paths) <= PATHS_MAX else []
        first, second = (tip, base) if turned else (base, tip)
        arguments = (*_DIFF, "-p", f"--unified={context}", first, second, "--", *within)
        with self._git.stream(*arguments, bytes_max=bytes_max) as chunks:
            yield chunks

    def patch_id(self, diff: bytes) -> str:
        """'' of a diff in which git finds nothing."""
        return self._git.run("patch-id", "--stable", given=diff).decode().partition(" ")[0] if diff else ""

    def patch_ids(self, shas: Iterable[str], bytes_max: int) -> dict[str, str]:
        """By commit. Of those that change nothing there is none."""
        asked = "".join(f"{sha}\n" for sha in shas if is_commit(sha)).encode()
        if not asked:
            return {}
        arguments = (
            "log", "-p", "--no-walk=unsorted", "--stdin", "--no-color", "--no-ext-diff", "--no-textconv",
            "--full-index", "--no-renames", "--diff-algorithm=myers", "--no-show-signature", "--no-notes",
            "--format=commit %H",
        )  # fmt: skip
        diffs = self._git.run(*arguments, given=asked, bytes_max=bytes_max)
        said = self._git.run("patch-id", "--stable", given=diffs).decode().splitlines()
        return {sha: patch for patch, _, sha in (line.partition(" ") for line in said)}


def _commit(said: Sequence[str]) -> Commit:
    sha, tree, parents, author, at_s, message = said
    return Commit(sha, tree, tuple(parents.split()), author, int(at_s) * 1_000_000, message)


def _refs(lines: Iterable[str]) -> Iterator[Ref]:
    for line in lines:
        name, kind, sha, peeled_kind, peeled, at_s = line.split("\0")
        if "commit" in (kind, peeled_kind):
            yield Ref(name, sha if kind == "commit" else peeled, int(at_s or 0) * 1_000_000)


def _files(parts: Iterator[str]) -> Iterator[ChangedFile]:
    for head in parts:
        if not head.startswith(":"):
            continue
        old_mode, new_mode, old, new, status = head[1:].split(" ")
        before = next(parts)
        after = next(parts) if status[:1] in ("R", "C") else before
        mode = old_mode if status[:1] == "D" else new_mode
        yield ChangedFile(before, after, status[:1], mode, same=old == new)


def _size(folder: Path) -> int:
    """Of all files in it, bytes."""
    found = 0
    left: list[str | Path] = [folder]
    while left:
        try:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
                    else:
                        found += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue  # git removes what it no longer needs while we look
    return found
