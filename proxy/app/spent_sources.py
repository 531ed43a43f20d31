"""Where it is known from what was spent before: the snapshot of the last minute, the ledger, the journals on disk.

A start asks the snapshot and the journals, so it needs no ledger; only where segments have gone from a window that
still counts does it take the ledger to tell.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Final, Protocol

import structlog

from proxy.adapters import counters_file
from proxy.adapters.journal_folder import stored_segments
from proxy.adapters.journal_tail import TAIL_BYTES_MAX, tail, tail_bytes
from proxy.adapters.journal_whole import END, NotWholeError, calling_nodes, check_whole, mark_first
from proxy.gateway.counters_snapshot import Snapshot
from proxy.gateway.openings import spent_by
from proxy.model.entry import Refused, Settled
from proxy.policy.charge import Account
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
    asked,
)

log = structlog.get_logger("outlay.balances")

AT_ONCE_BYTES: Final = 128 * 1024
"""As much of the journal is read between two turns of the event loop: some 100 lines, 2 ms."""
ROUNDS_MAX: Final = 20
"""Tries to come that close to the end of a journal that is being written."""
START_BYTES_MAX: Final = 48 * 1024 * 1024
"""Of all journals, read before the first call: some 40,000 calls, a second. Of more, the ledger is asked first."""

LEFT_BEHIND_S: Final = 120.0
"""Twice as long as a node that runs takes to save again: one whose snapshot is older than others' lines by more was
down while they spent."""


class OwnJournal(Protocol):
    @property
    def accepting(self) -> bool: ...

    @property
    def place(self) -> Place:
        """Behind the last line written."""
        ...


class SpentSources:
    """Of one gateway. `known_now` and `snapshot` block; the others read files in a thread."""

    def __init__(
        self,
        *,
        balances: Balances,
        journal: OwnJournal,
        data: Path,
        node: str,
        now_us: Callable[[], int],
        predecessor: str = "",
    ) -> None:
        """`predecessor`: the node whose counters this one goes on from."""
        self._balances = balances
        self._journal = journal
        self._data = data
        self._node = node
        self._folder = data / "journal" / node
        self._file = counters_file.counters_file(data, node)
        self._predecessor = predecessor
        self._now_us = now_us
        self._saving = Lock()
        self._saved = BEGINNING

    def begin(self) -> None:
        """Call once, when the journal is open. Raises OSError."""
        mark_first(self._folder, self._journal.place)

    def snapshot(self) -> Snapshot | None:
        """None: there is none, or none that the journal's end can be reached from, or others have spent since."""
        if self._predecessor:
            return self._handed_over()
        found = None if self._left_behind() else counters_file.read(self._file)
        if found is not None and tail_bytes(self._folder, found.counted, self._journal.place) > TAIL_BYTES_MAX:
            log.warning("snapshot of counters not used: it is too old", file=str(self._file))
            return None
        return found

    def _handed_over(self) -> Snapshot | None:
        """The predecessor's: what it counted of others, and its own, was spent by others than this node. This node's
        own part is what it had spent itself when it wrote last."""
        found = counters_file.read(counters_file.counters_file(self._data, self._predecessor))
        if found is None or tail_bytes(self._before, found.counted, END) > TAIL_BYTES_MAX:
            return None
        last = counters_file.read(self._file)
        own = {} if last is None else {account: each.own for account, each in last.accounts.items()}
        accounts = {account: Standing(each.total, own.get(account, 0)) for account, each in found.accounts.items()}
        return replace(found, accounts=accounts)

    def _left_behind(self) -> bool:
        """Whether another node went on long after this one had saved for the last time."""
        try:
            saved_s = self._file.stat().st_mtime
        except FileNotFoundError:
            return False
        segments = [
            segment.path
            for folder in calling_nodes(self._data)
            if folder != self._folder
            for segment in stored_segments(folder)[-1:]
        ]
        return any(path.stat().st_mtime > saved_s + LEFT_BEHIND_S for path in segments if path.exists())

    @property
    def _before(self) -> Path:
        return self._data / "journal" / self._predecessor

    def save(self, snapshot: Snapshot) -> None:
        """From any thread, several at once too: what is kept is never older than what was. Raises OSError."""
        with self._saving:
            if snapshot.place >= self._saved:
                counters_file.write(self._file, snapshot)
                self._saved = snapshot.place

    def behind(
        self, snapshot: Snapshot, matcher: Matcher, budgets: Iterable[Budget]
    ) -> tuple[Mapping[Account, int], int]:
        """What the own lines behind the snapshot add, or the predecessor's behind its own; and how many there are that
        close calls. Raises OSError."""
        if self._predecessor:
            lines = tail(self._before, snapshot.counted, END)
        else:
            lines = tail(self._folder, snapshot.counted, self._journal.place)
        count = 0

        def counted() -> Iterator[Settled | Refused]:
            nonlocal count
            for count, line in enumerate(lines, 1):  # noqa: B007  # read once it is over
                yield line

        return spent_by(counted(), matcher, self._questions(budgets)), count

    def by_journals(self, budgets: Sequence[Budget], matcher: Matcher, bytes_max: int = START_BYTES_MAX) -> Known:
        """What all journals on disk add up to. Raises BalancesUnavailableError where that isn't all there was."""
        questions, own = self._questions(budgets), self._journal.place
        try:
            check_whole(self._data, self._node, own, min(each.since_us for each in questions), bytes_max)
            sums = [self._sum(folder, own, matcher, questions) for folder in calling_nodes(self._data)]
        except (NotWholeError, OSError) as error:
            raise BalancesUnavailableError(str(error)) from None
        accounts: dict[Account, Standing] = {}
        for mine, of_node in sums:
            for account, amount in of_node.items():
                before = accounts.get(account, Standing(0, 0))
                accounts[account] = Standing(before.total + amount, before.own + (amount if mine else 0))
        return Known(accounts, {own[:2]: own.offset})

    def alone(self) -> bool:
        """True: no other gateway ever wrote to the data folder."""
        return len(calling_nodes(self._data)) <= 1

    async def told(self, budgets: Sequence[Budget], matcher: Matcher) -> tuple[Known, Mapping[Account, int]]:
        """What the ledger says of these budgets, and what it has not counted up to this very moment: nothing is
        awaited between the last line read and the return.

        Raises BalancesUnavailableError, TailTooLongError, OSError.
        """
        since = await asyncio.to_thread(self._oldest)
        known = await self._balances.known(self._questions(budgets), self._node, since)
        return known, await self._since(Counted(since, known.loaded), budgets, matcher)

    async def found(self, budgets: Sequence[Budget], matcher: Matcher) -> tuple[Known, Mapping[Account, int]]:
        """As `told`, from the journals where the ledger doesn't answer."""
        try:
            return await self.told(budgets, matcher)
        except BalancesUnavailableError as error:
            try:
                known = await asyncio.to_thread(self.by_journals, budgets, matcher, TAIL_BYTES_MAX)
            except BalancesUnavailableError as why:
                raise BalancesUnavailableError(f"{error}; {why}") from None
        ((at, offset),) = known.loaded.items()
        return known, await self._since(Counted(Place(*at, offset), known.loaded), budgets, matcher)

    async def _since(self, counted: Counted, budgets: Sequence[Budget], matcher: Matcher) -> Mapping[Account, int]:
        """What the own lines add that are not counted."""
        questions, sums = self._questions(budgets), dict[Account, int]()
        for _ in range(ROUNDS_MAX):
            place = self._journal.place
            if tail_bytes(self._folder, counted, place) <= AT_ONCE_BYTES:
                _add(sums, spent_by(tail(self._folder, counted, place), matcher, questions))
                return sums
            lines = await asyncio.to_thread(self._read, counted, place)
            _add(sums, spent_by(lines, matcher, questions))
            counted = Counted(place, {place[:2]: place.offset})
        raise BalancesUnavailableError("the journal grows faster than it can be read")

    def _sum(
        self, folder: Path, own: Place, matcher: Matcher, questions: Iterable[AskedBudget]
    ) -> tuple[bool, Mapping[Account, int]]:
        mine = folder.name == self._node
        return mine, spent_by(tail(folder, Counted(BEGINNING, {}), own if mine else END), matcher, questions)

    def _questions(self, budgets: Iterable[Budget]) -> list[AskedBudget]:
        return [asked(each, self._now_us()) for each in budgets]

    def _read(self, counted: Counted, until: Place) -> list[Settled | Refused]:
        return list(tail(self._folder, counted, until))

    def _oldest(self) -> Place:
        """Segments that are not on disk any more were loaded before they went."""
        found = stored_segments(self._folder)
        return Place(found[0].name.boot, found[0].name.number, 0) if found else BEGINNING


def _add(sums: dict[Account, int], more: Mapping[Account, int]) -> None:
    for account, amount in more.items():
        sums[account] = sums.get(account, 0) + amount
