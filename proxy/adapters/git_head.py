"""Git head: the commit that a folder's work tree is at, read from its files. Git itself is not run."""

import re
from pathlib import Path
from typing import Final

_COMMIT: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_REF: Final = re.compile(r"ref: (refs/[\w./+@-]+)")
_LINKS_MAX: Final = 5
FILE_BYTES_MAX: Final = 4 * 1024 * 1024


def commit_of(folder: Path) -> str:
    """The commit at HEAD; '' where the folder is in no work tree, or HEAD can't be followed.

    A label for people: files may have been changed since that commit.
    """
    folder = folder.resolve()
    for place in (folder, *folder.parents):
        git = place / ".git"
        if git.exists():
            try:
                return _head(_git_folder(git))
            except OSError:
                return ""
    return ""


def _git_folder(git: Path) -> Path:
    """`.git` itself, or what the file of that name points to (work trees, submodules, git-sync)."""
    if git.is_dir():
        return git
    target = _read(git).removeprefix("gitdir:").strip()
    return (git.parent / target).resolve()


def _head(folder: Path) -> str:
    common = folder / "commondir"
    shared = (folder / _read(common).strip()).resolve() if common.exists() else folder
    value = _read(folder / "HEAD").strip()
    for _ in range(_LINKS_MAX):
        link = _REF.fullmatch(value)
        if link is None:
            break
        value = _ref(folder, shared, link[1])
    return value if _COMMIT.fullmatch(value) else ""


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
