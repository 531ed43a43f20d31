"""Noticing, for as long as the ledger runs: looks for what needs a person, and tells each target once.

What there is to tell is found anew at each look, from facts and from the files as they are, so that a restart loses
nothing; what was told is on the ledger's journal, so that it repeats nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from secrets import token_bytes
from typing import Final

import structlog

from proxy.gateway.openings import asked
from proxy.ledger.balances import TooManyAccountsError, balances
from proxy.ledger.budget_levels import KIND as BUDGET_LEVEL
from proxy.ledger.budget_levels import budget_levels
from proxy.ledger.notices import Told, noticed, policy_mistakes, told, unpriced_models
from proxy.model.entry import Act
from proxy.policy.grants import Grants
from proxy.policy.rules import Budget
from proxy.policy.types import Mistake, Secret, Target
from proxy.ports.balances import BEGINNING
from proxy.ports.journal import Journal, JournalUnavailableError
from proxy.ports.notices import Notice, NotSentError, Sender
from proxy.ports.store import QueryTimeoutError, Store

log = structlog.get_logger("outlay.notices")

LOOK_S: Final = 30.0
"""What is spent is summed at each look, where there are budgets and a target that wants to hear of them."""
BALANCES_S_MAX: Final = 20.0
"""Within which what is spent must be summed."""
RETRY_S: Final = 60.0
RETRY_S_MAX: Final = 3600.0
AT_ONCE: Final = 4
"""Targets. Threads of their own, so that reports never wait for a slow service."""
PER_LOOK_MAX: Final = 20
"""Notices to one target, so that nobody is flooded; the rest follow at the next looks."""


@dataclass(frozen=True, slots=True)
class _Failing:
    times: int
    next_us: int


class Noticing:
    """The task. It runs in the event loop; reading and sending run in threads."""

    def __init__(
        self,
        *,
        store: Store,
        journal: Journal,
        sender: Sender,
        targets: Callable[[], Sequence[Target]],
        address: Callable[[Secret], str | None],
        mistakes: Callable[[], Sequence[Mistake]],
        loaded: Callable[[], bool],
        budgets: Callable[[], Sequence[Budget]],
        grants: Callable[[], Awaitable[Grants]],
        now_us: Callable[[], int],
    ) -> None:
        """`loaded`: whether every fact up to the start is in the store, the record of earlier deliveries too."""
        self._store = store
        self._journal = journal
        self._sender = sender
        self._targets = targets
        self._address = address
        self._mistakes = mistakes
        self._loaded = loaded
        self._budgets = budgets
        self._grants = grants
        self._now_us = now_us
        self._told: set[Told] | None = None
        self._unrecorded: list[Act] = []
        self._failing: dict[str, _Failing] = {}
        self._mistaken = ""
        """Key of the mistakes at the look before."""
        self._threads = ThreadPoolExecutor(AT_ONCE, "notices")

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                try:
                    await self.look()
                except Exception:
                    # Looking must outlive whatever one look runs into.
                    log.exception("looking for what to tell failed")
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def look(self) -> None:
        """Find what there is to tell, and tell it to each target that wants it, was not told and is not failing."""
        targets = self._targets()
        if not targets or not self._loaded():
            return
        if self._told is None:
            self._told = await asyncio.to_thread(told, self._store)
        notices = [*self._policy_mistakes(), *await asyncio.to_thread(unpriced_models, self._store, self._now_us())]
        if any(BUDGET_LEVEL in target.on for target in targets):
            notices += await self._budget_levels()
        await asyncio.gather(*(self._tell(target, notices, self._told) for target in targets))
        await self._record()

    def _policy_mistakes(self) -> list[Notice]:
        """Mistakes that were there at the look before, too: nobody is told of an edit that is being made."""
        mistakes = self._mistakes()
        notice = policy_mistakes(mistakes) if mistakes else None
        before, self._mistaken = self._mistaken, notice.key if notice else ""
        return [notice] if notice and notice.key == before else []

    async def _budget_levels(self) -> list[Notice]:
        budgets, now_us = self._budgets(), self._now_us()
        if not budgets:
            return []
        question = [asked(budget, now_us) for budget in budgets]
        try:
            known = await asyncio.to_thread(balances, self._store, question, "", BEGINNING, BALANCES_S_MAX)
        except (TooManyAccountsError, QueryTimeoutError) as error:
            log.error("levels of budgets can't be told", why=str(error) or type(error).__name__)
            return []
        return budget_levels(budgets, known.accounts, await self._grants(), now_us)

    async def _tell(self, target: Target, notices: Sequence[Notice], done: set[Told]) -> None:
        wanted = [each for each in notices if _wants(target, each) and (target.name, each.key) not in done]
        failing = self._failing.get(target.name)
        if failing and failing.next_us > self._now_us():
            return
        for notice in wanted[:PER_LOOK_MAX]:
            if not await self._sent(target, notice):
                return
            done.add((target.name, notice.key))
            self._unrecorded.append(noticed(target.name, notice, self._now_us(), token_bytes(8)))
            # At once: a kill before it is on record would tell it twice.
            await self._record()

    async def _sent(self, target: Target, notice: Notice) -> bool:
        address = self._address(target.url)
        try:
            if not address:
                raise NotSentError("its variable or file holds no address")
            await asyncio.get_running_loop().run_in_executor(self._threads, self._sender.send, address, notice)
        except Exception as error:
            # Whatever a service's plugin runs into is the failure of one delivery. Its words may hold the address.
            why = str(error) if isinstance(error, NotSentError) else type(error).__name__
            times = self._failing[target.name].times + 1 if target.name in self._failing else 1
            wait_s = min(RETRY_S * 2 ** (times - 1), RETRY_S_MAX)
            self._failing[target.name] = _Failing(times, self._now_us() + int(wait_s * 1e6))
            log.error("a notice was not delivered", target=target.name, notice=notice.title, why=why, again_in_s=wait_s)
            return False
        self._failing.pop(target.name, None)
        log.info("told", target=target.name, notice=notice.title)
        return True

    async def _record(self) -> None:
        """Put deliveries on record; what can't be written now is written at the next look."""
        try:
            while self._unrecorded:
                self._journal.append(self._unrecorded[0])
                self._unrecorded.pop(0)
            await self._journal.flushed()
        except JournalUnavailableError as error:
            log.error("a delivery is not on record yet, a restart now would repeat it", why=str(error))


def _wants(target: Target, notice: Notice) -> bool:
    """Whether a target is told of it at all."""
    meant = notice.audience == "all" or (notice.audience == "persons") is target.persons
    return meant and notice.kind in target.on and (not notice.level or notice.level >= target.min_level)
