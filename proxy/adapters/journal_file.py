"""The journal in files: one folder a node, segments of whole lines, synced in groups by a thread of its own.

The theory. A line is in the kernel's hands before `append` returns, so a kill loses nothing; the thread brings it to
disk within 50 ms and publishes how far (the mark). When a write or a sync fails, the segment is cut to its last
whole line and admission stops at once. Settlements go on: they may use the space of the reserve, and what even then
can't be written is kept in memory (never more than the calls in flight) and written first once there is room again.
The thread tries for that each second, and admits calls only with the reserve back in place.
"""

import asyncio
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from proxy.adapters.journal_folder import (
    FolderLock,
    JournalLockedError,
    StoredSegment,
    awaiting_recovery,
    stored_segments,
)
from proxy.adapters.journal_recovery import mark_recovered, seal, unsettled
from proxy.adapters.journal_reserve import Reserve
from proxy.adapters.journal_segment import Sync, fdatasync
from proxy.adapters.journal_writer import JournalWriter
from proxy.gateway.recovery import crashed
from proxy.journal.codec import encode
from proxy.journal.positions import Stage, is_node
from proxy.model.entry import Entry, Settled
from proxy.ports.balances import Place
from proxy.ports.clock import Clock
from proxy.ports.journal import JournalUnavailableError

log = structlog.get_logger("outlay.journal")

SEGMENT_BYTES_MAX: Final = 64 * 1024 * 1024
RESERVE_BYTES: Final = 8 * 1024 * 1024
"""Settles 2,000 calls in flight at some 1.6 KB a line, up to 4 KB, with room for their extensions."""
GROUP_S: Final = 0.03
"""How long lines gather before a sync: with the sync itself, within 50 ms."""
CHECK_S: Final = 1.0
"""How often an idle or failed journal is looked at."""
FLUSH_S_MAX: Final = 10.0
LOCK_S_MAX: Final = 5.0
"""How long a start waits for another process to let go of the folder."""

