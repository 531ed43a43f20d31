"""Blocks: what is in the way of closing a month, and how to mend it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from proxy.finance.statement import Closing, following
from proxy.ledger.loader import Progress
from proxy.ledger.months import Read, Sums, span_us
from proxy.model.money import pico_to_usd

GRACE: Final = timedelta(days=3)
"""After a month's end: until then its calls may still be settled, told late, or brought by a gateway that was away."""
BEHIND_US: Final = 60_000_000
"""How far the loader may be behind."""
_QUARANTINED: Final = "SELECT count(*) FROM quarantine WHERE at_us > $since_us"


@dataclass(frozen=True, slots=True)
class Block:
    """Something in the way of closing a month."""

    what: str
    """A word for programs: 'unpriced_calls'."""
    says: str
    mend: str
    """What to do about it."""
    waivable: bool = True
    """True: with a reason, the month can be closed in spite of it."""


def blocks(
    ask: Read, month: str, chain: Sequence[Closing], on_record: Mapping[str, Sums], progress: Progress, now_us: int
) -> list[Block]:
    """What is in the way of closing a month that is open."""
    _, until_us = span_us(month)
    found = [*_of_order(month, chain, on_record), *_of_time(until_us, now_us), *_of_loading(progress, until_us, now_us)]
    # What the statement is to hold: months before the first that was ever closed, too.
    within = [each for name, each in on_record.items() if name <= month and not (chain and name <= chain[-1].month)]
    held, unpriced = sum(each.held for each in within), sum(each.unpriced for each in within)
    if held:
        worth = pico_to_usd(sum(each.held_pico for each in within))
        mend = "wait until they have ended, or see `outlay doctor`; what they cost later is a correction"
        found.append(Block("calls_in_flight", f"{_calls(held)} in flight, with ${worth} held", mend))
    if unpriced:
        worth = pico_to_usd(sum(each.unpriced_pico for each in within))
        mend = (
            f"`outlay report prices --since {month} --until {following(month)}` has the prices to add, for calls to "
            "come; what is on record stays as it is"
        )
        found.append(Block("unpriced_calls", f"{_calls(unpriced)} without a price, ${worth} at the ceiling", mend))
    ((rotten,),) = ask(_QUARANTINED, {"since_us": chain[-1].at_us if chain else 0})
    if rotten:
        mend = "`outlay doctor` and the ledger's log say which"
        found.append(Block("quarantined_lines", f"{rotten:,} lines of the journal can't be read", mend))
    return found


def _of_order(month: str, chain: Sequence[Closing], on_record: Mapping[str, Sums]) -> list[Block]:
    if chain:
        first = following(chain[-1].month)
        mend = f"`outlay months close {first}` first"
        return [Block("earlier_month", f"{first} is open", mend, waivable=False)] if month > first else []
    begun = [name for name, each in on_record.items() if each.calls or each.held]
    if not begun or begun[0] > month:
        # Of a slip of the pen, every month from it on would have to be closed one by one, and none can be opened again.
        mend = f"begin with {begun[0]}, the first with calls" if begun else "begin with the first month that has calls"
        return [Block("before_first_call", "no call is on record of it or before", mend)]
    earlier = [name for name, each in on_record.items() if name < month and each.calls]
    if not earlier:
        return []
    says = f"{earlier[0]} is open; its calls, and all before {month}, would stand in this statement as earlier months'"
    return [Block("earlier_month", says, f"`outlay months close {earlier[0]}` first")]


def _of_time(until_us: int, now_us: int) -> list[Block]:
    late_us = until_us + int(GRACE.total_seconds() * 1e6)
    if now_us < until_us:
        return [Block("not_over", "it is not over", f"wait until {_day(late_us)}", waivable=False)]
    if now_us < late_us:
        return [Block("late_calls", "calls of it may still come", f"wait until {_day(late_us)}")]
    return []


def _of_loading(progress: Progress, until_us: int, now_us: int) -> list[Block]:
    found = []
    if now_us >= until_us and progress.current_until_us < max(until_us, now_us - BEHIND_US):
        found.append(
            Block("not_loaded", "the journal is not loaded to its end", "wait; `outlay doctor`", waivable=False)
        )
    if progress.waiting:
        says = f"{len(progress.waiting)} segments of the journal wait for a newer program"
        found.append(Block("not_loaded", says, "upgrade outlay", waivable=False))
    if progress.lost:
        says = f"facts of {len(progress.lost)} segments of the journal are gone"
        found.append(Block("segments_lost", says, "`outlay restore` a backup that has them"))
    return found


def refused(month: str, found: Iterable[Block]) -> str:
    """Why a month can't be closed, for whoever asked."""
    found = list(found)
    why = "; ".join(f"{each.says} ({each.mend})" for each in found)
    waivable = all(each.waivable for each in found)
    rest = " With `--reason` it can be closed in spite of that; both go on record." if waivable else ""
    return f"{month} can't be closed yet: {why}.{rest}"


def _calls(count: int) -> str:
    return f"{count:,} call{'' if count == 1 else 's'}"


def _day(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us / 1e6, UTC):%Y-%m-%d %H:%M} UTC"
