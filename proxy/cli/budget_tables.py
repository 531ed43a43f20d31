"""The budget report drawn for people."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from rich.text import Text

from proxy.cli.columns import Column
from proxy.cli.tables import console, money, money_decimals, show

_AMOUNTS: Final = {"limit": 1, "granted": 2, "spent": 0, "held": 5, "left": 0}
"""What a narrow terminal goes without: the highest number first, 0 never."""
_ALWAYS: Final = ("limit", "spent", "left")
"""Other columns show where they hold anything."""
MILLION: Final = 10**6
CENTS: Final = 2
"""Decimals of money where every limit is a dollar or more."""


def budgets(document: Mapping[str, Any], width: int | None = None) -> None:
    """`width` in characters; None: the terminal's."""
    out = console(width)
    rows = document["rows"]
    units = {row["unit"] for row in rows}
    unit = f" in {next(iter(units))}" if len(units) == 1 else ""
    out.print(Text(f"Budgets{unit}, {_when(document)} ({document['tz']})", "bold"))
    left_out = show(out, _columns(rows, one_unit=bool(unit))) if rows else []
    if not rows:
        out.print("No budgets.")
    if left_out:
        out.print(Text(f"- Left out, as the terminal is too narrow: {', '.join(left_out)}. --format csv has all."))
    for note in document["notes"]:
        out.print(Text(f"- {note}"))
    if any(_rounded(row, _decimals(rows)) for row in rows):
        out.print(Text("- Amounts are rounded down here; --format csv and json are exact."))
    until = document["data_until"]
    out.print(Text(f"Data until {_time(until) + ' UTC' if until else 'never'}. {document['definition']}.", "dim"))


def _when(document: Mapping[str, Any]) -> str:
    if document["since"] is None:
        return f"as of {_time(document['as_of'])}"
    return f"{_time(document['since'])} to {_time(document['until'])}"


def _columns(rows: Sequence[Mapping[str, Any]], *, one_unit: bool) -> list[Column]:
    columns = [Column("budget", list(map(_name, rows)), figure=False)]
    if any(row["instance"] for row in rows):
        columns.append(Column("for", [", ".join(map(_value, row["instance"].values())) for row in rows], figure=False))
    columns.append(Column("window", [row["window"] for row in rows], figure=False, spare=7))
    if len({(row["budget"], row["from"]) for row in rows}) > len({row["budget"] for row in rows}):
        columns.append(Column("from", [_time(row["from"]) for row in rows]))
    decimals = _decimals(rows)
    for name, spare in _AMOUNTS.items():
        if name in _ALWAYS or any(Decimal(row[name]) for row in rows):
            columns.append(Column(name, [_amount(row, name, decimals) for row in rows], spare=spare))
    if not one_unit:
        columns.append(Column("unit", [row["unit"] for row in rows], figure=False))
    columns.append(Column("used", [_percent(row["share"]) for row in rows]))
    if any(row["resets"] for row in rows):
        columns.append(Column("resets", [_time(row["resets"]) for row in rows], spare=3))
    columns.append(Column("refused", [f"{row['refused']:,}" for row in rows], spare=4))
    columns.append(Column("action", [row["action"] for row in rows], figure=False, spare=6))
    if any(row["shadow_refused"] for row in rows):
        columns.append(Column("would refuse", [f"{row['shadow_refused']:,}" for row in rows], spare=8))
        costs = [row["shadow_cost_usd"] for row in rows]
        columns.append(Column("of USD", [money(cost, money_decimals(costs)) for cost in costs], spare=9))
    return columns


def _name(row: Mapping[str, Any]) -> str:
    name: str = row["budget"]
    return name if row["mode"] == "enforce" else f"{name} ({row['mode']})"


def _value(value: str) -> str:
    return value or "(none)"


def _decimals(rows: Sequence[Mapping[str, Any]]) -> int:
    in_usd = [row for row in rows if row["unit"] == "USD"]
    if all(Decimal(row["limit"]) >= 1 for row in in_usd):
        return CENTS
    return money_decimals([row[name] for row in in_usd for name in _AMOUNTS])


def _shown(row: Mapping[str, Any], name: str, decimals: int) -> tuple[Decimal, str]:
    """The amount as it stands in the table, in units or in millions of them."""
    amount = Decimal(row[name])
    if row["unit"] == "USD":
        return amount.quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN), ""
    if amount < MILLION:
        return amount, ""
    return (amount / MILLION).quantize(Decimal("0.001"), ROUND_DOWN), "M"


def _amount(row: Mapping[str, Any], name: str, decimals: int) -> str:
    amount, scale = _shown(row, name, decimals)
    return f"{amount:,}{scale}"


def _rounded(row: Mapping[str, Any], decimals: int) -> bool:
    shown = {name: _shown(row, name, decimals) for name in _AMOUNTS}
    return any(Decimal(row[name]) != amount * (MILLION if scale else 1) for name, (amount, scale) in shown.items())


def _percent(share: str | None) -> str:
    """Rounded down: 100 is all of it."""
    return f"{(Decimal(share) * 100).quantize(Decimal('0.1'), ROUND_DOWN):,}%" if share else ""


def _time(text: str | None) -> str:
    """A day where it is a day's begin."""
    at = datetime.fromisoformat(text) if text else None
    return "" if at is None else at.strftime("%Y-%m-%d" if (at.hour, at.minute) == (0, 0) else "%Y-%m-%d %H:%M")
