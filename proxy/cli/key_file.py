"""The key file: the remembered key alone, for tools that can be told to read a file. Readable by nobody else."""

import os
from pathlib import Path
from typing import Final

FILE: Final = "key"


def key_path(folder: Path) -> Path:
    return folder / FILE


def write_key(folder: Path, key: str) -> None:
    """Whole, with mode 0600 and without a line's end, which some tools would send along. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = folder / f".{FILE}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(key)
    temporary.replace(key_path(folder))


def renew_key(folder: Path, key: str) -> None:
    """Where tools were told to read it, they get the new one."""
    if key_path(folder).exists():
        write_key(folder, key)


def forget_key(folder: Path) -> None:
    key_path(folder).unlink(missing_ok=True)
