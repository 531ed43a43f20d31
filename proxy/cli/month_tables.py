"""Months drawn for people."""

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from proxy.cli.columns import Column
from proxy.cli.tables import console, money, money_decimals, show

Document = Mapping[str, Any]


def draw(document: Document, width: int | None = None) -> None:
    """`width` in characters; None: the terminal's."""
    drawn = {"months": _months, "corrections": _corrections, "verify": _verified}
    drawn[document["report"]](document, width)


def _months(document: Document, width: int | None) -> None:
    out, rows = console(width), document["rows"]
    out.print(Text("Months (UTC)", "bold"))
    names = {"cost_usd": "cost USD", "corrections_usd": "in later ones", "unbooked_usd": "in none yet"}
    decimals = money_decimals([row[name] for row in rows for name in names])
    columns = [
        Column("month", [row["month"] for row in rows], figure=False),
        Column("state", [row["state"] for row in rows], figure=False),
        Column("calls", [f"{row['calls']:,}" for row in rows]),
        *(Column(named, [money(row[name], decimals) for row in rows]) for name, named in names.items()),
        Column("closed", [row["closed_at"][:10] for row in rows], figure=False, spare=2),
        Column("by", [row["closed_by"] for row in rows], figure=False, spare=3),
        Column("sha256", [row["sha256"][:12] for row in rows], figure=False, spare=1),
    ]
    show(out, columns)
    for row in rows:
        for each in row["in_the_way"]:
            out.print(Text(f"- {row['month']}: {each['says']}: {each['mend']}"))


def _corrections(document: Document, width: int | None) -> None:
    out, rows = console(width), document["rows"]
    if not rows:
        out.print("Nothing came for closed months that isn't in a statement.")
    else:
        out.print(Text("Of closed months, and in no statement yet", "bold"))
        decimals = money_decimals([row["cost_usd"] for row in rows])
        names = ("month", "project", "team", "cost_center", "provider", "model", "meter")
        show(
            out,
            [
                *(Column(name, [row[name] for row in rows], figure=False) for name in names),
                Column("quantity", [f"{row['quantity']:,}" for row in rows]),
                Column("cost USD", [money(row["cost_usd"], decimals) for row in rows]),
            ],
        )
        out.print(f"Together ${document['total']['cost_usd']}.")
    for each in document["outcomes"]:
        found = each["outcomes"]
        told = "withheld" if found["withheld"] else f"{found['delivered']} delivered, {found['credited']} credited"
        spent = f"${found['spend_usd']} spent on building in its weeks"
        out.print(Text(f"- Outcomes of {each['month']} are others now than stated: {told}, {spent}"))


def _verified(document: Document, width: int | None) -> None:
    out, rows = console(width), document["rows"]
    if not rows:
        out.print("No month is closed.")
    for row in rows:
        out.print(Text(f"{row['month']}  {row['sha256']}  {'holds' if row['holds'] else 'FAILS'}"))
        for fault in row["faults"]:
            out.print(Text(f"- {fault}"))
        # An older server doesn't say.
        for each in row.get("unverified", ()):
            out.print(Text(f"- Not verified: {each}", "dim"))
