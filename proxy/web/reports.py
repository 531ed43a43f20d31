"""Reports over HTTP: spend, and who looked at whose rows. JSON for programs, CSV for spreadsheets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from proxy.ledger.loader import Progress
from proxy.ledger.people import Directory
from proxy.ledger.periods import moment
from proxy.ledger.selection import ParameterError, selection
from proxy.ledger.spend import DEFINITION, SpendReport, spend
from proxy.ledger.spend_query import FIGURES, Figures
from proxy.ledger.views import View, views
from proxy.model.money import pico_to_usd
from proxy.web.control_answers import csv_answer, inert, json_answer
from proxy.web.control_auth import Authentication
from proxy.web.control_reading import Desk

FORMATS: Final = ("json", "csv")
FIGURE_COLUMNS: Final = tuple("cost_usd" if name == "cost_pico" else name for name in FIGURES)
VIEW_COLUMNS: Final = ("at", "actor", "subject", "reason", "report", "by", "filters", "since", "until", "call")
_UTC: Final = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Reports:
    """The endpoints under /v1/reports/."""

    desk: Desk
    authentication: Authentication
    progress: Callable[[], Progress]

    async def spend(self, request: Request) -> Response:
        """GET /v1/reports/spend?by=&since=&until=&tz=&reason=&format=&<dimension>=<value>…"""
        viewer = self.authentication.viewer(request)
        directory = Directory.of(self.authentication.policies())
        format_, parameters = _format(request)
        asked = selection(parameters, directory.aliases, self.authentication.now_us())
        current_until_us = self.progress().current_until_us
        report = await self.desk.read(lambda store, timeout_s: spend(store, asked, viewer, directory, timeout_s))
        await self.desk.record(viewer, report.persons, asked.reason, asked.described())
        if format_ == "csv":
            return _spend_csv(report)
        return json_answer(_spend_document(report, current_until_us))

    async def views(self, request: Request) -> Response:
        """GET /v1/reports/views?format="""
        viewer = self.authentication.viewer(request)
        format_, parameters = _format(request)
        for name, _ in parameters:
            raise ParameterError(name[:80], "this report has no parameters but format")
        found = await self.desk.read(lambda store, timeout_s: views(store, viewer, timeout_s))
        rows = [_view(each) for each in found]
        if format_ == "csv":
            return csv_answer(VIEW_COLUMNS, ([inert(row[name]) for name in VIEW_COLUMNS] for row in rows), "views.csv")
        return json_answer({"report": "views", "rows": rows})


def _format(request: Request) -> tuple[str, list[tuple[str, str]]]:
    """The format asked for, and the other parameters."""
    parameters = request.query_params.multi_items()
    asked = [value for name, value in parameters if name == "format"] or ["json"]
    if len(asked) > 1 or asked[0] not in FORMATS:
        raise ParameterError("format", f"there are {' and '.join(FORMATS)}")
    return asked[0], [(name, value) for name, value in parameters if name != "format"]


def _spend_document(report: SpendReport, current_until_us: int) -> dict[str, Any]:
    asked = report.selection
    names = [each.name for each in asked.by]
    return {
        "report": "spend",
        "by": names,
        "filters": {each.dimension.name: each.values for each in asked.filters},
        "since": asked.period.since.isoformat(),
        "until": asked.period.until.isoformat(),
        "tz": asked.period.zone.key,
        "data_until": iso(current_until_us),
        "definition": DEFINITION,
        "scope": "own" if report.own_only else "all",
        "notes": _notes(report),
        "rows": [{**dict(zip(names, row.values, strict=True)), **_figures(row.figures)} for row in report.rows],
        "total": _figures(report.total),
    }


def _spend_csv(report: SpendReport) -> Response:
    """Rows only: a total among them would be counted twice by whoever sums the column."""
    period = report.selection.period
    return csv_answer(
        [*(each.name for each in report.selection.by), *FIGURE_COLUMNS],
        ([*map(inert, row.values), *_figures(row.figures).values()] for row in report.rows),
        f"spend_{period.since:%Y-%m-%d}_{period.until:%Y-%m-%d}.csv",
    )


def _figures(figures: Figures) -> dict[str, str | int]:
    numbers: list[str | int] = [getattr(figures, name) for name in FIGURES]
    return dict(zip(FIGURE_COLUMNS, [*numbers[:-1], pico_to_usd(figures.cost_pico)], strict=True))


def _notes(report: SpendReport) -> list[str]:
    """What a reader must know to read the figures right."""
    total = report.total
    notes = []
    if report.own_only:
        notes.append("Your own calls only.")
    if report.folded:
        notes.append(
            "Other people's rows stand together; a reason shows them apart, on record for each of them to see."
        )
    if report.persons:
        notes.append(f"This look and its reason are on record, for those it shows to see ({len(report.persons)}).")
    if total.estimated_calls:
        notes.append(f"{_of(total.estimated_calls, total)} estimated: the provider did not report the usage.")
    if total.unpriced_calls:
        notes.append(f"{_of(total.unpriced_calls, total)} without a price, at the ceiling price of prices.yaml.")
    return notes


def _of(some: int, total: Figures) -> str:
    return f"{some:,} of {total.calls:,} calls"


def _view(view: View) -> dict[str, str]:
    row = dict.fromkeys(VIEW_COLUMNS, "") | {
        "at": iso(view.at_us) or "",
        "actor": view.actor,
        "subject": view.subject,
        "reason": view.reason,
    }
    return row | {name: text for name, text in view.details.items() if name in VIEW_COLUMNS}


def iso(microseconds: int) -> str | None:
    """A time of the ledger, UTC; None for never."""
    return moment(microseconds, _UTC).isoformat() if microseconds else None
