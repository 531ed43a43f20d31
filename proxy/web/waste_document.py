"""The waste report and one's own hints as documents and as sheets."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from proxy.ledger.campaigns import Campaign, Example
from proxy.ledger.hints import Hint
from proxy.ledger.selection import Selection
from proxy.ledger.waste import DEFINITION, WasteFigures, WasteReport
from proxy.ledger.waste_asked import WasteAsked
from proxy.model.calendar import moment
from proxy.model.money import pico_to_usd
from proxy.ports.sheets import Cell, Column, ColumnType, Sheet
from proxy.web.seen import folded, scope, seen

WASTE_COLUMNS: Final = {
    "calls": "calls",
    "cost_usd": "cost_pico",
    "redundant_calls": "redundant_calls",
    "redundant_cost_usd": "redundant_cost_pico",
    "other_cost_usd": "other_cost_pico",
    "attributed_calls": "attributed_calls",
    "attributed_cost_usd": "attributed_cost_pico",
    "exempted_calls": "exempted_calls",
    "exempted_cost_usd": "exempted_cost_pico",
    "served_calls": "served_calls",
    "served_saved_usd": "served_saved_pico",
    "coalesced_calls": "coalesced_calls",
    "coalesced_saved_usd": "coalesced_saved_pico",
    "refused_calls": "refused_calls",
    "refused_saved_usd": "refused_saved_pico",
    "avoided_usd": "avoided_pico",
}
"""Of a row, and the figure that each holds."""
CAMPAIGN_COLUMNS: Final = {
    "campaign": ColumnType.TEXT,
    "class": ColumnType.TEXT,
    "runs": ColumnType.WHOLE,
    "calls": ColumnType.WHOLE,
    "cost_usd": ColumnType.MONEY,
    "first": ColumnType.TEXT,
    "last": ColumnType.TEXT,
    **dict.fromkeys(("project", "model", "session", "agent"), ColumnType.TEXT),
}
SHARE_DIGITS: Final = Decimal("0.000001")
_ABOUT: Final = ("since", "until", "tz", "as_of", "data_until", "scope", "definition")


def waste_document(report: WasteReport, data_until: str | None) -> dict[str, Any]:
    """`share_of_spend`: what of all money in the report the redundant calls of a row cost."""
    asked = report.asked
    names = [each.name for each in asked.selection.by]
    document = {
        "report": "waste",
        "by": names,
        **_frame(asked, data_until),
        "scope": scope(report),
        "notes": [*_notes(report)],
        "rows": [
            {**dict(zip(names, row.values, strict=True)), **_figures(row.figures, report.total.cost_pico)}
            for row in report.rows
        ],
        "total": _figures(report.total, report.total.cost_pico),
    }
    if asked.campaigns:
        document["campaigns"] = [_campaign(run, asked) for run in report.campaigns]
    return document


def waste_sheet(report: WasteReport, document: dict[str, Any]) -> Sheet:
    """The runs where they are asked for, else the rows. No total among them: it would be counted twice."""
    about = {name: str(document[name] or "") for name in _ABOUT}
    about["total_cost_usd"] = document["total"]["cost_usd"]
    about["total_redundant_cost_usd"] = document["total"]["redundant_cost_usd"]
    about |= {f"note {number}": note for number, note in enumerate(document["notes"], start=1)}
    selection = report.asked.selection
    if report.asked.campaigns:
        return _campaign_sheet(report, _name("waste_campaigns", selection), about)
    kinds = {name: ColumnType.MONEY if name.endswith("_usd") else ColumnType.WHOLE for name in WASTE_COLUMNS}
    columns = [*(Column(each.name) for each in selection.by), *(Column(*each) for each in kinds.items())]
    rows: list[list[Cell]] = [
        [*row.values, *(getattr(row.figures, name) for name in WASTE_COLUMNS.values())] for row in report.rows
    ]
    return Sheet(_name("waste", selection), columns, rows, about)


def hints_document(found: Sequence[Hint], asked: WasteAsked, data_until: str | None) -> dict[str, Any]:
    return {
        "report": "hints",
        **_frame(asked, data_until),
        "scope": "own",
        "rows": [{"says": hint.says, "advice": hint.advice, **_campaign(hint.run, asked)} for hint in found],
    }


def hints_sheet(found: Sequence[Hint], document: dict[str, Any]) -> Sheet:
    columns = [Column("says"), Column("advice"), *(Column(*each) for each in CAMPAIGN_COLUMNS.items())]
    rows = [
        [row["says"], row["advice"], *_cells(row, hint.run)] for hint, row in zip(found, document["rows"], strict=True)
    ]
    return Sheet("hints", columns, rows, {name: str(document[name] or "") for name in _ABOUT})


def _frame(asked: WasteAsked, data_until: str | None) -> dict[str, Any]:
    selection = asked.selection
    period = selection.period
    as_of = None if asked.as_of_us is None else moment(asked.as_of_us, period.zone).isoformat()
    return {
        "filters": {each.dimension.name: each.values for each in selection.filters},
        "since": period.since.isoformat(),
        "until": period.until.isoformat(),
        "tz": period.zone.key,
        "as_of": as_of,
        "data_until": data_until,
        "definition": DEFINITION,
    }


def _figures(figures: WasteFigures, spend_pico: int) -> dict[str, str | int]:
    numbers: dict[str, str | int] = {
        name: pico_to_usd(getattr(figures, figure)) if name.endswith("_usd") else getattr(figures, figure)
        for name, figure in WASTE_COLUMNS.items()
    }
    share = Decimal(figures.redundant_cost_pico) / spend_pico if spend_pico else Decimal(0)
    return numbers | {"share_of_spend": str(share.quantize(SHARE_DIGITS))}


def _campaign(run: Campaign, asked: WasteAsked) -> dict[str, Any]:
    zone = asked.selection.period.zone
    return {
        "campaign": run.campaign,
        "class": run.waste_class,
        "runs": run.runs,
        "calls": run.calls,
        "cost_usd": pico_to_usd(run.cost_pico),
        "first": moment(run.first_us, zone).isoformat(),
        "last": moment(run.last_us, zone).isoformat(),
        **{name: getattr(run, name) for name in ("project", "model", "session", "agent")},
        "examples": [_example(each, zone) for each in run.examples],
    }


def _example(example: Example, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "call": example.id,
        "at": moment(example.opened_us, zone).isoformat(),
        "cost_usd": pico_to_usd(example.cost_pico),
        "repeats": list(example.repeats),
        "repeats_not_shown": example.not_shown,
    }


def _campaign_sheet(report: WasteReport, name: str, about: dict[str, str]) -> Sheet:
    columns = [Column(*each) for each in CAMPAIGN_COLUMNS.items()]
    if not report.asked.examples:
        rows = [_cells(_campaign(run, report.asked), run) for run in report.campaigns]
        return Sheet(name, columns, rows, about)
    rows = [
        [*_cells(_campaign(run, report.asked), run), " ".join(each.id for each in run.examples), _evidence(run)]
        for run in report.campaigns
    ]
    return Sheet(name, [*columns, Column("examples"), Column("repeats")], rows, about)


def _evidence(run: Campaign) -> str:
    return " ".join(dict.fromkeys(id_ for each in run.examples for id_ in each.repeats))


def _cells(row: dict[str, Any], run: Campaign) -> list[Cell]:
    return [run.cost_pico if name == "cost_usd" else row[name] for name in CAMPAIGN_COLUMNS]


def _name(report: str, selection: Selection) -> str:
    return f"{report}_{selection.period.since:%Y-%m-%d}_{selection.period.until:%Y-%m-%d}"


def _notes(report: WasteReport) -> list[str]:
    """What a reader must know to read the figures right."""
    total, notes = report.total, []
    notes += [*seen(report, near=report.asked.selection.near), *folded(report)]
    if report.own_only:
        notes.append("`outlay report hints` says what to do about each run of your own.")
    if report.persons:
        notes.append(f"This look and its reason are on record, for those it shows to see ({len(report.persons)}).")
    if report.asked.as_of_us is not None:
        notes.append("As it was known then: what ended or was found later is left out.")
    elif total.attributed_calls:
        notes.append(
            f"{total.attributed_calls:,} of {total.redundant_calls:,} redundant calls turned out to be after they had "
            "ended; as_of gives the figures as they were known at a time."
        )
    if total.avoided_pico:
        notes.append("What was avoided is an estimate: the cost of the calls that were repeated.")
    return notes
