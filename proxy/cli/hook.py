"""The git hook that names the session of `outlay run` in commits, put in and taken out."""

from pathlib import Path

import typer

from proxy.adapters.git_hooks import Hook, HookError, install, remove
from proxy.cli.configured import NO, stop


def install_hook(folder: Path, *, dry_run: bool = False, err: bool = False) -> None:
    """Exits where it can't be."""
    try:
        found = install(folder, dry_run=dry_run)
    except HookError as error:
        stop(str(error), NO)
    for each in found:
        own = "; the one that was there runs first" if each.kept else ""
        typer.echo(f"{each.path}: {_words(each, dry_run=dry_run)}{own}.", err=err)


def remove_hook(folder: Path, *, dry_run: bool = False) -> None:
    """Exits where it can't be."""
    try:
        found = remove(folder, dry_run=dry_run)
    except HookError as error:
        stop(str(error), NO)
    for each in found:
        own = "; the one that was there is back" if each.kept else ""
        typer.echo(f"{each.path}: {_words(each, dry_run=dry_run)}{own}.")


def _words(each: Hook, *, dry_run: bool) -> str:
    return f"would be {each.done}" if dry_run and each.done in ("installed", "removed") else each.done
