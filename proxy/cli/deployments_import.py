"""`outlay deployments import`: the past, from a file of events or from git, for a first look at it."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Any, Final

import httpx
import typer

from proxy.adapters.git_access import Access
from proxy.adapters.git_head import shared_folder, work_tree
from proxy.adapters.git_mirror import GitMirror
from proxy.adapters.git_process import GitError
from proxy.app.history_reading import TAGS, history
from proxy.cli.configured import NO, UNTRIED, configured, stop
from proxy.cli.connection import Ledger, connection
from proxy.cli.foreign import foreign, refusal
from proxy.cli.progress import progress
from proxy.model.repository import repository as spelled
from proxy.model.service import Mirror
from proxy.model.told import Fact
from proxy.model.told_facts import kind_of
from proxy.model.visible import visible
from proxy.outcomes.git_history import Past
from proxy.settings import whole_environ

AT_ONCE: Final = 500
LINE_BYTES_MAX: Final = 1024 * 1024
BATCH_BYTES_MAX: Final = 2 * 1024 * 1024
BAD_SHOWN_MAX: Final = 20

Numbered = tuple[int, Any, int]
"""Number of a line, its document (a text: why there is none), its bytes."""


def import_(
    file: Annotated[str, typer.Argument(help="A file with one JSON document on a line; - reads standard input.")] = "",
    git: Annotated[
        Path | None, typer.Option("--git", help="A clone or bare mirror: its merges are changes, its tags deployments.")
    ] = None,
    environment: Annotated[str, typer.Option(help="With --git: where its tags were deployed to.")] = "production",
    tags: Annotated[str, typer.Option(help="With --git: which refs were deployed, as refs/tags/v*.")] = TAGS,
    branch: Annotated[str, typer.Option(help="With --git: whose merges.", show_default="its own")] = "",
    repository: Annotated[str, typer.Option(help="With --git: host/owner/name.", show_default="its origin")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="Into this data folder, whatever server is known.")
    ] = None,
) -> None:
    """Bring in the past, labelled as imported: it forms baselines at most. A second time changes nothing. Lines that
    can't be read are named with their number, and the rest is taken; then it exits with 1."""
    if bool(file) == (git is not None):
        stop("name a file of events, or a repository with --git", UNTRIED)
    settings = configured(data=data)
    with connection(settings, here=data is not None) as ledger:
        if git is not None:
            told, bad = _send(ledger, _of_git(git, repository, environment, tags, branch), None)
        else:
            with _opened(file) as source:
                told, bad = _send(ledger, _of_lines(source), _size(source))
    _report(told, bad, as_json=as_json)


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        source = Path(file).open("rb")  # noqa: SIM115  # what isn't there is told apart from what fails later
    except OSError as error:
        stop(f"{file}: {error.strerror}", UNTRIED)
    with source:
        yield source


def _size(source: IO[bytes]) -> int | None:
    return os.fstat(source.fileno()).st_size or None


def _of_lines(source: IO[bytes]) -> Iterator[Numbered]:
    number = 0
    while line := source.readline(LINE_BYTES_MAX + 1):
        number += 1
        size = len(line)
        if size > LINE_BYTES_MAX:
            while (more := source.readline(LINE_BYTES_MAX)) and not more.endswith(b"\n"):
                size += len(more)
            yield number, "it is longer than 1 MiB", size
        elif line.strip():
            yield number, _document(line), size


def _document(line: bytes) -> Any:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return "it is no JSON"
    return found if isinstance(found, dict) else "it is no JSON object"


def _of_git(folder: Path, repository: str, environment: str, tags: str, branch: str) -> Iterator[Numbered]:
    name = spelled(repository or work_tree(folder).remote)
    shared = shared_folder(folder)
    if shared is None:
        stop(f"{folder} is no git repository", UNTRIED)
    if not name:
        stop("which repository is it? Say --repository host/owner/name", UNTRIED)
    try:
        mirror = GitMirror(Mirror(name, ""), shared, Access(()), whole_environ())
        found = history(mirror, environment, branch=branch, deployed=tags)
    except GitError as error:
        stop(f"{folder}: {error}", UNTRIED)
    for number, past in enumerate(found.facts, 1):
        yield number, document_of(past), 1


def document_of(past: Past) -> dict[str, Any]:
    """As the import takes it."""
    at_us, fact = past
    return {"kind": kind_of(fact), "occurred_at": _iso(max(at_us, 1_000_000)), **_fields(fact)}


def _fields(fact: Fact) -> dict[str, Any]:
    said = {name: getattr(fact, name) for name in fact.__slots__ if getattr(fact, name)}
    merged_us = said.pop("merged_us", 0)
    listed = {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}
    return listed | ({"merged_at": _iso(merged_us)} if merged_us else {})


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat()


def _send(ledger: Ledger, lines: Iterator[Numbered], total: int | None) -> tuple[int, list[tuple[int, str]]]:
    """How many facts were taken, and the lines that were not, with the reason."""
    told, done = 0, 0
    bad: list[tuple[int, str]] = []
    batch: list[Numbered] = []
    with progress("Importing", total, "bytes" if total else "facts") as step:
        for line in lines:
            done += line[2]
            if isinstance(line[1], str):
                bad.append((line[0], line[1]))
                continue
            if batch and (len(batch) >= AT_ONCE or sum(each[2] for each in batch) + line[2] > BATCH_BYTES_MAX):
                told += _taken(ledger, batch, bad, told)
                batch = []
            batch.append(line)
            step(done)
        if batch:
            told += _taken(ledger, batch, bad, told)
    return told, sorted(bad)


def _taken(ledger: Ledger, batch: list[Numbered], bad: list[tuple[int, str]], told: int) -> int:
    """Exits where the ledger doesn't take it: what went before is on record, and the whole may be sent again."""
    before = f" before line {batch[0][0]}: {told:,} facts are on record; import it again, nothing counts twice"
    try:
        answer = ledger.send("POST", "/v1/events/import", [], {"events": [each[1] for each in batch]})
    except httpx.HTTPError as error:
        stop(f"no answer from {ledger.name}{before} ({error or type(error).__name__})", UNTRIED)
    if who := foreign(answer, ledger.name):
        stop(f"{who}. It stopped{before}", UNTRIED)
    if not answer.is_success:
        stop(f"{refusal(answer, ledger.name)} It stopped{before}", UNTRIED)
    said = answer.json()
    bad += [(batch[each["at"]][0], each["why"]) for each in said["bad"]]
    return int(said["told"])


def _report(told: int, bad: list[tuple[int, str]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"told": told, "bad": [{"line": line, "why": why} for line, why in bad]}))
    else:
        typer.echo(f"{told:,} facts are on record, labelled imported.")
        for line, why in bad[:BAD_SHOWN_MAX]:
            typer.echo(f"outlay: line {line}: {visible(why)}", err=True)
        if len(bad) > BAD_SHOWN_MAX:
            typer.echo(f"outlay: {len(bad) - BAD_SHOWN_MAX:,} more lines; --json lists all", err=True)
    if bad:
        raise typer.Exit(NO)
