"""Errors of the control plane: one JSON shape, a word for machines and a sentence for people that says what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from proxy.ledger.calls import UnknownCallError
from proxy.ledger.deployment_story import UnknownDeploymentError
from proxy.ledger.increases import UnknownBudgetError
from proxy.ledger.months import NotClosableError, UnknownMonthError
from proxy.ledger.people import ForbiddenError, ReasonNeededError
from proxy.ledger.periods import PeriodError
from proxy.ledger.selection import ParameterError
from proxy.ports.journal import JournalUnavailableError
from proxy.ports.store import QueryTimeoutError, StoreError
from proxy.web.control_answers import json_answer
from proxy.web.control_auth import InvalidKeyError

log = structlog.get_logger("outlay.control")

PATHS: Final = (
    *("/v1/reports/spend", "/v1/reports/prices", "/v1/reports/views", "/v1/calls/{id}", "/v1/whoami"),
    *("/v1/reports/acts", "/v1/reports/budgets", "/v1/reports/waste", "/v1/reports/hints", "/v1/reports/deployments"),
    *("/v1/reports/definition", "/v1/deployments/{id}"),
    *("/v1/months", "/v1/months/corrections", "/v1/months/verify", "/v1/months/{month}"),
    *("/v1/budgets/increases", "/v1/replay", "/v1/replay/facts", "/v1/events/quarantine"),
    *("/pages/months", "/pages/months/corrections", "/pages/months/verify", "/pages/months/{month}"),
    *("/metrics", "/healthz", "/readyz", "/openapi.json"),
)


class BusyError(Exception):
    """Too many readings at once."""


def error(status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return json_answer({"error": {"type": kind, "message": message}}, status, headers)


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one kind of exception is answered."""

    raised: type[Exception]
    status: int
    word: str
    message: str = ""
    """'': the exception's own."""
    retry_after_s: int = 0


_KINDS: Final = (
    _Kind(ParameterError, 400, "bad_parameter"),
    _Kind(PeriodError, 400, "bad_parameter"),
    _Kind(ReasonNeededError, 403, "reason_needed"),
    _Kind(ForbiddenError, 403, "forbidden"),
    _Kind(UnknownDeploymentError, 404, "unknown_deployment"),
    _Kind(
        UnknownCallError,
        404,
        "unknown_call",
        "No call of yours has this id. The id is in an answer's x-outlay-call-id header; a call shows here about a "
        "second after it was admitted, and no longer where OUTLAY_CALLS_DAYS has dropped it.",
    ),
    _Kind(UnknownBudgetError, 404, "unknown_budget"),
    _Kind(UnknownMonthError, 404, "unknown_month"),
    _Kind(NotClosableError, 409, "not_closable"),
    _Kind(
        QueryTimeoutError,
        504,
        "too_slow",
        "This took too long and was stopped. Take a shorter period or fewer dimensions.",
    ),
    _Kind(BusyError, 503, "busy", "Too many reports are being made at once. Try again shortly.", 2),
    _Kind(
        JournalUnavailableError,
        503,
        "not_on_record",
        "The ledger can't write its journal, so this can't be put on record, and nothing is shown or changed.",
        5,
    ),
    _Kind(StoreError, 500, "internal", "The ledger could not read its database. Its log says why."),
)
_LOGGED: Final = (JournalUnavailableError, StoreError)
HANDLED: Final[tuple[type[Exception], ...]] = (*(kind.raised for kind in _KINDS), HTTPException)
"""What endpoints may raise and `on_error` answers."""


async def on_error(_: Request, raised: Exception) -> Response:
    """The answer to what an endpoint raised."""
    if isinstance(raised, HTTPException):
        return _http(raised)
    kind, message, headers = _kind(raised)
    return error(kind.status, kind.word, message, headers)


def told(raised: Exception) -> tuple[int, str, Mapping[str, str]]:
    """Status, message and headers of the answer to what an endpoint raised, in whatever shape it is given."""
    if isinstance(raised, HTTPException):
        return raised.status_code, raised.detail, raised.headers or {}
    kind, message, headers = _kind(raised)
    return kind.status, message, headers


def _kind(raised: Exception) -> tuple[_Kind, str, dict[str, str]]:
    if isinstance(raised, _LOGGED):
        log.error("request failed", error=type(raised).__name__, why=str(raised))
    kind = next(kind for kind in _KINDS if isinstance(raised, kind.raised))
    return kind, kind.message or str(raised), {"retry-after": str(kind.retry_after_s)} if kind.retry_after_s else {}


async def on_fault(_: Request, __: Exception) -> Response:
    """The answer to what no endpoint may raise. The server logs it."""
    return error(500, "internal", "The ledger failed at this. Its log says why.")


def _http(raised: HTTPException) -> Response:
    if isinstance(raised, InvalidKeyError):
        return error(401, "invalid_key", raised.detail, raised.headers)
    if raised.status_code == 404:
        return error(404, "unknown_path", f"Nothing is here. There are GET {', '.join(PATHS)}.")
    return error(raised.status_code, "http_error", raised.detail, raised.headers)
