"""Git hooks: a script of ours among the hooks of a repository, beside those that are there, and out again."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAMES: Final = ("prepare-commit-msg", "commit-msg")
"""The first isn't passed over by --no-verify; the second sees what was written in an editor."""
KEPT: Final = "before-outlay"
"""Folder among the hooks for those that were there; each keeps its name, by which some know what they are."""
MARK: Final = "# outlay: AI-Session"
GIT_S: Final = 10.0
LINE: Final = (
    'case "$OUTLAY_SESSION" in ""|*[!A-Za-z0-9._-]*) ;; *) git interpret-trailers --in-place '
    '--if-exists addIfDifferent --trailer "AI-Session: $OUTLAY_SESSION" "$1" || : ;; esac'
)
"""For a hook of one's own."""
SCRIPT: Final = f"""#!/bin/sh
{MARK}. Names the session of `outlay run` in commits made in it. Out again: outlay setup hook --undo
own="$(dirname "$0")/{KEPT}/$(basename "$0")"
if [ -x "$own" ]; then "$own" "$@" || exit $?; fi
{{
    case "$OUTLAY_SESSION" in ""|*[!A-Za-z0-9._-]*) exit 0 ;; esac
    # Commits that are only moved are not of this session.
    for at in rebase-merge rebase-apply CHERRY_PICK_HEAD REVERT_HEAD; do
        if [ -e "$(git rev-parse --git-path $at)" ]; then exit 0; fi
    done
    # Who leaves the message empty wants no commit, and a trailer alone would be one.
    sed '/^. -\\{{24\\}} >8 -\\{{24\\}}$/,$d' "$1" | git stripspace --strip-comments | grep -q . || exit 0
    git interpret-trailers --in-place --if-exists addIfDifferent --trailer "AI-Session: $OUTLAY_SESSION" "$1"
}} >/dev/null 2>&1
exit 0
"""


class HookError(Exception):
    """Nothing was changed; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Hook:
    """One file."""

    path: Path
    done: str
    """What was done, or would be: 'installed', 'there already', 'removed', 'not there'."""
    kept: bool = False
    """True: one that was there runs first, or is back in its place."""


def install(folder: Path, *, dry_run: bool = False) -> tuple[Hook, ...]:
    """Into the repository that a folder is in, for all its work trees. Raises HookError."""
    hooks = _hooks(folder)
    planned = [_planned(hooks, name) for name in NAMES]
    if not dry_run:
        try:
            for each in planned:
                if each.done == "installed":
                    _put(each.path)
        except OSError as error:
            raise HookError(f"{error.filename or hooks}: {error.strerror}") from None
    return tuple(planned)


def remove(folder: Path, *, dry_run: bool = False) -> tuple[Hook, ...]:
    """Ours alone; what was there before is back in its place. Raises HookError."""
    hooks = _hooks(folder)
    found = []
    try:
        for name in NAMES:
            path, kept = hooks / name, hooks / KEPT / name
            ours = _is_ours(path)
            found.append(Hook(path, "removed" if ours else "not there", ours and kept.exists()))
            if ours and not dry_run:
                kept.replace(path) if kept.exists() else path.unlink()
        if not dry_run and (hooks / KEPT).is_dir() and not any((hooks / KEPT).iterdir()):
            (hooks / KEPT).rmdir()
    except OSError as error:
        raise HookError(f"{error.filename or hooks}: {error.strerror}") from None
    return tuple(found)


def _planned(hooks: Path, name: str) -> Hook:
    path, kept = hooks / name, hooks / KEPT / name
    if _is_ours(path):
        same = path.read_text() == SCRIPT and os.access(path, os.X_OK)
        return Hook(path, "there already" if same else "installed", kept.exists())
    there = os.path.lexists(path)
    if there and (path.is_symlink() or not path.is_file() or os.path.lexists(kept)):
        raise HookError(f"{path} is there and can't be put aside. Nothing was changed. Add to it: {LINE}")
    return Hook(path, "installed", there or kept.exists())


def _put(path: Path) -> None:
    """What is there is linked aside first, so that at no moment it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not _is_ours(path):
        (path.parent / KEPT).mkdir(exist_ok=True)
        os.link(path, path.parent / KEPT / path.name)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as file:
        file.write(SCRIPT)
        os.fchmod(file.fileno(), 0o755)
    Path(temporary).replace(path)


def _is_ours(path: Path) -> bool:
    try:
        return path.is_file() and MARK in path.read_text(errors="replace")
    except OSError:
        return False


def _hooks(folder: Path) -> Path:
    if not _git(folder, "rev-parse", "--git-dir"):
        raise HookError(f"{folder} is in no git repository")
    elsewhere = _git(folder, "config", "--get", "core.hooksPath")
    if elsewhere:
        raise HookError(
            f"git's hooks are in {elsewhere} (core.hooksPath), which others may share. Nothing was changed. "
            f"Add to its {NAMES[0]}: {LINE}"
        )
    return (folder / _git(folder, "rev-parse", "--git-path", "hooks")).resolve()


def _git(folder: Path, *words: str) -> str:
    try:
        ran = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, timeout=GIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HookError(f"git can't be asked: {error}") from None
    return _line(ran.stdout.splitlines()) if ran.returncode == 0 else ""


def _line(lines: Sequence[str]) -> str:
    return lines[0] if lines else ""
