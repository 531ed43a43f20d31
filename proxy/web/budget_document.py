"""The budget report as a document and as a sheet."""

from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from proxy.ledger.budget_asked import REPORT, Window
from proxy.ledger.budget_report import DEFINITION, BudgetReport, BudgetRow
from proxy.model.calendar import moment
from proxy.model.money import PICO_PER_USD, pico_to_usd
from proxy.policy.amounts import UNIT_WORDS
from proxy.policy.rules import Unit
from proxy.ports.sheets import Cell, Column, ColumnType, Sheet
from proxy.web.seen import scope

AMOUNTS: Final = ("limit", "granted", "spent", "held", "left")
"""In the budget's unit."""
COUNTS: Final = ("accounts", "refused", "shadow_refused")
BUDGET_COLUMNS: Final = {
    **dict.fromkeys(("budget", "instance", "window", "from", "to", "unit"), ColumnType.TEXT),
    **dict.fromkeys(AMOUNTS, ColumnType.MONEY),
    **dict.fromkeys(("resets", "action", "mode"), ColumnType.TEXT),
    **dict.fromkeys(COUNTS, ColumnType.WHOLE),
    "shadow_cost_usd": ColumnType.MONEY,
    **dict.fromkeys(("rule", "contact"), ColumnType.TEXT),
}
"""Of a sheet; the document has a `share` too."""
SHARE_DIGITS: Final = Decimal("0.000001")
_WORDS: Final = {unit: word for word, unit in UNIT_WORDS.items()}


def budget_document(report: BudgetReport, data_until: str | None) -> dict[str, Any]:
    """`share`: what of limit and grants is spent, rounded down (1 is all of it); null where nothing may be spent."""
    asked = report.asked
    rows = [_row(row, report) for row in report.rows]
    return {
        "report": REPORT,
        "filters": {"budget": list(asked.names)} if asked.names else {},
        "since": asked.period.since.isoformat() if asked.period else None,
        "until": asked.period.until.isoformat() if asked.period else None,
        "as_of": moment(report.now_us, asked.zone).isoformat(),
        "tz": asked.zone.key,
        "data_until": data_until,
        "definition": DEFINITION,
        "scope": scope(report),
        "notes": _notes(report),
        "rows": rows,
        "total": {name: sum(row[name] for row in rows) for name in COUNTS},
    }


def budget_sheet(report: BudgetReport, document: dict[str, Any]) -> Sheet:
    """Amounts are numbers in the row's unit."""
    told = ("since", "until", "as_of", "tz", "data_until", "scope", "definition")
    about = {name: str(document[name] or "") for name in told}
    about |= {f"note {number}": note for number, note in enumerate(document["notes"], start=1)}
    columns = [Column(*each) for each in BUDGET_COLUMNS.items()]
    rows = [_cells(row, shown) for row, shown in zip(report.rows, document["rows"], strict=True)]
    return Sheet(REPORT, columns, rows, about)


def _cells(row: BudgetRow, shown: dict[str, Any]) -> list[Cell]:
    whole = 1 if row.window.budget.unit is Unit.USD else PICO_PER_USD
    exact: dict[str, Cell] = {name: getattr(row.figures, name) * whole for name in AMOUNTS}
    exact["shadow_cost_usd"] = row.figures.shadow_cost_pico
    exact["instance"] = ", ".join(f"{name}={value}" for name, value in shown["instance"].items())
    return [exact[name] if name in exact else "" if shown[name] is None else shown[name] for name in BUDGET_COLUMNS]


def _row(row: BudgetRow, report: BudgetReport) -> dict[str, Any]:
    window, figures = row.window, row.figures
    budget = window.budget
    since, until = _borders(window, report)
    resets_us = window.resets_us(report.now_us)
    return {
        "budget": budget.name,
        "instance": dict(zip(budget.per, row.instance, strict=True)),
        "window": _length(budget.window.length_s) if window.asked.bucket_us else budget.window.kind,
        "from": since,
        "to": until,
        "unit": _WORDS[budget.unit],
        **{name: _amount(getattr(figures, name), budget.unit) for name in AMOUNTS},
        "share": _share(figures.spent, figures.limit + figures.granted),
        "resets": moment(resets_us, report.asked.zone).isoformat() if resets_us else None,
        "action": budget.action,
        "mode": budget.mode,
        **{name: getattr(figures, name) for name in COUNTS},
        "shadow_cost_usd": pico_to_usd(figures.shadow_cost_pico),
        "rule": budget.where,
        "contact": budget.contact,
    }


def _borders(window: Window, report: BudgetReport) -> tuple[str | None, str | None]:
    """Of a rolling window, its oldest bucket and the moment it ends at; null: without begin or end."""
    zone, rolling = report.asked.zone, bool(window.asked.bucket_us)
    since_us, until_us = window.asked.since_us, window.at_us if rolling else window.asked.until_us
    since = moment(since_us, zone).isoformat() if since_us else None
    return since, moment(until_us, zone).isoformat() if window.has_end else None


def _length(length_s: int) -> str:
    for letter, unit_s in (("d", 86_400), ("h", 3600)):
        if length_s % unit_s == 0:
            return f"{length_s // unit_s}{letter}"
    return f"{length_s}s"


def _amount(amount: int, unit: Unit) -> str:
    return pico_to_usd(amount) if unit is Unit.USD else str(amount)


def _share(spent: int, limit: int) -> str | None:
    return str((Decimal(spent) / limit).quantize(SHARE_DIGITS, ROUND_DOWN)) if limit else None


def _notes(report: BudgetReport) -> list[str]:
    """What a reader must know to read the figures right."""
    notes = []
    if report.own_only:
        owned = f", and those of projects that you own: {', '.join(report.projects)}" if report.projects else ""
        notes.append(f"The budgets that your own calls count in{owned}.")
    if report.asked.period:
        notes.append("Limits, and which budgets there are, are those of the policy files of today.")
    if report.folded:
        notes.append(
            "Other people's accounts stand together; a reason shows them apart, on record for each of them to see."
        )
    if report.withheld:
        notes.append(f"Budgets about other people alone are left out for want of a reason: {report.withheld}.")
    if report.persons:
        notes.append(f"This look and its reason are on record, for those it shows to see ({len(report.persons)}).")
    return notes
