"""Retention: old journal segments go once they are loaded, where a setting says so."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from proxy.adapters.journal_segments import expire
from proxy.ledger.loader import Loader

log = structlog.get_logger("outlay.journal")

EVERY_S: Final = 60.0
SOON_S: Final = 0.25
"""Until the loader has made its first pass: before, nothing is known to be loaded."""


async def retain(journal: Path, loader: Loader, now_us: Callable[[], int], days: float) -> None:
    """Until cancelled: remove the segments that are loaded and older than `days`. 0: keep them all."""
    while days:
        known = loader.progress.passes > 0
        if known:
            try:
                await asyncio.to_thread(expire, journal, loader.loaded(), now_us(), days)
            except OSError as error:
                log.error("old journal segments can't be removed", why=str(error))
        await asyncio.sleep(EVERY_S if known else SOON_S)
