"""`outlay erase`: a person's name taken out of everything that a data folder keeps."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxy.cli.configured import NO, UNTRIED, configured, stop
from proxy.cli.connection import LEDGER_SOCKET, listening
from proxy.cli.visible import visible

if TYPE_CHECKING:
    from proxy.app.erasing import Erasable, Erased

app = typer.Typer(no_args_is_help=True, help="Take a person's name out of everything that is kept.")


@app.callback()
def _group() -> None:
    """Take a person's name out of everything that is kept."""


@app.command()
def person(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As access.yaml had it.")],
    reason: Annotated[str, typer.Option(help="Why. It goes on record, without the name.")],
    alias: Annotated[
        list[str] | None,
        typer.Option("--alias", help="Another name of the person, beside those in access.yaml; may be repeated."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of journal and database.", show_default="data")
    ] = None,
    policies: Annotated[
        Path | None, typer.Option("--policies", help="Folder of policy files.", show_default="policies")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Replace a person's name by a pseudonym that nobody can tell, while no server runs. No total changes.

    With the name go all others that access.yaml, as it is or was, has for the person. What would be erased is listed
    before anything is. Take the person out of the policy files and revoke the keys before. Backups made earlier still
    have the name.
    """
    from proxy.adapters.journal_folder import JournalLockedError
    from proxy.app import logs
    from proxy.app.erasing import NotErasableError, erasable, erase_person
    from proxy.journal.erasing import NoPseudonymError
    from proxy.ledger.loader import LoadingStoppedError
    from proxy.policy.keys_edit import UneditableError
    from proxy.ports.journal import JournalUnavailableError
    from proxy.ports.store import StoreError

    settings = configured(data=data, policies=policies)
    logs.configure(replace(settings, log_level="error"), "command")
    if not (settings.data / "journal").is_dir():
        stop(f"there is no data in {settings.data.resolve()}", UNTRIED)
    sockets = [settings.data / LEDGER_SOCKET, *settings.data.glob("gateway-*.sock")]
    if any(map(listening, sockets)):
        stop("a server runs on this data folder: stop it first, it can be started again right after", NO)
    try:
        found = erasable(settings, name, alias or [])
        _list(found)
        if not yes:
            _ask()
        done = erase_person(settings, name, found.names[1:], reason)
    except (NotErasableError, NoPseudonymError, JournalLockedError, UneditableError) as error:
        stop(f"nothing was erased: {error}", NO)
    except (StoreError, LoadingStoppedError, JournalUnavailableError, OSError) as error:
        stop(f"it was cut off, and everything works on: {error}. Repeat the command to go on", UNTRIED)
    _say(done, as_json=as_json)


def _list(found: "Erasable") -> None:
    """To stderr, where it is read before the question, and is in no one's JSON."""

    def say(line: str) -> None:
        typer.echo(visible(line), err=True)

    say("These names will be erased, for good:")
    for name in found.names:
        calls = found.calls.get(name, 0)
        whence = "an access.yaml has it for the person" if name in found.known else "as given"
        say(f"  {name}  ({whence}; {calls:,} call{'' if calls == 1 else 's'} on record under it)")
    say(f"in the journal, the database, {found.sets:,} earlier access.yaml, counters, grants and revoked keys.")
    for name, others in found.unclear.items():
        say(f"Not erased: {name}. An access.yaml has it with {', '.join(others)}.")
        say("Where these are the person's, give each as --alias.")
    if found.resumed:
        say("An earlier run was cut off: this one goes on with what that began.")


def _ask() -> None:
    try:
        agreed = typer.confirm("Erase them?", err=True)
    except typer.Abort:
        stop("nothing was erased: nobody answered; --yes erases without asking", NO)
    if not agreed:
        stop("nothing was erased", NO)


def _say(done: "Erased", *, as_json: bool) -> None:
    if as_json:
        said: dict[str, Any] = {
            "pseudonym": done.pseudonym,
            "calls": done.calls,
            "segments": done.journal.segments,
            "lines": done.journal.lines,
            "files": list(done.files),
            "left_in_other_names": {"journal_lines": done.journal.left, **done.left},
        }
        typer.echo(json.dumps(said, indent=2))
        return
    typer.echo(
        f"Erased: {done.calls:,} calls are {done.pseudonym}'s now, in {done.journal.lines:,} lines of "
        f"{done.journal.segments:,} journal segments and {len(done.files):,} other files. Nobody can tell whose they "
        "were. Backups made before still have the name: delete them, or erase again after a restore."
    )
    if done.journal.left or done.left:
        typer.echo(
            "The name still stands as part of names of other things (projects, rules, …), which were left alone: "
            f"{done.journal.left:,} lines of the journal; rows of {', '.join(done.left) or 'no table'}."
        )
