"""The definition report as a document and as a sheet."""

from typing import Any, Final

from proxy.ledger.outcome_definition import DefinitionReport
from proxy.outcomes.redefining import Tally
from proxy.outcomes.verdicts import Standing
from proxy.ports.sheets import Column, ColumnType, Sheet

TALLIED: Final = (Standing.DELIVERED, Standing.PENDING, Standing.VOIDED, Standing.UNVERIFIED, Standing.NOT_COUNTED)
COUNT_COLUMNS: Final = (*(name for each in TALLIED for name in (each.value, f"{each}_other")), "moved")
CREDIT_COLUMNS: Final = ("credits", "credits_other")


def definition_document(report: DefinitionReport) -> dict[str, Any]:
    notes = ["Nothing of it is kept: the definition in force stands on every figure."]
    if report.withheld:
        notes.append(
            f"{report.withheld:,} services are left out: in some month too few persons stand behind them, or others "
            "would follow from them. A reason shows them, on record for each person to see."
        )
    if report.persons:
        notes.append(f"This look and its reason are on record, for those it shows to see ({len(report.persons)}).")
    rows = [
        {
            "service": name,
            **_tally(each.before, ""),
            **_tally(each.after, "_other"),
            "moved": each.moved,
        }
        for name, each in report.rows.items()
    ]
    return {
        "report": "definition",
        "definition_version": report.definition,
        "other_version": report.other,
        "notes": notes,
        "rows": rows,
    }


def definition_sheet(document: dict[str, Any]) -> Sheet:
    columns = [
        Column("service"),
        *(Column(name, ColumnType.WHOLE) for name in COUNT_COLUMNS),
        *map(Column, CREDIT_COLUMNS),
    ]
    rows = [[row[column.name] for column in columns] for row in document["rows"]]
    about = {name: document[name] for name in ("definition_version", "other_version")}
    return Sheet("definition", columns, rows, about)


def _tally(tally: Tally, suffix: str) -> dict[str, Any]:
    counts = {f"{each}{suffix}": tally.standings.get(each, 0) for each in TALLIED}
    return {**counts, f"credits{suffix}": str(float(tally.credits))}
