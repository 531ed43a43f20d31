"""Months over HTTP, for finance and admins: which are closed, closing one, its statement, what came late, and proof."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from proxy.finance.statement import Rows, Statement, StatementError, faults, following, read, unbooked
from proxy.ledger.loader import Progress
from proxy.ledger.month_blocks import blocks
from proxy.ledger.month_book import Drawn, MonthBook
from proxy.ledger.months import Read, UnknownMonthError, live, month_of, readable, span_us, sums
from proxy.ledger.outcomes import Outcomes
from proxy.ledger.selection import ParameterError, reason_of
from proxy.ports.sheets import SheetWriter
from proxy.ports.store import Store
from proxy.web.control_answers import file_answer, format_of, json_answer, table_answer
from proxy.web.control_auth import Authentication
from proxy.web.control_reading import Desk
from proxy.web.json_body import json_body
from proxy.web.month_documents import (
    months_document,
    months_sheet,
    rows_document,
    rows_sheet,
    statement_sheet,
    verified_row,
    verified_sheet,
)
from proxy.web.month_figures import outcome_figures, restated

STATEMENT_HEADER: Final = "x-outlay-statement"
"""SHA-256 of the statement that an answer is of."""
_MONTH: Final = re.compile(r"[12][0-9]{3}-(0[1-9]|1[0-2])")

Endpoint = Callable[[Request], Awaitable[Response]]


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a closing."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Months:
    desk: Desk
    authentication: Authentication
    book: MonthBook
    progress: Callable[[], Progress]
    outcomes: Outcomes
    writers: Mapping[str, SheetWriter]
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def routes(self) -> list[tuple[str, str, Endpoint]]:
        """Method, path and what answers it."""
        return [
            ("GET", "/v1/months", self.show),
            ("GET", "/v1/months/corrections", self.corrections),
            ("GET", "/v1/months/verify", self.verify),
            ("GET", "/v1/months/{month}", self.statement),
            ("POST", "/v1/months/{month}/close", self.close),
        ]

    async def show(self, request: Request) -> Response:
        """GET /v1/months?format=: each month with its state, and what is in the way of closing it."""
        format_ = self._asked(request)
        document = await self.listed()
        return await table_answer(document, months_sheet(document), format_, self.writers)

    async def listed(self) -> dict[str, Any]:
        """Each month, as a document. Raises BusyError, StoreError."""
        now_us, progress = self.authentication.now_us(), self.progress()

        def made(store: Store, timeout_s: float) -> dict[str, Any]:
            ask = _asking(store, timeout_s)
            chain, on_record, this = self.book.chain(ask), sums(ask), month_of(now_us)
            last = chain[-1].month if chain else ""
            names = {*on_record, *(each.month for each in chain), this} | ({following(last)} if last else set())
            ways = {
                each: blocks(ask, each, chain, on_record, progress, now_us) for each in names if last < each <= this
            }
            return months_document(sorted(names), chain, self.book.totals(chain), on_record, ways)

        return await self.desk.read(made)

    async def statement(self, request: Request) -> Response:
        """GET /v1/months/{month}?format=: as it was closed. JSON is the statement itself, byte for byte."""
        format_ = self._asked(request)
        found = await self.closed(request)
        if format_ == "json":
            answer = file_answer(found.text.encode(), "application/json", f"month_{found.month}.json")
        else:
            answer = await table_answer({}, statement_sheet(found), format_, self.writers)
        answer.headers[STATEMENT_HEADER] = found.sha256
        return answer

    async def closed(self, request: Request) -> Statement:
        """Of the month that is asked for. Raises ParameterError, UnknownMonthError, BusyError, StoreError."""
        month = _month(request)
        chain = await self.desk.read(lambda store, timeout_s: self.book.chain(_asking(store, timeout_s)))
        texts = {each.month: each.text for each in chain}
        if month not in texts:
            raise UnknownMonthError(
                f"{month} is not closed. `outlay months` shows which are; `outlay report spend` has what is on record."
            )
        try:
            return read(texts[month])
        except StatementError as error:
            raise UnknownMonthError(f"The statement of {month} is damaged ({error}): `outlay months verify`.") from None

    async def corrections(self, request: Request) -> Response:
        """GET /v1/months/corrections?format=: what is on record of closed months and in no statement yet."""
        format_ = self._asked(request)
        document, rows = await self.late()
        return await table_answer(document, rows_sheet("corrections", rows), format_, self.writers)

    async def late(self) -> tuple[dict[str, Any], Rows]:
        """What is in no statement yet, as a document and as rows. Raises BusyError, NotClosableError, StoreError."""
        outcomes = await self._outcomes()

        def made(store: Store, timeout_s: float) -> tuple[dict[str, Any], Rows]:
            ask = _asking(store, timeout_s)
            statements = readable(self.book.chain(ask))
            rows = unbooked(live(ask, span_us(statements[-1].month)[1]), statements) if statements else {}
            since = restated(statements, lambda month: outcomes(store, month, timeout_s))
            return rows_document("corrections", rows, since), rows

        return await self.desk.read(made)

    async def verify(self, request: Request) -> Response:
        """GET /v1/months/verify?format=: the chain of statements, worked out again."""
        format_ = self._asked(request)
        document = await self.verified()
        return await table_answer(document, verified_sheet(document), format_, self.writers)

    async def verified(self) -> dict[str, Any]:
        """What the check found, as a document. Raises BusyError, StoreError."""

        def made(store: Store, timeout_s: float) -> list[dict[str, Any]]:
            ask = _asking(store, timeout_s)
            chain = self.book.chain(ask)
            return [verified_row(ask, each, wrong) for each, wrong in zip(chain, faults(chain), strict=True)]

        rows = await self.desk.read(made)
        return {"report": "verify", "holds": all(row["holds"] for row in rows), "rows": rows}

    async def close(self, request: Request) -> Response:
        """POST /v1/months/{month}/close {"reason"}"""
        self.authentication.sees_all(request)
        viewer, month = self.authentication.viewer(request), _month(request)
        reason = reason_of((await json_body(request, _Asked)).reason)
        async with self._turn:
            outcomes, progress = await self._outcomes(), self.progress()
            now_us = self.authentication.now_us()

            def drawn(store: Store, timeout_s: float) -> Drawn:
                return self.book.draw(
                    store, month, reason, progress, lambda each: outcomes(store, each, timeout_s), restated, now_us
                )

            found = await self.desk.read(drawn)
            closing = await self.book.record(found, viewer, reason if found.waived else "")
        head = found.statement.head
        said = {name: head[name] for name in ("closed_at", "previous", "total", "corrections", "waived")}
        return json_answer({"month": month, "state": "closed", "sha256": closing.sha256, **said}, 201)

    async def _outcomes(self) -> Callable[[Store, str, float], Mapping[str, Any]]:
        """What was delivered in a month, as it is known now."""
        await self.desk.read(lambda _, timeout_s: self.outcomes.freshen())
        services, now_us = self.authentication.policies().services, self.authentication.now_us()
        return lambda store, month, timeout_s: outcome_figures(store, month, services, now_us, timeout_s)

    def _asked(self, request: Request) -> str:
        """The format. Raises ForbiddenError, ParameterError."""
        self.authentication.sees_all(request)
        format_, others = format_of(request)
        for name, _ in others:
            raise ParameterError(name[:80], "there is only format")
        return format_


def _asking(store: Store, timeout_s: float) -> Read:
    return lambda sql, values: store.read(sql, values, timeout_s)


def _month(request: Request) -> str:
    month = str(request.path_params["month"])
    if not _MONTH.fullmatch(month):
        raise ParameterError("month", "write it as 2026-10")
    return month
