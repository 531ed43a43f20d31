"""The loader: brings the journal into the store, each line exactly once.

One batch is one transaction that holds its rows and the position behind them; a kill at any instant leaves both or
neither. A batch that the store rejects is halved until the bad line is alone; that line goes to quarantine and
the position past it, again together.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import time_ns
from typing import Final

import structlog

from proxy.journal.codec import UNKNOWN_TYPE, LineError, NewerLineError, decode
from proxy.journal.lines import SHAPE, Head
from proxy.ledger.batch import BadLine, Batch, bad_line, sort
from proxy.ledger.batch_rows import BatchRows, Position
from proxy.ledger.reconsidering import AT_ONCE, Passed, passed_over, read_again, take_out
from proxy.ledger.summing import Summing
from proxy.ports.segments import Segment, SegmentLostError, Segments
from proxy.ports.store import RejectedRowsError, Store

log = structlog.get_logger("outlay.loader")

BATCH_BYTES: Final = 16 * 1024 * 1024
PASS_BATCHES_MAX: Final = 32
"""In one pass, so that a stop need not wait for a long backlog: some 5 s."""
REJECTIONS_MAX: Final = 20
"""Lines a pass that the codec reads and the store doesn't. More is a fault of this program, and loading stops."""
SYNC_US: Final = 50_000
"""How far the published position may be behind what is written."""


class LoadingStoppedError(Exception):
    """Loading can't go on by itself: the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the loader has done since it was made, for health and metrics."""

    current_until_us: int = 0
    """Every fact that was durable at this time is in the store. Microseconds since the epoch, UTC."""
    lines: int = 0
    batches: int = 0
    quarantined: int = 0
    """All there are in the store, earlier runs included."""
    passes: int = 0
    waiting: tuple[str, ...] = ()
    """Segments that can't be loaded by this program, each with the reason. Nothing is lost."""
    lost: tuple[str, ...] = ()
    """Segments whose published bytes are gone: facts are missing."""


def wall_us() -> int:
    return time_ns() // 1000


