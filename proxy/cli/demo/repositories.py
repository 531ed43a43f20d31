"""The repositories of the demo: real ones, written by git itself in one go, for the ledger's mirrors to read."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from proxy.cli.demo.shipping import PAIRS, Change
from proxy.settings import whole_environ

GIT_S: Final = 30.0
_MARKS: Final = "marks"


class Commits(NamedTuple):
    """Of a change."""

    head: str
    merge: str


Known = Mapping[tuple[str, int], Commits]
"""By repository and number of the change."""


def git_is_there() -> bool:
    return shutil.which("git") is not None


def place(folder: Path, repository: str) -> Path:
    return folder / f"{repository}.git"


def write(folder: Path, changes: Sequence[Change]) -> Known:
    """Bare repositories with these changes, merged one after the other. Raises OSError, subprocess.SubprocessError."""
    found: dict[tuple[str, int], Commits] = {}
    for repository in PAIRS:
        mine = [each for each in changes if each.repository == repository]
        path = place(folder, repository)
        path.mkdir(parents=True)
        _git(path, "init", "-q", "--bare", "-b", "main")
        _git(path, "fast-import", "--quiet", f"--export-marks={_MARKS}", given=b"".join(_stream(mine)))
        marks = dict(line.removeprefix(":").split() for line in (path / _MARKS).read_text().splitlines())
        for each in mine:
            found[repository, each.number] = Commits(marks[f"{2 * each.number}"], marks[f"{2 * each.number + 1}"])
    return found


def _stream(changes: Sequence[Change]) -> Iterator[bytes]:
    """As git-fast-import(1) has it. Marks: 1 the first commit, 2n the tip of change n, 2n + 1 its merge."""
    last = 1
    yield _commit("refs/heads/main", last, "alice", changes[0].at - timedelta(days=1), "First")
    yield _file("README.md", f"{changes[0].repository}\n")
    for each in changes:
        tip, path = 2 * each.number, f"src/part_{each.number}.py"
        yield _commit(
            f"refs/pull/{each.number}/head", tip, each.author, each.at - timedelta(hours=1), each.branch, last
        )
        yield _file(path, each.text)
        message = f"Merge pull request #{each.number} from acme/{each.branch}"
        yield _commit("refs/heads/main", tip + 1, each.reviewer, each.at, message, last, tip)
        yield _file(path, each.text)
        last = tip + 1


def _commit(ref: str, mark: int, who: str, at: datetime, message: str, *parents: int) -> bytes:
    lines = [f"commit {ref}", f"mark :{mark}", f"committer {who} <{who}@example.com> {at.timestamp():.0f} +0000"]
    lines += [f"data {len(message.encode())}", message]
    lines += [f"{word} :{parent}" for word, parent in zip(("from", "merge"), parents, strict=False)]
    return ("\n".join(lines) + "\n").encode()


def _file(path: str, text: str) -> bytes:
    return f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n".encode()


def _git(folder: Path, *words: str, given: bytes = b"") -> None:
    environ = {"PATH": whole_environ().get("PATH", ""), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    subprocess.run(
        ["git", *words], cwd=folder, env=environ, input=given, capture_output=True, timeout=GIT_S, check=True
    )
