"""Policy mistakes: printed, all of them, with exit code 1."""

import json
from dataclasses import asdict
from typing import NoReturn

import typer

from proxy.cli.configured import NO
from proxy.policy.types import Mistake


def refuse(mistakes: list[Mistake], as_json: bool) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"ok": False, "mistakes": [asdict(mistake) for mistake in mistakes]}, indent=2))
    else:
        for mistake in mistakes:
            typer.echo(str(mistake), err=True)
        typer.echo(
            f"\n{len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}. Nothing here can be used as it is.", err=True
        )
    raise typer.Exit(NO)
