"""A backup's folder: files with their hashes, and a manifest that is written last.

    DEST/20261121T180000.000Z/manifest.json    what is in it; without one it is no backup
    DEST/20261121T180000.000Z/data/…           of the data folder: database, journal, keys, state
    DEST/20261121T180000.000Z/policies/…       of the policy folder
    DEST/20261121T180000.000Z/keys.yaml        the keys

A backup is made under another name and gets its own once it has been read back. Journal segments that are in the
backup before are linked from there: a closed one never changes, so another backup costs the database and what is new.
"""

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

import msgspec

MANIFEST_FILE: Final = "manifest.json"
MANIFEST_BYTES_MAX: Final = 256 * 1024 * 1024
_NO_LOCKS: Final = (errno.EBADF, errno.ENOLCK, errno.ENOTSUP)
UNFINISHED: Final = ".unfinished"
FORMAT: Final = 1
CHUNK_BYTES: Final = 1024 * 1024
FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700

Step = Callable[[int], None]
"""Told how many bytes more are done."""


class BackupError(Exception):
    """It is no backup, or not the one that was made: the message says which file, and what is wrong with it."""


class Stored(msgspec.Struct, frozen=True):
    """One file of a backup."""

    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds, and which program made it of what."""

    format: int
    outlay: str
    """Version of the program."""
    journal_format: int
    schema: int
    """Version of the database's tables; 0: there was no database."""
    began_us: int
    """Everything that was settled before is in it. Microseconds since the epoch, UTC."""
    load: int
    """The last transaction of the loader that the database's copy holds."""
    figures: dict[str, str]
    """Of that copy: calls, refused and cost_usd. What the journal has beyond it is loaded after a restore."""
    files: dict[str, Stored]
    """By path within the backup."""


class NewBackup:
    """A backup that is being made. Use as a context: what is not finished is removed."""

    def __init__(self, destination: Path, at_us: int, step: Step) -> None:
        """Raises BackupError where another one is being made there, OSError."""
        destination.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        self._lock = _locked(destination)
        for cut_off in destination.glob(f".*{UNFINISHED}"):
            shutil.rmtree(cut_off, ignore_errors=True)
        at = datetime.fromtimestamp(at_us / 1e6, UTC)
        self.place = destination / f"{at:%Y%m%dT%H%M%S}.{at.microsecond // 1000:03d}Z"
        self.folder = destination / f".{self.place.name}{UNFINISHED}"
        self.folder.mkdir(mode=FOLDER_MODE)
        self.linked = 0
        """Bytes that the backup before already had."""
        self._before = newest(destination)
        self._hashes: dict[str, Any] = {}
        self._step = step

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)

    def path(self, name: str) -> Path:
        """Where a file goes, its folder made."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        return path

    def add(self, source: Path, name: str) -> None:
        """A small file as it is now; one that isn't there is left out. Raises OSError."""
        try:
            content = source.read_bytes()
        except FileNotFoundError:
            return
        self.write(name, content)

    def write(self, name: str, content: bytes) -> None:
        """Raises OSError."""
        with open(self.path(name), "wb", opener=_private) as file:
            file.write(content)
        self._hashes[name] = hashlib.sha256(content)
        self._step(len(content))

    def extend(self, descriptor: int, name: str, end: int) -> None:
        """Bring a file that only grows up to `end` of the open source: all of it, or what came since the last time.
        Raises OSError."""
        known = self._hashes.setdefault(name, hashlib.sha256())
        with open(self.path(name), "ab", opener=_private) as file:
            at = file.tell()
            while at < end and (chunk := os.pread(descriptor, min(CHUNK_BYTES, end - at), at)):
                file.write(chunk)
                known.update(chunk)
                at += len(chunk)
                self._step(len(chunk))

    def link(self, source: Path, name: str) -> bool:
        """A closed segment by a link to the backup before; False: it isn't there, or not as it was or is now."""
        if name in self._hashes:
            return (self.folder / name).stat().st_size == source.stat().st_size
        if self._before is None or name not in self._before[1].files:
            return False
        folder, manifest = self._before
        here, digest = source.stat(), manifest.files[name].sha256
        try:
            there = (folder / name).stat()
            same = (here.st_size, here.st_mtime_ns) == (there.st_size, there.st_mtime_ns)
            # What is gone or has rotted there, or can't be linked on that disk, is copied like anything new.
            if not same or _sha256(folder / name, lambda _: None) != digest:
                return False
            os.link(folder / name, self.path(name))
        except OSError:
            return False
        self._hashes[name] = _Known(digest)
        self.linked += here.st_size
        self._step(here.st_size)
        return True

    def of_age(self, source: Path, name: str) -> None:
        """The copy is as old as its source: retention goes by it, and the next backup knows the file again."""
        found = source.stat()
        os.utime(self.folder / name, ns=(found.st_mtime_ns, found.st_mtime_ns))

    def hash_of(self, name: str) -> None:
        """Take up a file that somebody else wrote at `path(name)`."""
        os.chmod(self.folder / name, FILE_MODE)
        self._hashes[name] = _Known(_sha256(self.folder / name, lambda _: None))

    def finish(self, manifest: Callable[[dict[str, Stored]], Manifest]) -> Manifest:
        """Bring everything to disk, read it back, and give the backup its name. Raises OSError, BackupError."""
        files = {
            name: Stored((self.folder / name).stat().st_size, known.hexdigest()) for name, known in self._hashes.items()
        }
        made = manifest(files)
        for name in files:
            _sync(self.folder / name)
        verify(self.folder, made, self._step)
        with open(self.folder / MANIFEST_FILE, "wb", opener=_private) as file:
            file.write(msgspec.json.format(msgspec.json.encode(made)))
            file.flush()
            os.fsync(file.fileno())
        for folder in {path.parent for path in map(self.folder.joinpath, files)} | {self.folder}:
            _sync(folder)
        self.folder.rename(self.place)
        _sync(self.place.parent)
        return made


