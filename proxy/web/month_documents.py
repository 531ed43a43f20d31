"""Months as documents and as sheets: the list, rows of a statement or of corrections, and what a check found."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from proxy.finance.statement import COLUMNS, DIMENSIONS, Closing, Rows, Statement, Total, read
from proxy.ledger.month_blocks import Block
from proxy.ledger.months import Checked, Read, Sums, checked
from proxy.model.money import pico_to_usd
from proxy.ports.sheets import Cell, Column, ColumnType, Sheet
from proxy.web.reports import iso

_NOT_LOOKED_AT: Final = "its calls are not counted again, since it is not what was closed"
_MONEY: Final = ("cost_usd", "corrections_usd", "unbooked_usd")
_LISTED: Final = ("month", "state", "calls", *_MONEY, "closed_at", "closed_by", "reason", "sha256", "in_the_way")
_TYPES: Final = {"calls": ColumnType.WHOLE, "quantity": ColumnType.WHOLE, **dict.fromkeys(_MONEY, ColumnType.MONEY)}


def months_document(
    names: Sequence[str],
    chain: Sequence[Closing],
    totals: Sequence[Mapping[str, Total]],
    on_record: Mapping[str, Sums],
    ways: Mapping[str, Sequence[Block]],
) -> dict[str, Any]:
    """`totals`: what each statement says of each month; `ways`: what is in the way, of open months that have begun."""
    closed = {each.month: each for each in chain}
    last = chain[-1].month if chain else ""
    rows = []
    for month in names:
        now = on_record.get(month, Sums())
        if month <= last:
            closing = closed.get(month, chain[0])
            own = totals[chain.index(closing)].get(month, Total())
            booked = sum((each.get(month, Total()) for each in totals), Total())
            rows.append(_closed(month, closing, own, booked, now.cost_pico))
        else:
            row = {"month": month, "state": "open", "calls": now.calls, "cost_usd": pico_to_usd(now.cost_pico)}
            nothing = dict.fromkeys(("corrections_usd", "unbooked_usd"), "0.00")
            nothing |= dict.fromkeys(("closed_at", "closed_by", "reason", "sha256"), "")
            found = [
                {"what": each.what, "says": each.says, "mend": each.mend, "waivable": each.waivable}
                for each in ways.get(month, ())
            ]
            rows.append({**row, **nothing, "in_the_way": found})
    return {"report": "months", "tz": "UTC", "rows": rows, "head": chain[-1].sha256 if chain else None}


def _closed(month: str, closing: Closing, own: Total, booked: Total, now_pico: int) -> dict[str, Any]:
    """`closing`: of the month, or of the first that was closed, whose statement has what came before."""
    return {
        "month": month,
        "state": "closed" if month == closing.month else f"in {closing.month}",
        "calls": own.calls,
        "cost_usd": pico_to_usd(own.cost_pico),
        "corrections_usd": pico_to_usd(booked.cost_pico - own.cost_pico),
        "unbooked_usd": pico_to_usd(now_pico - booked.cost_pico),
        "closed_at": iso(closing.at_us),
        "closed_by": closing.actor,
        "reason": closing.reason,
        "sha256": closing.sha256,
        "in_the_way": [],
    }


def months_sheet(document: Mapping[str, Any]) -> Sheet:
    columns = [Column(name, _TYPES.get(name, ColumnType.TEXT)) for name in _LISTED]
    rows = [[_cell(name, row[name]) for name in _LISTED] for row in document["rows"]]
    return Sheet("months", columns, rows)


def _cell(name: str, value: Any) -> Cell:
    if name in _MONEY:
        return int(Decimal(value).scaleb(12))
    return "; ".join(each["says"] for each in value) if isinstance(value, list) else value


def rows_document(report: str, rows: Rows, since: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found = [
        {**dict(zip(DIMENSIONS, key, strict=True)), "quantity": quantity, "cost_usd": pico_to_usd(pico)}
        for key, (quantity, pico) in sorted(rows.items())
    ]
    whole = sum(pico for _, pico in rows.values())
    return {"report": report, "rows": found, "total": {"cost_usd": pico_to_usd(whole)}, "outcomes": list(since)}


def statement_sheet(found: Statement) -> Sheet:
    """The same file for the same statement, whenever it is asked for, as far as the format allows."""
    about = {"month": found.month, "statement_sha256": found.sha256, "previous_sha256": found.previous}
    about |= {name: str(found.head[name]) for name in ("since", "until", "closed_at", "currency")}
    return _sheet(f"month_{found.month}", found.rows, about, datetime.fromisoformat(found.head["closed_at"]))


def rows_sheet(name: str, rows: Rows) -> Sheet:
    return _sheet(name, rows, {}, None)


def _sheet(name: str, rows: Rows, about: Mapping[str, str], made: datetime | None) -> Sheet:
    columns = [Column(each, _TYPES.get(each, ColumnType.TEXT)) for each in COLUMNS]
    return Sheet(name, columns, [[*key, *amount] for key, amount in sorted(rows.items())], about, made)


def verified_row(ask: Read, closing: Closing, wrong: Sequence[str]) -> dict[str, Any]:
    """`wrong`: what is wrong with it by itself and in the chain. Where anything is, no call is counted for it."""
    found = Checked(tuple(wrong), (_NOT_LOOKED_AT,)) if wrong else checked(ask, read(closing.text))
    said = {"month": closing.month, "sha256": closing.sha256, "holds": not found.faults}
    return {**said, "faults": [*found.faults], "unverified": [*found.unverified]}


def verified_sheet(document: Mapping[str, Any]) -> Sheet:
    columns = [*map(Column, ("month", "sha256", "holds", "faults", "unverified"))]
    rows = [
        [row["month"], row["sha256"], "true" if row["holds"] else "false", *_lists(row)] for row in document["rows"]
    ]
    return Sheet("verify", columns, rows)


def _lists(row: Mapping[str, Any]) -> list[Cell]:
    return ["; ".join(row[name]) for name in ("faults", "unverified")]
