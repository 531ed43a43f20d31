"""`outlay setup`: writes a tool's own settings, for tools that `outlay run` doesn't start."""

import difflib
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from proxy.cli.configured import NO, UNTRIED, configured, stop
from proxy.cli.hook import install_hook, remove_hook
from proxy.cli.key_file import forget_key, key_path, write_key
from proxy.cli.setup_files import Change, SetupFileError, SetupFiles
from proxy.cli.target import check, target
from proxy.cli.tools.json_text import BrokenError
from proxy.cli.tools.place import Place, ToolError
from proxy.cli.tools.places import SETUPS, Wish, set_up
from proxy.settings import config_folder, whole_environ

HOOK = "hook"
Tool = StrEnum("Tool", {name.upper(): name for name in (*SETUPS, HOOK)})  # type: ignore[misc]  # the names stand in one place
MASK = "outlay_…"


def setup(
    tool: Annotated[
        Tool, typer.Argument(help="Whose settings; or the git hook that names sessions of `outlay run` in commits.")
    ],
    undo: Annotated[bool, typer.Option("--undo", help="Take out again what was written; your own edits stay.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; show the difference.")] = False,
    own_login: Annotated[
        bool,
        typer.Option("--own-login", help="Keep the tool's own login or provider key; outlay's key goes beside it."),
    ] = False,
    provider: Annotated[str, typer.Option(help="A provider of providers.yaml by name.")] = "",
    model: Annotated[list[str] | None, typer.Option(help="For continue: a model to list. May be given again.")] = None,
) -> None:
    """Write what a tool needs into its own settings, or take it out again. A second time changes nothing more."""
    if tool == HOOK:
        (remove_hook if undo else install_hook)(Path.cwd(), dry_run=dry_run)
        return
    files = SetupFiles(config_folder())
    try:
        if undo:
            _undo(files, tool, dry_run)
        else:
            _setup(files, tool, dry_run, own_login, provider, tuple(model or ()))
    except SetupFileError as error:
        stop(str(error), NO)
    except ToolError as error:
        stop(str(error), UNTRIED)


def _setup(
    files: SetupFiles, tool: str, dry_run: bool, own_login: bool, provider: str, models: tuple[str, ...]
) -> None:
    found = target(configured())
    if not dry_run:
        check(found)
    folder = config_folder()
    place = Place(found.gateway, found.key, own_login, provider)
    wish = Wish(place, Path.home(), key_path(folder), folder, whole_environ(), models)

    def read(path: Path) -> str:
        try:
            return files.base(path)
        except BrokenError as error:
            raise SetupFileError(f"{path}:{error.line}: {error.why}") from None

    try:
        wanted = set_up(tool, wish, read)
    except BrokenError as error:
        raise SetupFileError(f"the settings of {tool}, line {error.line}: {error.why}. Nothing was changed") from None
    changes = [files.plan(tool, file) for file in wanted.files]
    if dry_run:
        _show(changes, found.key)
    elif changes:
        if any(str(wish.key_file) in text for text in (*(change.after or "" for change in changes), *wanted.words)):
            _remember_key(folder, found.key)
        files.write(changes)
    for change in changes if not dry_run else ():
        word = "is set up already" if change.before == change.after else "is set up"
        typer.echo(f"{change.path} {word}.")
    for line in wanted.words:
        typer.echo(line)
    if changes and not dry_run:
        typer.echo(f"Calls go to {place.root}. `outlay setup {tool} --undo` takes it out again.")


def _remember_key(folder: Path, key: str) -> None:
    try:
        write_key(folder, key)
    except OSError as error:
        raise SetupFileError(f"{key_path(folder)}: {error.strerror}. Nothing was changed") from None


def _undo(files: SetupFiles, tool: str, dry_run: bool) -> None:
    changes = list(files.undoing(tool))
    if not changes:
        typer.echo(f"Nothing of outlay is in the settings of {tool}.")
        return
    if dry_run:
        _show(changes, "")
        return
    files.write(changes)
    if not files.in_use:
        try:
            forget_key(config_folder())
        except OSError as error:
            raise SetupFileError(f"{key_path(config_folder())}: {error.strerror}. It can be deleted") from None
    for change in changes:
        typer.echo(f"{change.path} is gone again." if change.after is None else f"{change.path} is as it was.")
        if change.kept:
            typer.echo(f"  Left as somebody has changed it since: {', '.join(change.kept)}")


def _show(changes: Sequence[Change], key: str) -> None:
    """The difference, without the key."""
    for change in changes:
        before, after = change.before or "", change.after or ""
        lines = difflib.unified_diff(
            before.splitlines(), after.splitlines(), str(change.path), str(change.path), n=1, lineterm=""
        )
        text = "\n".join(lines) or f"{change.path} stays as it is."
        typer.echo(text.replace(key, MASK) if key else text)
