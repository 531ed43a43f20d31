"""Noticing, for as long as the ledger runs: looks for what needs a person.

What there is to tell is found anew at each look, from facts, from the files as they are and from what the gateways say
of themselves, so that a restart loses nothing. Telling it once is the business of `delivering`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from secrets import token_bytes
from typing import Final

import structlog

from proxy.app.delivering import Delivering
from proxy.ledger.balances import TooManyAccountsError, balances
from proxy.ledger.budget_levels import KIND as BUDGET_LEVEL
from proxy.ledger.budget_levels import budget_levels
from proxy.ledger.conditions import Condition, GatewayState, facts_missing, of_gateway, of_loading
from proxy.ledger.differences import difference_act, difference_notices, recorded
from proxy.ledger.loader import Progress
from proxy.ledger.notices import policy_mistakes, unpriced_models
from proxy.policy.grants import Grants
from proxy.policy.rules import Budget
from proxy.policy.types import Mistake, Target
from proxy.ports.balances import BEGINNING, asked
from proxy.ports.journal import Journal
from proxy.ports.notices import Notice
from proxy.ports.store import QueryTimeoutError, Store

log = structlog.get_logger("outlay.notices")

LOOK_S: Final = 2.0
"""Between two looks, at least: what is spent is summed at each, where there are budgets and a target that wants to hear
of them."""
LOOK_S_MAX: Final = 60.0
SHARE: Final = 20
"""Looking takes at most a twentieth of the time: after a slow look, the next is later."""
BALANCES_S_MAX: Final = 20.0
"""Within which what is spent must be summed."""
MISTAKES_US: Final = 30 * 1_000_000
"""Mistakes are told when they have stood for so long: nobody is told of an edit that is being made."""


class Noticing:
    """The task. It runs in the event loop; reading runs in threads."""

    def __init__(
        self,
        *,
        store: Store,
        journal: Journal,
        delivering: Delivering,
        targets: Callable[[], Sequence[Target]],
        mistakes: Callable[[], Sequence[Mistake]],
        progress: Callable[[], Progress],
        failing: Callable[[], str],
        budgets: Callable[[], Sequence[Budget]],
        grants: Callable[[], Awaitable[Grants]],
        gateways: Callable[[], Awaitable[Sequence[GatewayState]]],
        now_us: Callable[[], int],
    ) -> None:
        """`failing`: why loading fails, '' where it doesn't; `gateways`: those that answer."""
        self._store = store
        self._journal = journal
        self._delivering = delivering
        self._targets = targets
        self._mistakes = mistakes
        self._progress = progress
        self._failing = failing
        self._budgets = budgets
        self._grants = grants
        self._gateways = gateways
        self._now_us = now_us
        self._since: dict[str, int] = {}
        """When a state that lasts was first seen, by its notice's key."""
        self._differences: dict[str, int] = {}
        """The newest difference on record, by node."""
        self._blind: set[str] = set()
        """What could not be looked at the last time."""

    async def run(self) -> None:
        """Until cancelled."""
        clock = asyncio.get_running_loop().time
        wait_s = LOOK_S
        while True:
            await asyncio.sleep(wait_s)
            began_s = clock()
            try:
                # Deliveries go on by themselves: a slow service holds up no look.
                await self.begin()
            except Exception:
                # Looking must outlive whatever one look runs into.
                log.exception("looking for what to tell failed")
            wait_s = min(LOOK_S_MAX, max(LOOK_S, SHARE * (clock() - began_s)))

    async def look(self) -> None:
        """One look, with the deliveries it leads to."""
        await asyncio.gather(*await self.begin())

    async def begin(self) -> list[asyncio.Task[None]]:
        """Find what there is to tell, and begin to tell it; gives the deliveries under way."""
        targets = self._targets()
        # Until every fact up to the start is in the store, the record of earlier deliveries isn't.
        if not targets or not self._progress().current_until_us:
            return []
        await self._delivering.recall()
        wanted = {kind for target in targets for kind in target.on}
        return await self._delivering.start(targets, await self._found(wanted))

    async def _found(self, wanted: Iterable[str]) -> list[Notice]:
        sources: dict[str, Callable[[], Awaitable[list[Notice]]]] = {
            "policy files": self._policy_mistakes,
            "models": self._unpriced_models,
            "loading": self._loading,
            "gateways": self._machine,
        }
        if BUDGET_LEVEL in wanted:
            sources["budgets"] = self._budget_levels
        found: list[Notice] = []
        for name, source in sources.items():
            try:
                found += await source()
                self._blind.discard(name)
            except Exception as error:
                # What can't be looked at hides nothing else; the store may be what is ill.
                if name not in self._blind:
                    expected = isinstance(error, TooManyAccountsError | QueryTimeoutError)
                    why = str(error) or type(error).__name__
                    log.error("can't be looked at for notices", what=name, why=why, exc_info=not expected)
                self._blind.add(name)
        return found

    async def _policy_mistakes(self) -> list[Notice]:
        mistakes = self._mistakes()
        notice = policy_mistakes(mistakes) if mistakes else None
        for key in [each for each in self._since if each.startswith("policy_mistakes:")]:
            if notice is None or key != notice.key:
                del self._since[key]
        return [notice] if notice and self._steady(notice.key, MISTAKES_US) else []

    async def _unpriced_models(self) -> list[Notice]:
        return await asyncio.to_thread(unpriced_models, self._store, self._now_us())

    async def _loading(self) -> list[Notice]:
        progress = self._progress()
        return [*facts_missing(progress), *self._steadied(of_loading(progress, self._failing(), self._now_us()))]

    async def _machine(self) -> list[Notice]:
        states = await self._gateways()
        found = await asyncio.to_thread(recorded, self._store, self._now_us())
        self._put_on_record(states, {node: at_us for node, at_us, *_ in found})
        conditions = [condition for state in states for condition in of_gateway(state)]
        return [*difference_notices(found), *self._steadied(conditions)]

    def _put_on_record(self, states: Iterable[GatewayState], known: Mapping[str, int]) -> None:
        """Differences that aren't; they are told of when they are. Raises JournalUnavailableError."""
        for state in states:
            difference = state.difference
            newest = max(known.get(state.node, 0), self._differences.get(state.node, 0))
            if difference is not None and difference.at_us > newest:
                self._journal.append(difference_act(state.node, difference, self._now_us(), token_bytes(8)))
                self._differences[state.node] = difference.at_us

    async def _budget_levels(self) -> list[Notice]:
        """Raises TooManyAccountsError, QueryTimeoutError, StoreError."""
        budgets, now_us = self._budgets(), self._now_us()
        if not budgets:
            return []
        question = [asked(budget, now_us) for budget in budgets]
        known = await asyncio.to_thread(balances, self._store, question, "", BEGINNING, BALANCES_S_MAX)
        return budget_levels(budgets, known.accounts, await self._grants(), now_us)

    def _steadied(self, conditions: Iterable[Condition]) -> list[Notice]:
        """Of those that are over, and those that have lasted."""
        notices = []
        for condition in conditions:
            if not condition.present:
                self._since.pop(condition.key, None)
            elif not self._steady(condition.key, int(condition.steady_s * 1e6)):
                continue
            notices.append(condition.notice())
        return notices

    def _steady(self, key: str, for_us: int) -> bool:
        now_us = self._now_us()
        return now_us - self._since.setdefault(key, now_us) >= for_us
