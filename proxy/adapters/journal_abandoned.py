"""Nodes that don't come back: a machine, container or worker that left calls open and is never started again."""

from pathlib import Path

import structlog

from proxy.adapters.journal_file import FileJournal, Recovery
from proxy.adapters.journal_folder import JournalLockedError, awaiting_recovery, stored_segments
from proxy.adapters.journal_segments import node_folders
from proxy.ports.clock import Clock
from proxy.ports.journal import JournalUnavailableError

log = structlog.get_logger("outlay.journal")


def settle_abandoned(journal: Path, clock: Clock) -> list[Recovery]:
    """Settle what stopped nodes left open in their folders, as each would at its own next start.

    A folder that a running node has locked is left alone, and one that can't be written is logged.
    """
    return [recovery for folder in node_folders(journal) if (recovery := _settle(folder, clock))]


def _settle(folder: Path, clock: Clock) -> Recovery | None:
    try:
        if not awaiting_recovery(stored_segments(folder)):
            return None
        node = FileJournal(folder.parent, folder.name, clock, lock_s_max=0)
        recovery = node.open()
    except JournalLockedError:
        return None
    except (OSError, JournalUnavailableError) as error:
        log.error("abandoned journal not recovered", folder=str(folder), why=str(error))
        return None
    node.close()
    return recovery
