"""Rebuilding: outcomes made anew, in a thread, soon after something was told and at times for calls alone."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from proxy.app.outcome_process import OutcomeWorkError
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
SOON_S: Final = 0.1
"""Until the facts are there."""


class Rebuilding:
    def __init__(
        self,
        outcomes: Outcomes,
        journal: Journal,
        stop: Callable[[], None] = lambda: None,
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        """`stop`: gives up what a rebuild does elsewhere. `ready`: whether every fact up to the start is there; of half
        of them baselines would go on record that are wrong for good."""
        self.failing = ""
        """Why the last one failed; '' where it did not."""
        self.made = False
        """Whether there was one since every fact up to the start was there."""
        self._outcomes = outcomes
        self._journal = journal
        self._stop = stop
        self._ready = ready
        self._recorded: set[str] = set()
        self._last_s = -CALLS_S
        self._rest_s = 0.0
        self._begun_s = self._last_s
        self._judge_s = 0.0
        """What was told is not judged anew before."""

    async def run(self) -> None:
        """Until cancelled; a rebuild that runs then is given up."""
        try:
            while True:
                if ready := self._ready():
                    await self.look()
                await asyncio.sleep(LOOK_S if ready else SOON_S)
        finally:
            self._stop()

    async def look(self) -> None:
        """Once: a rebuild where one is due, and what it has to put on record. Raises nothing but a cancellation."""
        try:
            await asyncio.to_thread(self._refresh)
            await self._record()
        except (StoreError, QueryTimeoutError, JournalUnavailableError, OutcomeWorkError) as error:
            self._failed(error, unexpected=False)
        except Exception as error:
            # A task ends here: reports go on with what was made last, and the next look tries again.
            self._failed(error, unexpected=True)
        else:
            self.failing = ""

    def _failed(self, error: Exception, *, unexpected: bool) -> None:
        self.failing = f"{type(error).__name__}: {error}"
        log.error("outcomes not rebuilt", why=self.failing, exc_info=unexpected)
        now_s = time.monotonic()
        self._judge_s = now_s + SHARE * (now_s - self._begun_s)
        self._last_s = now_s

    def _refresh(self) -> None:
        self._begun_s = time.monotonic()
        if not self._is_due(self._begun_s):
            return
        found = self._outcomes.refresh()
        self.made = True
        self._last_s = time.monotonic()
        self._rest_s = SHARE * found.took_s
        if found.judged:
            self._judge_s = self._last_s + self._rest_s
        steps = {step: round(took_s, 3) for step, took_s in found.steps.items()}
        log.info(
            "outcomes rebuilt",
            seconds=round(found.took_s, 3),
            judged=found.judged,
            memory_mib=found.memory_mib,
            steps=steps,
        )

    def _is_due(self, now_s: float) -> bool:
        if not self.made or self._outcomes.told_since():
            return now_s >= self._judge_s
        return now_s >= self._last_s + max(CALLS_S, self._rest_s) and self._outcomes.changed()

    async def _record(self) -> None:
        """Baselines of the running quarter, before anybody can count on them for long."""
        built = self._outcomes.built
        acts = [act for act in built.acts if act.id not in self._recorded] if built else []
        for act in acts:
            self._journal.append(act)
        if acts:
            await self._journal.flushed()
            self._recorded |= {act.id for act in acts}
