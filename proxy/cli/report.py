"""`outlay report`: reports as tables and charts for people, and as files for programs and spreadsheets."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from proxy.cli.configured import UNTRIED, configured, stop
from proxy.cli.connection import ask
from proxy.cli.visible import visible
from proxy.cli.whole_file import write_out

app = typer.Typer(
    no_args_is_help=True,
    help="Reports: what was spent, what was delivered for it, what budgets have left, what was wasted, prices, looks.",
)


class Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    XLSX = "xlsx"
    CHART = "chart"
    SVG = "svg"
    PNG = "png"


_BINARY: Final = (Format.PARQUET, Format.XLSX, Format.PNG)
_FILES: Final = tuple(form for form in Format if form not in (Format.TABLE, Format.CHART))
_DRAWN: Final = (Format.CHART, Format.SVG, Format.PNG)
FormatOption = Annotated[Format, typer.Option("--format", help="How to show it; chart draws bars in the terminal.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="Write it into this file.", dir_okay=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
DataOption = Annotated[Path | None, typer.Option("--data", help="Ask this data folder, whatever server is known.")]
Values = Annotated[list[str] | None, typer.Option(help="Only these; may be repeated.")]
SinceOption = Annotated[
    str,
    typer.Option(help="Start, included: 2026-03-01, 2026-03, 7d, today, last-month, …", show_default="this-month"),
]
UntilOption = Annotated[str, typer.Option(help="End, not included: as --since.", show_default="now")]
ZoneOption = Annotated[str, typer.Option(help="Time zone of days and months, e.g. Europe/Berlin.")]
WhereOption = Annotated[
    list[str] | None, typer.Option(help="Any other dimension: NAME=VALUE; may be repeated.", metavar="NAME=VALUE")
]


@app.command()
def spend(
    by: Annotated[
        str,
        typer.Option(help="What to break it down by, with commas: user, project, team, model, provider, day, month, …"),
    ] = "project",
    since: SinceOption = "",
    until: UntilOption = "",
    tz: ZoneOption = "UTC",
    user: Values = None,
    project: Values = None,
    team: Values = None,
    provider: Values = None,
    model: Values = None,
    where: WhereOption = None,
    compare: Annotated[bool, typer.Option("--compare", help="Beside each figure, that of the period before.")] = False,
    reason: Annotated[
        str, typer.Option(help="Why you look at other people's rows. It goes on record and they can see it.")
    ] = "",
    form: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
    out: OutOption = None,
    data: DataOption = None,
) -> None:
    """What was spent, by whatever you ask for. Money is exact; nobody is ranked."""
    named = {"user": user, "project": project, "team": team, "provider": provider, "model": model}
    parameters = [(name, value) for name, values in named.items() for value in values or []]
    parameters += [_pair(text) for text in where or []]
    asked = {
        "by": by,
        "since": since,
        "until": until,
        "tz": tz,
        "compare": "previous" if compare else "",
        "reason": reason,
    }
    parameters += [(name, value) for name, value in asked.items() if value]
    _show("/v1/reports/spend", parameters, Format.JSON if as_json else form, data, out)


@app.command()
def waste(
    by: Annotated[
        str,
        typer.Option(
            help="What to break it down by, with commas: class, project, team, model, day, action, exemption, …"
        ),
    ] = "class",
    since: SinceOption = "",
    until: UntilOption = "",
    tz: ZoneOption = "UTC",
    project: Values = None,
    team: Values = None,
    model: Values = None,
    where: WhereOption = None,
    campaigns: Annotated[bool, typer.Option("--campaigns", help="With the runs of redundant calls.")] = False,
    examples: Annotated[
        int,
        typer.Option(
            "--examples",
            help="With so many calls of each run, and those that they repeat: see `outlay policy explain`.",
        ),
    ] = 0,
    as_of: Annotated[
        str, typer.Option(help="As it was known at this time: as --since. For figures that stay.", show_default="now")
    ] = "",
    reason: Annotated[
        str, typer.Option(help="Why you look at other people's rows. It goes on record and they can see it.")
    ] = "",
    form: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
    out: OutOption = None,
    data: DataOption = None,
) -> None:
    """What calls that repeat earlier work cost, what was avoided, and what passed with a reason. Nobody is ranked."""
    named = {"project": project, "team": team, "model": model}
    parameters = [(name, value) for name, values in named.items() for value in values or []]
    parameters += [_pair(text) for text in where or []]
    asked = {
        "by": by,
        "since": since,
        "until": until,
        "tz": tz,
        "campaigns": "true" if campaigns else "",
        "examples": str(examples) if examples else "",
        "as_of": as_of,
        "reason": reason,
    }
    parameters += [(name, value) for name, value in asked.items() if value]
    _show("/v1/reports/waste", parameters, Format.JSON if as_json else form, data, out)


@app.command()
def deployments(
    by: Annotated[
        str, typer.Option(help="What to break it down by, with commas: service, team, project, tier, week.")
    ] = "service",
    since: Annotated[
        str, typer.Option(help="Weeks that begin from here on: 2026-03, last-quarter, …", show_default="this-month")
    ] = "",
    until: Annotated[str, typer.Option(help="Weeks that begin before: as --since.", show_default="now")] = "",
    service: Values = None,
    team: Values = None,
    project: Values = None,
    reason: Annotated[
        str, typer.Option(help="Why you look at figures of few persons. It goes on record and they can see it.")
    ] = "",
    form: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
    out: OutOption = None,
    data: DataOption = None,
) -> None:
    """What was delivered for the money: deployments that lasted, credited and against a normal week, and their cost."""
    form = Format.JSON if as_json else form
    if form in _DRAWN:
        stop("deployments are not drawn; use table, csv, json, parquet or xlsx", UNTRIED)
    named = {"service": service, "team": team, "project": project}
    parameters = [(name, value) for name, values in named.items() for value in values or []]
    asked = {"by": by, "since": since, "until": until, "reason": reason}
    parameters += [(name, value) for name, value in asked.items() if value]
    _show("/v1/reports/deployments", parameters, form, data, out)


@app.command()
def definition(
    other: Annotated[
        str, typer.Argument(help="A version, or what differs: clawback=14d,alike_bits=2,retried=1/4,…", metavar="OTHER")
    ],
    reason: Annotated[
        str, typer.Option(help="Why you look at figures of few persons. It goes on record and they can see it.")
    ] = "",
    form: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
    out: OutOption = None,
    data: DataOption = None,
) -> None:
    """What of the past would count by another definition of delivered, beside the one in force. Nothing is changed."""
    form = Format.JSON if as_json else form
    if form in _DRAWN:
        stop("this report is not drawn; use table, csv, json, parquet or xlsx", UNTRIED)
    asked = {"definition": other, "reason": reason}
    _show("/v1/reports/definition", [(name, value) for name, value in asked.items() if value], form, data, out)


@app.command()
def budgets(
    budget: Annotated[list[str] | None, typer.Option("--budget", help="Only this one; may be repeated.")] = None,
    since: Annotated[
        str, typer.Option(help="Each window from here on: 2026-03, 7d, last-month, …", show_default="current window")
    ] = "",
    until: UntilOption = "",
    tz: ZoneOption = "UTC",
    reason: Annotated[
        str, typer.Option(help="Why you look at other people's rows. It goes on record and they can see it.")
    ] = "",
    form: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
    out: OutOption = None,
    data: DataOption = None,
) -> None:
    """What each budget may spend, has spent, holds and has left, when it resets, and what it refused."""
    form = Format.JSON if as_json else form
    if form in _DRAWN:
        stop("budgets are not drawn; use table, csv, json, parquet or xlsx", UNTRIED)
    parameters = [("budget", name) for name in budget or []]
    asked = {"since": since, "until": until, "tz": tz, "reason": reason}
    parameters += [(name, value) for name, value in asked.items() if value]
    _show("/v1/reports/budgets", parameters, form, data, out)


@app.command()
def hints(
    since: SinceOption = "",
    until: UntilOption = "",
    tz: ZoneOption = "UTC",
    where: WhereOption = None,
    form: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
    out: OutOption = None,
    data: DataOption = None,
) -> None:
    """What of your own calls repeated itself, what it cost, and what to do about it. Only you see it."""
    form = Format.JSON if as_json else form
    if form in _DRAWN:
        stop("hints are not drawn; use table, csv, json, parquet or xlsx", UNTRIED)
    parameters = [_pair(text) for text in where or []]
    parameters += [(name, value) for name, value in (("since", since), ("until", until), ("tz", tz)) if value]
    _show("/v1/reports/hints", parameters, form, data, out)


@app.command()
def prices(
    since: SinceOption = "",
    until: UntilOption = "",
    tz: ZoneOption = "UTC",
    provider: Values = None,
    model: Values = None,
    where: WhereOption = None,
    form: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
    out: OutOption = None,
    data: DataOption = None,
) -> None:
    """Which price each model was billed at, which have none and what to add, and what each change of price did."""
    form = Format.JSON if as_json else form
    if form in _DRAWN:
        stop("this report is not drawn; use table, csv, json, parquet or xlsx", UNTRIED)
    parameters = [
        (name, value) for name, values in (("provider", provider), ("model", model)) for value in values or []
    ]
    parameters += [_pair(text) for text in where or []]
    parameters += [(name, value) for name, value in (("since", since), ("until", until), ("tz", tz)) if value]
    _show("/v1/reports/prices", parameters, form, data, out)


@app.command()
def views(
    form: FormatOption = Format.TABLE, as_json: JsonOption = False, out: OutOption = None, data: DataOption = None
) -> None:
    """Who looked at whose rows, when, and for which reason: at yours, and yours at others'; admins see all."""
    form = Format.JSON if as_json else form
    if form in _DRAWN:
        stop("this report has no money to draw; use table, csv, json, parquet or xlsx", UNTRIED)
    _show("/v1/reports/views", [], form, data, out)


