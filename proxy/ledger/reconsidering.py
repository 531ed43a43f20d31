"""Reconsidering: lines of a type that an older program put in quarantine, because it didn't know it yet.

While a rolling update runs, a newer gateway may write what the ledger can't read. Such a line is passed over so that
nothing waits behind it; its segment stays until a ledger that knows the type has loaded it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.journal.codec import UNKNOWN_TYPE
from proxy.ledger.batch import Batch, sort
from proxy.ports.segments import Segment, SegmentLostError, Segments
from proxy.ports.store import Parameters, Store, Transaction

AT_ONCE: Final = 1000
"""In one pass: each is a transaction."""
_WAITING: Final = """
SELECT node, boot, number, line_offset, line_bytes FROM quarantine
WHERE starts_with(reason, $unknown) ORDER BY ALL
"""
_FOUND: Final = """
DELETE FROM quarantine
WHERE node = $node AND boot = $boot AND number = $number AND line_offset = $offset AND starts_with(reason, $unknown)
"""
_MOVED: Final = "UPDATE positions SET load = $load WHERE node = $node AND boot = $boot AND number = $number"


@dataclass(frozen=True, slots=True)
class Passed:
    """A line that was passed over."""

    segment: Segment
    offset: int
    size: int

    @property
    def values(self) -> Parameters:
        return {"node": self.segment.node, "boot": self.segment.boot, "number": self.segment.number}


def passed_over(store: Store, segments: Segments) -> Sequence[Passed]:
    """In order. Those whose segments are gone stay in quarantine. Raises StoreError, OSError."""
    rows = store.read(_WAITING, {"unknown": UNKNOWN_TYPE})
    there: Mapping[str, Segment] = {each.name: each for each in segments.list()} if rows else {}
    found = [(Segment(node, boot, number, 0, False).name, offset, size) for node, boot, number, offset, size in rows]
    return [Passed(there[name], offset, size) for name, offset, size in found if name in there]


def read_again(segments: Segments, passed: Passed) -> Batch | None:
    """The line by itself; None: this program doesn't know it either, or it is gone. Raises OSError."""
    try:
        data = segments.read(passed.segment, passed.offset, passed.size + 1)
    except SegmentLostError:
        return None
    batch = sort(data[: passed.size + 1], passed.offset)
    return batch if batch.lines == 1 and not batch.bad else None


def take_out(change: Transaction, passed: Passed, load: int) -> None:
    """Of quarantine, in the transaction that loads it."""
    change.execute(_FOUND, {**passed.values, "offset": passed.offset, "unknown": UNKNOWN_TYPE})
    change.execute(_MOVED, {**passed.values, "load": load})
