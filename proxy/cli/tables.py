"""Tables: documents of the ledger drawn for people."""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

DECIMALS_MAX: Final = 6
"""Of money in a table; CSV and JSON have all twelve."""
WIDE: Final = 400
"""Columns where nobody's terminal sets a limit."""
_FIGURES: Final = {
    "calls": "calls",
    "refused": "refused",
    "input_tokens": "input",
    "cache_read_tokens": "cache read",
    "cache_write_tokens": "cache write",
    "output_tokens": "output",
    "reasoning_tokens": "reasoning",
}
_MONEY: Final = {"cost_usd": "cost USD", "previous_cost_usd": "before", "cost_change_usd": "change USD"}
_ALWAYS: Final = ("calls", "input_tokens", "output_tokens")
"""Other columns show where they hold anything."""


def console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)


def spend(document: Mapping[str, Any]) -> None:
    out = console()
    by = document["by"]
    rows, total = document["rows"], document["total"]
    what = f"Spend by {', '.join(by)}" if by else "Spend"
    out.print(Text(f"{what}, {_time(document['since'])} to {_time(document['until'])} ({document['tz']})", "bold"))
    shown = [name for name in _FIGURES if name in _ALWAYS or total[name]]
    decimals = _decimals([row["cost_usd"] for row in [*rows, total]])
    table = Table(show_footer=bool(by), show_edge=False, pad_edge=False)
    for number, name in enumerate(by):
        table.add_column(Text(name), footer=Text("total") if number == 0 else "", overflow="fold")
    for name in shown:
        table.add_column(_FIGURES[name], f"{total[name]:,}", justify="right", no_wrap=True)
    money = [name for name in _MONEY if name in total]
    for name in money:
        table.add_column(_MONEY[name], _money(total[name], decimals), justify="right", no_wrap=True)
    if "previous_cost_usd" in total:
        table.add_column("change", _percent(total), justify="right", no_wrap=True)
    for row in rows:
        cells = [Text(row[name] or "(none)") for name in by]
        cells += [Text(f"{row[name]:,}") for name in shown]
        cells += [Text(_money(row[name], decimals)) for name in money]
        table.add_row(*cells, *([_percent(row)] if "previous_cost_usd" in total else []))
    if rows:
        out.print(table)
    else:
        out.print("No calls in this period.")
    if document.get("compared_with"):
        earlier = document["compared_with"]
        out.print(Text(f"- Compared with {_time(earlier['since'])} to {_time(earlier['until'])}."))
    for note in document["notes"]:
        out.print(Text(f"- {note}"))
    if any(_exponent(row["cost_usd"]) > DECIMALS_MAX for row in [*rows, total]):
        out.print(Text(f"- Money is rounded to {DECIMALS_MAX} decimals here; --format csv and json are exact."))
    until = document["data_until"]
    out.print(Text(f"Data until {_time(until) + ' UTC' if until else 'never'}. {document['definition']}.", "dim"))


def prices(document: Mapping[str, Any]) -> None:
    """One row for each price of a model; what its change did stands beside it, entries to add below."""
    out = console()
    rows, total = document["rows"], document["total"]
    out.print(
        Text(f"Prices, {_time(document['since'])} to {_time(document['until'])} ({document['tz']})", "bold"),
    )
    decimals = _decimals([row[name] for row in [*rows, total] for name in ("cost_usd", "cost_change_usd")])
    table = Table(show_footer=True, show_edge=False, pad_edge=False)
    table.add_column("provider", "total", overflow="fold")
    table.add_column("model", overflow="fold")
    table.add_column("price", overflow="fold")
    table.add_column("from", no_wrap=True)
    table.add_column("calls", f"{total['calls']:,}", justify="right", no_wrap=True)
    table.add_column("cost USD", _money(total["cost_usd"], decimals), justify="right", no_wrap=True)
    table.add_column("without price", _money(total["unpriced_cost_usd"], decimals), justify="right", no_wrap=True)
    table.add_column("change USD", _money(total["cost_change_usd"], decimals), justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            *(Text(text) for text in (row["provider"], "/".join(filter(None, (row["variant"], row["model"]))))),
            Text(row["price"]),
            Text(_time(row["first_used"])),
            f"{row['calls']:,}",
            _money(row["cost_usd"], decimals),
            _money(row["unpriced_cost_usd"], decimals) if row["unpriced_calls"] else "",
            _money(row["cost_change_usd"], decimals) if row["previous_price"] else "",
        )
    out.print(table if rows else "No calls in this period.")
    for note in document["notes"]:
        out.print(Text(f"- {note}"))
    entries = dict.fromkeys(row["add"] for row in rows if row["add"])
    for line in ("prices:", *(f"  - {entry}" for entry in entries)) if entries else ():
        out.print(Text(line))
    lists = ", ".join(document["price_lists"]) or "none"
    until = document["data_until"]
    out.print(Text(f"Price lists: {lists}. Data until {_time(until) + ' UTC' if until else 'never'}.", "dim"))
    out.print(Text(f"{document['definition']}.", "dim"))


def views(document: Mapping[str, Any]) -> None:
    out = console()
    if not document["rows"]:
        out.print("Nobody looked.")
        return
    table = Table(show_edge=False, pad_edge=False)
    for name in ("at (UTC)", "who", "whose", "report", "reason"):
        table.add_column(name, overflow="fold")
    for row in document["rows"]:
        what = " ".join(filter(None, (row["report"], row["call"], f"by {row['by']}" if row["by"] else "")))
        table.add_row(*map(Text, (_time(row["at"]), row["actor"], row["subject"], what, row["reason"])))
    out.print(table)


def sections(parts: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Named groups of facts, one below the other."""
    out = console()
    for title, facts in parts:
        out.print(Text(title, "bold"))
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in facts.items():
            grid.add_row(Text(f"  {name.replace('_', ' ')}"), Text(_fact(value)))
        out.print(grid)


def _fact(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name}={item}" for name, item in value.items()) or "none"
    return str(value) if value not in ("", None) else "-"


def _percent(row: Mapping[str, Any]) -> str:
    """How much more or less than before; '' where nothing was spent before."""
    before = Decimal(row["previous_cost_usd"])
    return f"{Decimal(row['cost_change_usd']) / before:+.1%}" if before else ""


def _time(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M")


def _exponent(amount: str) -> int:
    return len(amount.partition(".")[2])


def _decimals(amounts: Sequence[str]) -> int:
    return min(DECIMALS_MAX, max(map(_exponent, amounts)))


def _money(amount: str, decimals: int) -> str:
    rounded = Decimal(amount).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)
    return f"{rounded:,}"
