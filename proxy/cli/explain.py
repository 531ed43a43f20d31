"""`outlay policy explain`: one call whole, for whoever asks why it cost what it cost or was refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from proxy.cli.configured import configured
from proxy.cli.connection import ask
from proxy.cli.visible import visible


def explain(
    call_id: Annotated[str, typer.Argument(metavar="CALL_ID", help="From an answer's x-outlay-call-id header.")],
    reason: Annotated[
        str, typer.Option(help="Why you look at another person's call. It goes on record and they can see it.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Annotated[Path | None, typer.Option("--data", help="Ask this data folder, whatever server is known.")] = None,
) -> None:
    """Show one call: who, what, usage, price, cost by kind, timings, the decision and the rules behind it."""
    parameters = [("reason", reason)] if reason else []
    path = f"/v1/calls/{quote(call_id, safe='')}"
    answer = ask(configured(data=data), path, parameters, here=data is not None)
    if as_json:
        typer.echo(answer.content)
        return
    from proxy.cli import tables

    tables.sections(_parts(visible(answer.json())))


def _parts(document: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The document in the order in which a person reads it."""
    heading = {name: document[name] for name in ("state", "opened_at", "settled_at") if name in document}
    parts: list[tuple[str, Mapping[str, Any]]] = [
        (document["id"], heading),
        ("Who", document["who"]),
        ("What", {name: value for name, value in document["what"].items() if value not in ("", None, {})}),
    ]
    if "decision" in document:
        parts.append(("Decision", document["decision"]))
    if "hold" in document:
        parts.append(("Held while it runs", document["hold"]))
    if "usage" in document:
        parts += [
            ("Served", document["served"]),
            ("Usage", {**document["usage"], "estimated": document["estimated"]}),
            ("Cost in USD", {**document["cost_by_kind_usd"], "total": document["cost_usd"]}),
            ("Price", document["price"]),
            ("Milliseconds from admission", document["timing_ms"]),
            ("Edits", {"splices": document["edits"]}),
        ]
    return [*parts, ("Policy", document["policy"]), ("Journal", document["journal"])]
