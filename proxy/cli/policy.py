"""`outlay policy`: what the policy files say, before a server does."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from proxy.cli.configured import NO, UNTRIED, configured, stop
from proxy.policy.types import Mistake, PolicySet

app = typer.Typer(no_args_is_help=True, help="Check policy files.")


@app.callback()
def policy() -> None:
    """Keeps `check` a command of its own while it is the only one."""


@app.command()
def check(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="The policy folder.", show_default="policies")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read the policy files as the server does, and print every mistake in them.

    Exit code 0: they can be used; 1: they have mistakes; 2: there is no such folder.
    """
    from proxy.adapters.policy_snapshot import take_snapshot
    from proxy.policy.load import load

    settings = configured(policies=folder)
    if not settings.policies.is_dir():
        stop(f"there is no folder {settings.policies}; `outlay init` makes one", UNTRIED)
    snapshot = take_snapshot(settings.policies, settings.keys_file)
    loaded = load(snapshot.files)
    mistakes = [*snapshot.unreadable, *(loaded if isinstance(loaded, list) else [])]

    def placed(found: Mistake) -> Mistake:
        path = settings.keys_file if found.file == "keys.yaml" else settings.policies / found.file
        return replace(found, file=str(path))

    if mistakes or isinstance(loaded, list):
        _refused([placed(mistake) for mistake in mistakes], as_json)
    _accepted(loaded, [placed(warning) for warning in loaded.warnings], settings.policies, as_json)


def _refused(mistakes: list[Mistake], as_json: bool) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"ok": False, "mistakes": [asdict(mistake) for mistake in mistakes]}, indent=2))
    else:
        for mistake in mistakes:
            typer.echo(str(mistake), err=True)
        typer.echo(
            f"\n{len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}. Nothing here can be used as it is.", err=True
        )
    raise typer.Exit(NO)


def _accepted(policies: PolicySet, warnings: list[Mistake], folder: Path, as_json: bool) -> None:
    from proxy.policy.unregistered import unregistered

    missing = unregistered(policies.access, list(policies.keys.values()))
    counts = {
        "providers": len(policies.providers),
        "people": len(policies.access.people),
        "service_accounts": len(policies.access.service_accounts),
        "projects": len(policies.access.projects),
        "keys": len(policies.keys),
        "prices": len(policies.prices.rules),
    }
    if as_json:
        document = {
            "ok": True,
            "version": policies.version,
            **counts,
            "warnings": [asdict(warning) for warning in warnings],
            "unregistered": asdict(missing),
        }
        typer.echo(json.dumps(document, indent=2))
        return
    for warning in warnings:
        typer.echo(f"{warning}  (a warning)")
    if missing:
        typer.echo("Keys name what access.yaml doesn't know. To register them, add:\n")
        typer.echo("\n".join(missing.lines_to_add()) + "\n")
    listed = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    typer.echo(f"{folder}/ is fine: {listed}. Version {policies.version}.")
