"""Who asks the control plane: the owner of a key, by role; or the local operator, on the ledger's own socket."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.ledger.people import OS_USER_HEADER, ForbiddenError, Viewer, operator
from proxy.model.decision import Refusal
from proxy.model.identity import Identity
from proxy.policy.identify import identify
from proxy.policy.keys import digest
from proxy.policy.types import PolicySet

_OPERATOR_SCOPE: Final = "outlay.operator"
_HEADERS: Final = ("x-outlay-key", "authorization", "x-api-key", "x-goog-api-key", "api-key")


class InvalidKeyError(HTTPException):
    """No key, or one that is wrong, expired or revoked."""


@dataclass(frozen=True, slots=True)
class Authentication:
    policies: Callable[[], PolicySet]
    """In force now, the admin key among its keys."""
    now_us: Callable[[], int]

    def viewer(self, request: Request) -> Viewer:
        """Raises InvalidKeyError. Keys come in headers only: a URL ends up in logs and histories."""
        found = self.identity(request)
        return local(request) if found is None else Viewer.of(found, self.policies().access)

    def identity(self, request: Request) -> Identity | None:
        """Whose key it is; None: the local operator. Raises InvalidKeyError."""
        key = _presented(request)
        if not key and request.scope.get(_OPERATOR_SCOPE):
            return None
        now = datetime.fromtimestamp(self.now_us() / 1e6, UTC)
        found = identify(self.policies(), digest(key) if key else None, now)
        if isinstance(found, Refusal):
            raise InvalidKeyError(401, found.message, {"www-authenticate": "Bearer"})
        return found

    def sees_all(self, request: Request) -> None:
        """Raises InvalidKeyError, or ForbiddenError for a role that sees its own spend only."""
        if not self.viewer(request).sees_all:
            raise ForbiddenError("This needs a finance or admin key.")


def local(request: Request) -> Viewer:
    """The local operator, by whatever name he goes."""
    return operator(request.headers.get(OS_USER_HEADER, ""))


def as_operator(app: ASGIApp) -> ASGIApp:
    """The same application for a place that only the operator can reach."""

    async def locally(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, _OPERATOR_SCOPE: True}, receive, send)

    return locally


def _presented(request: Request) -> bytes:
    for name in _HEADERS:
        value = request.headers.get(name, "").strip()
        scheme, _, rest = value.partition(" ")
        if rest and scheme.lower() == "bearer":
            value = rest.strip()
        if value:
            return value.encode()
    return b""
