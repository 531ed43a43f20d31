"""Granting, for as long as the ledger runs: what gateways know of grants follows the record, whatever came between."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from proxy.ledger.grant_book import GrantBook

log = structlog.get_logger("outlay.grants")

LOOK_S: Final = 1.0


async def keep(book: GrantBook, loaded: Callable[[], bool], look_s: float = LOOK_S) -> None:
    """Until cancelled. `loaded`: whether every act up to the start is in the store."""
    while True:
        await asyncio.sleep(look_s)
        if not book.behind or not loaded():
            continue
        try:
            await book.keep()
        except Exception:
            # Keeping must outlive whatever one look runs into.
            log.exception("bringing grants to the gateways failed")