class Loader:
    """Single-threaded: one pass at a time. Reading `progress` is safe from any thread."""

    def __init__(self, store: Store, segments: Segments, now_us: Callable[[], int] = wall_us) -> None:
        self._store = store
        self._segments = segments
        self._now_us = now_us
        self._positions: dict[str, Position] = {}
        self._load = 0
        self._rejections = 0
        self._summing = Summing()
        self._doubtful = True
        """A transaction failed, so that only the store knows where it stands."""
        self._told: set[str] = set()
        self._again: deque[Passed] | None = None
        """Lines that an older program didn't know, to be looked at; None: not asked for yet."""
        self._unknown: set[str] = set()
        """Segments with lines that this program doesn't know: a newer one may want them."""
        ((quarantined,),) = store.read("SELECT count(*) FROM quarantine")
        self.progress = Progress(quarantined=quarantined)

    def run_once(self) -> int:
        """One pass over everything published, or over as much of a backlog as a pass takes; gives the lines loaded.

        Raises StoreError and OSError (try again later), StoreLostError and LoadingStoppedError (don't).
        """
        if self._doubtful:
            self._recall()
        self._reconsider()
        began_us = self._now_us()
        self._rejections = 0
        before = self.progress
        waiting: list[str] = []
        lost: list[str] = []
        for segment in self._segments.list():
            try:
                self._segment(segment, before.batches + PASS_BATCHES_MAX)
            except SegmentLostError as error:
                lost.append(str(error))
            except NewerLineError as error:
                waiting.append(f"segment {segment.name}: {error}. Upgrade outlay; nothing of it is lost")
        self._tell([*waiting, *lost])
        done = not waiting and self.progress.batches < before.batches + PASS_BATCHES_MAX
        current = began_us - SYNC_US if done else before.current_until_us
        self.progress = replace(
            self.progress,
            waiting=tuple(waiting),
            lost=tuple(lost),
            current_until_us=current,
            passes=self.progress.passes + 1,
        )
        return self.progress.lines - before.lines

    def catch_up(self) -> None:
        """Passes until one finds nothing more to load. Raises what `run_once` raises."""
        while self.run_once():
            continue

    def loaded(self) -> dict[str, int]:
        """Bytes loaded of each segment by Segment.name: what may go once it is old enough. Those with lines that a
        newer program may know are left out. From any thread."""
        needed = self._unknown | {each.segment.name for each in list(self._again or ())}
        return {name: at.loaded_bytes for name, at in dict(self._positions).items() if name not in needed}

    def _recall(self) -> None:
        self._positions.clear()
        self._load = 0
        rows = self._store.read("SELECT node, boot, number, loaded_bytes, loaded_lines, load FROM positions")
        for node, boot, number, loaded_bytes, loaded_lines, load in rows:
            self._positions[Segment(node, boot, number, 0, False).name] = Position(loaded_bytes, loaded_lines)
            self._load = max(self._load, load)
        self._doubtful = False

    def _reconsider(self) -> None:
        """At a start, some in each pass: load what an older program didn't know and passed over."""
        if self._again is None:
            self._again = deque(passed_over(self._store, self._segments))
        for _ in range(min(AT_ONCE, len(self._again))):
            passed = self._again[0]
            batch = read_again(self._segments, passed)
            if batch is None:
                self._unknown.add(passed.segment.name)
            else:
                self._load_again(passed, batch)
            self._again.popleft()

    def _load_again(self, passed: Passed, batch: Batch) -> None:
        load = self._load + 1
        self._doubtful = True
        with self._store.transaction() as change:
            BatchRows(change, passed.segment, batch, load, self._now_us()).insert()
            take_out(change, passed, load)
        self._doubtful = False
        self._load = load
        self.progress = replace(self.progress, lines=self.progress.lines + 1, quarantined=self.progress.quarantined - 1)
        log.info("line loaded that an older program did not know", segment=passed.segment.name, offset=passed.offset)

    def _segment(self, segment: Segment, batches_max: int) -> None:
        """Load what is new of a segment, as long as there were fewer batches than that."""
        while (loaded := self._positions.get(segment.name, Position()).loaded_bytes) != segment.synced:
            if self.progress.batches >= batches_max:
                return
            data = self._segments.read(segment, loaded, BATCH_BYTES)
            if not data:
                return
            if not loaded:
                self._look_at_head(segment, data)
            batch = sort(data, loaded)
            if batch.lines:
                self._settle(segment, batch)
            if batch.newer:
                raise NewerLineError(batch.newer)

    def _look_at_head(self, segment: Segment, data: bytes) -> None:
        """Say that a newer gateway writes. Its lines are loaded for what this program knows of them."""
        try:
            head = decode(data.partition(b"\n")[0])
        except LineError:
            return
        if isinstance(head, Head) and head.shape > SHAPE:
            log.warning(
                "a newer gateway writes: what only it knows is in reports once the ledger is as new, which then loads "
                "all anew",
                segment=segment.name,
            )

    def _settle(self, segment: Segment, batch: Batch) -> None:
        """Load a batch, whole or in halves."""
        try:
            self._commit(segment, batch, batch.bad)
        except RejectedRowsError as error:
            if batch.lines > 1:
                for half in batch.halves():
                    self._settle(segment, half)
                return
            self._reject(segment, batch, str(error))

    def _reject(self, segment: Segment, batch: Batch, error: str) -> None:
        """The one line of this batch is bad: on record in its place, with the position behind it."""
        line = batch.data.removesuffix(b"\n")
        try:
            decode(line)
        except LineError as unread:
            reason = str(unread)
        else:
            reason = f"the store can't hold it ({error})"
            self._rejections += 1
            if self._rejections > REJECTIONS_MAX:
                raise LoadingStoppedError(
                    f"the store rejected more than {REJECTIONS_MAX} lines of {segment.name} that are right by their "
                    "format. This is a fault of outlay; the journal keeps them all."
                )
        bad = bad_line(line, batch.start, reason)
        self._commit(segment, replace(batch, by_kind={}), (bad,))

    def _commit(self, segment: Segment, batch: Batch, bad: Sequence[BadLine]) -> None:
        position = self._positions.get(segment.name)
        load = self._load + 1
        self._doubtful = True
        try:
            with self._store.transaction() as change:
                self._summing.merge(change, load, self._now_us())
                rows = BatchRows(change, segment, batch, load, self._now_us())
                bad = [*bad, *rows.insert()]
                rows.quarantine(bad)
                moved = rows.move(position)
        except RejectedRowsError:
            self._doubtful = False
            raise
        self._doubtful = False
        # The transaction is durable: only now may memory say so.
        self._load = load
        self._positions[segment.name] = moved
        self.progress = replace(
            self.progress,
            lines=self.progress.lines + batch.lines,
            batches=self.progress.batches + 1,
            quarantined=self.progress.quarantined + len(bad),
        )
        if any(line.reason.startswith(UNKNOWN_TYPE) for line in bad):
            self._unknown.add(segment.name)
        for line in bad:
            log.error(
                "journal line quarantined",
                segment=segment.name,
                offset=line.offset,
                bytes=line.size,
                sha256=line.sha256,
                reason=line.reason,
            )

    def _tell(self, waiting: Sequence[str]) -> None:
        """Say once what waits, not at every pass."""
        for reason in set(waiting) - self._told:
            log.error("segment not loaded", reason=reason)
        self._told = set(waiting)
