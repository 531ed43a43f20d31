"""Whole journals: whether what is on disk of a node reaches back to a time, so that sums over it are what was spent.

Old segments may have been removed, oldest first. The file `first` names the segment that a node's journal began with:
while that one is there, so is everything. Else what is there begins with the time in its oldest segment's head line.
A journal that begins beside a database may have had another before it, unless the data folder itself was new: then
`first` says that too, since the ledger may make its database before the gateway looks.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import structlog

from proxy.adapters.journal_folder import stored_segments
from proxy.adapters.journal_segments import node_folders
from proxy.adapters.journal_tail import tail_bytes
from proxy.journal.codec import LineError, decode
from proxy.journal.lines import Head
from proxy.ports.balances import BEGINNING, Counted, Place

log = structlog.get_logger("outlay.journal")

FIRST_FILE: Final = "first"
DATABASE_FILE: Final = "outlay.duckdb"
NEW: Final = "new"
"""In FIRST_FILE: nothing was in the data folder before this journal."""
LEDGER_NODE: Final = "ledger"
"""Its journal tells of no call."""
HEAD_BYTES_MAX: Final = 4096
END: Final = Place(2**62, 0, 0)
_NOTHING: Final = Counted(BEGINNING, {})


class NotWholeError(Exception):
    """What is on disk doesn't tell what was spent: segments are gone, or there is too much to read now."""


def mark_new(data: Path, nodes: Iterable[str]) -> None:
    """Call before any plane starts: put down that the data folder is new, where it is. Raises OSError."""
    if (data / DATABASE_FILE).exists() or (data / "journal").exists():
        return
    for node in nodes:
        folder = data / "journal" / node
        folder.mkdir(parents=True)
        (folder / FIRST_FILE).write_text(f"{NEW}\n")


def mark_first(folder: Path, place: Place) -> None:
    """Name the segment that is being written as the node's first, if it is the only one. Raises OSError."""
    found = stored_segments(folder)
    if len(found) == 1 and (found[0].name.boot, found[0].name.number) == place[:2]:
        known = " ".join([str(found[0].name), *([NEW] if NEW in _first(folder) else [])])
        (folder / FIRST_FILE).write_text(f"{known}\n")


def incomplete(data: Path) -> list[str]:
    """Nodes whose journals are not known to be there from their first line on, the ledger's too; where there is no
    journal at all, that of 'all nodes'. Raises OSError."""
    folders = node_folders(data / "journal")
    return [folder.name for folder in folders if not _from_its_first(folder)] if folders else ["all nodes"]


def _from_its_first(folder: Path) -> bool:
    """Nothing was in the data folder before it, and its first segment is there, if it ever had one."""
    names, found = _first(folder), stored_segments(folder)
    if NEW not in names:
        return False
    return str(found[0].name) in names if found else names == [NEW]


def calling_nodes(data: Path) -> list[Path]:
    """Folders of the nodes that carry calls."""
    return [folder for folder in node_folders(data / "journal") if folder.name != LEDGER_NODE]


def whole_since(folder: Path, since_us: int) -> bool:
    """True: every line that was written there from that time on is on disk. Raises OSError."""
    found = stored_segments(folder)
    if not found:
        return True
    oldest = found[0]
    if str(oldest.name) in _first(folder):
        return True
    begun_us = _begun_us(oldest.path)
    return begun_us is not None and begun_us <= since_us


def check_whole(data: Path, node: str, own: Place, since_us: int, bytes_max: int) -> None:
    """Raises NotWholeError where the journals of all nodes don't reach back to `since_us`, or hold more than
    `bytes_max`; OSError. `own`: behind this node's last line."""
    folders = calling_nodes(data)
    if (data / DATABASE_FILE).exists() and all(_begins_now(folder, node, own) for folder in folders):
        raise NotWholeError("there is a database, and no journal of the calls in it")
    for folder in folders:
        if not whole_since(folder, since_us):
            raise NotWholeError(f"the journal of {folder.name} doesn't reach back to the begin of a budget's window")
    size = sum(tail_bytes(folder, _NOTHING, own if folder.name == node else END) for folder in folders)
    if size > bytes_max:
        raise NotWholeError(f"the journals hold {size} bytes; at most {bytes_max} are read now")


def _begins_now(folder: Path, node: str, own: Place) -> bool:
    found = stored_segments(folder)
    first = (found[0].name.boot, found[0].name.number) if found else ()
    return not found or (folder.name == node and first == own[:2] and NEW not in _first(folder))


def _first(folder: Path) -> list[str]:
    try:
        return (folder / FIRST_FILE).read_text().split()
    except FileNotFoundError:
        return []


def _begun_us(path: Path) -> int | None:
    """By the segment's head line; None: it can't be read."""
    head = head_of(path)
    return head.at_us if head is not None else None


def head_of(path: Path) -> Head | None:
    """A segment's first line; None: it can't be read. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        head = os.pread(descriptor, HEAD_BYTES_MAX, 0).partition(b"\n")[0]
    finally:
        os.close(descriptor)
    try:
        line = decode(head)
    except LineError:
        return None
    return line if isinstance(line, Head) else None
