"""The control plane's application: every route of port 4142, and of the ledger's socket."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from proxy import VERSION
from proxy.web.balances import BalancesEndpoint
from proxy.web.budget_increases import BudgetIncreases
from proxy.web.calls_explained import CallsExplained
from proxy.web.control_answers import json_answer
from proxy.web.control_auth import Authentication
from proxy.web.control_errors import HANDLED, on_error, on_fault
from proxy.web.control_metrics import LedgerMetrics, Metrics
from proxy.web.database_copy import DatabaseCopy
from proxy.web.deployments_explained import DeploymentsExplained
from proxy.web.events import Events
from proxy.web.events_import import EventsImport
from proxy.web.events_quarantine import EventsQuarantine
from proxy.web.month_pages import MonthPages
from proxy.web.months import Months
from proxy.web.openapi import openapi
from proxy.web.replay_facts import ReplayFacts
from proxy.web.reports import Reports

EVENTS = "/v1/events/{kind}"
IMPORT = "/v1/events/import"

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """What the routes need, each made and wired by the composition root."""

    authentication: Authentication
    reports: Reports
    calls: CallsExplained
    deployments: DeploymentsExplained
    balances: BalancesEndpoint
    database_copy: DatabaseCopy
    increases: BudgetIncreases
    months: Months
    events: Events
    events_import: EventsImport
    events_quarantine: EventsQuarantine
    replay: ReplayFacts
    metrics: Metrics
    readiness: Callable[[], Mapping[str, object]]
    """Details; `ready` among them."""
    gateway: Mapping[str, object] = field(default_factory=dict)
    """Where the data plane is, for tools that are set up by their users: `gateway` and `gateway_port`."""

    def application(self) -> Starlette:
        routes = {
            "/v1/reports/spend": self.reports.spend,
            "/v1/reports/budgets": self.reports.budgets,
            "/v1/reports/waste": self.reports.waste,
            "/v1/reports/deployments": self.reports.deployments,
            "/v1/reports/definition": self.reports.definition,
            "/v1/reports/hints": self.reports.hints,
            "/v1/reports/views": self.reports.views,
            "/v1/reports/prices": self.reports.prices,
            "/v1/reports/acts": self.reports.acts,
            "/v1/calls/{id}": self.calls.explain,
            # Ids have slashes.
            "/v1/deployments/{id:path}": self.deployments.explain,
            "/v1/replay": self.replay.about,
            "/v1/replay/facts": self.replay.facts,
            "/v1/events/quarantine": self.events_quarantine.show,
            "/v1/whoami": self._whoami,
            "/metrics": self.metrics.show,
        }
        return Starlette(
            routes=[
                *(Route(path, _measured(path, endpoint, self.metrics.own)) for path, endpoint in routes.items()),
                *(
                    Route(path, _measured(path, endpoint, self.metrics.own), methods=[method])
                    for method, path, endpoint in self._others()
                ),
                Route(IMPORT, _measured(IMPORT, self.events_import.take, self.metrics.own), methods=["POST"]),
                Route(EVENTS, _measured(EVENTS, self.events.take, self.metrics.own), methods=["POST"]),
                Route("/healthz", _alive),
                Route("/readyz", self._ready),
                Route("/openapi.json", self._openapi),
            ],
            exception_handlers={**dict.fromkeys(HANDLED, on_error), Exception: on_fault},
        )

    def _others(self) -> list[tuple[str, str, Endpoint]]:
        """Routes that say themselves by which method they are asked."""
        return [*self.increases.routes(), *self.months.routes(), *MonthPages(self.months).routes()]

    def local_application(self) -> Starlette:
        """What listens on the ledger's socket: all of it, and what only this machine may ask."""
        local = {"/v1/balances": self.balances.answer, "/v1/database/copy": self.database_copy.make}
        asked = [
            Route(path, _measured(path, endpoint, self.metrics.own), methods=["POST"])
            for path, endpoint in local.items()
        ]
        return Starlette(
            routes=[*asked, Mount("/", self.application())],
            exception_handlers={**dict.fromkeys(HANDLED, on_error), Exception: on_fault},
        )

    async def _whoami(self, request: Request) -> Response:
        """GET /v1/whoami: whose key this is; how a command checks that it reached a ledger and may read."""
        viewer = self.authentication.viewer(request)
        who = {"name": viewer.name, "kind": viewer.kind, "role": viewer.role}
        return json_answer({"server": "outlay", "version": VERSION, **who, **self.gateway})

    async def _openapi(self, request: Request) -> Response:
        return json_answer(openapi(str(request.base_url).rstrip("/")))

    async def _ready(self, _: Request) -> Response:
        details = self.readiness()
        return json_answer(details, 200 if details["ready"] else 503)


async def _alive(_: Request) -> Response:
    return PlainTextResponse("ok\n")


def _measured(route: str, endpoint: Endpoint, metrics: LedgerMetrics) -> Endpoint:
    """The endpoint with its time and status counted; what it raises is answered here, so that it is counted too."""

    async def answer(request: Request) -> Response:
        began = time.perf_counter()
        try:
            response = await endpoint(request)
        except HANDLED as raised:
            response = await on_error(request, raised)
        metrics.answered(route, response.status_code, time.perf_counter() - began)
        return response

    return answer
