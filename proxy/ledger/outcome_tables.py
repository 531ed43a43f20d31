"""Outcome tables: verdicts, weeks, baselines and attributed spend as rows, written to files and brought in."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from proxy.outcomes.crediting import Verdicts, week_us
from proxy.outcomes.quarters import Quarters
from proxy.outcomes.service_weeks import ServiceWeek, Weeks
from proxy.ports.store import Transaction

_REASONS: Final = 'STRUCT(standing VARCHAR, "rule" VARCHAR, why VARCHAR, deployments BIGINT)[]'
_TEXT, _COUNT, _TEXTS, _YES = "VARCHAR", "BIGINT", "VARCHAR[]", "BOOLEAN"
TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    "outcome_deployments": {
        "id": _TEXT, "service": _TEXT, "week_us": _COUNT, "at_us": _COUNT, "standing": _TEXT, "until_us": _COUNT,
        "imported": _YES, "groups": _TEXTS,
    },
    "outcome_changes": {"id": _TEXT, "qualifies": _YES, "group_id": _TEXT, "line": _TEXT},
    "outcome_landings": {
        "group_id": _TEXT, "service": _TEXT, "week_us": _COUNT, "deployment": _TEXT, "credited_by": _TEXT,
        "credit": _TEXT, "standing": _TEXT, "changes": _TEXTS, "line": _TEXT,
    },
    "outcome_weeks": {
        "service": _TEXT, "week_us": _COUNT, "deployments": _COUNT, "standings": "MAP(VARCHAR, BIGINT)",
        "reasons": _REASONS, "credits": _TEXT, "config": _TEXT,
        **dict.fromkeys(("groups", "succeeded", "failed", "rework", "weak"), _COUNT),
        "leads_us": "BIGINT[]",
        **dict.fromkeys(("changes", "maintenance", "approvals", "imported"), _COUNT),
        "persons": _TEXTS, "unknown": _COUNT,
    },
    "outcome_services": {"service": _TEXT, "counts_from_us": _COUNT},
    "outcome_baselines": {
        "service": _TEXT, "quarter_us": _COUNT, "credits_a_week": "DOUBLE", "weeks": _COUNT, "imported": _YES,
        "limited": _YES, "frozen_us": _COUNT,
    },
    "outcome_shares": {
        "week_us": _COUNT, **dict.fromkeys(("team", "project", "method", "service", "group_id"), _TEXT),
        "cost_pico": "HUGEINT", "calls": _COUNT,
    },
}  # fmt: skip
"""Columns of each table, in their order."""

Rows = Iterable[tuple[Any, ...]]
ShareKey = tuple[int, str, str, str, str, str]
"""Week, team, project, method, service, group."""


def deployment_rows(verdicts: Verdicts) -> Rows:
    for each in verdicts.deployments:
        yield (
            *(each.deployment, each.service, week_us(each.at_us), each.at_us, each.standing, each.until_us),
            *(each.imported, each.groups),
        )  # fmt: skip


def change_rows(verdicts: Verdicts) -> Rows:
    for each in verdicts.changes.values():
        yield each.change, each.qualifies, each.group, each.line


def landing_rows(verdicts: Verdicts) -> Rows:
    for each in verdicts.landings:
        yield (
            *(each.group, each.service, each.week_us, each.deployment, each.credited_by, str(each.credit)),
            *(each.standing, each.changes, each.line),
        )  # fmt: skip


def week_rows(weeks: Weeks) -> Rows:
    for (service, start_us), week in weeks.items():
        yield service, start_us, *_week(week)


def _week(week: ServiceWeek) -> tuple[Any, ...]:
    reasons = [
        {"standing": standing, "rule": rule, "why": why, "deployments": count}
        for (standing, rule, why), count in sorted(week.reasons.items())
    ]
    return (
        *(week.deployments, dict(week.standings), reasons, str(week.credits), str(week.config)),
        *(week.groups, week.succeeded, week.failed, week.rework, week.weak, week.leads_us),
        *(week.changes, week.maintenance, week.approvals, week.imported, sorted(week.persons), len(week.unknown)),
    )


def baseline_rows(found: Quarters) -> Rows:
    for start_us, quarter in found.items():
        for service, each in quarter.items():
            known = each.baseline
            yield (
                *(service, start_us, known.credits_a_week, known.weeks, known.imported, known.limited, each.at_us),
            )  # fmt: skip


def share_rows(shares: Mapping[ShareKey, Sequence[int]]) -> Rows:
    for key, (cost_pico, calls) in sorted(shares.items()):
        # As text: the sums of large ledgers are beyond what JSON can say.
        yield *key, str(cost_pico), calls


def write_rows(folder: Path, table: str, rows: Rows) -> None:
    """As `replace` reads them."""
    columns, encode = TABLES[table], msgspec.json.Encoder().encode
    with (folder / f"{table}.jsonl").open("wb") as file:
        file.writelines(encode(dict(zip(columns, row, strict=True))) + b"\n" for row in rows)


def replace_rows(change: Transaction, folder: Path, table: str) -> None:
    """A table's rows instead of those that are there."""
    change.execute(f"DELETE FROM {table}")  # noqa: S608  # names of this module
    add_rows(change, folder / f"{table}.jsonl", table)


def add_rows(change: Transaction, file: Path, table: str) -> None:
    """Rows in the form of `write_rows`."""
    if not file.stat().st_size:
        return
    kinds = ", ".join(f"'{column}': '{kind}'" for column, kind in TABLES[table].items())
    change.execute(
        f"INSERT INTO {table} SELECT * FROM read_json($file, format = 'newline_delimited', "  # noqa: S608
        f"maximum_object_size = 16777216, columns = {{{kinds}}})",
        {"file": str(file)},
    )
