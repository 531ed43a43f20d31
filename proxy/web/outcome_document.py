"""The deployments report as a document and as a sheet."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from proxy.ledger.outcome_figures import RUN, Delivered, OutcomeRow
from proxy.ledger.outcome_report import DEFINITION, OutcomeReport
from proxy.model.calendar import moment
from proxy.model.money import pico_to_usd
from proxy.outcomes.attribution import Method
from proxy.outcomes.unit_cost import UnitCost
from proxy.outcomes.unread import MirrorState, said, unread
from proxy.outcomes.verdicts import Standing
from proxy.ports.sheets import Cell, Column, ColumnType, Sheet
from proxy.web.outcome_notes import baselines, not_yet_known, notes

STANDINGS: Final = (
    Standing.DELIVERED,
    Standing.PENDING,
    Standing.VOIDED,
    Standing.UNVERIFIED,
    Standing.NOT_COUNTED,
    Standing.PAST,
)
COUNT_COLUMNS: Final = ("deployments", *STANDINGS)
"""Whole numbers; null where they are withheld."""
FIGURE_COLUMNS: Final = (
    *("credits", "config_credits", "credited", "normal", "index", "credits_without_baseline"),
    *("change_fail_rate", "rework_rate", "lead_time_h", "maintenance_share", "review_load", "weak_trust_share"),
)
"""Decimals; null where they are withheld, or nothing is known."""
MONEY_COLUMNS: Final = (
    *("spend_usd", "attributed_usd", *(f"{method}_usd" for method in Method)),
    *("within_reach_usd", "run_usd"),
)
"""Amounts, exact; null for who sees own spend only."""
COST_COLUMNS: Final = ("cost_per_credited_usd", "cost_low_usd", "cost_high_usd")
"""Quotients, to the millionth of a dollar."""
TEXT_COLUMNS: Final = ("cost_basis", "voided_because", "not_counted_because")
QUOTIENTS: Final = ("attributed_share", *COST_COLUMNS, *TEXT_COLUMNS)
_ABOUT: Final = ("since", "until", "tz", "data_until", "built_at", "scope", "definition")
_SHARE: Final = Decimal("0.000001")
_UTC: Final = ZoneInfo("UTC")


def outcome_document(
    report: OutcomeReport, data_until: str | None, mirrors: Iterable[MirrorState] = ()
) -> dict[str, Any]:
    asked, cells = report.asked, report.cells
    names = [each.name for each in asked.by]
    built_at = moment(cells.built_us, _UTC).isoformat() if cells.built_us else None
    return {
        "report": "deployments",
        "by": names,
        "filters": {each.dimension.name: each.values for each in asked.filters},
        "since": asked.period.since.isoformat(),
        "until": asked.period.until.isoformat(),
        "tz": asked.period.zone.key,
        "data_until": data_until,
        "built_at": built_at,
        "definition": DEFINITION.format(version=cells.definition or "(none yet)"),
        "definition_version": cells.definition,
        "baselines": baselines(report),
        "trust": {name: each.trust for name, each in sorted(report.services.services.items())},
        "prices": "as recorded with each call",
        "reconciliation": "none: spend is the ledger's own",
        "persons_min": report.services.persons_min,
        "scope": "all" if report.moneyed else "without money",
        "not_yet_known": [*not_yet_known(report), *said(unread(report.services, mirrors))],
        "notes": notes(report),
        "association": _association(report),
        "rows": [{**dict(zip(names, row.values, strict=True)), **_figures(row, report)} for row in report.rows],
        "total": _figures(report.total, report),
    }


def outcome_sheet(report: OutcomeReport, document: Mapping[str, Any]) -> Sheet:
    """Rows only; the total where there are none. Quotients are text, for they can't be summed; so are counts of which
    some are withheld: an empty cell is no zero."""
    rows = list(zip(report.rows, document["rows"], strict=True)) or [(report.total, document["total"])]
    counts = ColumnType.TEXT if any(told["withheld"] for _, told in rows) else ColumnType.WHOLE
    columns = [
        *(Column(each.name) for each in report.asked.by),
        *(Column(name, counts) for name in COUNT_COLUMNS),
        *(Column(name) for name in FIGURE_COLUMNS),
        *(Column(name, ColumnType.MONEY) for name in MONEY_COLUMNS if report.moneyed),
        *(Column(name) for name in QUOTIENTS),
    ]
    about = {name: str(document[name] or "") for name in _ABOUT}
    about["baselines"] = "; ".join(f"{each['quarter']} {each['version']}" for each in document["baselines"])
    about["total_spend_usd"] = str(document["total"]["spend_usd"] or "")
    said = [*document["notes"], *document["not_yet_known"]]
    about |= {f"note {number}": note for number, note in enumerate(said, start=1)}
    period = report.asked.period
    name = f"deployments_{period.since:%Y-%m-%d}_{period.until:%Y-%m-%d}"
    return Sheet(name, columns, [_cells(row, told, report, counts) for row, told in rows], about)


def _cells(row: OutcomeRow, told: Mapping[str, Any], report: OutcomeReport, counts: ColumnType) -> list[Cell]:
    numbers = [told[name] for name in COUNT_COLUMNS]
    texts = ["" if number is None else str(number) for number in numbers]
    return [
        *(row.values or [""] * len(report.asked.by)),
        *(numbers if counts is ColumnType.WHOLE else texts),
        *(told[name] or "" for name in FIGURE_COLUMNS),
        *(_amounts(row).values() if report.moneyed else ()),
        *(told[name] or "" for name in QUOTIENTS),
    ]


def _figures(row: OutcomeRow, report: OutcomeReport) -> dict[str, Any]:
    money: dict[str, Any] = {name: pico_to_usd(pico) for name, pico in _amounts(row).items()}
    whole = row.money.attributed + row.money.open
    share = (Decimal(row.money.attributed) / whole).quantize(_SHARE) if whole else None
    found = row.cost or UnitCost("withheld")
    cost: dict[str, Any] = {"cost_per_credited_usd": _text(found.cost)}
    cost |= {"cost_low_usd": _text(found.low), "cost_high_usd": _text(found.high), "cost_basis": found.basis}
    if not report.moneyed:
        money, cost, share = dict.fromkeys(money), dict.fromkeys(cost) | {"cost_basis": "withheld"}, None
    return {
        "withheld": row.delivered is None,
        **_delivered(row.delivered),
        **money,
        "attributed_share": _text(share),
        **cost,
    }


def _amounts(row: OutcomeRow) -> dict[str, int]:
    found = {"spend_usd": row.money.build, "attributed_usd": row.money.attributed}
    found |= {f"{method}_usd": row.money.by_method.get(method, 0) for method in Method}
    return found | {"within_reach_usd": row.money.reach, "run_usd": row.money.by_method.get(RUN, 0)}


def _delivered(found: Delivered | None) -> dict[str, Any]:
    if found is None:
        nothing = dict.fromkeys((*COUNT_COLUMNS, *FIGURE_COLUMNS))
        return {**nothing, "voided_because": "", "not_counted_because": "", "reasons": []}
    return {
        "deployments": found.deployments,
        **{name: found.standings.get(name, 0) for name in STANDINGS},
        "credits": _decimal(float(found.earned.credits)),
        "config_credits": _decimal(float(found.config)),
        "credited": _decimal(found.earned.credited),
        "normal": _decimal(found.earned.normal),
        "index": _decimal(found.earned.index),
        "credits_without_baseline": _decimal(float(found.earned.without_baseline)),
        "change_fail_rate": _decimal(found.change_fail_rate),
        "rework_rate": _decimal(found.rework_rate),
        "lead_time_h": _decimal(found.lead_h),
        "maintenance_share": _decimal(found.maintenance_share),
        "review_load": _decimal(found.review_load),
        "weak_trust_share": _decimal(found.weak_share),
        "voided_because": _because(found, Standing.VOIDED),
        "not_counted_because": _because(found, Standing.NOT_COUNTED),
        "reasons": [
            {"standing": standing, "rule": rule, "why": why, "deployments": count}
            for (standing, rule, why), count in sorted(found.reasons.items())
        ],
    }


def _because(found: Delivered, standing: Standing) -> str:
    """'incident 2, rollback 1'."""
    return ", ".join(f"{why} {count}" for (each, _, why), count in sorted(found.reasons.items()) if each == standing)


def _association(report: OutcomeReport) -> dict[str, Any] | None:
    found = report.association
    if found is None or not report.moneyed:
        return None
    return {
        "weeks": found.weeks,
        "coefficient": _decimal(found.coefficient),
        "low": _decimal(found.low),
        "high": _decimal(found.high),
        "says": "weekly spend on building and weekly credits: an association, no cause",
    }


def _decimal(value: float | None) -> str | None:
    return None if value is None else f"{value:.6f}".rstrip("0").rstrip(".")


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
