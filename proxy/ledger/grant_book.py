"""The book of grants: puts increases on record, and keeps what gateways read in step with the record."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from proxy.ledger.increases import Increase, budget_acts, in_force, increases
from proxy.model.entry import Act
from proxy.policy.grants import Grant, Grants
from proxy.ports.journal import Journal
from proxy.ports.store import Store

log = structlog.get_logger("outlay.grants")

Publish = Callable[[Sequence[Grant]], None]
"""Gives the grants to the gateways. Blocks. Raises OSError."""


class GrantBook:
    """In the event loop; reading and publishing run in threads."""

    def __init__(self, store: Store, journal: Journal, publish: Publish, now_us: Callable[[], int]) -> None:
        self._store = store
        self._journal = journal
        self._publish = publish
        self._now_us = now_us
        self._own: dict[str, Act] = {}
        """On the journal, and not yet seen in the store."""
        self._published: list[Grant] | None = None
        self._turn = asyncio.Lock()
        self.behind = True
        """Gateways may go by other grants than those on record."""

    async def increases(self, ends_after_us: int | None = None) -> list[Increase]:
        """All that end after a time (None: now), newest first. Raises StoreError."""
        now_us = self._now_us()
        since_us = now_us if ends_after_us is None else ends_after_us
        loaded = await asyncio.to_thread(budget_acts, self._store, since_us)
        for act in loaded:
            self._own.pop(act.id, None)
        return increases([*loaded, *self._own.values()], now_us)

    async def grants(self) -> Grants:
        """In force now. Raises StoreError."""
        return Grants(in_force(await self.increases()))

    async def record(self, act: Act) -> bool:
        """Put it on the journal; gives whether gateways have been told. What they have not been told is tried again.

        Raises JournalUnavailableError: then it did not happen.
        """
        self._journal.append(act)
        self._own[act.id] = act
        await self._journal.flushed()
        return await self.keep()

    async def keep(self) -> bool:
        """Publish where what is in force has changed since the last time. False: it could not be done."""
        async with self._turn:
            grants = in_force(await self.increases())
            if grants == self._published:
                self.behind = False
                return True
            self.behind = True
            try:
                await asyncio.to_thread(self._publish, grants)
            except OSError as error:
                log.error("gateways don't know of the grants in force yet", why=str(error))
                return False
            self._published = grants
            self.behind = False
            return True