REMOVED: Final = "the segment being written was removed"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a start found and did."""

    settled: tuple[Settled, ...]
    """Calls that a crash had left open, settled at their last hold."""
    bad_lines: int
    """Unreadable lines met on the way; the ledger quarantines them."""


class FileJournal:
    """Fulfils ports.journal.Journal. `append` belongs to one thread (that of the event loop)."""

    def __init__(
        self,
        journal: Path,
        node: str,
        clock: Clock,
        *,
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
        reserve_bytes: int = RESERVE_BYTES,
        lock_s_max: float = LOCK_S_MAX,
        check_s: float = CHECK_S,
        kept_bytes_max: int = 0,
        sync: Sync = fdatasync,
    ) -> None:
        """`journal` holds a folder for each node. `kept_bytes_max`: as much of what can't be written is kept in memory
        rather than refused. Raises ValueError for a node name that can't be a folder's."""
        if not is_node(node):
            raise ValueError(f"not a node name (letters, digits, '.', '_', '-', at most 100): {node!r}")
        self._folder = journal / node
        self._clock = clock
        self._lock_s_max = lock_s_max
        self._check_s = check_s
        self._kept_bytes_max = kept_bytes_max
        self._folder_lock = FolderLock(self._folder)
        self._reserve = Reserve(self._folder, reserve_bytes)
        self._lock = threading.Lock()
        """Guards the writer and the flags."""
        self._writer = JournalWriter(self._folder, clock, self._reserve, segment_bytes_max, sync)
        self._changed = threading.Condition(self._lock)
        self._dirty = False
        self._hurry = False
        self._closing = False
        self._boot = 0
        self._failures = 0
        self._moved = False
        """The folder or the segment was removed, and no other segment is begun yet."""
        self._thread = threading.Thread(target=self._run, name=f"journal {node}", daemon=True)

    def open(self) -> Recovery:
        """Lock the folder, seal what earlier boots left, settle their open calls, and begin a segment.

        Raises JournalLockedError, or JournalUnavailableError where the folder can't be written. On a full disk it
        opens without accepting, as long as the reserve of an earlier boot has room for the settlements.
        """
        try:
            self._acquire()
            recovery = self._recover()
            self._admit()
        except OSError as error:
            self._release()
            raise JournalUnavailableError(f"{self._folder}: {error}") from error
        except JournalUnavailableError:
            self._release()
            raise
        self._writer.kept_bytes_max = self._kept_bytes_max
        self._thread.start()
        return recovery

    @property
    def accepting(self) -> bool:
        return self._writer.accepting

    @property
    def admitting(self) -> bool:
        """Calls can be opened: on disk, or at least in memory."""
        return self._writer.accepting or self._writer.keeping

    @property
    def kept(self) -> int:
        """Calls opened in memory only since the start: had the process been killed then, they were lost."""
        return self._writer.kept

    @property
    def owed(self) -> int:
        """Lines in memory that wait to be written."""
        return len(self._writer.owed)

    @property
    def place(self) -> Place:
        """Behind the last line written. Raises JournalUnavailableError."""
        with self._lock:
            segment = self._writer.segment
            return Place(segment.name.boot, segment.name.number, segment.written)

    def append(self, entry: Entry) -> None:
        line = encode(entry)
        with self._lock:
            self._writer.put(entry, line)
            if not self._dirty:
                self._dirty = True
                self._changed.notify_all()

    def flush(self) -> None:
        """Return when everything appended so far is on disk. Raises JournalUnavailableError."""
        with self._lock:
            segment, failures = self._writer.segment, self._failures
            end = segment.written
            self._hurry = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: segment.synced >= end or self._failures != failures, FLUSH_S_MAX)
        if self._folder_lock.lost or segment.gone:
            self._fail(REMOVED)
        elif segment.synced >= end:
            return
        raise JournalUnavailableError(f"{self._folder}: not brought to disk")

    async def flushed(self) -> None:
        await asyncio.to_thread(self.flush)

    def close(self) -> None:
        """Bring everything to disk and seal it. Calls still open are settled at the next start."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            self._writer.accepting = False
            self._writer.kept_bytes_max = 0
            self._changed.notify_all()
        self._thread.join(FLUSH_S_MAX)
        if self._thread.is_alive():
            log.error("journal not sealed: the disk does not answer", folder=str(self._folder))
            self._tell_unwritten()
            return
        try:
            self._writer.pay()
            self._sync_all()
            left_open = len(self._writer.open_calls) > 0
            self._writer.segment.finish(Stage.SEALED if left_open else Stage.RECOVERED)
        except (OSError, JournalUnavailableError) as error:
            log.error("journal not sealed", folder=str(self._folder), why=str(error))
            self._tell_unwritten()
        self._release()

    def _tell_unwritten(self) -> None:
        """The last place for what no next start will find: the log, in the journal's own words."""
        for call_id, entry in self._writer.owed.items():
            if call_id not in self._writer.open_calls:
                log.error("journal line lost", line=encode(entry).decode().rstrip())

    def _acquire(self) -> None:
        """A restarted process may come up a moment before the one it replaces is gone."""
        deadline = time.monotonic() + self._lock_s_max
        while True:
            try:
                return self._folder_lock.acquire()
            except JournalLockedError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(0.05)

    def _release(self) -> None:
        self._writer.stop()
        self._folder_lock.release()

    def _recover(self) -> Recovery:
        left = self._seal_left()
        found = unsettled(self._folder)
        self._writer.start(self._next_boot())
        settled = tuple(crashed(call, hold, self._clock.now_us()) for call, hold in found.calls)
        for entry in settled:
            self._writer.put(entry, encode(entry))
        self._sync_all()
        mark_recovered(awaiting_recovery(left))
        if settled or found.bad_lines:
            log.warning("calls of a crash settled at their holds", calls=len(settled), bad_lines=found.bad_lines)
        return Recovery(settled, found.bad_lines)

    def _seal_left(self) -> list[StoredSegment]:
        """All segments of the folder, sealed: nobody writes to them any more."""
        left = stored_segments(self._folder)
        for segment in left:
            if not segment.mark.sealed:
                seal(segment)
        return left

    def _run(self) -> None:
        while not self._closing:
            with self._lock:
                self._changed.wait_for(lambda: self._dirty or self._hurry or self._closing, self._check_s)
                if self._dirty:
                    self._changed.wait_for(lambda: self._hurry or self._closing, GROUP_S)
                self._dirty = self._hurry = False
            self._tick()

    def _tick(self) -> None:
        try:
            if self._moved or self._folder_lock.lost or self._writer.segment.gone:
                self._give_up_segment()
            else:
                self._sync_all()
            if not (self._writer.accepting or self._closing):
                self._resume()
        except (OSError, JournalUnavailableError) as error:
            self._fail(error)
        except Exception as error:  # a thread that ends silently would leave the journal unsynced
            log.exception("journal thread")
            self._fail(error)
        with self._lock:
            self._changed.notify_all()

    def _sync_all(self) -> None:
        """Sync what rotations left, then the current segment, whose carried lines make those before it done with."""
        with self._lock:
            retiring, current = list(self._writer.retiring), self._writer.segment
        for segment in retiring:
            segment.sync()
            segment.finish(Stage.SEALED)
        current.sync()
        for segment in retiring:
            segment.finish(Stage.RECOVERED)
            self._writer.retiring.remove(segment)
            segment.close()

    def _give_up_segment(self) -> None:
        """What would still be written to it would be lost without an error; settlements are owed from here on."""
        self._fail(REMOVED)
        with self._lock:
            self._moved = True
            self._writer.stop()

    def _resume(self) -> None:
        """Write what is owed, take the reserve back, admit again. Raises OSError, JournalUnavailableError."""
        if self._folder_lock.lost:
            self._folder_lock.acquire()
        with self._lock:
            if self._moved:
                self._seal_left()
                self._writer.start(self._next_boot())
                self._moved = False
            self._writer.pay()
        self._reserve.restore()
        with self._lock:
            if not self._writer.owed and self._reserve.held:
                self._writer.accept()

    def _admit(self) -> None:
        try:
            self._reserve.restore()
            self._writer.accept()
        except OSError as error:
            log.error("no room in the journal: no call is admitted", folder=str(self._folder), why=str(error))
            self._writer.fail(error)

    def _next_boot(self) -> int:
        """After all that the folder holds, and by the clock after all it held: the ledger may remember removed ones."""
        stored = stored_segments(self._folder)
        after = max(self._boot, stored[-1].name.boot if stored else 0)
        self._boot = max(self._clock.now_us() // 60_000_000, after + 1)
        return self._boot

    def _fail(self, why: object) -> None:
        with self._lock:
            self._failures += 1
            self._writer.fail(why)
