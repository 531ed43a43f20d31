"""The budget report drawn for people."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from rich.text import Text

from proxy.cli.columns import Column
from proxy.cli.tables import console, money, money_decimals, show

_AMOUNTS: Final = {
    "limit": ("limit", 2),
    "granted": ("granted", 1),
    "spent": ("spent", 0),
    "held": ("held", 3),
    "left": ("left", 0),
}
"""Heading, and what a narrow terminal goes without: the highest number first, 0 never."""
_ALWAYS: Final = ("limit", "spent", "left")
"""Other columns show where they hold anything."""


def budgets(document: Mapping[str, Any], width: int | None = None) -> None:
    """`width` in characters; None: the terminal's."""
    out = console(width)
    out.print(Text(f"Budgets, {_when(document)} ({document['tz']})", "bold"))
    rows = document["rows"]
    left_out = show(out, _columns(rows)) if rows else []
    if not rows:
        out.print("No budgets.")
    if left_out:
        out.print(Text(f"- Left out, as the terminal is too narrow: {', '.join(left_out)}. --format csv has all."))
    for note in document["notes"]:
        out.print(Text(f"- {note}"))
    until = document["data_until"]
    out.print(Text(f"Data until {_time(until) + ' UTC' if until else 'never'}. {document['definition']}.", "dim"))


def _when(document: Mapping[str, Any]) -> str:
    if document["since"] is None:
        return f"as of {_time(document['as_of'])}"
    return f"{_time(document['since'])} to {_time(document['until'])}"


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    columns = [Column("budget", [row["budget"] for row in rows], figure=False)]
    if any(row["instance"] for row in rows):
        columns.append(Column("for", [", ".join(map(_value, row["instance"].values())) for row in rows], figure=False))
    columns.append(Column("window", [row["window"] for row in rows], figure=False, spare=7))
    if len({(row["budget"], row["from"]) for row in rows}) > len({row["budget"] for row in rows}):
        columns.append(Column("from", [_time(row["from"]) if row["from"] else "" for row in rows]))
    decimals = money_decimals([row[name] for row in rows for name in _AMOUNTS if row["unit"] == "USD"] or ["0.00"])
    for name, (heading, spare) in _AMOUNTS.items():
        if name in _ALWAYS or any(Decimal(row[name]) for row in rows):
            columns.append(Column(heading, [_amount(row, name, decimals) for row in rows], spare=spare))
    columns.append(Column("unit", [row["unit"] for row in rows], figure=False))
    columns.append(Column("spent %", [_percent(row["share"]) for row in rows]))
    if any(row["resets"] for row in rows):
        columns.append(Column("resets", [_time(row["resets"]) if row["resets"] else "" for row in rows], spare=5))
    columns.append(Column("refused", [f"{row['refused']:,}" for row in rows], spare=4))
    columns.append(Column("does", [_does(row) for row in rows], figure=False, spare=6))
    if any(row["shadow_refused"] for row in rows):
        columns.append(Column("would refuse", [f"{row['shadow_refused']:,}" for row in rows], spare=8))
        costs = [row["shadow_cost_usd"] for row in rows]
        columns.append(Column("of USD", [money(cost, money_decimals(costs)) for cost in costs], spare=9))
    return columns


def _value(value: str) -> str:
    return value or "(none)"


def _amount(row: Mapping[str, Any], name: str, decimals: int) -> str:
    return money(row[name], decimals) if row["unit"] == "USD" else f"{int(row[name]):,}"


def _percent(share: str | None) -> str:
    """Rounded down: 100 is all of it."""
    return f"{(Decimal(share) * 100).quantize(Decimal('0.1'), ROUND_DOWN):,}" if share else ""


def _does(row: Mapping[str, Any]) -> str:
    return row["action"] if row["mode"] == "enforce" else f"shadow: {row['action']}"


def _time(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M")
