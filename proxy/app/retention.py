"""Retention: old journal segments and single calls go where settings say so, once they are loaded, and backed up where
that is asked for. What calls cost stays, as sums."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog

from proxy.adapters.journal_segments import DAY_US, expire
from proxy.app.backing_up import BackedUp, backed_up
from proxy.ledger.loader import Loader
from proxy.ledger.rolling_up import Rolled, roll_up
from proxy.policy.rules import Budget
from proxy.policy.windows import bucket_size_us
from proxy.ports.store import Store, StoreError
from proxy.settings import Settings

log = structlog.get_logger("outlay.retention")

EVERY_S: Final = 60.0
SOON_S: Final = 0.25
"""Until the loader has made its first pass, before which nothing is known to be loaded, and outcomes were made."""
STEPS_MAX: Final = 500
"""Hours of calls that are summed in one go, with a pause after each: the loader comes first."""
PAUSE_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Retention:
    settings: Settings
    store: Store
    loader: Loader
    budgets: Callable[[], Iterable[Budget]]
    """In force: what a rolling one still counts stays whole."""
    now_us: Callable[[], int]
    attributed: Callable[[], bool] = lambda: True
    """Whether outcomes were made of every fact up to the start: of what is dropped before, nobody could say any more
    which work it went into."""

    async def run(self) -> None:
        """Until cancelled; nothing at all where everything is kept for good."""
        while self.settings.journal_days or self.settings.calls_days:
            known, attributed = self.loader.progress.passes > 0, self.attributed()
            if known:
                try:
                    await asyncio.to_thread(self.expire)
                    if attributed:
                        await self._roll_up()
                except Exception as error:
                    # Dropping must outlive whatever one look runs into.
                    expected = isinstance(error, OSError | StoreError | msgspec.DecodeError)
                    log.error("what is old can't be dropped", why=str(error), exc_info=not expected)
            await asyncio.sleep(EVERY_S if known and attributed else SOON_S)

    def expire(self) -> None:
        """One look at the journal's segments. Raises OSError, msgspec.DecodeError."""
        if not self.settings.journal_days:
            return
        loaded = self.loader.loaded()
        if self.settings.keep_until_backup == "on":
            kept = backed_up(self.settings.data).segments
            loaded = {name: min(size, kept.get(name, 0)) for name, size in loaded.items()}
        expire(self.settings.data / "journal", loaded, self.now_us(), self.settings.journal_days)

    def roll_up(self) -> Rolled | None:
        """One hour of calls; None: none is old enough. Raises StoreError, OSError, msgspec.DecodeError."""
        if not self.settings.calls_days:
            return None
        now_us = self.now_us()
        waiting = self.settings.keep_until_backup == "on"
        last = backed_up(self.settings.data) if waiting else BackedUp()
        return roll_up(self.store, self._before_us(now_us), now_us, last.at_us if waiting else None)

    async def _roll_up(self) -> None:
        calls = 0
        for _ in range(STEPS_MAX):
            rolled = await asyncio.to_thread(self.roll_up)
            if rolled is None:
                break
            calls += rolled.calls
            await asyncio.sleep(PAUSE_S)
        if calls:
            log.info("calls summed and dropped", calls=calls)

    def _before_us(self, now_us: int) -> int:
        """Rolling windows are counted by the minute, and sums are by the quarter of an hour."""
        before = now_us - int(self.settings.calls_days * DAY_US)
        rolling = [each.window for each in self.budgets() if each.window.kind == "rolling"]
        return min([before, *(now_us - each.length_s * 1_000_000 - 2 * bucket_size_us(each) for each in rolling)])
