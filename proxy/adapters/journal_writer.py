"""The writing side of a file journal: which segment is current, what is open, what may be written when space is short.

Not safe for threads: FileJournal calls it under its lock.
"""

import errno
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from proxy.adapters.journal_reserve import NO_SPACE, Reserve
from proxy.adapters.journal_segment import SegmentWriter, Sync
from proxy.journal.codec import encode
from proxy.journal.lines import SHAPE, Head, Line
from proxy.journal.open_calls import OpenCalls
from proxy.journal.positions import SegmentName
from proxy.model.entry import Entry, Extended, Opened, Refused, Settled
from proxy.ports.clock import Clock
from proxy.ports.journal import JournalUnavailableError

log = structlog.get_logger("outlay.journal")

UNSYNCED_BYTES_MAX: Final = 16 * 1024 * 1024
"""More than this waiting for a sync means that the disk doesn't keep up: no more calls are admitted."""

Owed = Settled | Opened | Refused
_ESSENTIAL: Final = (Settled, Extended)
"""Lines of calls that have begun."""


class JournalWriter:
    def __init__(self, folder: Path, clock: Clock, reserve: Reserve, segment_bytes_max: int, sync: Sync) -> None:
        self.accepting = False
        self.kept_bytes_max = 0
        """As much of what can't be written is kept in memory, and counts as taken. Settlements of open calls always
        are."""
        self.retiring: list[SegmentWriter] = []
        """Segments that a rotation left, still to be synced and marked."""
        self.open_calls = OpenCalls()
        self.owed: dict[str, Owed] = {}
        """What could not be written yet, by call: settlements of open calls, so no more of them than are in flight, and
        what may be kept beside them."""
        self.kept = 0
        """Calls opened in memory only, ever."""
        self._folder = folder
        self._clock = clock
        self._reserve = reserve
        self._segment_bytes_max = segment_bytes_max
        self._sync = sync
        self._kept_bytes = 0
        self._segment: SegmentWriter | None = None
        self._why = "the journal is not open"

    @property
    def segment(self) -> SegmentWriter:
        if self._segment is None:
            raise JournalUnavailableError("the journal is not open")
        return self._segment

    def start(self, boot: int) -> None:
        """The first segment of a boot. What was current before is given up. Raises OSError."""
        fresh = self._spending_reserve(SegmentName(boot, 1))
        self.stop()
        self._segment = fresh

    def stop(self) -> None:
        """Close the files; nothing more can be written."""
        for segment in (*self.retiring, *filter(None, [self._segment])):
            segment.close()
        self.retiring.clear()
        self._segment = None

    @property
    def keeping(self) -> bool:
        """There is room in memory for what can't be written."""
        return self._kept_bytes < self.kept_bytes_max

    def put(self, entry: Entry, line: bytes) -> None:
        """Write one entry, or keep it. Raises JournalUnavailableError; a settlement is then written as soon as that is
        possible."""
        if isinstance(entry, Extended) and self._raised(entry):
            return
        essential = isinstance(entry, _ESSENTIAL)
        try:
            if not (self.accepting or essential):
                raise JournalUnavailableError(self._why)
            segment = self.segment
            if not essential and segment.written - segment.synced > UNSYNCED_BYTES_MAX:
                raise OSError(errno.EBUSY, "the disk does not keep up")
            self._write(segment, line, essential)
        except (OSError, JournalUnavailableError) as error:
            self.fail(error)
            if self._kept(entry, len(line)):
                return
            raise JournalUnavailableError(self._why) from error
        if self.owed and isinstance(entry, Settled):
            self.owed.pop(entry.call.id, None)
        self.open_calls.apply(entry)
        if segment.written >= self._segment_bytes_max and self.segment.grown >= self._segment_bytes_max:
            self._rotate()

    def pay(self) -> None:
        """Write what is owed. Raises OSError, JournalUnavailableError at the first that fails."""
        for call_id, entry in list(self.owed.items()):
            self._write(self.segment, encode(entry), essential=isinstance(entry, Settled))
            self.open_calls.apply(entry)
            del self.owed[call_id]
        self._kept_bytes = 0

    def _raised(self, step: Extended) -> bool:
        """True: the call is opened in memory only, and so is its larger hold."""
        opened = self.owed.get(step.call_id)
        if not isinstance(opened, Opened):
            return False
        self.owed[step.call_id] = replace(opened, hold=step.hold)
        return True

    def _kept(self, entry: Entry, size: int) -> bool:
        """Put down what can't be written, if that may be. True: it counts as taken."""
        if not isinstance(entry, Settled | Opened | Refused):
            return False
        call_id = entry.call.id
        known = call_id in self.owed or call_id in self.open_calls
        keeping = self.keeping
        if not (keeping or (isinstance(entry, Settled) and known)):
            return False
        # A settlement takes the place of what opened its call.
        self.owed.pop(call_id, None)
        self.owed[call_id] = entry
        self._kept_bytes += size
        self.kept += isinstance(entry, Opened) and not known
        return keeping

    def fail(self, why: object) -> None:
        """Stop admission."""
        self._why = str(why)
        if self.accepting:
            self.accepting = False
            calls = "kept in memory" if self.keeping else "refused"
            log.error("journal unavailable", calls=calls, folder=str(self._folder), why=self._why)

    def accept(self) -> None:
        if not self.accepting:
            self.accepting = True
            log.info("journal available", folder=str(self._folder))

    def _write(self, segment: SegmentWriter, line: bytes, essential: bool) -> None:
        try:
            segment.append(line)
        except OSError as error:
            if not self._made_room(error, essential):
                raise
            self.segment.append(line)

    def _made_room(self, error: OSError, essential: bool) -> bool:
        """True: something was done about the error, and a second try may succeed."""
        if error.errno == errno.EFBIG:
            return self.segment.grown > 0 and self._rotate()
        if not essential:
            return False
        self.fail(error)
        return error.errno not in NO_SPACE or self._reserve.release()

    def _rotate(self) -> bool:
        """Go on in a new segment. False: that failed, and lines go on into the old one."""
        name = self.segment.name
        try:
            fresh = self._create(SegmentName(name.boot, name.number + 1))
        except OSError as error:
            self.fail(error)
            return False
        self.retiring.append(self.segment)
        self._segment = fresh
        return True

    def _spending_reserve(self, name: SegmentName) -> SegmentWriter:
        try:
            return self._create(name)
        except OSError as error:
            if error.errno not in NO_SPACE or not self._reserve.release():
                raise
            return self._create(name)

    def _create(self, name: SegmentName) -> SegmentWriter:
        # A try that failed may have left a file. Nothing in it counts: a new name was never current.
        with suppress(FileNotFoundError):
            (self._folder / name.file).unlink()
        head = Head(self._folder.name, name.boot, name.number, self._clock.now_us(), SHAPE)
        lines: list[Line] = [head, *self.open_calls.carried()]
        return SegmentWriter(self._folder, name, b"".join(encode(line) for line in lines), self._sync)
