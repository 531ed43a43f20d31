"""`outlay report`: reports as tables for people, and as CSV or JSON for programs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from proxy.cli.configured import UNTRIED, configured, stop
from proxy.cli.connection import ask

app = typer.Typer(no_args_is_help=True, help="Reports: what was spent, and who looked at whose rows.")


class Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="How to print it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
DataOption = Annotated[Path | None, typer.Option("--data", help="The data folder, where no server is named.")]
Values = Annotated[list[str] | None, typer.Option(help="Only these; may be repeated.")]


@app.command()
def spend(
    by: Annotated[
        str,
        typer.Option(help="What to break it down by, with commas: user, project, team, model, provider, day, month, …"),
    ] = "project",
    since: Annotated[
        str,
        typer.Option(help="Start, included: 2026-03-01, 2026-03, 7d, today, last-month, …", show_default="this-month"),
    ] = "",
    until: Annotated[str, typer.Option(help="End, not included: as --since.", show_default="now")] = "",
    tz: Annotated[str, typer.Option(help="Time zone of days and months, e.g. Europe/Berlin.")] = "UTC",
    user: Values = None,
    project: Values = None,
    team: Values = None,
    provider: Values = None,
    model: Values = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Any other dimension: NAME=VALUE; may be repeated.", metavar="NAME=VALUE")
    ] = None,
    reason: Annotated[
        str, typer.Option(help="Why you look at other people's rows. It goes on record and they can see it.")
    ] = "",
    form: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """What was spent, by whatever you ask for. Money is exact; nobody is ranked."""
    named = {"user": user, "project": project, "team": team, "provider": provider, "model": model}
    parameters = [(name, value) for name, values in named.items() for value in values or []]
    parameters += [_pair(text) for text in where or []]
    asked = {"by": by, "since": since, "until": until, "tz": tz, "reason": reason}
    parameters += [(name, value) for name, value in asked.items() if value]
    _show("/v1/reports/spend", parameters, Format.JSON if as_json else form, data)


@app.command()
def views(form: FormatOption = Format.TABLE, as_json: JsonOption = False, data: DataOption = None) -> None:
    """Who looked at whose rows, when, and for which reason: at yours, and yours at others'; admins see all."""
    _show("/v1/reports/views", [], Format.JSON if as_json else form, data)


def _show(path: str, parameters: list[tuple[str, str]], form: Format, data: Path | None) -> None:
    """Ask and print. A table is drawn here from the JSON; the other forms are printed as the ledger gives them."""
    settings = configured(data=data)
    answer = ask(settings, path, [*parameters, ("format", "csv" if form is Format.CSV else "json")])
    if form is not Format.TABLE:
        typer.echo(answer.content, nl=form is Format.JSON)
        return
    from proxy.cli import tables

    document = answer.json()
    if document["report"] == "spend":
        tables.spend(document)
    else:
        tables.views(document)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        stop(f"--where {text}: write NAME=VALUE, as in --where branch=main or --where tags.env=prod", UNTRIED)
    return name.strip(), value
