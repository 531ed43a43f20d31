"""The deployments report drawn for people: money and what was delivered, and beside it what keeps both honest."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from proxy.cli.columns import Column
from proxy.cli.tables import console, money, money_decimals, show

WITHHELD: Final = "·"
"""In place of a figure behind which too few persons stand."""
_BASES: Final[Mapping[str, str]] = {
    "too few": "too few",
    "no baseline": "no baseline",
    "nothing spent": "",
    "withheld": WITHHELD,
}
_METHODS: Final[Mapping[str, str]] = {
    "header_usd": "header",
    "session_usd": "session",
    "project_usd": "project",
    "estimated_usd": "estimated",
    "claimed_usd": "claimed",
    "unattributed_usd": "unattributed",
}

Row = Mapping[str, Any]


def deployments(document: Mapping[str, Any], width: int | None = None) -> None:
    """`width` in characters; None: the terminal's."""
    out = console(width)
    by = document["by"]
    what = f"Deployments by {', '.join(by)}" if by else "Deployments"
    out.print(Text(f"{what}, weeks that begin {_day(document['since'])} to {_day(document['until'])} (UTC)", "bold"))
    rows = [*document["rows"]]
    _table(out, [*_names(document), *_counts(rows, document), *_costs(rows, document)])
    out.print(Text("Beside it", "bold"))
    _table(out, [*_names(document), *_tensions(rows, document)])
    _attributed(out, document["total"])
    _reasons(out, document["total"])
    for note in document["notes"]:
        out.print(Text(f"- {note}"))
    for each in document["not_yet_known"]:
        out.print(Text(f"- Not yet known: {each}"))
    _association(out, document["association"])
    out.print(Text(_header(document), "dim"))


def definition(document: Mapping[str, Any], width: int | None = None) -> None:
    """As it is, and as it would be."""
    out, rows = console(width), document["rows"]
    out.print(Text(f"Definition {document['definition_version']}, and {document['other_version']}", "bold"))
    columns = [Column("service", [row["service"] for row in rows], figure=False)]
    for name in ("delivered", "voided", "credits"):
        for title, key in ((name, name), ("other", f"{name}_other")):
            columns.append(Column(title, [f"{Decimal(row[key]):,.10g}" for row in rows]))
    columns.append(Column("moved", [f"{row['moved']:,}" for row in rows]))
    if rows:
        show(out, columns)
    else:
        out.print("Nothing was deployed that may be shown.")
    for note in document["notes"]:
        out.print(Text(f"- {note}"))


def _table(out: Console, columns: Sequence[Column]) -> None:
    left_out = show(out, columns)
    if left_out:
        out.print(Text(f"- Left out, as the terminal is too narrow: {', '.join(left_out)}. --format csv has all."))


def _names(document: Mapping[str, Any]) -> list[Column]:
    rows, by = document["rows"], document["by"]
    if not by:
        return [Column("", [], "total", figure=False)]
    return [
        Column(name, [row[name] or "(none)" for row in rows], "total" if number == 0 else "", figure=False)
        for number, name in enumerate(by)
    ]


def _column(name: str, rows: Sequence[Row], total: Row, cell: Callable[[Row], str], spare: int = 0) -> Column:
    return Column(name, [cell(row) for row in rows], cell(total), spare=spare)


def _counts(rows: Sequence[Row], document: Mapping[str, Any]) -> list[Column]:
    total = document["total"]
    shown = [("deployments", "deployed", 0), ("delivered", "delivered", 3)]
    shown += [(name, name, 5) for name in ("pending", "voided", "unverified") if _any(rows, total, name)]
    return [
        *(_column(title, rows, total, partial(_count, name), spare) for name, title, spare in shown),
        _column("credits", rows, total, lambda row: _figure(row, "credits", 1), 4),
        _column("credited", rows, total, lambda row: _figure(row, "credited", 2)),
        _column("index", rows, total, lambda row: _figure(row, "index", 2)),
    ]


