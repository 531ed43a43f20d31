"""Erasing a person's name from journal segments, which nobody writes meanwhile.

Each segment that names the person is written anew beside, brought to disk, and put in its place: whatever happens, it
is the old one or the new one, of the same length, so its mark and the ledger's position hold for both.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.adapters.journal_folder import StoredSegment, stored_segments, sync_folder
from proxy.adapters.journal_segments import node_folders
from proxy.journal.erasing import Names, erased

TOUCHED_NS: Final = 1000
"""By how much a segment becomes younger: retention goes by its age, and a backup must see that it is another file."""
CHUNK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ErasedLines:
    segments: int
    """Written anew."""
    lines: int
    """Changed."""
    left: int
    """Lines in which a name still stands, as part of the name of something else."""


def erase_segments(journal: Path, names: Names) -> ErasedLines:
    """Of all nodes. Raises OSError; doing it again goes on."""
    done = [_segment(stored, names) for node in node_folders(journal) for stored in stored_segments(node)]
    return ErasedLines(
        sum(lines > 0 for lines, _ in done), sum(lines for lines, _ in done), sum(left for _, left in done)
    )


def _segment(stored: StoredSegment, names: Names) -> tuple[int, int]:
    """Lines changed, and lines that still have a name in them."""
    changed = left = 0
    beside = stored.path.with_name(f".{stored.path.name}.erasing")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with stored.path.open("rb") as source, os.fdopen(descriptor, "wb", CHUNK_BYTES) as target:
            for raw in source:
                line = raw.removesuffix(b"\n")
                done = erased(line, names)
                changed += done != line
                left += names.stands_in(done.decode(errors="replace"))
                target.write(done + raw[len(line) :])
            target.flush()
            os.fsync(target.fileno())
        if changed:
            found = stored.path.stat()
            os.utime(beside, ns=(found.st_mtime_ns + TOUCHED_NS, found.st_mtime_ns + TOUCHED_NS))
            os.replace(beside, stored.path)
            sync_folder(stored.folder)
    finally:
        beside.unlink(missing_ok=True)
    return changed, left
