"""The data folder: made for this user alone, with the secrets that outlay makes for itself."""

import hashlib
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger("outlay.data")

HASH_KEY_FILE: Final = "hash.key"
ADMIN_KEY_FILE: Final = "admin-key"
ADMIN_HASH_FILE: Final = "admin.hash"


@dataclass(frozen=True, slots=True)
class FileHashKey:
    """The key of the keyed hashes (fingerprints). It never leaves the machine; its id may."""

    id: str
    secret: bytes

    def of_epoch(self, epoch: int) -> bytes:
        """A key for some time only, which tells nothing of those before and after it."""
        return hashlib.blake2b(b"redundancy %d" % epoch, key=self.secret, digest_size=32).digest()


def prepare(data: Path) -> None:
    """Make the folder, readable by nobody else: it holds keys, sockets and who called what.

    One that somebody made beforehand is closed to others as well; its group is left as it is, for whoever shares a
    volume with it on purpose. What isn't ours to close is logged.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = data.stat()
    if found.st_mode & 0o007:
        try:
            data.chmod(stat.S_IMODE(found.st_mode) & ~0o007)
        except OSError as error:
            log.warning("the data folder is open to others", folder=str(data), why=error.strerror)


def hash_key(data: Path) -> FileHashKey:
    """The hash key, made at the first start. Two processes starting at once agree on one."""
    path = data / HASH_KEY_FILE
    write_once(path, secrets.token_hex(32) + "\n")
    secret = bytes.fromhex(path.read_text().strip())
    return FileHashKey(id=hashlib.sha256(b"id:" + secret).hexdigest()[:8], secret=secret)


def write_once(path: Path, content: str) -> bool:
    """Write a 0600 file whole, unless it is there already. True: this call wrote it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True
