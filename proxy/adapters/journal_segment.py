"""One segment being written: lines appended whole or not at all, synced, and marked so."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from proxy.adapters.journal_folder import sync_folder
from proxy.journal.positions import Mark, SegmentName, Stage, format_mark

Sync = Callable[[int], None]
"""fsync(2) or fdatasync(2)."""

fdatasync: Final[Sync] = getattr(os, "fdatasync", os.fsync)


class SegmentWriter:
    """Appends come from one thread, syncs from another."""

    def __init__(self, folder: Path, name: SegmentName, begin: bytes, sync: Sync) -> None:
        """Make the segment with its first lines. Raises OSError, FileExistsError too."""
        self.name = name
        self.written = 0
        self.synced = 0
        self._folder = folder
        self._path = folder / name.file
        self._sync = sync
        self._unsynced: list[bytes] = []
        self._torn = False
        self._suspect = False
        self._named = False
        self._stage = Stage.OPEN
        self._published = Mark(0, Stage.OPEN)
        self._mark_descriptor = -1
        create = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(self._path, create | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            self._mark_descriptor = os.open(folder / name.mark_file, create, 0o600)
            os.pwrite(self._mark_descriptor, format_mark(self._published), 0)
            self.append(begin)
        except OSError:
            self.close()
            with suppress(OSError):
                self._path.unlink()
            raise
        self._begin_bytes = self.written

    @property
    def grown(self) -> int:
        """Bytes beyond the first lines."""
        return self.written - self._begin_bytes

    @property
    def unsynced_bytes(self) -> int:
        return self.written - self.synced

    @property
    def gone(self) -> bool:
        """True: somebody removed the file; what is written to it now is lost without an error."""
        return self._descriptor >= 0 and os.fstat(self._descriptor).st_nlink == 0

    def append(self, lines: bytes) -> None:
        """One write(2), as a rule. Raises OSError: then the segment is cut to its last whole line, at once or next."""
        if self._torn:
            self._cut()
        try:
            done = os.write(self._descriptor, lines)
            while done < len(lines):  # the next try tells why this one stopped short
                done += os.write(self._descriptor, memoryview(lines)[done:])
        except OSError:
            self._torn = True
            with suppress(OSError):
                self._cut()
            raise
        self._unsynced.append(lines)
        self.written += done

    def sync(self) -> None:
        """Bring what is written to disk, then publish how much that is. Raises OSError.

        After a failed sync the kernel may call pages clean that it never wrote. So before the next try, the lines
        that were not synced are written to their place once more.
        """
        lines = self._unsynced[:]
        if lines or not self._named:
            try:
                if self._suspect:
                    self._write_again(b"".join(lines))
                self._sync(self._descriptor)
                self._name()
            except OSError:
                self._suspect = True
                raise
            self._suspect = False
            del self._unsynced[: len(lines)]
            self.synced += sum(map(len, lines))
        self._publish()

    def finish(self, stage: Stage) -> None:
        """Publish that nothing will be appended any more, and bring that to disk. Raises OSError."""
        self._stage = stage
        self._publish()
        os.fsync(self._mark_descriptor)

    def close(self) -> None:
        descriptors = self._descriptor, self._mark_descriptor
        self._descriptor = self._mark_descriptor = -1
        for descriptor in descriptors:
            if descriptor >= 0:
                os.close(descriptor)

    def _cut(self) -> None:
        os.ftruncate(self._descriptor, self.written)
        self._torn = False

    def _name(self) -> None:
        if not self._named:
            sync_folder(self._folder)
            self._named = True

    def _write_again(self, lines: bytes) -> None:
        # Not through the descriptor for appending: Linux appends even where a position is given.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(descriptor, lines, self.synced)
        finally:
            os.close(descriptor)

    def _publish(self) -> None:
        mark = Mark(self.synced, self._stage)
        if mark != self._published:
            os.pwrite(self._mark_descriptor, format_mark(mark), 0)
            self._published = mark
