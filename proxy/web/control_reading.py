"""Reading for a request: in a thread, a few at a time, within a time; and the record of who looked at whose rows."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from secrets import token_bytes
from typing import Final, TypeVar

import structlog
from starlette.requests import Request

from proxy.ledger.people import Viewer
from proxy.ledger.selection import ParameterError, reason_of
from proxy.ledger.views import viewed
from proxy.ports.journal import Journal
from proxy.ports.store import Store
from proxy.web.control_errors import BusyError

log = structlog.get_logger("outlay.control")

AT_ONCE: Final = 2
WAITING_MAX: Final = 32
TIMEOUT_S: Final = 30.0

T = TypeVar("T")


class Desk:
    """Where requests come to read. The event loop never waits for the database."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        now_us: Callable[[], int],
        *,
        at_once: int = AT_ONCE,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._store = store
        self._journal = journal
        self._now_us = now_us
        self._timeout_s = timeout_s
        self._places = asyncio.Semaphore(at_once)
        self._waiting = 0

    async def read(self, reading: Callable[[Store, float], T]) -> T:
        """What the reading gives, made with the store and a limit in seconds. Raises BusyError, and what it raises."""
        if self._waiting >= WAITING_MAX:
            raise BusyError
        self._waiting += 1
        try:
            async with self._places:
                return await asyncio.to_thread(reading, self._store, self._timeout_s)
        finally:
            self._waiting -= 1

    async def record(self, viewer: Viewer, persons: Sequence[str], reason: str, details: Mapping[str, str]) -> None:
        """Put a look at other persons' rows on record. Only when this returns may they be shown.

        Raises JournalUnavailableError.
        """
        if not persons:
            return
        for act in viewed(viewer, persons, reason, details, self._now_us(), token_bytes(8)):
            self._journal.append(act)
        await self._journal.flushed()
        log.info("other people's rows viewed", actor=viewer.name, persons=len(persons))


def reason_alone(request: Request) -> str:
    """Of a request that has no other parameter; '' where it gives none. Raises ParameterError."""
    for name in request.query_params:
        if name != "reason":
            raise ParameterError(name[:80], "there is only reason")
    return reason_of(request.query_params.get("reason", ""))
