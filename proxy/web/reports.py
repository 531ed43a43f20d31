"""Reports over HTTP: spend, and who looked at whose rows; as JSON, as files for spreadsheets, as pictures."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from proxy.ledger.acts import acts, acts_asked, details_text
from proxy.ledger.budget_asked import budgets_asked
from proxy.ledger.budget_report import Asker, budget_report
from proxy.ledger.charts import Chart, NoChartError, report_chart
from proxy.ledger.grant_book import GrantBook
from proxy.ledger.hints import hints
from proxy.ledger.loader import Progress
from proxy.ledger.months import closed_notes
from proxy.ledger.outcome_asked import outcomes_asked
from proxy.ledger.outcome_definition import definition_report
from proxy.ledger.outcome_report import outcome_report
from proxy.ledger.outcomes import Outcomes
from proxy.ledger.people import Directory, Viewer
from proxy.ledger.prices import prices
from proxy.ledger.selection import ParameterError, reason_of, selection
from proxy.ledger.spend import DEFINITION, SpendReport, spend
from proxy.ledger.spend_query import FIGURES, Figures
from proxy.ledger.views import View, views
from proxy.ledger.waste import waste
from proxy.ledger.waste_asked import waste_asked
from proxy.model.calendar import moment
from proxy.model.entry import Act
from proxy.model.money import pico_to_usd
from proxy.outcomes.redefining import DefinitionError, definition_of
from proxy.outcomes.unread import MirrorState
from proxy.ports.sheets import Cell, Column, ColumnType, Sheet, SheetWriter
from proxy.web.budget_document import budget_document, budget_sheet
from proxy.web.control_answers import FORMATS, PICTURE_TYPES, file_answer, format_of, table_answer
from proxy.web.control_auth import Authentication, local
from proxy.web.control_reading import Desk
from proxy.web.definition_document import definition_document, definition_sheet
from proxy.web.outcome_document import outcome_document, outcome_sheet
from proxy.web.price_document import price_document, price_sheet
from proxy.web.seen import folded, scope, seen
from proxy.web.waste_document import hints_document, hints_sheet, waste_document, waste_sheet

PICTURES: Final = ("svg", "png")
FIGURE_COLUMNS: Final = tuple("cost_usd" if name == "cost_pico" else name for name in FIGURES)
ACT_COLUMNS: Final = ("at", "actor", "kind", "subject", "reason", "details", "id")
VIEW_COLUMNS: Final = ("at", "actor", "subject", "reason", "report", "by", "filters", "since", "until", "call")
_COMPARED: Final = {
    "previous_calls": ColumnType.WHOLE,
    "previous_cost_usd": ColumnType.MONEY,
    "cost_change_usd": ColumnType.MONEY,
}
_TYPES: Final = {"cost_usd": ColumnType.MONEY}
_UTC: Final = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Reports:
    """The endpoints under /v1/reports/."""

    desk: Desk
    authentication: Authentication
    progress: Callable[[], Progress]
    writers: Mapping[str, SheetWriter]
    """By format; JSON and CSV are made here."""
    picture: Callable[[Chart, str], bytes]
    """Draws a chart as 'svg' or 'png'."""
    grants: GrantBook
    outcomes: Outcomes
    mirrors: Callable[[], Sequence[MirrorState]] = tuple

    async def spend(self, request: Request) -> Response:
        """GET /v1/reports/spend?by=&since=&until=&tz=&compare=&reason=&format=&<dimension>=<value>…"""
        viewer = self.authentication.viewer(request)
        directory = Directory.of(self.authentication.policies())
        format_, parameters = format_of(request, (*FORMATS, *PICTURES))
        asked = selection(parameters, directory.aliases, self.authentication.now_us())
        current_until_us = self.progress().current_until_us
        report = await self.desk.read(lambda store, timeout_s: spend(store, asked, viewer, directory, timeout_s))
        await self.desk.record(viewer, report.persons, asked.reason, asked.described())
        document = _spend_document(report, current_until_us)
        if viewer.sees_all:
            document["notes"] += await self.desk.read(lambda store, timeout_s: closed_notes(store, asked, timeout_s))
        if format_ in PICTURES:
            return await self._drawn(document, format_)
        return await self._answer(document, _spend_sheet(report, document), format_)

    async def waste(self, request: Request) -> Response:
        """GET /v1/reports/waste?by=&since=&until=&as_of=&campaigns=&examples=&reason=&format=&<dimension>=<value>…"""
        viewer = self.authentication.viewer(request)
        directory = Directory.of(self.authentication.policies())
        format_, parameters = format_of(request, (*FORMATS, *PICTURES))
        asked = waste_asked(parameters, directory.aliases, self.authentication.now_us())
        data_until = iso(self.progress().current_until_us)
        report = await self.desk.read(lambda store, timeout_s: waste(store, asked, viewer, directory, timeout_s))
        await self.desk.record(viewer, report.persons, asked.selection.reason, asked.described())
        document = waste_document(report, data_until)
        if format_ in PICTURES:
            return await self._drawn(document, format_)
        return await self._answer(document, waste_sheet(report, document), format_)

    async def deployments(self, request: Request) -> Response:
        """GET /v1/reports/deployments?by=&since=&until=&reason=&format=&<dimension>=<value>…"""
        viewer = self.authentication.viewer(request)
        services = self.authentication.policies().services
        format_, parameters = format_of(request)
        now_us = self.authentication.now_us()
        asked = outcomes_asked(parameters, now_us)
        data_until = iso(self.progress().current_until_us)
        await self.desk.read(lambda _, timeout_s: self.outcomes.freshen())
        report = await self.desk.read(
            lambda store, timeout_s: outcome_report(store, asked, services, viewer, now_us, timeout_s)
        )
        await self.desk.record(viewer, report.persons, asked.reason, asked.described())
        document = outcome_document(report, data_until, self.mirrors())
        return await self._answer(document, outcome_sheet(report, document), format_)

    async def definition(self, request: Request) -> Response:
        """GET /v1/reports/definition?definition=&reason=&format=, for finance and admins."""
        self.authentication.sees_all(request)
        viewer, policies = self.authentication.viewer(request), self.authentication.policies()
        format_, parameters = format_of(request)
        for name, _ in parameters:
            if name not in ("definition", "reason"):
                raise ParameterError(name[:80], "this report has no parameters but definition, reason and format")
        text, reason = dict(parameters).get("definition", ""), reason_of(dict(parameters).get("reason", ""))
        try:
            other = definition_of(text)
        except DefinitionError as error:
            raise ParameterError("definition", str(error)) from None
        now_us, outcomes = self.authentication.now_us(), self.outcomes
        report = await self.desk.read(
            lambda store, _: definition_report(
                store, other, policies.services, outcomes.aliases(), now_us, reason=reason, viewer=viewer.name
            )
        )
        await self.desk.record(
            viewer, report.persons, reason, {"report": "definition", "filters": f"definition={text}"}
        )
        document = definition_document(report)
        return await self._answer(document, definition_sheet(document), format_)

    async def budgets(self, request: Request) -> Response:
        """GET /v1/reports/budgets?budget=&since=&until=&tz=&reason=&format="""
        identity = self.authentication.identity(request)
        policies = self.authentication.policies()
        viewer = local(request) if identity is None else Viewer.of(identity, policies.access)
        owned = tuple(policies.access.projects[name] for name in viewer.projects)
        asker = Asker(viewer, identity, Directory.of(policies), owned)
        format_, parameters = format_of(request)
        now_us = self.authentication.now_us()
        asked = budgets_asked(parameters, now_us)
        data_until = iso(self.progress().current_until_us)
        increases = await self.grants.increases(0)
        report = await self.desk.read(
            lambda store, timeout_s: budget_report(
                store, asked, policies.rules.budgets, increases, asker, now_us, timeout_s
            )
        )
        await self.desk.record(viewer, report.persons, asked.reason, asked.described())
        document = budget_document(report, data_until)
        return await self._answer(document, budget_sheet(report, document), format_)

    async def hints(self, request: Request) -> Response:
        """GET /v1/reports/hints?since=&until=&tz=&examples=&format=&<dimension>=<value>…: of the asker's own calls."""
        viewer = self.authentication.viewer(request)
        format_, parameters = format_of(request)
        asked = waste_asked(parameters, {}, self.authentication.now_us())
        data_until = iso(self.progress().current_until_us)
        found = await self.desk.read(lambda store, timeout_s: hints(store, asked, viewer, timeout_s))
        document = hints_document(found, asked, data_until)
        return await self._answer(document, hints_sheet(found, document), format_)

    async def prices(self, request: Request) -> Response:
        """GET /v1/reports/prices?since=&until=&tz=&format=&<dimension>=<value>…"""
        viewer = self.authentication.viewer(request)
        directory = Directory.of(self.authentication.policies())
        format_, parameters = format_of(request)
        asked = selection(parameters, directory.aliases, self.authentication.now_us())
        data_until = iso(self.progress().current_until_us)
        report = await self.desk.read(lambda store, timeout_s: prices(store, asked, viewer, timeout_s))
        document = price_document(report, data_until)
        return await self._answer(document, price_sheet(report, document), format_)

    async def views(self, request: Request) -> Response:
        """GET /v1/reports/views?format="""
        viewer = self.authentication.viewer(request)
        format_, parameters = format_of(request)
        for name, _ in parameters:
            raise ParameterError(name[:80], "this report has no parameters but format")
        found = await self.desk.read(lambda store, timeout_s: views(store, viewer, timeout_s))
        rows = [_view(each) for each in found]
        columns = [Column(name) for name in VIEW_COLUMNS]
        sheet = Sheet("views", columns, [[row[name] for name in VIEW_COLUMNS] for row in rows])
        return await self._answer({"report": "views", "rows": rows}, sheet, format_)

    async def acts(self, request: Request) -> Response:
        """GET /v1/reports/acts?since=&until=&tz=&kind=&format=, for admins."""
        viewer = self.authentication.viewer(request)
        format_, parameters = format_of(request)
        asked = acts_asked(parameters, self.authentication.now_us())
        found = await self.desk.read(lambda store, timeout_s: acts(store, asked, viewer, timeout_s))
        rows = [_act(each) for each in found]
        sheet = Sheet("acts", list(map(Column, ACT_COLUMNS)), [[row[name] for name in ACT_COLUMNS] for row in rows])
        return await self._answer({"report": "acts", "rows": rows}, sheet, format_)

    async def _answer(self, document: dict[str, Any], sheet: Sheet, format_: str) -> Response:
        return await table_answer(document, sheet, format_, self.writers)

    async def _drawn(self, document: dict[str, Any], format_: str) -> Response:
        try:
            chart = report_chart(document)
        except NoChartError as error:
            raise ParameterError("by", str(error)) from None
        content = await asyncio.to_thread(self.picture, chart, format_)
        return file_answer(content, PICTURE_TYPES[format_])


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
        "compared_with": None
        if asked.compare is None
        else {"since": asked.compare.since.isoformat(), "until": asked.compare.until.isoformat()},
        "definition": DEFINITION,
        "scope": scope(report),
        "notes": _notes(report),
        "rows": [
            {
                **dict(zip(names, row.values, strict=True)),
                **_figures(row.figures),
                **_compared(report, row.figures, place),
            }
            for place, row in enumerate(report.rows)
        ],
        "total": {**_figures(report.total), **_compared(report, report.total, None)},
    }


