"""Tables: documents of the ledger drawn for people."""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from proxy.cli.columns import Column, fitted, width_min

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
_SPARE: Final = {
    "output_tokens": 1,
    "input_tokens": 2,
    "refused": 3,
    "cache_read_tokens": 4,
    "cache_write_tokens": 5,
    "reasoning_tokens": 6,
}
"""What a narrow terminal goes without, the last first."""


def console(width: int | None = None) -> Console:
    return Console(width=width or (None if sys.stdout.isatty() else WIDE), highlight=False)


def spend(document: Mapping[str, Any], width: int | None = None) -> None:
    """`width` in characters; None: the terminal's."""
    out = console(width)
    by = document["by"]
    rows, total = document["rows"], document["total"]
    what = f"Spend by {', '.join(by)}" if by else "Spend"
    out.print(Text(f"{what}, {_time(document['since'])} to {_time(document['until'])} ({document['tz']})", "bold"))
    decimals = money_decimals([row["cost_usd"] for row in [*rows, total]])
    left_out = show(out, _spend_columns(document, decimals)) if rows else []
    if not rows:
        out.print("No calls in this period.")
    if left_out:
        out.print(Text(f"- Left out, as the terminal is too narrow: {', '.join(left_out)}. --format csv has all."))
    if document.get("compared_with"):
        earlier = document["compared_with"]
        out.print(Text(f"- Compared with {_time(earlier['since'])} to {_time(earlier['until'])}."))
    for note in document["notes"]:
        out.print(Text(f"- {note}"))
    if any(_exponent(row["cost_usd"]) > DECIMALS_MAX for row in [*rows, total]):
        out.print(Text(f"- Money is rounded to {DECIMALS_MAX} decimals here; --format csv and json are exact."))
    until = document["data_until"]
    out.print(Text(f"Data until {_time(until) + ' UTC' if until else 'never'}. {document['definition']}.", "dim"))


def prices(document: Mapping[str, Any], width: int | None = None) -> None:
    """One row for each price of a model; what its change did stands beside it, entries to add below."""
    out = console(width)
    rows, total = document["rows"], document["total"]
    out.print(
        Text(f"Prices, {_time(document['since'])} to {_time(document['until'])} ({document['tz']})", "bold"),
    )
    decimals = money_decimals([row[name] for row in [*rows, total] for name in ("cost_usd", "cost_change_usd")])
    if rows:
        show(out, _price_columns(rows, total, decimals))
    else:
        out.print("No calls in this period.")
    for note in document["notes"]:
        out.print(Text(f"- {note}"))
    entries = dict.fromkeys(row["add"] for row in rows if row["add"])
    for line in ("prices:", *(f"  - {entry}" for entry in entries)) if entries else ():
        out.print(Text(line), soft_wrap=True)  # To be copied: whole, however narrow the terminal is.
    lists = ", ".join(document["price_lists"]) or "none"
    until = document["data_until"]
    out.print(Text(f"Price lists: {lists}. Data until {_time(until) + ' UTC' if until else 'never'}.", "dim"))
    out.print(Text(f"{document['definition']}.", "dim"))


def _spend_columns(document: Mapping[str, Any], decimals: int) -> list[Column]:
    by, rows, total = document["by"], document["rows"], document["total"]
    columns = [
        Column(name, [row[name] or "(none)" for row in rows], "total" if number == 0 else "", figure=False)
        for number, name in enumerate(by)
    ]

    def add(name: str, cells: Sequence[str], footer: str, spare: int = 0) -> None:
        columns.append(Column(name, cells, footer if by else "", spare=spare))

    for name in (name for name in _FIGURES if name in _ALWAYS or total[name]):
        add(_FIGURES[name], [f"{row[name]:,}" for row in rows], f"{total[name]:,}", _SPARE.get(name, 0))
    for name in (name for name in _MONEY if name in total):
        add(_MONEY[name], [money(row[name], decimals) for row in rows], money(total[name], decimals))
    if "previous_cost_usd" in total:
        add("change", list(map(_percent, rows)), _percent(total))
    return columns


