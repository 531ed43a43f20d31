"""A copy of the journal for a backup, made while its writers go on.

Segments only grow, so a copy may be brought up to date later. What is in the kernel's hands is brought to disk first
(any process may), so that every line that was written before the copy began is in it, whole. A copy never says of a
node's last segment that a recovery needs it no more: the segment that would hold its open calls may not be in it.
"""

import os
from pathlib import Path
from typing import Final

from proxy.adapters.backup_folder import NewBackup
from proxy.adapters.journal_folder import StoredSegment, stored_segments
from proxy.adapters.journal_segments import node_folders
from proxy.adapters.journal_whole import FIRST_FILE
from proxy.journal.bounds import LINE_BYTES_MAX
from proxy.journal.positions import Mark, Stage, format_mark

_TAIL_BYTES: Final = 2 * LINE_BYTES_MAX


def copy_journal(journal: Path, backup: NewBackup, within: str) -> dict[str, int]:
    """Copy what is new. `within`: the journal's folder in the backup. Gives the bytes of each segment in the copy that
    is closed for good, by Segment.name. Raises OSError."""
    closed: dict[str, int] = {}
    for node in node_folders(journal):
        stored = stored_segments(node)
        for segment in stored:
            end = _copy(segment, backup, f"{within}/{node.name}", last=segment is stored[-1])
            if end is not None and segment.mark.stage is Stage.RECOVERED:
                closed[f"{node.name}/{segment.name}"] = end
        backup.add(node / FIRST_FILE, f"{within}/{node.name}/{FIRST_FILE}")
    return closed


def _copy(segment: StoredSegment, backup: NewBackup, within: str, *, last: bool) -> int | None:
    """Gives how long the copy is; None: retention was quicker, and all of it is in the database."""
    name = f"{within}/{segment.name.file}"
    try:
        end = _linked(segment, backup, name)
    except FileNotFoundError:
        return None
    stage = Stage.SEALED if last and segment.mark.stage is Stage.RECOVERED else segment.mark.stage
    backup.write(f"{within}/{segment.name.mark_file}", format_mark(Mark(end, stage)))
    return end


def _linked(segment: StoredSegment, backup: NewBackup, name: str) -> int:
    final = segment.mark.stage is Stage.RECOVERED
    if final and backup.link(segment.path, name):
        return segment.mark.synced
    descriptor = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not final:
            os.fsync(descriptor)
        end = segment.mark.synced if final else _whole_lines_end(descriptor)
        backup.extend(descriptor, name, end)
    finally:
        os.close(descriptor)
    backup.of_age(segment.path, name)
    return end


def _whole_lines_end(descriptor: int) -> int:
    """Of a segment whose last line may be torn, or just being written."""
    size = os.fstat(descriptor).st_size
    start = max(size - _TAIL_BYTES, 0)
    return start + os.pread(descriptor, size - start, start).rfind(b"\n") + 1