def _costs(rows: Sequence[Row], document: Mapping[str, Any]) -> list[Column]:
    total = document["total"]
    if total["spend_usd"] is None:
        return []
    decimals = money_decimals([row["spend_usd"] for row in (*rows, total)])
    found = [
        _column("spend USD", rows, total, lambda row: money(row["spend_usd"], decimals)),
        _column("attributed", rows, total, lambda row: _percent(row["attributed_share"]), 2),
        _column("USD a credited one", rows, total, _cost),
    ]
    if _any(rows, total, "run_usd"):
        found.append(_column("run USD", rows, total, lambda row: money(row["run_usd"], decimals), 6))
    return found


def _tensions(rows: Sequence[Row], document: Mapping[str, Any]) -> list[Column]:
    total = document["total"]
    shares = {
        "change_fail_rate": ("failed", 0),
        "rework_rate": ("rework", 3),
        "maintenance_share": ("maintenance", 5),
        "weak_trust_share": ("weak trust", 4),
    }
    return [
        *(_column(title, rows, total, partial(_part, name), spare) for name, (title, spare) in shares.items()),
        _column("lead time h", rows, total, lambda row: _figure(row, "lead_time_h", 1), 1),
        _column("reviews a change", rows, total, lambda row: _figure(row, "review_load", 2), 2),
    ]


def _attributed(out: Console, total: Row) -> None:
    """Always with what is attributed to nothing."""
    if total["spend_usd"] is None:
        return
    decimals = money_decimals([total[name] for name in _METHODS])
    parts = [f"{title} {money(total[name], decimals)}" for name, title in _METHODS.items() if Decimal(total[name])]
    out.print(Text(f"Spend on building, USD, by how it was attributed: {', '.join(parts) or 'none'}."))


def _reasons(out: Console, total: Row) -> None:
    for name, title in (("voided_because", "Voided"), ("not_counted_because", "Not counted")):
        if total[name]:
            out.print(Text(f"{title}: {total[name]}."))


def _association(out: Console, found: Mapping[str, Any] | None) -> None:
    if found:
        out.print(
            Text(
                f"Of {found['weeks']} weeks: r = {_short(found['coefficient'], 2)} "
                f"[{_short(found['low'], 2)}, {_short(found['high'], 2)}], {found['says']}."
            )
        )


def _header(document: Mapping[str, Any]) -> str:
    quarters = ", ".join(
        f"{each['quarter']} {each['version']}{' (imported)' if each['imported'] else ''}"
        for each in document["baselines"]
    )
    trust = ", ".join(sorted(set(document["trust"].values()))) or "none"
    until = document["data_until"]
    return (
        f"Baselines: {quarters or 'none'}. Trust asked for: {trust}. Prices: {document['prices']}. Reconciliation: "
        f"{document['reconciliation']}. Data until {_time(until) + ' UTC' if until else 'never'}. "
        f"{document['definition']}."
    )


def _cost(row: Row) -> str:
    low, high = row["cost_low_usd"], row["cost_high_usd"]
    if low is None:
        return _BASES.get(row["cost_basis"], row["cost_basis"])
    between = f"{_short(low, 2)} to {_short(high, 2)}"
    cost = row["cost_per_credited_usd"]
    return f"{_short(cost, 2)} ({between})" if cost else between


def _any(rows: Sequence[Row], total: Row, name: str) -> bool:
    return any(Decimal(row[name] or 0) for row in (*rows, total))


def _count(name: str, row: Row) -> str:
    return WITHHELD if row[name] is None else f"{row[name]:,}"


def _part(name: str, row: Row) -> str:
    return WITHHELD if row["withheld"] else _percent(row[name])


def _figure(row: Row, name: str, decimals: int) -> str:
    if row[name] is None:
        return WITHHELD if row["withheld"] else "-"
    return _short(row[name], decimals)


def _percent(share: str | None) -> str:
    return "-" if share is None else f"{Decimal(share):.0%}"


def _short(text: str, decimals: int) -> str:
    return f"{Decimal(text):,.{decimals}f}"


def _day(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d")


def _time(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M")