def _compared(report: SpendReport, now: Figures, place: int | None) -> dict[str, str | int]:
    """Beside the figures of a row (of the total: None), those of the period before; nothing where none is asked for."""
    if report.selection.compare is None:
        return {}
    before = sum(report.previous, Figures()) if place is None else report.previous[place]
    return {
        "previous_calls": before.calls,
        "previous_cost_usd": pico_to_usd(before.cost_pico),
        "cost_change_usd": pico_to_usd(now.cost_pico - before.cost_pico),
    }


def _spend_sheet(report: SpendReport, document: dict[str, Any]) -> Sheet:
    """Rows only: a total among them would be counted twice by whoever sums the column."""
    names = [each.name for each in report.selection.by]
    columns = [*map(Column, names), *(Column(name, _TYPES.get(name, ColumnType.WHOLE)) for name in FIGURE_COLUMNS)]
    rows: list[list[Cell]] = [[*row.values, *(getattr(row.figures, name) for name in FIGURES)] for row in report.rows]
    if report.previous:
        columns += [Column(name, kind) for name, kind in _COMPARED.items()]
        for row, now, before in zip(rows, report.rows, report.previous, strict=True):
            row += [before.calls, before.cost_pico, now.figures.cost_pico - before.cost_pico]
    about = {name: str(document[name]) for name in ("since", "until", "tz", "data_until", "scope", "definition")}
    about["total_cost_usd"] = document["total"]["cost_usd"]
    if document["compared_with"]:
        about["compared_with"] = "{since} to {until}".format(**document["compared_with"])
    about |= {f"note {number}": note for number, note in enumerate(document["notes"], start=1)}
    period = report.selection.period
    return Sheet(f"spend_{period.since:%Y-%m-%d}_{period.until:%Y-%m-%d}", columns, rows, about)


def _figures(figures: Figures) -> dict[str, str | int]:
    numbers: list[str | int] = [getattr(figures, name) for name in FIGURES]
    return dict(zip(FIGURE_COLUMNS, [*numbers[:-1], pico_to_usd(figures.cost_pico)], strict=True))


def _notes(report: SpendReport) -> list[str]:
    """What a reader must know to read the figures right."""
    total = report.total
    notes = []
    notes += [*seen(report, near=report.selection.near), *folded(report)]
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


def _act(act: Act) -> dict[str, str]:
    texts = {"actor": act.actor, "kind": act.kind, "subject": act.subject, "reason": act.reason, "id": act.id}
    return {"at": iso(act.at_us) or "", **texts, "details": details_text(act)}


def iso(microseconds: int) -> str | None:
    """A time of the ledger, UTC; None for never."""
    return moment(microseconds, _UTC).isoformat() if microseconds else None
