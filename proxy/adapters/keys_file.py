"""The keys file on disk: locked while it is edited, replaced whole, never half-written."""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Final

from proxy.policy.keys_edit import UneditableError, keys_in, with_expiry, with_key, with_revoked
from proxy.policy.types import Key, Mistake

LOCK_WAIT_S: Final = 10.0
LOCK_POLL_S: Final = 0.05
NEW_FILE_MODE: Final = 0o600
_NO_LOCKS: Final = (errno.EBADF, errno.ENOLCK, errno.ENOTSUP)
HEAD: Final = "# keys.yaml: who holds which key, as hashes. Written by `outlay keys`.\n"


class KeysFileError(Exception):
    """The file was not changed; the message says why, and what to do. `mistakes`: what is wrong in the file."""

    def __init__(self, message: str, mistakes: list[Mistake] | None = None) -> None:
        super().__init__(message)
        self.mistakes = mistakes or []


class KeysFile:
    def __init__(self, path: Path, *, lock_wait_s: float = LOCK_WAIT_S) -> None:
        """`path` need not exist yet; a symbolic link is followed, so that the file behind it is replaced."""
        self.path = path.resolve()
        self._lock_wait_s = lock_wait_s

    def keys(self) -> dict[str, Key]:
        """The keys by id, in the file's order, revoked ones included. Raises KeysFileError."""
        with self._explained():
            return keys_in(self._read())

    def create(self, key: Key) -> None:
        """Raises KeysFileError."""
        self._edit(lambda text: with_key(text, key))

    def revoke(self, id_: str) -> None:
        """The entry stays, for the record. Raises KeysFileError."""
        self._edit(lambda text: with_revoked(text, id_))

    def rotate(self, id_: str, successor: Key, old_until: datetime | None) -> None:
        """Put `successor` in, and end the old key: at once, or at `old_until`. Raises KeysFileError."""

        def edited(text: str) -> str:
            ended = with_revoked(text, id_) if old_until is None else with_expiry(text, id_, old_until)
            return with_key(ended, successor)

        self._edit(edited)

    def _edit(self, change: Callable[[str], str]) -> None:
        with self._explained(), self._locked():
            text = self._read() or HEAD
            mark = "\ufeff" if text.startswith("\ufeff") else ""
            self._replace(mark + change(text.removeprefix(mark)))

    def _read(self) -> str:
        try:
            return self.path.read_bytes().decode()
        except FileNotFoundError:
            return ""

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except UneditableError as error:
            raise KeysFileError(f"{self.path}: {error}", error.mistakes) from None
        except UnicodeDecodeError:
            raise KeysFileError(f"{self.path} is not UTF-8") from None
        except KeyError as error:
            raise KeysFileError(f"{self.path} has no key {error.args[0]!r}") from None
        except FileNotFoundError:
            raise KeysFileError(f"there is no folder {self.path.parent}; `outlay init` makes one") from None
        except OSError as error:
            raise KeysFileError(
                f"{self.path} can't be written ({error.strerror}). Where keys live in a read-only place, "
                "`outlay keys create --print` shows the entry to add there."
            ) from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One editor at a time: the folder itself is locked, so no lock file is left lying about."""
        descriptor = os.open(self.path.parent, os.O_RDONLY)
        try:
            deadline = time.monotonic() + self._lock_wait_s
            while not _taken(descriptor):
                if time.monotonic() > deadline:
                    raise KeysFileError(f"{self.path} is being edited by another command; try again")
                time.sleep(LOCK_POLL_S)
            yield
        finally:
            os.close(descriptor)

    def _replace(self, text: str) -> None:
        """Atomically, with the mode and owner the file had."""
        temporary = self.path.with_name(f".{self.path.name}.{token_hex(4)}")
        before = self.path.stat() if self.path.exists() else None
        mode = stat.S_IMODE(before.st_mode) if before else NEW_FILE_MODE
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, NEW_FILE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode())
                file.flush()
                _same_owner(descriptor, before)
                os.fchmod(descriptor, mode)
                os.fsync(descriptor)
            os.replace(temporary, self.path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(self.path.parent)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        # Network folders may have no locks; an edit there is still atomic, only not ordered with another.
        if error.errno not in _NO_LOCKS:
            raise
    return True


def _same_owner(descriptor: int, before: os.stat_result | None) -> None:
    """The server must still be able to read what an administrator edits as root."""
    now = os.fstat(descriptor)
    if before is not None and (before.st_uid, before.st_gid) != (now.st_uid, now.st_gid):
        os.fchown(descriptor, before.st_uid, before.st_gid)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
