"""A node's folder of the journal: its files, its marks, and the lock that keeps it to one writer."""

import fcntl
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from proxy.journal.positions import MARK_BYTES, Mark, SegmentName, Stage, format_mark, parse_mark, parse_segment_file
from proxy.ports.journal import JournalUnavailableError

LOCK_FILE: Final = "lock"


class JournalLockedError(JournalUnavailableError):
    """Another process writes to this folder."""


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A segment file as found in a folder."""

    folder: Path
    name: SegmentName
    mark: Mark
    """Of a segment without a readable mark: nothing synced, open."""

    @property
    def path(self) -> Path:
        return self.folder / self.name.file

    @property
    def mark_path(self) -> Path:
        return self.folder / self.name.mark_file


def stored_segments(folder: Path, final: Mapping[Path, Mark] = MappingProxyType({})) -> list[StoredSegment]:
    """In the order of writing. A folder that is gone holds none. Marks in `final`, by segment path, are not read."""
    try:
        files = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    names = sorted(name for name in map(parse_segment_file, files) if name)
    return [
        StoredSegment(folder, name, final.get(folder / name.file) or read_mark(folder / name.mark_file))
        for name in names
    ]


def awaiting_recovery(segments: list[StoredSegment]) -> list[StoredSegment]:
    """Those after the last one marked recovered: what it and those before it left open stands in later ones."""
    recovered = [index for index, segment in enumerate(segments) if segment.mark.stage is Stage.RECOVERED]
    return segments[recovered[-1] + 1 :] if recovered else segments


def read_mark(path: Path) -> Mark:
    """The mark of a segment; one that is missing or torn says that nothing is synced."""
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        data = b""
    return parse_mark(data[: MARK_BYTES + 1]) or Mark(0, Stage.OPEN)


def write_mark(path: Path, mark: Mark) -> None:
    """Write the mark and bring it to disk. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(descriptor, format_mark(mark), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Bring the names of new files to disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FolderLock:
    """Keeps a folder to one writer for as long as the process lives; made with the folder, where that is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1
        self._inode = 0

    def acquire(self) -> None:
        """Take the lock, or take it again where the folder was removed. Raises JournalLockedError, OSError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise JournalLockedError(f"{self._folder} is being written by process {owner}") from None
        except OSError:
            os.close(descriptor)
            raise
        self.release()
        self._descriptor, self._inode = descriptor, self._folder.stat().st_ino
        with suppress(OSError):  # on a full disk the lock holds without the number in it
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    @property
    def lost(self) -> bool:
        """True: the folder is no longer the one that was locked (removed, or another put in its place)."""
        try:
            return self._folder.stat().st_ino != self._inode
        except OSError:
            return True

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
