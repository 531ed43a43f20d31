"""The book of months: draws the statement of a month, and puts it on record.

A month is closed by lines on the ledger's own journal: the parts of its statement, then the act. Nothing of it is made
again afterwards, so a database that is loaded anew from the journal has the same bytes.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, Final

from proxy.finance.statement import Closing, Statement, Total, faults, parts, stated, total, unbooked
from proxy.ledger.loader import Progress
from proxy.ledger.month_blocks import Block, blocks, refused
from proxy.ledger.months import (
    MONTH_CLOSED,
    NotClosableError,
    Read,
    closings,
    cut,
    live,
    price_lists,
    readable,
    span_us,
    sums,
)
from proxy.ledger.people import Viewer
from proxy.model.entry import Act, Stated
from proxy.ports.journal import Journal
from proxy.ports.store import Store

CURRENCY: Final = "USD"

Outcomes = Mapping[str, Any]
"""What was delivered in a month, as a statement has it."""
Restated = Callable[[Sequence[Statement], Callable[[str], Outcomes]], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A statement that is on no record yet."""

    statement: Statement
    waived: tuple[Block, ...]
    """What was in the way, and is overruled by a reason."""
    at_us: int


class MonthBook:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._own: dict[str, Closing] = {}
        """On the journal, and not yet seen in the store."""
        self._totals: dict[str, Mapping[str, Total]] = {}

    def chain(self, ask: Read) -> list[Closing]:
        """Closed months in order."""
        loaded = closings(ask)
        for each in loaded:
            self._own.pop(each.month, None)
        return sorted([*loaded, *self._own.values()], key=lambda each: each.month)

    def totals(self, chain: Sequence[Closing]) -> list[Mapping[str, Total]]:
        """Of each statement, what it says of each month that it has rows of; nothing of one that can't be read. Kept,
        since statements are large and don't change."""
        for each in chain:
            if each.act not in self._totals:
                self._totals[each.act] = {
                    month: total(found.rows, month) for found in readable([each]) for month in found.months
                }
        return [self._totals[each.act] for each in chain]

    def draw(
        self,
        store: Store,
        month: str,
        reason: str,
        progress: Progress,
        outcomes: Callable[[str], Outcomes],
        restated: Restated,
        now_us: int,
    ) -> Drawn:
        """The statement of a month, from one state of the database. Raises NotClosableError, StoreError.

        `outcomes`: of a month, as they are now; `restated`: of closed months, those whose outcomes are others now."""
        with store.beside() as change:
            chain = self.chain(change.execute)
            _check(chain, month)
            found = blocks(change.execute, month, chain, sums(change.execute), progress, now_us)
            if found and not (reason and all(each.waivable for each in found)):
                raise NotClosableError(refused(month, found))
            since_us, until_us = span_us(month)
            statements = readable(chain)
            rows = unbooked(live(change.execute, until_us), statements)
            at = cut(change.execute, month)
        head = {
            "since": _iso(since_us),
            "until": _iso(until_us),
            "currency": CURRENCY,
            "closed_at": _iso(now_us),
            "data_until": _iso(progress.current_until_us),
            "cut": at,
            "waived": [{"what": each.what, "says": each.says} for each in found],
            "price_lists": price_lists(rows),
            "outcomes": outcomes(month),
            "restated": restated(statements, outcomes),
        }
        return Drawn(stated(month, chain[-1].sha256 if chain else "", rows, head), tuple(found), now_us)

    async def record(self, drawn: Drawn, viewer: Viewer, reason: str) -> Closing:
        """The act comes last: parts without it say nothing. Raises JournalUnavailableError: then it is not closed."""
        found = drawn.statement
        id_ = f"act_{drawn.at_us // 1000:012x}{token_hex(8)}"
        pieces = parts(found.text)
        for number, piece in enumerate(pieces):
            self._journal.append(Stated(id_, found.month, number, len(pieces), found.sha256, piece))
            await asyncio.sleep(0)
        details = {"sha256": found.sha256, "previous": found.previous}
        details |= {name: str(said) for name, said in found.head["total"].items()}
        details |= {"waived": ", ".join(each.what for each in drawn.waived)} if drawn.waived else {}
        details |= viewer.author
        self._journal.append(Act(id_, drawn.at_us, viewer.name, MONTH_CLOSED, found.month, reason, details))
        await self._journal.flushed()
        closing = Closing(found.month, id_, drawn.at_us, viewer.name, reason, found.sha256, found.text)
        self._own[found.month] = closing
        return closing


def _check(chain: Sequence[Closing], month: str) -> None:
    """Raises NotClosableError."""
    if chain and month <= chain[-1].month:
        by = next((each for each in chain if each.month == month), chain[0])
        where = "" if by.month == month else f" with {by.month}"
        raise NotClosableError(f"{month} was closed{where} on {_iso(by.at_us)} by {by.actor}; its hash is {by.sha256}.")
    if any(faults(chain)):
        raise NotClosableError(f"{month} can't be closed: `outlay months verify` finds fault with the months before.")


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat()
