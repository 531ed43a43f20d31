"""Backing up: everything that a data folder and its policies hold, copied beside running servers.

The journal is copied first and once more after the database: so every line that the copy of the database has loaded is
in the journal's copy too, or was gone from disk because the database had it. A restore loads what the journal has
beyond the database. The database is copied and not left to be made anew from the journal, since old segments may be
gone. Counters, grants, mirrors and sockets are left out: they come from the others.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from proxy import VERSION
from proxy.adapters.backup_folder import FORMAT, Manifest, NewBackup, Step, Stored
from proxy.adapters.data_folder import ADMIN_HASH_FILE, ADMIN_KEY_FILE, HASH_KEY_FILE
from proxy.adapters.journal_copy import copy_journal
from proxy.adapters.policy_archive import FOLDER as ARCHIVE
from proxy.adapters.policy_snapshot import is_policy_file
from proxy.adapters.store_duckdb import DATABASE_FILE, glance
from proxy.journal.codec import VERSION as JOURNAL_FORMAT
from proxy.ledger.statements import statement
from proxy.model.money import pico_to_usd
from proxy.policy import keys_yaml
from proxy.settings import Settings

DATA: Final = "data"
POLICIES: Final = "policies"
JOURNAL: Final = "journal"
BACKED_UP_FILE: Final = "backed-up.json"
"""In the data folder: what the last backup has, for retention."""
STATES: Final = "redundancy-*.state"
_LOOK_S: Final = 0.2

CopyDatabase = Callable[[Path], None]


class BackedUp(msgspec.Struct, frozen=True):
    """What the last backup of a data folder holds for good."""

    at_us: int = 0
    """When it began: every call that had ended by then is in it."""
    segments: dict[str, int] = {}
    """Bytes of closed segments, by Segment.name."""


@dataclass(frozen=True, slots=True)
class Made:
    folder: Path
    manifest: Manifest
    bytes: int
    linked: int
    """Bytes of it that the backup before already had."""


def back_up(settings: Settings, destination: Path, copy_database: CopyDatabase, now_us: int, step: Step) -> Made:
    """Raises BackupError, StoreError, OSError, and what `copy_database` raises."""
    data = settings.data
    with NewBackup(destination.resolve(), now_us, step) as backup:
        copy_journal(data / JOURNAL, backup, f"{DATA}/{JOURNAL}")
        figures = _copy_database(data / DATABASE_FILE, backup, copy_database, step)
        closed = copy_journal(data / JOURNAL, backup, f"{DATA}/{JOURNAL}")
        _copy_small(settings, backup)
        made = backup.finish(lambda files: _manifest(now_us, figures, files))
        place, linked = backup.place, backup.linked
    _remember(data, BackedUp(now_us, closed))
    return Made(place, made, sum(each.bytes for each in made.files.values()), linked)


def size_of(data: Path) -> int:
    """About how many bytes a backup copies and reads back."""
    paths = [data / DATABASE_FILE, *(data / JOURNAL).glob("*/*.jsonl")]
    return 2 * sum(path.stat().st_size for path in paths if path.exists())


def backed_up(data: Path) -> BackedUp:
    """Of the last backup; nothing where there was none. Raises OSError, msgspec.DecodeError."""
    try:
        return msgspec.json.decode((data / BACKED_UP_FILE).read_bytes(), type=BackedUp)
    except FileNotFoundError:
        return BackedUp()


def _copy_small(settings: Settings, backup: NewBackup) -> None:
    """After the journal: a set of policies is on disk before a line names it."""
    data = settings.data
    for name in (HASH_KEY_FILE, ADMIN_HASH_FILE, ADMIN_KEY_FILE):
        backup.add(data / name, f"{DATA}/{name}")
    for state in sorted(data.glob(STATES)):
        backup.add(state, f"{DATA}/{state.name}")
    for path in sorted((data / ARCHIVE).rglob("*")):
        if path.is_file() and not any(part.startswith(".") and part != ".commit" for part in path.parts[-2:]):
            backup.add(path, f"{DATA}/{path.relative_to(data)}")
    policies = settings.policies
    for name in sorted(filter(is_policy_file, os.listdir(policies) if policies.is_dir() else ())):
        if (policies / name).is_file() and name != keys_yaml.FILE:
            backup.add(policies / name, f"{POLICIES}/{name}")
    backup.add(settings.keys_file, keys_yaml.FILE)


def _copy_database(database: Path, backup: NewBackup, copy_database: CopyDatabase, step: Step) -> tuple[int, ...]:
    """Schema version, last load, calls, refused and cost of the copy; zeros where there is no database."""
    if not database.exists():
        return (0, 0, 0, 0, 0)
    name = f"{DATA}/{DATABASE_FILE}"
    copy = backup.path(name)
    with _growing(copy, step):
        copy_database(copy)
    ((schema, load, calls, refused, cost_pico),) = glance(copy, statement("backup_figures"))
    backup.hash_of(name)
    return int(schema), int(load), int(calls), int(refused), int(cost_pico)


def _manifest(now_us: int, figures: tuple[int, ...], files: dict[str, Stored]) -> Manifest:
    schema, load, calls, refused, cost_pico = figures
    return Manifest(
        format=FORMAT,
        outlay=VERSION,
        journal_format=JOURNAL_FORMAT,
        schema=schema,
        began_us=now_us,
        load=load,
        figures={"calls": str(calls), "refused": str(refused), "cost_usd": pico_to_usd(cost_pico)},
        files=files,
    )


def _remember(data: Path, what: BackedUp) -> None:
    temporary = data / f".{BACKED_UP_FILE}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(what))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(data / BACKED_UP_FILE)


@contextmanager
def _growing(file: Path, step: Step) -> Iterator[None]:
    """Tell of a file's growth while somebody else writes it."""
    done = threading.Event()

    def look() -> None:
        seen = 0
        while not done.wait(_LOOK_S):
            size = file.stat().st_size if file.exists() else 0
            step(max(size - seen, 0))
            seen = max(size, seen)

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield
    finally:
        done.set()
        looking.join()
