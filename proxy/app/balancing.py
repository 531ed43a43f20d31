"""Balancing: budgets come into force only once it is known what was spent, and stay held against the ledger.

A start needs no ledger as long as the snapshot, or the journals on disk, tell what was spent. While nobody can tell
of a budget, calls that would count there are refused at a start; at a change of rules, the set before goes on.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Final

import structlog

from proxy.adapters.journal_tail import TailTooLongError
from proxy.app.spent_sources import OwnJournal, SpentSources
from proxy.app.standing_counters import Folded, StandingCounters, correct, counted, since
from proxy.gateway.counters_snapshot import Snapshot
from proxy.gateway.openings import Correction, Meaning, corrections, difference_pico, meaning, opened, others
from proxy.gateway.rules import Rules
from proxy.model.money import PICO_PER_USD, pico_to_usd
from proxy.policy.charge import Account
from proxy.policy.rules import Budget
from proxy.ports.balances import Balances, BalancesUnavailableError, Known, Standing, asked
from proxy.ports.journal import JournalUnavailableError

log = structlog.get_logger("outlay.balances")

TICK_S: Final = 1.0
WITHHELD_TICK_S: Final = 0.2
"""While calls are refused because nobody can say what was spent."""
COMPARE_S: Final = 60.0
"""Between two comparisons with the ledger; the counters are saved then, too. The first is at the first tick."""
NEWS_S: Final = 2.0
"""Instead of that where other gateways write to the data folder, or the ledger didn't answer."""
LEAVE_S: Final = 2.0
"""How long a gateway that hands over may take to save its counters before it closes its door."""
LEDGER_SHARE: Final = 0.05
"""At most so much of the time the ledger is asked by one gateway; summing a million calls takes it a second."""
TOLD_MAX: Final = 10
_UNANSWERED = (BalancesUnavailableError, TailTooLongError, JournalUnavailableError)


