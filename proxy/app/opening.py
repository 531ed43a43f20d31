"""Opening: the ledger's database at a start. One that is damaged, or that an older ledger filled from lines of newer
gateways, is made anew from the journal, where that is whole.

The database holds nothing that the journals don't, as long as no segment was removed. So a damaged one is moved away,
never deleted, and loading begins from the first line; gateways go on by their own counters until it has come to the
last. Where segments are gone, only people can tell what is right: a backup, or what is left.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from proxy.adapters.journal_folder import StoredSegment, stored_segments
from proxy.adapters.journal_segments import node_folders
from proxy.adapters.journal_whole import head_of, incomplete
from proxy.adapters.store_duckdb import DATABASE_FILE, DuckStore
from proxy.journal.lines import SHAPE
from proxy.journal.positions import SegmentName
from proxy.ledger.schema import know_shape, migrate, shape_known
from proxy.ports.store import StoreCorruptError

log = structlog.get_logger("outlay.ledger")

MARK_FILE: Final = f"{DATABASE_FILE}.damage"
"""Says that a query met damage: the next start doesn't trust the file, even if it opens."""
DAMAGED: Final = "damaged"
OLDER: Final = "older"
SEGMENTS_TOLD_MAX: Final = 10
_LOADED: Final = "SELECT node, boot, number FROM positions WHERE loaded_lines > 1"
"""Segments with more than their heads."""
ASIDE_MAX: Final = 3
"""Databases moved away. More is a disk that fails again and again: it would be filled with them."""
_WAL: Final = ".wal"


def open_store(data: Path, now_us: int) -> DuckStore:
    """The database of a data folder, at this program's schema. Raises StoreError."""
    store = DuckStore(data / DATABASE_FILE)
    try:
        migrate(store, now_us, _tell)
    except BaseException:
        store.close()
        raise
    return store


def _tell(step: int, last: int) -> None:
    log.info("bringing the database to this version, which may take minutes where calls are many", step=step, last=last)


def open_or_rebuild(data: Path, now_us: int) -> DuckStore:
    """The same, for the ledger itself: a damaged database is moved away and an empty one takes its place, to be loaded
    from the journals. Raises StoreError, OSError."""
    marked = _mark(data)
    try:
        if marked and rebuildable(data):
            raise StoreCorruptError(marked)
        store = open_store(data, now_us)
    except StoreCorruptError as error:
        _may_rebuild(data, error)
        aside = _set_aside(data, now_us)
        log.error("database damaged: loading it anew from the journal", why=str(error), moved_to=str(aside))
        return open_store(data, now_us)
    if marked:
        log.error("database damaged in part, and the journal can't replace it: restore a backup", why=marked)
    return _caught_up(store, data, now_us)


def _caught_up(store: DuckStore, data: Path, now_us: int) -> DuckStore:
    """The database with all that its lines say. An older ledger passed over fields that a newer gateway wrote: then it
    is loaded anew. Raises StoreError, OSError."""
    known = shape_known(store)
    newer = [each.name for each in _newer_segments(store, data, known)] if known < SHAPE else []
    if newer and not rebuildable(data):
        log.error(
            "an older ledger loaded lines of newer gateways, and the journal can't replace the database: what only "
            "they say is in no report",
            segments=newer[:SEGMENTS_TOLD_MAX],
        )
        return store
    if newer:
        store.close()
        aside = _set_aside(data, now_us, OLDER)
        log.warning(
            "an older ledger loaded lines of newer gateways: loading all anew from the journal", moved_to=str(aside)
        )
        store = open_store(data, now_us)
    if known != SHAPE:
        know_shape(store, SHAPE)
    return store


def _newer_segments(store: DuckStore, data: Path, known: int) -> Iterator[StoredSegment]:
    """Of which the ledger that had the database last loaded lines with fields that it may not have known."""
    loaded = {(node, SegmentName(boot, number)) for node, boot, number in store.read(_LOADED)}
    for folder in node_folders(data / "journal") if loaded else []:
        for segment in stored_segments(folder):
            head = head_of(segment.path) if (folder.name, segment.name) in loaded else None
            if head is not None and head.shape > known:
                yield segment


def rebuildable(data: Path) -> bool:
    """Whether the journals can take the database's place."""
    return not incomplete(data)


def mark_damaged(data: Path, why: str) -> None:
    """Have the next start make the database anew. Raises OSError."""
    (data / MARK_FILE).write_text(f"{_inode(data)} {why}\n")


def _mark(data: Path) -> str:
    """Of this very file: one that was put in its place is another."""
    try:
        inode, _, why = (data / MARK_FILE).read_text().partition(" ")
    except FileNotFoundError:
        return ""
    return why.strip() if inode == _inode(data) else ""


def _inode(data: Path) -> str:
    try:
        return str((data / DATABASE_FILE).stat().st_ino)
    except FileNotFoundError:
        return "none"


def _may_rebuild(data: Path, error: StoreCorruptError) -> None:
    """Raises StoreCorruptError with what to do where the journals may not be all there is, or it has been too often."""
    nodes = incomplete(data)
    if nodes:
        raise StoreCorruptError(
            f"{error} It is not made anew from the journals by itself: those of {', '.join(nodes)} are not known to "
            "reach back to their beginning, so older calls may stand in a backup alone (outlay restore)."
        ) from error
    aside = [each for each in data.glob(f"{DATABASE_FILE}.{DAMAGED}-*") if each.suffix != _WAL]
    if len(aside) >= ASIDE_MAX:
        raise StoreCorruptError(
            f"{error} That is once too often: {ASIDE_MAX} damaged databases lie beside it. Look at the disk, then "
            "remove them."
        ) from error


def _set_aside(data: Path, now_us: int, why: str = DAMAGED) -> Path:
    """Where the database is now; its write-ahead log goes with it."""
    at = datetime.fromtimestamp(now_us / 1e6, UTC)
    path = data / DATABASE_FILE
    aside = path.with_name(f"{DATABASE_FILE}.{why}-{at:%Y%m%dT%H%M%S%f}")
    with suppress(FileNotFoundError):
        os.rename(f"{path}{_WAL}", f"{aside}{_WAL}")
    os.rename(path, aside)
    (data / MARK_FILE).unlink(missing_ok=True)
    return aside
