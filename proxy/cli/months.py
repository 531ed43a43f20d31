"""`outlay months` and `outlay export`: months are closed, and what was closed is had as files that never change."""

import json
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from proxy.cli.configured import NO, UNTRIED, configured, stop
from proxy.cli.connection import ask
from proxy.cli.visible import visible
from proxy.cli.whole_file import write_out

app = typer.Typer(help="Close months, and see what came late for closed ones. For finance and admins.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Data = Annotated[Path | None, typer.Option("--data", help="Ask this data folder, whatever server is known.")]
Month = Annotated[str, typer.Argument(metavar="MONTH", help="2026-10. Months are by time of admission, in UTC.")]
MONTHS: Final = "/v1/months"


class Form(StrEnum):
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    XLSX = "xlsx"


@app.callback(invoke_without_command=True)
def months(context: typer.Context, as_json: Json = False, data: Data = None) -> None:
    """Close months, and see what came late for closed ones. For finance and admins."""
    if context.invoked_subcommand is None:
        list_(as_json, data)


@app.command("list")
def list_(as_json: Json = False, data: Data = None) -> None:
    """Each month: open or closed, what was called and spent, what came late, and what is in the way of closing it."""
    _show(MONTHS, as_json, data)


@app.command()
def close(
    month: Month,
    reason: Annotated[
        str, typer.Option(help="Why it is closed in spite of what is in the way. It goes on record with what that was.")
    ] = "",
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Close a month for good: its statement is put on record, and whatever comes later stands in a later one."""
    answer = ask(
        configured(data=data),
        f"{MONTHS}/{quote(month, safe='')}/close",
        (),
        here=data is not None,
        method="POST",
        body={"reason": reason},
    )
    found = answer.json()
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    total, later = found["total"], found["corrections"]
    calls = f"{total['calls']:,} call{'' if total['calls'] == 1 else 's'}"
    typer.echo(f"{found['month']} is closed: {calls} for ${_plain(total['cost_usd'])}.")
    if later != {"calls": 0, "cost_usd": "0.000000000000"}:
        typer.echo(f"With it go corrections of earlier months: ${_plain(later['cost_usd'])}.")
    for each in found["waived"]:
        typer.echo(f"Closed in spite of it: {visible(each['says'])}.")
    typer.echo(f"sha256 {found['sha256']}")


@app.command()
def corrections(as_json: Json = False, data: Data = None) -> None:
    """What came for closed months and stands in no statement yet: the next month that is closed will have it."""
    _show(f"{MONTHS}/corrections", as_json, data)


@app.command()
def verify(as_json: Json = False, data: Data = None) -> None:
    """Work the chain of statements out again, and name what fails. Exit code 1 where anything does."""
    if not _show(f"{MONTHS}/verify", as_json, data)["holds"]:
        raise typer.Exit(NO)


def export(
    form: Annotated[Form, typer.Argument(help="Of the file.")],
    month: Annotated[str, typer.Option("--month", help="A month that is closed: 2026-10.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.", dir_okay=False)],
    data: Data = None,
) -> None:
    """A closed month as a file, the same bytes whenever it is asked for. JSON is the statement that its hash is of."""
    path = f"{MONTHS}/{quote(month, safe='')}"
    answer = ask(configured(data=data), path, [("format", form)], here=data is not None)
    try:
        write_out(out, answer.content)
    except OSError as error:
        stop(f"{out} can't be written: {error.strerror}", UNTRIED)
    typer.echo(f"Wrote {out} ({len(answer.content):,} bytes).", err=True)
    typer.echo(f"{sha256(answer.content).hexdigest()}  {out}")


def _show(path: str, as_json: bool, data: Path | None) -> dict[str, Any]:
    document: dict[str, Any] = ask(configured(data=data), path, (), here=data is not None).json()
    if as_json:
        typer.echo(json.dumps(document, indent=2))
    else:
        from proxy.cli import month_tables

        month_tables.draw(visible(document))
    return document


def _plain(usd: str) -> str:
    whole, _, fraction = usd.partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"
