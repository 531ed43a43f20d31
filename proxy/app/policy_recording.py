"""Putting on record, for as long as the ledger runs: each policy set that comes into force, each change of keys."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from secrets import token_bytes
from typing import Final

import structlog

from proxy.ledger.policy_record import OnRecord, acts, changed_files, on_record, recorded
from proxy.model.entry import Act
from proxy.policy.types import Key, PolicySet
from proxy.ports.journal import Journal, JournalUnavailableError
from proxy.ports.store import QueryTimeoutError, Store, StoreError

log = structlog.get_logger("outlay.policies")

LOOK_S: Final = 0.5
AT_ONCE: Final = 200
"""Lines between two turns of the event loop: a first start has one for each key."""

Kept = Callable[[str], Mapping[str, bytes] | None]
"""Files of a version, keys.yaml not among them; None where they weren't kept."""


class PolicyRecording:
    def __init__(
        self,
        store: Store,
        journal: Journal,
        policies: Callable[[], PolicySet],
        kept: Kept,
        now_us: Callable[[], int],
        editor: Callable[[Key], str] = lambda _: "",
    ) -> None:
        """`editor`: who wrote an entry of keys.yaml, '' where that isn't known."""
        self._editor = editor
        self._store = store
        self._journal = journal
        self._policies = policies
        self._kept = kept
        self._now_us = now_us
        self._before: OnRecord | None = None
        """None: not read from the store yet."""
        self._seen: PolicySet | None = None
        self._owed: deque[Act] = deque()

    async def run(self, loaded: Callable[[], bool], look_s: float = LOOK_S) -> None:
        """Until cancelled. `loaded`: whether every act up to the start is in the store."""
        while True:
            await asyncio.sleep(look_s)
            if not loaded():
                continue
            try:
                await self.look()
            except (StoreError, QueryTimeoutError, JournalUnavailableError) as error:
                log.error("a change of policies is not on record yet", why=str(error))
            except Exception:
                # Recording must outlive whatever one look runs into.
                log.exception("putting policies on record failed")

    async def look(self) -> None:
        """Once. What can't be written is owed, and tried again. Raises StoreError, QueryTimeoutError,
        JournalUnavailableError."""
        policies = self._policies()
        if policies is not self._seen:
            if self._before is None:
                self._before = await asyncio.to_thread(on_record, self._store)
            files = await asyncio.to_thread(self._changed, self._before.version, policies.version)
            self._owed += acts(self._before, policies, files, self._now_us(), token_bytes(4), self._editor)
            self._before, self._seen = recorded(policies), policies
        await self._write()

    async def _write(self) -> None:
        if not self._owed:
            return
        while self._owed:
            self._journal.append(self._owed[0])
            self._owed.popleft()
            if len(self._owed) % AT_ONCE == 0:
                await asyncio.sleep(0)
        await self._journal.flushed()

    def _changed(self, before: str, after: str) -> dict[str, str]:
        old, new = (self._kept(version) if version else None for version in (before, after))
        return changed_files(old, new) if old is not None and new is not None else {}