def _price_columns(rows: Sequence[Mapping[str, Any]], total: Mapping[str, Any], decimals: int) -> list[Column]:
    def amounts(name: str, condition: str = "calls") -> list[str]:
        return [money(row[name], decimals) if row[condition] else "" for row in rows]

    models = ["/".join(filter(None, (row["variant"], row["model"]))) for row in rows]
    columns = [
        Column("provider", [row["provider"] for row in rows], "total", figure=False, spare=1),
        Column("model", models, figure=False),
        Column("price", [row["price"] for row in rows], figure=False),
        Column("from", [_time(row["first_used"]) for row in rows], spare=2),
        Column("calls", [f"{row['calls']:,}" for row in rows], f"{total['calls']:,}"),
        Column("cost USD", amounts("cost_usd"), money(total["cost_usd"], decimals)),
    ]
    if any(row["unpriced_calls"] for row in rows):
        without = amounts("unpriced_cost_usd", "unpriced_calls")
        columns.append(Column("without price", without, money(total["unpriced_cost_usd"], decimals)))
    if any(row["previous_price"] for row in rows):
        change = amounts("cost_change_usd", "previous_price")
        columns.append(Column("change USD", change, money(total["cost_change_usd"], decimals)))
    return columns


def show(out: Console, columns: Sequence[Column]) -> list[str]:
    """Draw what fits; gives the names of the columns that don't. What can't be left out may be wider than the
    terminal, which then breaks its lines: better than half a figure."""
    kept = fitted(columns, out.width)
    table = Table(show_footer=any(column.footer for column in kept), show_edge=False, pad_edge=False)
    for column in kept:
        if column.figure:
            table.add_column(Text(column.name), Text(column.footer), justify="right", no_wrap=True)
        else:
            table.add_column(Text(column.name), Text(column.footer), overflow="fold")
    for row in zip(*(column.cells for column in kept), strict=True):
        table.add_row(*map(Text, row))
    console(max(out.width, width_min(kept))).print(table)
    return [column.name for column in columns if column not in kept]


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


def acts(document: Mapping[str, Any]) -> None:
    out = console()
    if not document["rows"]:
        out.print("Nothing is on record in this period.")
        return
    table = Table(show_edge=False, pad_edge=False)
    for name in ("at (UTC)", "who", "what", "of", "details"):
        table.add_column(name, overflow="fold")
    for row in document["rows"]:
        said = "; ".join(filter(None, (row["reason"], row["details"])))
        table.add_row(*map(Text, (_time(row["at"]), row["actor"], row["kind"], row["subject"], said)))
    out.print(table)


def increases(document: Mapping[str, Any], width: int | None = None) -> None:
    """Requests and grants of budgets. `width` as of `spend`."""
    out = console(width)
    if not document["rows"]:
        out.print("Nothing is asked for or granted.")
        return
    table = Table(show_edge=False, pad_edge=False)
    # An id is there to be copied.
    table.add_column("id", no_wrap=True)
    for name in ("budget", "for", "amount", "until (UTC)", "state", "by", "reason"):
        table.add_column(name, overflow="fold")
    for row in document["rows"]:
        ended = f"revoked by {row['revoked_by']}: {row['revoked_because']}" if row["revoked_by"] else row["state"]
        whose = ", ".join(row["instance"])
        cells = (
            row["id"],
            row["budget"],
            whose,
            row["amount"],
            _time(row["until"]),
            ended,
            row["actor"],
            row["reason"],
        )
        table.add_row(*map(Text, cells))
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
        with out.capture() as drawn:
            out.print(grid)
        # Blanks behind a line would be lines of their own in a narrower terminal.
        out.print(Text("\n".join(line.rstrip() for line in drawn.get().splitlines())))


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


def money_decimals(amounts: Sequence[str]) -> int:
    return min(DECIMALS_MAX, max(map(_exponent, amounts)))


def money(amount: str, decimals: int) -> str:
    rounded = Decimal(amount).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)
    return f"{rounded:,}"
