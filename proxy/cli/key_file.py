"""The key file: the remembered key alone, for tools that can be told to read a file. Readable by nobody else."""

from pathlib import Path
from typing import Final

from proxy.cli.whole_file import write_whole

FILE: Final = "key"


def key_path(folder: Path) -> Path:
    return folder / FILE


def write_key(folder: Path, key: str) -> None:
    """Whole, with mode 0600 and without a line's end, which some tools would send along. Raises OSError."""
    write_whole(key_path(folder), key, 0o600)


def renew_key(folder: Path, key: str) -> None:
    """Where tools were told to read it, they get the new one."""
    if key_path(folder).exists():
        write_key(folder, key)


def forget_key(folder: Path) -> None:
    key_path(folder).unlink(missing_ok=True)
