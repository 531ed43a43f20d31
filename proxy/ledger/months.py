"""Months: what is closed, what is open and why it can't be closed yet, and what came late for what is closed.

A month is by the time of admission, in UTC. What is read here comes from one state of the ledger, so that nothing
stands in a statement twice or not at all.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from proxy.finance.statement import (
    CALLS,
    DIMENSIONS,
    OTHER,
    Amount,
    Closing,
    Key,
    Rows,
    Statement,
    StatementError,
    Total,
    following,
    read,
    total,
)
from proxy.ledger.kept import RAW_FROM
from proxy.ledger.selection import Selection
from proxy.ledger.statements import statement
from proxy.model.calendar import microseconds
from proxy.model.money import pico_of, pico_to_usd
from proxy.model.usage import KINDS
from proxy.ports.store import Parameters, Row, Store

MONTH_CLOSED: Final = "month_closed"
"""Kind of the act."""
ROWS_MAX: Final = 50_000
"""Of a statement, before meters are counted: it is kept in memory, and in the journal for good."""
_CLOSED_AT: Final = """
SELECT subject, arg_min(details['cost_usd'], (at_us, id)) FROM acts WHERE kind = $kind GROUP BY subject
"""
_POSITIONS: Final = """
SELECT node, max(boot), max_by(number, (boot, number)), max_by(loaded_bytes, (boot, number)) FROM positions
GROUP BY node ORDER BY node
"""
_ANY_LINE: Final = "is not counted again: of several gateways' lines of a batch any may be the one that counts"
EVER_US: Final = 2**63 - 1
NAMES: Final = len(DIMENSIONS) - 1
"""Columns before the figures: all dimensions but the meter."""
_METERS: Final = "".join(f",\n    sum({kind}), sum(cost_{kind})" for kind in KINDS)

Read = Callable[[str, Parameters | None], Sequence[Row]]
"""Answers a query: of the store, or of a transaction, whose answers are all of one state."""


class NotClosableError(Exception):
    """The month can't be closed, or is closed already; the message says why and what to do."""


class UnknownMonthError(Exception):
    """No month is closed under this name; the message says what there is."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What is on record of a month now."""

    calls: int = 0
    cost_pico: int = 0
    unpriced: int = 0
    unpriced_pico: int = 0
    held: int = 0
    """Calls in flight."""
    held_pico: int = 0


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of holding a statement against what is on record."""

    faults: tuple[str, ...]
    unverified: tuple[str, ...]
    """What of it could not be held against anything, and why."""


def span_us(month: str) -> tuple[int, int]:
    """Where a month begins and ends, microseconds since the epoch. Raises ValueError."""
    begins = (datetime.strptime(each, "%Y-%m").replace(tzinfo=UTC) for each in (month, following(month)))
    since_us, until_us = map(microseconds, begins)
    return since_us, until_us


def month_of(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us / 1e6, UTC):%Y-%m}"


def closings(ask: Read) -> list[Closing]:
    """In order. Of a month that was closed twice, the first."""
    first: dict[str, Closing] = {}
    for row in ask(statement("closings"), {"kind": MONTH_CLOSED}):
        first.setdefault(row[0], Closing(*row))
    return sorted(first.values(), key=lambda each: each.month)


def readable(chain: Iterable[Closing]) -> list[Statement]:
    """Their statements; `months verify` tells of those that can't be read."""
    found = []
    for each in chain:
        try:
            found.append(read(each.text))
        except StatementError:
            continue
    return found


def live(ask: Read, until_us: int) -> dict[Key, Amount]:
    """What is on record of everything admitted before that time, in the rows of a statement.

    Raises NotClosableError where there are too many for one.
    """
    sql = statement("month_rows").replace("/*meters*/", _METERS).replace("/*source*/", statement("spend_calls"))
    rows = ask(sql, {"until_us": until_us, "rows_max": ROWS_MAX})
    if len(rows) > ROWS_MAX:
        raise NotClosableError(f"there are more than {ROWS_MAX:,} rows by project, team, model and price")
    found: dict[Key, Amount] = {}
    for row in rows:
        (begins, *names), (calls, cost), meters = row[:NAMES], row[NAMES : NAMES + 2], row[NAMES + 2 :]
        key = (f"{begins:%Y-%m}", *names)
        amounts = dict(zip(KINDS, zip(meters[::2], meters[1::2], strict=True), strict=True))
        rest = cost - sum(pico for _, pico in amounts.values())
        amounts |= {CALLS: (calls, 0), OTHER: (0, rest)}
        found |= {(*key, meter): (int(each[0]), int(each[1])) for meter, each in amounts.items() if any(each)}
    return found


