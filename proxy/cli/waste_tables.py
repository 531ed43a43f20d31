"""The waste report and one's own hints drawn for people."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from proxy.cli.columns import Column
from proxy.cli.tables import console, money, money_decimals, show

_FIGURES: Final = {
    "calls": ("calls", 6),
    "cost_usd": ("spent USD", 5),
    "redundant_calls": ("redundant", 1),
    "redundant_cost_usd": ("redundant USD", 0),
    "attributed_cost_usd": ("of it found later", 7),
    "exempted_cost_usd": ("exempted USD", 2),
    "avoided_usd": ("avoided USD", 0),
    "served_calls": ("served", 8),
    "coalesced_calls": ("shared", 9),
    "refused_calls": ("refused", 4),
}
"""Heading, and what a narrow terminal goes without: the highest number first, 0 never."""
_ALWAYS: Final = ("calls", "cost_usd", "redundant_calls", "redundant_cost_usd")
"""Other columns show where they hold anything."""
_OF_FOUND: Final = frozenset(("class", "action", "exemption", "campaign"))
"""Dimensions by which a row is redundant or not as a whole: its own share says nothing."""
RUNS_MAX: Final = 50
"""In a table; CSV and JSON have all."""


def waste(document: Mapping[str, Any], width: int | None = None) -> None:
    """`width` in characters; None: the terminal's."""
    out = console(width)
    by = document["by"]
    what = f"Waste by {', '.join(by)}" if by else "Waste"
    as_of = f", as known at {_time(document['as_of'])}" if document["as_of"] else ""
    out.print(Text(f"{what}, {_period(document)}{as_of}", "bold"))
    left_out = show(out, _columns(document)) if document["rows"] else []
    if not document["rows"]:
        out.print("No calls in this period.")
    if left_out:
        out.print(Text(f"- Left out, as the terminal is too narrow: {', '.join(left_out)}. --format csv has all."))
    for note in document["notes"]:
        out.print(Text(f"- {note}"))
    if "campaigns" in document:
        _campaigns(out, document["campaigns"])
    until = document["data_until"]
    out.print(Text(f"Data until {_time(until) + ' UTC' if until else 'never'}. {document['definition']}.", "dim"))


def hints(document: Mapping[str, Any], width: int | None = None) -> None:
    out = console(width)
    out.print(Text(f"Your calls, {_period(document)}", "bold"))
    if not document["rows"]:
        out.print("Nothing that repeats itself was found.")
    for row in document["rows"][:RUNS_MAX]:
        where = ", ".join(filter(None, (row["project"], row["model"])))
        when = f"{_time(row['first'])} to {_time(row['last'])}"
        out.print(Text(f"- {row['says']}"))
        out.print(Text(f"  {row['advice']}"))
        for example in row["examples"][:1]:
            where = ", ".join(filter(None, (where, f"outlay policy explain {example['call']}")))
        out.print(Text(f"  {when}{': ' if where else ''}{where}", "dim"))
    _more(out, len(document["rows"]))
    out.print(Text("Only you see these hints.", "dim"))


def _columns(document: Mapping[str, Any]) -> list[Column]:
    by, rows, total = document["by"], document["rows"], document["total"]
    columns = [
        Column(name, [row[name] or "(none)" for row in rows], "total" if number == 0 else "", figure=False)
        for number, name in enumerate(by)
    ]
    amounts = [name for name in _FIGURES if name.endswith("_usd")]
    decimals = money_decimals([row[name] for row in [*rows, total] for name in amounts])
    for name, (heading, spare) in _FIGURES.items():
        if name not in _ALWAYS and not any(Decimal(row[name]) for row in [*rows, total]):
            continue
        cells = [_cell(row[name], decimals) for row in rows]
        columns.append(Column(heading, cells, _cell(total[name], decimals) if by else "", spare=spare))
    columns.append(_share(rows, total, by))
    return columns


def _share(rows: Sequence[Mapping[str, Any]], total: Mapping[str, Any], by: Sequence[str]) -> Column:
    footer = _percent(total) if by else ""
    if _OF_FOUND.isdisjoint(by):
        return Column("of its spend", list(map(_percent, rows)), footer, spare=3)
    return Column("of all spend", [f"{Decimal(row['share_of_spend']):.2%}" for row in rows], footer, spare=3)


def _percent(row: Mapping[str, Any]) -> str:
    spent = Decimal(row["cost_usd"])
    return f"{Decimal(row['redundant_cost_usd']) / spent:.2%}" if spent else ""


def _cell(figure: str | int, decimals: int) -> str:
    return f"{figure:,}" if isinstance(figure, int) else money(figure, decimals)


def _campaigns(out: Console, runs: Sequence[Mapping[str, Any]]) -> None:
    out.print(Text("Runs of redundant calls, by time", "bold"))
    if not runs:
        out.print("None.")
        return
    shown = runs[-RUNS_MAX:]
    decimals = money_decimals([run["cost_usd"] for run in shown])
    columns = [
        Column("run", [run["campaign"] for run in shown], figure=False),
        Column("class", [run["class"] for run in shown], figure=False),
        Column("calls", [f"{run['calls']:,}" for run in shown]),
        Column("cost USD", [money(run["cost_usd"], decimals) for run in shown]),
        Column("first", [_time(run["first"]) for run in shown], spare=1),
        Column("last", [_time(run["last"]) for run in shown], spare=2),
        Column("project", [run["project"] for run in shown], figure=False, spare=3),
        Column("model", [run["model"] for run in shown], figure=False, spare=4),
    ]
    show(out, columns)
    for run in shown:
        for example in run["examples"]:
            out.print(Text(f"  {example['call']} repeats {_repeats(example)}"))
    _more(out, len(runs))


def _repeats(example: Mapping[str, Any]) -> str:
    hidden = example["repeats_not_shown"]
    named = [*example["repeats"], *([f"{hidden} more that you may not see here"] if hidden else [])]
    return ", ".join(named) or "calls that are not on its record: it was put to its run later"


def _more(out: Console, count: int) -> None:
    if count > RUNS_MAX:
        out.print(Text(f"- {count - RUNS_MAX:,} more: --format csv or json has all."))


def _period(document: Mapping[str, Any]) -> str:
    return f"{_time(document['since'])} to {_time(document['until'])} ({document['tz']})"


def _time(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M")