class Balancing:
    """Of one gateway. Everything but reading files happens in the event loop."""

    def __init__(
        self,
        *,
        balances: Balances,
        counters: StandingCounters,
        journal: OwnJournal,
        data: Path,
        node: str,
        now_us: Callable[[], int],
        put_in_force: Callable[[Rules], None],
        tick_s: float = TICK_S,
        predecessor: str = "",
    ) -> None:
        """`predecessor`: the node that this one takes over from; it has closed its door when `start` is called."""
        self.difference_usd = 0.0
        """How much money the counters were wrong by when they were compared last."""
        self.faults = 0
        """Accounts found wrong, ever."""
        self.last_fault: Mapping[str, object] | None = None
        """The last comparison that found some: when, how many accounts, how much money, of which budgets."""
        self.compared_us = 0
        """When the counters were compared with the ledger last; 0: not since the start."""
        self.answering = True
        """False: the ledger gave no answer when it was asked last."""
        self.lines_caught_up = 0
        """Lines of the journal that were read at the start behind the snapshot."""
        self._sources = SpentSources(
            balances=balances, journal=journal, data=data, node=node, now_us=now_us, predecessor=predecessor
        )
        self._handed_over = bool(predecessor)
        self._counters = counters
        self._journal = journal
        self._now_us = now_us
        self._put_in_force = put_in_force
        self._tick_s = tick_s
        self._rules: Rules | None = None
        self._wanted: Rules | None = None
        self._waiting: tuple[str, ...] = ()
        self._withheld: tuple[str, ...] = ()
        self._known: frozenset[Meaning] = frozenset()
        self._others: Mapping[Account, int] = {}
        self._saved = (0, 0)
        self._ailing = ""
        """Why the last tick failed; '': it didn't."""
        self._since_compared_s = self._since_saved_s = self._compare_s = COMPARE_S
        self._changing = asyncio.Lock()

    @property
    def waiting(self) -> tuple[str, ...]:
        """Budgets of the newest policy set of which nobody has said yet what was spent; that set waits for them, or
        their calls do (`withheld`)."""
        return self._waiting

    @property
    def withheld(self) -> tuple[str, ...]:
        """Budgets in force since the start of which nobody has said yet what was spent: no call may take from them."""
        return self._withheld

    def start(self, rules: Rules) -> None:
        """Put rules in force before the first call. Calls that a budget applies to, of which neither the snapshot nor
        the journals tell, are refused until the ledger answers. Blocks; raises OSError."""
        self._sources.begin()
        budgets = rules.policies.rules.budgets
        snapshot = self._sources.snapshot()
        told = [each for each in budgets if snapshot is not None and meaning(each) in snapshot.meanings]
        rest = [each for each in budgets if each not in told]
        accounts: dict[Account, Standing] = {}
        uncounted: Mapping[Account, int] = {}
        if snapshot is not None and told:
            names = {each.name for each in told}
            accounts = {account: each for account, each in snapshot.accounts.items() if account.budget in names}
            uncounted, self.lines_caught_up = self._sources.behind(snapshot, rules.matcher, told)
            log.info("counters gone on from", handed_over=self._handed_over, lines_read=self.lines_caught_up)
            if self._handed_over:
                # Lines of the one before are another node's.
                known = Known(accounts, {})
                own = {each: standing.own for each, standing in accounts.items()}
                accounts = {each: Standing(total, own.get(each, 0)) for each, total in opened(known, uncounted).items()}
                uncounted = {}
        if rest:
            try:
                accounts |= self._sources.by_journals(rest, rules.matcher).accounts
                told, rest = list(budgets), []
            except BalancesUnavailableError as error:
                log.warning(
                    "calls of budgets are refused until the ledger answers",
                    budgets=[each.name for each in rest[:TOLD_MAX]],
                    why=str(error),
                )
        self._take_over(rules, told, Known(accounts, {}), uncounted, withheld=rest)
        if self._handed_over:
            # Should this process die at once, the next one finds this, and not what the node counted long ago.
            self.stop()

    async def swap(self, rules: Rules) -> None:
        """Put other rules in force as soon as what was spent in their budgets is known: now, or when it can be told."""
        self._wanted = rules
        await self._try()

    async def run(self) -> None:
        """Try, compare and save, until cancelled."""
        while True:
            pause_s = min(self._tick_s, WITHHELD_TICK_S) if self._withheld else self._tick_s
            await asyncio.sleep(pause_s)
            self._since_compared_s += pause_s
            self._since_saved_s += pause_s
            try:
                await self.tick()
                self._ailing = ""
            except (OSError, JournalUnavailableError) as error:
                self._unable(str(error))
            except Exception:
                # The next tick tries again; until then the counters go on by themselves.
                log.exception("balancing failed")

    async def tick(self) -> None:
        """One turn of `run`. Raises OSError."""
        if self._wanted is not None:
            await self._try()
        due = self._since_compared_s >= self._compare_s
        if due:
            await self._compare()
        if self._since_saved_s >= COMPARE_S or self._journal.place[:2] != self._saved:
            self._since_saved_s = 0.0
            await self.save()

    async def _compare(self) -> None:
        """And choose when to do so again: soon where other gateways spend too, but never to be a load on the ledger."""
        self._since_compared_s, begun_s = 0.0, monotonic()
        try:
            await self.compare()
            self.answering = True
        except _UNANSWERED as error:
            self._unanswered(error)
        alone = await asyncio.to_thread(self._sources.alone)
        took_s = monotonic() - begun_s
        if not self.answering:
            # Asking is no load on a ledger that starts, or is down.
            self._compare_s = min(COMPARE_S, NEWS_S + took_s)
        else:
            self._compare_s = COMPARE_S if alone else min(COMPARE_S, max(NEWS_S, took_s / LEDGER_SHARE))

    async def compare(self) -> list[Correction]:
        """Hold the counters against the ledger, set them right, and tell what was wrong. Raises
        BalancesUnavailableError, TailTooLongError, OSError."""
        async with self._changing:
            budgets = self._known_budgets()
            if self._rules is None or not budgets:
                return []
            known, uncounted = await self._sources.told(budgets, self._rules.matcher)
            if not self._journal.accepting:
                # Settlements may be owed to the journal that are in the counters.
                return []
            # By this moment's windows: buckets may have left while the ledger was asked.
            current = [asked(each, self._now_us()) for each in budgets]
            says = counted(self._counters, budgets, self._now_us())
            folded = Folded(says, budgets)
            known = folded.known(Known(since(known.accounts, current), known.loaded))
            uncounted, before = folded.sums(since(uncounted, current)), folded.sums(since(self._others, current))
            found = corrections(known, uncounted, says, before)
            correct(self._counters, {each.account: each.delta for each in found}, budgets)
            self._others = others(known)
            self.compared_us = self._now_us()
            self._tell(found, budgets)
            return found

    async def save(self) -> None:
        """Keep the counters with their place in the journal. Raises OSError."""
        snapshot = self._snapshot()
        if snapshot is not None:
            await asyncio.to_thread(self._sources.save, snapshot)

    async def leave(self) -> None:
        """Save while calls still come, so that who takes over reads only what is written from here on. Never raises,
        and takes no longer than `LEAVE_S`: without it, more is to be read."""
        try:
            async with asyncio.timeout(LEAVE_S):
                await self.save()
            log.info("counters saved for who takes over")
        except (OSError, JournalUnavailableError) as error:
            log.warning("counters not saved before the hand-over", why=str(error) or "it took too long")

    def stop(self) -> None:
        """Save for the next start; at a stop, before the journal is closed. Never raises: without it, that start
        reads more."""
        try:
            snapshot = self._snapshot()
            if snapshot is not None:
                self._sources.save(snapshot)
        except (OSError, JournalUnavailableError) as error:
            log.error("counters not saved", why=str(error))

    async def _try(self) -> None:
        """Put the rules that are wanted in force, if what was spent is known."""
        async with self._changing:
            while (rules := self._wanted) is not None:
                new = [each for each in rules.policies.rules.budgets if meaning(each) not in self._known]
                try:
                    known, uncounted = await self._sources.found(new, rules.matcher) if new else (_NOTHING, {})
                except (*_UNANSWERED, OSError) as error:
                    self._waiting = tuple(each.name for each in new)
                    self._unanswered(error)
                    return
                if rules is self._wanted:
                    self._take_over(rules, new, known, uncounted)
        await self.save()

    def _take_over(
        self,
        rules: Rules,
        new: Sequence[Budget],
        known: Known,
        uncounted: Mapping[Account, int],
        withheld: Sequence[Budget] = (),
    ) -> None:
        """Open these budgets of the rules, and put the rules in force. Never awaits."""
        budgets, now_us = rules.policies.rules.budgets, self._now_us()
        says = counted(self._counters, new, now_us)
        folded = Folded([*says, *known.accounts], new)
        known, uncounted = folded.known(known), folded.sums(uncounted)
        right = since(opened(known, uncounted), [asked(each, now_us) for each in new])
        deltas = {each: right.get(each, 0) - says.get(each, 0) for each in right.keys() | says.keys()}
        self._put_in_force(rules)
        correct(self._counters, deltas, budgets)
        self._rules = rules
        self._withheld = self._waiting = tuple(each.name for each in withheld)
        self._counters.withhold(frozenset(self._withheld))
        self._wanted = rules if withheld else None
        self._known = frozenset(meaning(each) for each in budgets if each not in withheld)
        kept = {each.name for each in budgets} - {each.name for each in new}
        before = {account: amount for account, amount in self._others.items() if account.budget in kept}
        self._others = {**before, **others(known)}

    def _known_budgets(self) -> list[Budget]:
        """Those in force of which it is known what was spent."""
        budgets = self._rules.policies.rules.budgets if self._rules else ()
        return [each for each in budgets if meaning(each) in self._known]

    def _tell(self, found: Sequence[Correction], budgets: Sequence[Budget]) -> None:
        faults = [each for each in found if each.fault]
        self.faults += len(faults)
        found_pico = difference_pico(faults, budgets)
        self.difference_usd = found_pico / PICO_PER_USD
        if faults:
            self.last_fault = {
                "at_us": self._now_us(),
                "accounts": len(faults),
                "usd": pico_to_usd(found_pico),
                "budgets": sorted({each.account.budget for each in faults})[:TOLD_MAX],
            }
        for each in faults[:TOLD_MAX]:
            log.warning(
                "counters differed from the ledger and were set right",
                budget=each.account.budget,
                window_us=each.account.start_us,
                difference=each.fault,
                accounts=len(faults),
            )

    def _unable(self, why: str) -> None:
        """Said once, not at every tick: a disk that fails stays so for a while."""
        if why != self._ailing:
            log.error("counters can't be saved or compared", why=why)
        self._ailing = why

    def _unanswered(self, error: Exception) -> None:
        if self.answering:
            log.warning("balances not known from the ledger", why=str(error), waiting=self._waiting[:TOLD_MAX])
        self.answering = False

    def _snapshot(self) -> Snapshot | None:
        """None where the counters may know more than the journal holds."""
        if self._rules is None or not self._journal.accepting:
            return None
        place = self._journal.place
        says = counted(self._counters, self._known_budgets(), self._now_us())
        standings = {account: Standing(spent, spent - self._others.get(account, 0)) for account, spent in says.items()}
        self._saved = place[:2]
        return Snapshot(place, self._known, standings)


_NOTHING: Final = Known({}, {})
