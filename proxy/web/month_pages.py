"""Months as pages, for finance and admins with a browser. They show what `outlay months` shows, and change nothing."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from proxy.web.markup import html_answer
from proxy.web.months import Months
from proxy.web.months_drawn import PLACE, months_page, verify_page
from proxy.web.page_door import as_page
from proxy.web.statement_drawn import corrections_page, statement_page

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class MonthPages:
    """With a `format` a page gives the file: the same as the route of the same end under /v1/months."""

    months: Months

    def routes(self) -> list[tuple[str, str, Endpoint]]:
        """Method, path and what answers it."""
        pages = {
            "": self.show,
            "/corrections": self.corrections,
            "/verify": self.verify,
            "/{month}": self.statement,
        }
        return [("GET", f"{PLACE}{rest}", as_page(endpoint)) for rest, endpoint in pages.items()]

    async def show(self, request: Request) -> Response:
        """GET /pages/months"""
        if request.query_params:
            return await self.months.show(request)
        self.months.authentication.sees_all(request)
        document = await self.months.listed()
        return html_answer(months_page(document, _minute(self.months.progress().current_until_us)))

    async def statement(self, request: Request) -> Response:
        """GET /pages/months/{month}"""
        if request.query_params:
            return await self.months.statement(request)
        self.months.authentication.sees_all(request)
        found = await self.months.closed(request)
        listed = (await self.months.listed())["rows"]
        row = next(row for row in listed if row["month"] == found.month)
        return html_answer(statement_page(found, row))

    async def corrections(self, request: Request) -> Response:
        """GET /pages/months/corrections"""
        if request.query_params:
            return await self.months.corrections(request)
        self.months.authentication.sees_all(request)
        return html_answer(corrections_page(*await self.months.late()))

    async def verify(self, request: Request) -> Response:
        """GET /pages/months/verify"""
        if request.query_params:
            return await self.months.verify(request)
        self.months.authentication.sees_all(request)
        document = await self.months.verified()
        return html_answer(verify_page(document, _minute(self.months.authentication.now_us())))


def _minute(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us / 1e6, UTC):%Y-%m-%d %H:%M} UTC"
