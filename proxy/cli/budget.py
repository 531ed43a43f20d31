"""`outlay budget`: ask for more of a budget until a day, grant it, take it back, and see what runs."""

import json
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from proxy.cli.configured import configured
from proxy.cli.connection import ask
from proxy.cli.visible import visible

COLUMNS: Final = 80

app = typer.Typer(no_args_is_help=True, help="Temporary increases of budgets: asked for, granted, revoked, listed.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The budget's name, as a refusal and budgets.yaml have it.")]
Amount = Annotated[str, typer.Option(help="How much more: '50 USD', '20M tokens', '1000 calls'.")]
Until = Annotated[str, typer.Option(help="A day (2027-01-01), a time, or from now on: 7d, 12h.")]
Reason = Annotated[str, typer.Option(help="Why. It goes on record.")]
Instance = Annotated[
    list[str] | None,
    typer.Option("--for", help="Whose, of a budget with `per`: one value for each of them, in its order."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Data = Annotated[Path | None, typer.Option("--data", help="Ask this data folder, whatever server is known.")]


@app.command()
def request(
    name: Name,
    amount: Amount,
    until: Until,
    reason: Reason,
    instance: Instance = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Ask an admin for more. It changes nothing until it is granted."""
    body = {"amount": amount, "until": until, "reason": reason, "instance": instance or []}
    found = _sent("POST", _path(name, "requests"), data, body=body)
    _tell(
        found, f"Asked for {_what(found)}, as {found['id']}. `outlay budget list` shows whether it is granted.", as_json
    )


@app.command()
def grant(
    name: Name,
    amount: Amount,
    until: Until,
    reason: Reason,
    instance: Instance = None,
    request_id: Annotated[str, typer.Option("--request", help="The request that this answers.")] = "",
    unknown: Annotated[bool, typer.Option("--unknown", help="--for may name what no policy file knows yet.")] = False,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Give more, for admins: in force in all gateways within 2 seconds, and over by itself."""
    body: dict[str, Any] = {"amount": amount, "until": until, "reason": reason, "instance": instance or []}
    body |= {"request": request_id, "unknown": unknown}
    found = _sent("POST", _path(name, "grants"), data, body=body)
    _tell(found, f"Granted {_what(found)}, as {found['id']}: {found['state']}.", as_json)


@app.command()
def revoke(
    name: Name,
    id_: Annotated[str, typer.Argument(metavar="ID", help="As `outlay budget list` shows it.")],
    reason: Reason,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """End a grant before its time, for admins. What was spent stays spent."""
    found = _sent("DELETE", _path(name, "grants", id_), data, [("reason", reason)])
    _tell(found, f"{found['id']} is {found['state']}.", as_json)


@app.command("list")
def list_(
    all_: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Requests and grants, newest first: for admins everybody's, for others what concerns them."""
    document = _sent("GET", "/v1/budgets/increases", data, [("all", "true")] if all_ else [])
    if as_json:
        typer.echo(json.dumps(document, indent=2))
        return
    from proxy.cli import tables

    tables.increases(visible(document))


def _sent(method: str, path: str, data: Path | None, parameters: Any = (), body: Any = None) -> dict[str, Any]:
    answer = ask(configured(data=data), path, parameters, here=data is not None, method=method, body=body)
    document: dict[str, Any] = answer.json()
    return document


def _path(name: str, *rest: str) -> str:
    return "/".join(["/v1/budgets", *(quote(part, safe="") for part in (name, *rest))])


def _what(found: dict[str, Any]) -> str:
    whose = f" for {', '.join(found['instance'])}" if found["instance"] else ""
    shown: str = visible(
        f"{found['amount']} more of {found['budget']}{whose} until {found['until'][:16].replace('T', ' ')} UTC"
    )
    return shown


def _tell(found: dict[str, Any], text: str, as_json: bool) -> None:
    typer.echo(json.dumps(found, indent=2) if as_json else _lines(text))


def _lines(text: str) -> str:
    """In lines of a terminal's width; an id or a command stays whole."""
    return fill(text, COLUMNS, break_long_words=False, break_on_hyphens=False)
