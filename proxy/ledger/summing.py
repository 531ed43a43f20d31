"""Summing: what calls add up to by the quarter of an hour is kept beside them, in the transactions that bring them.

Reports of spend read these rows, of which there are few, whatever the number of calls.
"""

from collections import deque
from collections.abc import Collection, Mapping
from typing import Final

from proxy.ledger.periods import SLOT_US
from proxy.ledger.statements import statement
from proxy.ports.store import Transaction

MERGE_ROWS_MIN: Final = 20_000
MERGE_ROWS_MAX: Final = 200_000
"""In one transaction: some tenths of a second."""
MERGE_EVERY_US: Final = 60_000_000
KEPT_APART_US: Final = 600_000_000
"""A report reads up to the load that was the newest when it began. No report runs as long as this."""

_OF_LOAD: Final = "load = $load"
_OF_SLOTS: Final = """
load < $load AND opened_us >= $first_us AND opened_us < $last_us AND opened_us // $slot_us IN (SELECT unnest($slots))
"""
_DROP: Final = "opened_us IN (SELECT unnest($starts))"
_UNTIL: Final = "load <= $until"
_BY_LOAD: Final = {"table": "summed_lately", "load": "load", "order": ""}
_MERGED_AT_ONCE: Final = """
SELECT coalesce(max(load) FILTER (rows_to <= $rows_max), min(load)), max(rows_to)
FROM (
    SELECT load, sum(count(*)) OVER (ORDER BY load) AS rows_to FROM summed_lately WHERE load <= $old GROUP BY load
)
"""


class Summing:
    """Of one loader, which knows when it made each load."""

    def __init__(self) -> None:
        self._made: deque[tuple[int, int]] = deque()
        """Loads and when they were made, from MERGE_EVERY_US to MERGE_EVERY_US, microseconds."""
        self._old: int | None = None
        """No report stops at a load before this one, or at it."""
        self._looked_us = 0

    def merge(self, change: Transaction, load: int, now_us: int) -> None:
        """Before `load` is brought: put what is old enough together, a bounded part of it, where that is worth it."""
        if self._old is None:
            # Reports end with the process: none knows of any load before the first.
            self._old = load - 1
        if 0 <= now_us - self._looked_us < MERGE_EVERY_US:
            return
        self._looked_us = now_us
        self._made.append((load - 1, now_us))
        while self._made and now_us - self._made[0][1] > KEPT_APART_US:
            self._old = self._made.popleft()[0]
        ((until, rows),) = change.execute(_MERGED_AT_ONCE, {"old": self._old, "rows_max": MERGE_ROWS_MAX})
        if rows is not None and rows >= MERGE_ROWS_MIN:
            merge_sums(change, until)
            if rows > MERGE_ROWS_MAX:
                self._looked_us = 0


def sum_up(change: Transaction, load: int) -> None:
    """Sum up the calls that this load has brought."""
    _sum(change, "(SELECT *, 1 AS calls FROM calls) AS calls", _OF_LOAD, {"load": load})


def sum_anew(change: Transaction, load: int, times_us: Collection[int]) -> None:
    """Sum up anew what earlier loads brought of the quarters of an hour of these times: their calls were changed."""
    slots = sorted({at_us // SLOT_US for at_us in times_us})
    for table in ("summed", "summed_lately"):
        change.execute(f"DELETE FROM {table} WHERE {_DROP}", {"starts": [slot * SLOT_US for slot in slots]})  # noqa: S608
    span = {"first_us": slots[0] * SLOT_US, "last_us": (slots[-1] + 1) * SLOT_US}
    _sum(change, statement("spend_calls"), _OF_SLOTS, {"load": load, "slots": slots, **span})


def merge_sums(change: Transaction, until: int) -> None:
    """The sums of loads up to this one, which no running report stops at any more, as one for each quarter."""
    merged = {"table": "summed", "load": "max(load)", "order": "ORDER BY opened_us"}
    _sum(change, "summed_lately", _UNTIL, {"until": until}, merged)
    change.execute(f"DELETE FROM summed_lately WHERE {_UNTIL}", {"until": until})  # noqa: S608


def _sum(
    change: Transaction, source: str, which: str, values: Mapping[str, object], into: Mapping[str, str] = _BY_LOAD
) -> None:
    sql = statement("sum_up")
    for mark, text in {"source": source, "which": which, **into}.items():
        sql = sql.replace(f"/*{mark}*/", text)
    change.execute(sql, {**values, "slot_us": SLOT_US})
