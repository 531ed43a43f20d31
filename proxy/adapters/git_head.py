"""Git head: the commit that a folder's work tree is at, its branch and its remote, read from its files. Git itself is
not run."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_COMMIT: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_REF: Final = re.compile(r"ref: (refs/[\w./+@-]+)")
_SECTION: Final = re.compile(r"\s*\[")
_REMOTE: Final = re.compile(r'\s*\[remote "([^"]+)"\]')
_URL: Final = re.compile(r"\s*url\s*=\s*(.+)")
_LINKS_MAX: Final = 5
_AT_WORK: Final = ("index.lock", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")
"""What stands among git's files while it writes a work tree, or while somebody has conflicts of a merge to settle."""
FILE_BYTES_MAX: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class WorkTree:
    """'' for what isn't known."""

    commit: str = ""
    branch: str = ""
    remote: str = ""
    """The URL of 'origin', else of the first remote, as it stands there: it may hold credentials."""


def work_tree(folder: Path) -> WorkTree:
    """The work tree that a folder is in; nothing known where it is in none."""
    git = _git(folder)
    if git is None:
        return WorkTree()
    try:
        shared = _shared(git)
        head = _REF.fullmatch(_read(git / "HEAD").strip())
        branch = head[1].removeprefix("refs/heads/") if head and head[1].startswith("refs/heads/") else ""
        return WorkTree(_head(git), branch, _remote(_read(shared / "config")))
    except OSError:
        return WorkTree()


def shared_folder(folder: Path) -> Path | None:
    """What all work trees of the repository have in common; the folder itself where it is a bare one. None: no git."""
    try:
        bare = (folder / "HEAD").is_file() and (folder / "objects").is_dir()
        git = folder.resolve() if bare else _git(folder)
        return _shared(git) if git else None
    except OSError:
        return None


def commit_of(folder: Path) -> str:
    """The commit at HEAD; '' where the folder is in no work tree, or HEAD can't be followed.

    A label for people: files may have been changed since that commit.
    """
    try:
        git = _git(folder)
        return _head(git) if git else ""
    except OSError:
        return ""


def at_work(folder: Path) -> Path | None:
    """The file that says that git is in the middle of changing this folder's work tree; None where it is not.

    A pull holds `index.lock` from before the first file it writes until after the last.
    """
    try:
        git = _git(folder)
        return next((git / name for name in _AT_WORK if (git / name).exists()), None) if git else None
    except OSError:
        return None


def _git(folder: Path) -> Path | None:
    """The folder with what git knows of the work tree."""
    folder = folder.resolve()
    for place in (folder, *folder.parents):
        git = place / ".git"
        if git.exists():
            try:
                return _git_folder(git)
            except OSError:
                return None
    return None


def _remote(config: str) -> str:
    """The URL of origin in git's configuration, else of the first remote."""
    urls: dict[str, str] = {}
    name = ""
    for line in config.splitlines():
        section = _SECTION.match(line)
        if section:
            remote = _REMOTE.match(line)
            name = remote[1] if remote else ""
        elif name and (url := _URL.match(line)):
            urls.setdefault(name, url[1].strip().strip('"'))
    return urls.get("origin") or next(iter(urls.values()), "")


def _git_folder(git: Path) -> Path:
    """`.git` itself, or what the file of that name points to (work trees, submodules, git-sync)."""
    if git.is_dir():
        return git
    target = _read(git).removeprefix("gitdir:").strip()
    return (git.parent / target).resolve()


def _head(folder: Path) -> str:
    shared = _shared(folder)
    value = _read(folder / "HEAD").strip()
    for _ in range(_LINKS_MAX):
        link = _REF.fullmatch(value)
        if link is None:
            break
        value = _ref(folder, shared, link[1])
    return value if _COMMIT.fullmatch(value) else ""


def _shared(folder: Path) -> Path:
    """What all work trees of a repository have in common."""
    common = folder / "commondir"
    return (folder / _read(common).strip()).resolve() if common.exists() else folder


def _ref(folder: Path, shared: Path, name: str) -> str:
    if ".." in name:
        return ""
    for place in (folder, shared):
        if (place / name).is_file():
            return _read(place / name).strip()
    packed = shared / "packed-refs"
    for line in _read(packed).splitlines() if packed.exists() else ():
        commit, _, ref = line.partition(" ")
        if ref == name:
            return commit
    return ""


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(FILE_BYTES_MAX).decode("utf-8", "replace")
