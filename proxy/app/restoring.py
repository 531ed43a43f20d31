"""Restoring: a backup into an empty place, read back, brought up to date and held against what its manifest says."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from proxy.adapters.backup_folder import FOLDER_MODE, BackupError, Manifest, Step, verify
from proxy.adapters.clock import SystemClock
from proxy.adapters.data_folder import prepare
from proxy.adapters.journal_segments import FileSegments
from proxy.adapters.store_duckdb import DATABASE_FILE
from proxy.app.backing_up import DATA, JOURNAL, POLICIES
from proxy.app.opening import open_store
from proxy.journal.codec import VERSION as JOURNAL_FORMAT
from proxy.ledger.loader import Loader
from proxy.ledger.statements import numbered, statement
from proxy.model.money import pico_to_usd
from proxy.policy import keys_yaml
from proxy.ports.store import Store
from proxy.settings import Settings

CHUNK_BYTES: Final = 1024 * 1024
BESIDE: Final = ".restoring"
OF_VOLUMES: Final = frozenset({BESIDE, "lost+found"})
"""What an empty folder may have: what a restore that was killed left, and what a file system made."""


class NotEmptyError(Exception):
    """Something is where the backup would go: the message says what, and what to do."""


@dataclass(frozen=True, slots=True)
class Restored:
    calls: int
    refused: int
    cost_usd: str
    from_journal: int
    """Lines of the journal that the database's copy didn't have yet."""
    kept: tuple[Path, ...]
    """What was there already, and was left as it is."""


def restore(folder: Path, manifest: Manifest, settings: Settings, step: Step) -> Restored:
    """Nothing is written before all of the backup has been read and found right, and the data folder comes into its
    place whole: one that is there already, a volume perhaps, is filled only once all else is done. Raises BackupError,
    NotEmptyError, StoreError, LoadingStoppedError, OSError."""
    _check_versions(manifest)
    data = settings.data.absolute()
    _check_empty(data)
    verify(folder, manifest, step)
    beside = data / BESIDE if data.is_dir() else data.with_name(f".{data.name}{BESIDE}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True, mode=FOLDER_MODE)
    try:
        _copy_in(folder, manifest, beside, step)
        restored = _brought_up_to_date(beside, manifest)
        kept = _put_policies(folder, manifest, settings)
        _put(beside, data)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Restored(*restored, kept=kept)


def _check_versions(manifest: Manifest) -> None:
    newest = numbered()[-1][0]
    if manifest.schema > newest or manifest.journal_format > JOURNAL_FORMAT:
        raise BackupError(
            f"it was made by outlay {manifest.outlay} (tables {manifest.schema}, journal {manifest.journal_format}), "
            f"and this program knows tables up to {newest} and journals up to {JOURNAL_FORMAT}. Upgrade outlay."
        )


def _check_empty(data: Path) -> None:
    """A running server's folder is never empty: it has a socket and a lock at least."""
    there = data.is_symlink() or data.exists()
    if there and (data.is_symlink() or not data.is_dir() or {each.name for each in data.iterdir()} - OF_VOLUMES):
        raise NotEmptyError(f"{data} is not empty. Restore into a folder that isn't there yet, or move this one away")


def _copy_in(folder: Path, manifest: Manifest, into: Path, step: Step) -> None:
    within = f"{DATA}/"
    held = {name.removeprefix(within): each for name, each in manifest.files.items() if name.startswith(within)}
    for name in held:
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        _copy(folder / within / name, target, step)
    verify(into, msgspec.structs.replace(manifest, files=held), lambda _: None)


def _copy(source: Path, target: Path, step: Step) -> None:
    with source.open("rb") as read:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as write:
            while chunk := read.read(CHUNK_BYTES):
                write.write(chunk)
                step(len(chunk))
            write.flush()
            os.fsync(write.fileno())
    found = source.stat()
    os.utime(target, ns=(found.st_mtime_ns, found.st_mtime_ns))


def _brought_up_to_date(data: Path, manifest: Manifest) -> tuple[int, int, str, int]:
    """Load what the journal has beyond the database."""
    clock = SystemClock()
    known = (data / DATABASE_FILE).exists()
    store = open_store(data, clock.now_us())
    try:
        if known:
            _check_figures(store, manifest)
        loader = Loader(store, FileSegments(data / JOURNAL), clock.now_us)
        loader.catch_up()
        if loader.progress.lost:
            raise BackupError(f"facts are missing: {loader.progress.lost[0]}")
        ((_, _, calls, refused, cost_pico),) = store.read(statement("backup_figures"))
        return int(calls), int(refused), pico_to_usd(int(cost_pico)), loader.progress.lines
    finally:
        store.close()


def _put(beside: Path, data: Path) -> None:
    if beside.parent != data:
        beside.rename(data)
        return
    prepare(data)
    # The database has all that the journal says: first that.
    for each in sorted(beside.iterdir(), key=lambda path: path.name != DATABASE_FILE):
        each.rename(data / each.name)


def _check_figures(store: Store, manifest: Manifest) -> None:
    ((_, _, calls, refused, cost_pico),) = store.read(statement("backup_figures"))
    held = {"calls": str(calls), "refused": str(refused), "cost_usd": pico_to_usd(int(cost_pico))}
    if held != manifest.figures:
        raise BackupError(f"the database has {held}, and had {manifest.figures} when it was copied")


def _put_policies(folder: Path, manifest: Manifest, settings: Settings) -> tuple[Path, ...]:
    """The policy folder and the keys, where there are none: what an admin keeps elsewhere is not touched."""
    kept: list[Path] = []
    policies, keys = settings.policies.absolute(), settings.keys_file.absolute()
    if policies.is_dir() and any(policies.iterdir()):
        kept.append(policies)
    else:
        policies.mkdir(parents=True, exist_ok=True)
        for name in manifest.files:
            if name.startswith(f"{POLICIES}/"):
                _copy(folder / name, policies / name.removeprefix(f"{POLICIES}/"), lambda _: None)
    if keys.exists():
        kept.append(keys)
    elif keys_yaml.FILE in manifest.files:
        keys.parent.mkdir(parents=True, exist_ok=True)
        _copy(folder / keys_yaml.FILE, keys, lambda _: None)
    return tuple(dict.fromkeys(kept))
