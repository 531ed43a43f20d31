"""The file that keeps a gateway's counters over a restart: replaced whole or not at all, and for its owner only."""

import os
from pathlib import Path
from typing import Final

import structlog

from proxy.gateway.counters_snapshot import Snapshot, SnapshotError, decode, encode

log = structlog.get_logger("outlay.balances")

PREFIX: Final = "counters-"
SUFFIX: Final = ".json"


def counters_file(data: Path, node: str) -> Path:
    return data / f"{PREFIX}{node}{SUFFIX}"


def write(path: Path, snapshot: Snapshot) -> None:
    """One at a time for each path. Raises OSError; what stood there before is then untouched."""
    beside = path.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(encode(snapshot))
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def read(path: Path) -> Snapshot | None:
    """None where there is none that can be used; a broken one is logged, and the ledger is asked instead."""
    try:
        return decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, SnapshotError) as error:
        log.error("snapshot of counters not used", file=str(path), why=str(error))
        return None