@app.command()
def acts(
    since: SinceOption = "",
    until: UntilOption = "",
    tz: ZoneOption = "UTC",
    kind: Annotated[list[str] | None, typer.Option(help="key_created, policies_in_force, …; may be repeated.")] = None,
    form: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
    out: OutOption = None,
    data: DataOption = None,
) -> None:
    """What was done and when: policies in force, keys, grants, looks at others' rows, imports. For admins."""
    form = Format.JSON if as_json else form
    if form in _DRAWN:
        stop("this report has no money to draw; use table, csv, json, parquet or xlsx", UNTRIED)
    asked = [("since", since), ("until", until), ("tz", tz), *(("kind", each) for each in kind or [])]
    _show("/v1/reports/acts", [(name, value) for name, value in asked if value], form, data, out)


def _show(path: str, parameters: list[tuple[str, str]], form: Format, data: Path | None, out: Path | None) -> None:
    """Ask and print. Tables and charts of the terminal are drawn here from the JSON; the other forms are passed on as
    the ledger gives them."""
    if form in _BINARY and out is None and sys.stdout.isatty():
        stop(f"{form} is no text: name a file with --out, or redirect the output", UNTRIED)
    for_people = form in (Format.TABLE, Format.CHART)
    if out is not None and for_people:
        stop(f"--out writes a file; choose its form with --format (of {', '.join(_FILES)})", UNTRIED)
    parameters = [*parameters, ("format", "json" if for_people else form)]
    answer = ask(configured(data=data), path, parameters, here=data is not None)
    if for_people:
        _draw(visible(answer.json()), form)
    elif out is not None:
        _write(out, answer.content)
    else:
        typer.echo(answer.content, nl=form is Format.JSON)


def _draw(document: dict[str, Any], form: Format) -> None:
    if form is Format.CHART:
        from proxy.cli import charts
        from proxy.ledger.charts import NoChartError, report_chart

        try:
            charts.draw(report_chart(document))
        except NoChartError as error:
            stop(str(error), UNTRIED)
        return
    from proxy.cli import budget_tables, outcome_tables, tables, waste_tables

    drawn = {
        "spend": tables.spend,
        "budgets": budget_tables.budgets,
        "definition": outcome_tables.definition,
        "deployments": outcome_tables.deployments,
        "waste": waste_tables.waste,
        "hints": waste_tables.hints,
        "prices": tables.prices,
        "views": tables.views,
        "acts": tables.acts,
    }
    drawn[document["report"]](document)


def _write(path: Path, content: bytes) -> None:
    try:
        write_out(path, content)
    except OSError as error:
        stop(f"{path} can't be written: {error.strerror}", UNTRIED)
    typer.echo(f"Wrote {path} ({len(content):,} bytes).", err=True)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        stop(f"--where {text}: write NAME=VALUE, as in --where branch=main or --where tags.env=prod", UNTRIED)
    return name.strip(), value