class _Known:
    """A hash that was made elsewhere."""

    def __init__(self, digest: str) -> None:
        self._digest = digest

    def hexdigest(self) -> str:
        return self._digest


def verify(folder: Path, manifest: Manifest, step: Step) -> None:
    """Read every file back. Raises BackupError where one is missing or not as it was written, OSError."""
    for name, stored in manifest.files.items():
        path = folder / name
        try:
            size = path.stat().st_size
            found = _sha256(path, step)
        except FileNotFoundError:
            raise BackupError(f"{path} is missing") from None
        if (size, found) != (stored.bytes, stored.sha256):
            raise BackupError(f"{path} is not as it was written: {size} bytes of {stored.bytes}, SHA-256 {found[:16]}…")


def read_manifest(folder: Path) -> Manifest:
    """Raises BackupError, OSError."""
    path = folder / MANIFEST_FILE
    try:
        if path.stat().st_size > MANIFEST_BYTES_MAX:
            raise BackupError(f"{path} is longer than {MANIFEST_BYTES_MAX} bytes")
        made = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise BackupError(f"{folder} is no backup: it has no {MANIFEST_FILE}") from None
    except msgspec.DecodeError as error:
        raise BackupError(f"{path} can't be read: {error}") from None
    if made.format != FORMAT:
        raise BackupError(f"{path} has format {made.format}; this program reads {FORMAT}. Use the outlay that made it.")
    for name in made.files:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise BackupError(f"{path} names a file outside: {name[:80]!r}")
    return made


def newest(destination: Path) -> tuple[Path, Manifest] | None:
    """The newest whole backup in a folder of backups; None where there is none."""
    for folder in _backups(destination):
        try:
            return folder, read_manifest(folder)
        except (BackupError, OSError):
            continue
    return None


def found(source: Path) -> tuple[Path, Manifest]:
    """The backup itself, or the newest in a folder of backups. Raises BackupError, OSError."""
    if not (source / MANIFEST_FILE).exists() and (inside := newest(source)) is not None:
        return inside
    return source, read_manifest(source)


def _backups(destination: Path) -> Iterator[Path]:
    try:
        names = sorted(os.listdir(destination), reverse=True)
    except (FileNotFoundError, NotADirectoryError):
        return
    yield from (destination / name for name in names if not name.startswith("."))


def _locked(folder: Path) -> int:
    """One backup at a time: the folder itself is locked, for as long as the descriptor is open."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise BackupError(f"another backup is being made in {folder}") from None
    except OSError as error:
        # Network folders may have no locks: two at once are then the admin's to avoid.
        if error.errno not in _NO_LOCKS:
            os.close(descriptor)
            raise
    return descriptor


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, FILE_MODE)


def _sha256(path: Path, step: Step) -> str:
    known = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            known.update(chunk)
            step(len(chunk))
    return known.hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
