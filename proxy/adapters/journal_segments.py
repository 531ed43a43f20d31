"""The journal's segments as the ledger reads them, and the end of those that have served."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

from proxy.adapters.journal_folder import StoredSegment, stored_segments
from proxy.journal.positions import Mark, SegmentName, Stage, is_node
from proxy.ports.segments import Segment, SegmentLostError

log = structlog.get_logger("outlay.journal")

LINE_STEP_BYTES: Final = 256 * 1024
DAY_US: Final = 24 * 60 * 60 * 1_000_000


class FileSegments:
    """Fulfils ports.segments.Segments over the folder that holds one folder a node."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._final: dict[Path, Mark] = {}
        """Marks that will not change any more, of the files seen last: they need not be read each time."""

    def list(self) -> list[Segment]:
        found = [
            (node.name, stored) for node in node_folders(self._journal) for stored in stored_segments(node, self._final)
        ]
        self._final = {stored.path: stored.mark for _, stored in found if stored.mark.stage is Stage.RECOVERED}
        return [
            Segment(node, stored.name.boot, stored.name.number, stored.mark.synced, stored.mark.sealed)
            for node, stored in found
        ]

    def read(self, segment: Segment, start: int, bytes_max: int) -> bytes:
        if start == segment.synced:
            return b""
        file = self._journal / segment.node / SegmentName(segment.boot, segment.number).file
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise SegmentLostError(segment, start, 0) from None
        try:
            size = os.fstat(descriptor).st_size
            if size < max(start, segment.synced) or (start > segment.synced and segment.sealed):
                raise SegmentLostError(segment, start, size)
            if start > segment.synced:
                return b""  # a power cut took the newest mark, not the lines: the node's next start makes it again
            return _whole_lines(descriptor, start, segment.synced, bytes_max)
        finally:
            os.close(descriptor)


def _whole_lines(descriptor: int, start: int, end: int, bytes_max: int) -> bytes:
    data = os.pread(descriptor, min(bytes_max, end - start), start)
    whole = data.rfind(b"\n") + 1
    if whole:
        return data[:whole]
    while start + len(data) < end:
        more = os.pread(descriptor, min(LINE_STEP_BYTES, end - start - len(data)), start + len(data))
        newline = more.find(b"\n") + 1
        if newline or not more:
            return data + more[:newline]
        data += more
    return data


def node_folders(journal: Path) -> list[Path]:
    """The folders of all nodes, by name. Links to folders count, links to nothing don't."""
    try:
        with os.scandir(journal) as entries:
            return sorted(journal / entry.name for entry in entries if is_node(entry.name) and entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def expire(journal: Path, loaded: Mapping[str, int], now_us: int, older_than_days: float) -> list[str]:
    """Remove segments that are wholly loaded, needed by no recovery, and older than that. Names of those removed.

    `loaded` says by Segment.name how many bytes are in the database (and its backup). The last segment of a node
    stays, so that its folder always tells the last boot. Raises OSError.
    """
    removed = []
    for node in node_folders(journal):
        for stored in stored_segments(node)[:-1]:
            name = f"{node.name}/{stored.name}"
            if not _served(stored, loaded.get(name, 0)) or _age_days(stored, now_us) <= older_than_days:
                # Oldest first, without holes: what is left is then whole from its first line on.
                break
            stored.path.unlink(missing_ok=True)
            stored.mark_path.unlink(missing_ok=True)
            removed.append(name)
    if removed:
        log.info("journal segments expired", segments=removed)
    return removed


def _served(stored: StoredSegment, loaded: int) -> bool:
    return stored.mark.stage is Stage.RECOVERED and loaded >= stored.mark.synced


def _age_days(stored: StoredSegment, now_us: int) -> float:
    try:
        return (now_us - stored.path.stat().st_mtime_ns // 1000) / DAY_US
    except FileNotFoundError:
        return 0.0
