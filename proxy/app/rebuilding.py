"""Rebuilding: outcomes made anew, in a thread, soon after something was told and at times for calls alone."""

import asyncio
import time
from typing import Final

import structlog

from proxy.ledger.outcomes import Outcomes
from proxy.ports.journal import Journal, JournalUnavailableError
from proxy.ports.store import QueryTimeoutError, StoreError

log = structlog.get_logger("outlay.outcomes")

LOOK_S: Final = 2.0
"""Between two looks at whether something has changed."""
CALLS_S: Final = 60.0
"""Between two rebuilds where nothing but calls has come."""
SHARE: Final = 10
"""Rebuilds take at most one part in so many of the time, so that they are in nobody's way."""


class Rebuilding:
    def __init__(self, outcomes: Outcomes, journal: Journal) -> None:
        self.failing = ""
        """Why the last one failed; '' where it did not."""
        self._outcomes = outcomes
        self._journal = journal
        self._recorded: set[str] = set()
        self._last_s = -CALLS_S

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Once: a rebuild where one is due, and what it has to put on record. Raises nothing but a cancellation."""
        try:
            await asyncio.to_thread(self._refresh)
            await self._record()
        except (StoreError, QueryTimeoutError, JournalUnavailableError) as error:
            self._failed(error, unexpected=False)
        except Exception as error:
            # A task ends here: reports go on with what was made last, and the next look tries again.
            self._failed(error, unexpected=True)
        else:
            self.failing = ""

    def _failed(self, error: Exception, *, unexpected: bool) -> None:
        self.failing = f"{type(error).__name__}: {error}"
        log.error("outcomes not rebuilt", why=self.failing, exc_info=unexpected)
        self._last_s = time.monotonic()

    def _refresh(self) -> None:
        built = self._outcomes.built
        rest_s = SHARE * built.took_s if built else 0.0
        waited_s = time.monotonic() - self._last_s
        due = waited_s >= rest_s and self._outcomes.told_since()
        if due or (waited_s >= max(rest_s, CALLS_S) and self._outcomes.changed()):
            found = self._outcomes.refresh()
            self._last_s = time.monotonic()
            log.info("outcomes rebuilt", seconds=round(found.took_s, 3))

    async def _record(self) -> None:
        """Baselines of the running quarter, before anybody can count on them for long."""
        built = self._outcomes.built
        acts = [act for act in built.acts if act.id not in self._recorded] if built else []
        for act in acts:
            self._journal.append(act)
        if acts:
            await self._journal.flushed()
            self._recorded |= {act.id for act in acts}
