"""The grants in force, as a file of the data folder: the ledger writes it whole, its gateways watch it.

A gateway needs no ledger to know them. An old file is no danger: each grant carries its own end.
"""

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec
import structlog

from proxy.policy.grants import NO_GRANTS, Grant, Grants

FILE: Final = "grants.json"
VERSION: Final = 1
FILE_BYTES_MAX: Final = 16 * 1024 * 1024
LOOK_S: Final = 0.25

log = structlog.get_logger("outlay.grants")


class _Document(msgspec.Struct):
    v: int
    grants: list[Grant]


def write_grants(data: Path, grants: Iterable[Grant]) -> None:
    """Replace the file, durably. Raises OSError; the old file stays then."""
    path = data / FILE
    temporary = path.with_name(f".{FILE}.{os.getpid()}")
    content = msgspec.json.encode(_Document(VERSION, list(grants)))
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


class GrantsFile:
    """The gateway's side. `current` is swapped whole, so that a reader never sees half."""

    def __init__(self, data: Path, *, look_s: float = LOOK_S) -> None:
        self._path = data / FILE
        self._look_s = look_s
        self._stamp: tuple[int, int, int] | None = None
        self.current = NO_GRANTS

    def look(self) -> bool:
        """Take up the file where it has changed; True where it has. One that can't be read changes nothing."""
        try:
            found = os.stat(self._path)
            stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
            if stamp == self._stamp:
                return False
            self.current = _read(self._path)
            self._stamp = stamp
        except FileNotFoundError:
            # Nothing was ever granted; or the folder went away for a moment, and each grant has its own end.
            return False
        except (OSError, ValueError) as error:
            log.error("grants can't be read, the ones before stay in force", file=str(self._path), why=str(error))
            self._stamp = stamp if isinstance(error, ValueError) else None
            return False
        return True

    async def watch(self, on_change: Callable[[], None]) -> None:
        """Look until cancelled, a stat four times a second; `on_change` is called in the event loop."""
        while True:
            await asyncio.sleep(self._look_s)
            try:
                if await asyncio.to_thread(self.look):
                    on_change()
            except Exception:
                # Watching must outlive whatever one look runs into.
                log.exception("looking for grants failed")


def _read(path: Path) -> Grants:
    with path.open("rb") as file:
        content = file.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise ValueError(f"longer than {FILE_BYTES_MAX} bytes")
    try:
        document = msgspec.json.decode(content, type=_Document)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if document.v != VERSION:
        raise ValueError(f"format version {document.v}, not {VERSION}")
    return Grants(document.grants)