def sums(ask: Read, since_us: int = 0, until_us: int = EVER_US) -> dict[str, Sums]:
    """By month, in order, of those of which anything is on record; of calls admitted within a time."""
    of = {"since_us": since_us, "until_us": until_us}
    spent = ask(statement("month_sums"), of)
    held = {begins: counts for begins, *counts in ask(statement("month_holds"), None)}
    found = {begins: [int(each) for each in figures] for begins, *figures in spent}
    months = sorted(found.keys() | held.keys())
    return {
        f"{begins:%Y-%m}": Sums(*found.get(begins, [0] * 4), *map(int, held.get(begins, (0, 0)))) for begins in months
    }


def cut(ask: Read, month: str) -> dict[str, Any]:
    """Up to where the journal was read for a statement, and the single calls of the month before that. A node is told
    by a hash: the name of a machine may be that of its user."""
    places = ask(_POSITIONS, None)
    found: dict[str, Any] = {"journal": [[_node(node), *rest] for node, *rest in places]}
    counted = counted_before(ask, month, found)
    return found | ({} if counted is None else {"calls": counted[0], "cost_pico": counted[1]})


def counted_before(ask: Read, month: str, at: Mapping[str, Any]) -> tuple[int, int] | None:
    """Single calls of the month before a cut, and what they cost; None: not all are kept."""
    since_us, until_us = span_us(month)
    ((raw_from_us,),) = ask(RAW_FROM, None)
    if since_us < raw_from_us:
        return None
    names = {_node(node): node for node, *_ in ask(_POSITIONS, None)}
    nodes, boots, numbers, ends = list(zip(*at["journal"], strict=True)) or ((), (), (), ())
    values: dict[str, object] = {
        "nodes": [names.get(each, "") for each in nodes],
        "boots": list(boots),
        "numbers": list(numbers),
        "bytes": list(ends),
        "since_us": since_us,
        "until_us": until_us,
    }
    ((calls, cost),) = ask(statement("month_cut"), values)
    return int(calls), int(cost)


def checked(ask: Read, each: Statement) -> Checked:
    """A statement against the single calls up to its cut."""
    before, stated = each.head.get("cut", {}), total(each.rows, each.month)
    if "calls" not in before:
        return Checked((), (f"its {_told(stated)} were not all kept one by one when it was closed: none is counted",))
    then = Total(before["calls"], before["cost_pico"])
    counted = counted_before(ask, each.month, before)
    if counted is None:
        return Checked((), (f"its {_told(stated)} are not all kept one by one any more: none is counted again",))
    # What is stated and was no single call of the journal.
    batches = Total(stated.calls - then.calls, stated.cost_pico - then.cost_pico)
    left = (f"work of batches, {_told(batches)}, {_ANY_LINE}",) if batches != Total() else ()
    if counted == (then.calls, then.cost_pico):
        return Checked((), left)
    now = _told(Total(*counted))
    return Checked((f"it was made of {_told(then)}; up to the same place there are {now}",), left)


def _told(found: Total) -> str:
    return f"{found.calls:,} call{'' if found.calls == 1 else 's'} for ${pico_to_usd(found.cost_pico)}"


def closed_notes(store: Store, asked: Selection, timeout_s: float) -> list[str]:
    """What whoever reads live figures of a time must know of its closed months: by their acts, as it is asked often."""

    def ask(sql: str, values: Parameters | None) -> Sequence[Row]:
        return store.read(sql, values, timeout_s)

    since_us, until_us = asked.period.since_us, asked.period.until_us
    closed = {
        month: pico_of(cost)
        for month, cost in ask(_CLOSED_AT, {"kind": MONTH_CLOSED})
        if since_us < span_us(month)[1] and span_us(month)[0] < until_us
    }
    if not closed:
        return []
    on_record = sums(ask, span_us(min(closed))[0], span_us(max(closed))[1])
    told = []
    for month, then in sorted(closed.items()):
        now = on_record.get(month, Sums()).cost_pico
        since = f"${pico_to_usd(now - then)}" if now != then else "nothing"
        told.append(f"{month} at ${pico_to_usd(then)}, {since} since")
    return [f"Closed: {'; '.join(told)}. This report has all that is on record (`outlay months`)."]


def price_lists(rows: Rows) -> list[str]:
    """Which price lists the prices of these rows are of."""
    return sorted({key[-2].partition(":")[0] for key in rows} - {""})


def _node(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:16]
