"""Balancing: budgets come into force only once it is known what was spent, and stay held against the ledger.

A start asks the snapshot of the last minute and this node's own journal, so it needs no ledger. A budget that neither
they nor the ledger can tell of doesn't come into force yet: while it waits, the set that was in force goes on, and
what waits is shown.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol, TypeVar

import structlog

from proxy.adapters import counters_file
from proxy.adapters.journal_folder import stored_segments
from proxy.adapters.journal_tail import TAIL_BYTES_MAX, TailTooLongError, tail, tail_bytes
from proxy.gateway.counters_snapshot import Snapshot
from proxy.gateway.openings import (
    Correction,
    Meaning,
    asked,
    corrections,
    difference_pico,
    meaning,
    opened,
    others,
    spent_by,
)
from proxy.gateway.rules import Rules
from proxy.model.entry import Refused, Settled
from proxy.model.money import PICO_PER_USD, pico_to_usd
from proxy.policy.charge import Account, Charge
from proxy.policy.match import Matcher
from proxy.policy.rules import Budget
from proxy.ports.balances import (
    BEGINNING,
    AskedBudget,
    Balances,
    BalancesUnavailableError,
    Counted,
    Known,
    Place,
    Standing,
)
from proxy.ports.counters import Counters, Spent
from proxy.ports.journal import JournalUnavailableError

V = TypeVar("V")

log = structlog.get_logger("outlay.balances")

TICK_S: Final = 1.0
COMPARE_TICKS: Final = 60
"""Every minute: with the ledger, and into the snapshot."""
AT_ONCE_BYTES: Final = 128 * 1024
"""As much of the journal is read between two turns of the event loop: some 100 lines, 2 ms."""
ROUNDS_MAX: Final = 20
"""Tries to come that close to the end of a journal that is being written."""
TOLD_MAX: Final = 10


class StandingCounters(Counters, Protocol):
    """Counters that tell what they hold."""

    def standings(self) -> Iterable[tuple[Budget, Account, int]]:
        """Every account with what is spent in it. Of a rolling window: each bucket, as an account that begins there."""
        ...


class OwnJournal(Protocol):
    @property
    def accepting(self) -> bool: ...

    @property
    def place(self) -> Place:
        """Behind the last line written."""
        ...


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
    ) -> None:
        self.difference_usd = 0.0
        """How much money the counters were wrong by when they were compared last."""
        self.faults = 0
        """Accounts found wrong, ever."""
        self.last_fault: Mapping[str, object] | None = None
        """The last comparison that found some: when, how many accounts, how much money, of which budgets."""
        self.answering = True
        """False: the ledger gave no answer when it was asked last."""
        self._balances = balances
        self._counters = counters
        self._journal = journal
        self._folder = data / "journal" / node
        self._file = counters_file.counters_file(data, node)
        self._data = data
        self._node = node
        self._now_us = now_us
        self._put_in_force = put_in_force
        self._tick_s = tick_s
        self._rules: Rules | None = None
        self._wanted: Rules | None = None
        self._waiting: tuple[str, ...] = ()
        self._known: frozenset[Meaning] = frozenset()
        self._others: Mapping[Account, int] = {}
        self._saved = (0, 0)
        self._ticks = 0
        self._changing = asyncio.Lock()

    @property
    def waiting(self) -> tuple[str, ...]:
        """Budgets of the newest policy set of which nobody has said yet what was spent; that set waits for them."""
        return self._waiting

    def start(self, rules: Rules) -> None:
        """Put rules in force before the first call. A budget that no snapshot knows, where there is a history that it
        may have been spent in, comes into force when the ledger answers. Blocks; raises OSError."""
        snapshot = self._usable_snapshot(rules.policies.rules.budgets)
        unknown = frozenset(
            each.name for each in rules.policies.rules.budgets if meaning(each) not in snapshot.meanings
        )
        if unknown:
            self._wanted, self._waiting = rules, tuple(sorted(unknown))
            log.warning("budgets not in force until the ledger answers", budgets=self._waiting[:TOLD_MAX])
            rules = _without(rules, unknown)
        budgets = rules.policies.rules.budgets
        lines = tail(self._folder, snapshot.counted, self._journal.place) if budgets else ()
        uncounted = spent_by(lines, rules.matcher, [asked(each, self._now_us()) for each in budgets])
        self._take_over(rules, budgets, snapshot.known, uncounted)

    async def swap(self, rules: Rules) -> None:
        """Put other rules in force as soon as what was spent in their budgets is known: now, or when it can be told."""
        self._wanted = rules
        await self._try()

    async def run(self) -> None:
        """Try, compare and save, until cancelled."""
        while True:
            await asyncio.sleep(self._tick_s)
            try:
                await self._tick()
            except Exception:
                # The next tick tries again; until then the counters go on by themselves.
                log.exception("balancing failed")

    async def compare(self) -> list[Correction]:
        """Hold the counters against the ledger, set them right, and tell what was wrong. Raises
        BalancesUnavailableError, TailTooLongError, OSError."""
        async with self._changing:
            rules = self._rules
            if rules is None or not rules.policies.rules.budgets:
                return []
            budgets = rules.policies.rules.budgets
            known, uncounted = await self._told(budgets, rules.matcher)
            if not self._journal.accepting:
                # Settlements may be owed to the journal that are in the counters.
                return []
            # By this moment's windows: buckets may have left while the ledger was asked.
            current = [asked(each, self._now_us()) for each in budgets]
            known = Known(_since(known.accounts, current), known.loaded)
            uncounted, counted = _since(uncounted, current), self._counted(budgets, current)
            found = corrections(known, uncounted, counted, _since(self._others, current))
            self._correct({each.account: each.delta for each in found}, budgets)
            self._others = others(known)
            self._tell(found, budgets)
            return found

    async def save(self) -> None:
        """Keep the counters with their place in the journal. Raises OSError."""
        snapshot = self._snapshot()
        if snapshot is not None:
            await asyncio.to_thread(counters_file.write, self._file, snapshot)

    def stop(self) -> None:
        """Save for the next start, before the journal is closed. Never raises: without it, that start reads more."""
        try:
            snapshot = self._snapshot()
            if snapshot is not None:
                counters_file.write(self._file, snapshot)
        except (OSError, JournalUnavailableError) as error:
            log.error("counters not saved", file=str(self._file), why=str(error))

    async def _tick(self) -> None:
        self._ticks += 1
        if self._wanted is not None:
            await self._try()
        due = self._ticks % COMPARE_TICKS == 1
        if due:
            try:
                await self.compare()
                self.answering = True
            except (BalancesUnavailableError, TailTooLongError, JournalUnavailableError) as error:
                self._unanswered(error)
        if due or self._journal.place[:2] != self._saved:
            await self.save()

    async def _try(self) -> None:
        """Put the rules that are wanted in force, if what was spent is known."""
        async with self._changing:
            while (rules := self._wanted) is not None:
                new = [each for each in rules.policies.rules.budgets if meaning(each) not in self._known]
                try:
                    known, uncounted = await self._told(new, rules.matcher) if new else (_NOTHING, {})
                except (BalancesUnavailableError, TailTooLongError, JournalUnavailableError, OSError) as error:
                    self._waiting = tuple(each.name for each in new)
                    self._unanswered(error)
                    return
                if rules is self._wanted:
                    self._take_over(rules, new, known, uncounted)
                    self._wanted, self._waiting = None, ()
        await self.save()

    async def _told(self, budgets: Sequence[Budget], matcher: Matcher) -> tuple[Known, Mapping[Account, int]]:
        """What the ledger says of these budgets, and what it has not counted up to this very moment: nothing is
        awaited between the last line read and the return."""
        questions = [asked(each, self._now_us()) for each in budgets]
        since = await asyncio.to_thread(self._oldest)
        known = await self._balances.known(questions, self._node, since)
        counted, sums = Counted(since, known.loaded), dict[Account, int]()
        for _ in range(ROUNDS_MAX):
            place = self._journal.place
            if tail_bytes(self._folder, counted, place) <= AT_ONCE_BYTES:
                _add(sums, spent_by(tail(self._folder, counted, place), matcher, questions))
                return known, sums
            lines = await asyncio.to_thread(self._read, counted, place)
            _add(sums, spent_by(lines, matcher, questions))
            counted = Counted(place, {place[:2]: place.offset})
        raise BalancesUnavailableError("the journal grows faster than it can be read")

    def _read(self, counted: Counted, until: Place) -> list[Settled | Refused]:
        return list(tail(self._folder, counted, until))

    def _take_over(self, rules: Rules, new: Sequence[Budget], known: Known, uncounted: Mapping[Account, int]) -> None:
        """Open these budgets of the rules, and put the rules in force. Never awaits."""
        budgets = rules.policies.rules.budgets
        questions = [asked(each, self._now_us()) for each in new]
        of_new = {each.name for each in new}
        counted = self._counted(new, questions)
        right = _since(opened(known, uncounted), questions)
        deltas = {each: right.get(each, 0) - counted.get(each, 0) for each in right.keys() | counted.keys()}
        self._in_force(rules)
        self._correct(deltas, budgets)
        kept = {each.name for each in budgets} - of_new
        before = {account: amount for account, amount in self._others.items() if account.budget in kept}
        self._others = {**before, **others(known)}

    def _in_force(self, rules: Rules) -> None:
        self._put_in_force(rules)
        self._rules = rules
        self._known = frozenset(map(meaning, rules.policies.rules.budgets))

    def _counted(self, budgets: Iterable[Budget], questions: Iterable[AskedBudget]) -> dict[Account, int]:
        """What the counters say of these budgets, in the windows that are asked about and later ones."""
        meanings = {meaning(each) for each in budgets}
        found = {account: spent for budget, account, spent in self._counters.standings() if meaning(budget) in meanings}
        return _since(found, questions)

    def _correct(self, deltas: Mapping[Account, int], budgets: Iterable[Budget]) -> None:
        """Change the counters, and have them take what is spent as told: no warning of a level passed long ago."""
        by_name = {each.name: each for each in budgets}
        for account, delta in deltas.items():
            budget = by_name[account.budget]
            rolling = budget.window.kind == "rolling"
            charge = Charge(account._replace(start_us=0) if rolling else account, budget)
            if delta:
                self._counters.count(account.start_us, Spent(delta, delta, delta), [charge])
            self._counters.open(charge, account.start_us, 0)

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

    def _unanswered(self, error: Exception) -> None:
        if self.answering:
            log.warning("balances not known from the ledger", why=str(error), waiting=self._waiting[:TOLD_MAX])
        self.answering = False

    def _snapshot(self) -> Snapshot | None:
        """None where the counters may know more than the journal holds."""
        rules = self._rules
        if rules is None or not self._journal.accepting:
            return None
        place = self._journal.place
        budgets = rules.policies.rules.budgets
        counted = self._counted(budgets, [asked(each, self._now_us()) for each in budgets])
        standings = {
            account: Standing(spent, spent - self._others.get(account, 0)) for account, spent in counted.items()
        }
        self._saved = place[:2]
        return Snapshot(place, self._known, standings)

    def _oldest(self) -> Place:
        """Segments that are not on disk any more were loaded before they went."""
        found = stored_segments(self._folder)
        return Place(found[0].name.boot, found[0].name.number, 0) if found else BEGINNING

    def _usable_snapshot(self, budgets: Iterable[Budget]) -> Snapshot:
        """One that knows no budget where there is none, or none that the journal's end can be reached from."""
        found = counters_file.read(self._file)
        if found is None:
            return Snapshot(BEGINNING, frozenset(map(meaning, budgets)), {}) if self._is_new() else _IGNORANT
        if tail_bytes(self._folder, found.counted, self._journal.place) > TAIL_BYTES_MAX:
            log.warning("snapshot of counters not used: it is too old", file=str(self._file))
            return _IGNORANT
        return found

    def _is_new(self) -> bool:
        """True: nothing was ever spent here, by no node. The ledger's own journal tells of no call."""
        journal, own = self._data / "journal", self._journal.place[:2]
        for folder in journal.iterdir() if journal.is_dir() else ():
            found = stored_segments(folder) if folder.is_dir() and folder.name != "ledger" else []
            if any(folder.name != self._node or (each.name.boot, each.name.number) != own for each in found):
                return False
        return not (self._data / "outlay.duckdb").exists()


_NOTHING: Final = Known({}, {})
_IGNORANT: Final = Snapshot(BEGINNING, frozenset(), {})


def _without(rules: Rules, budgets: frozenset[str]) -> Rules:
    """The same rules with none of these budgets."""
    kept = tuple(each for each in rules.policies.rules.budgets if each.name not in budgets)
    return Rules(replace(rules.policies, rules=replace(rules.policies.rules, budgets=kept)), rules.prices)


def _since(accounts: Mapping[Account, V], questions: Iterable[AskedBudget]) -> dict[Account, V]:
    """Those whose window was not over when the question was asked."""
    since = {each.budget: each.since_us for each in questions}
    return {
        each: amount for each, amount in accounts.items() if each.start_us >= since.get(each.budget, each.start_us + 1)
    }


def _add(sums: dict[Account, int], more: Mapping[Account, int]) -> None:
    for account, amount in more.items():
        sums[account] = sums.get(account, 0) + amount
