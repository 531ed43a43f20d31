"""Whole files: what a command writes is there whole, or the file is as it was, whatever happens on the way."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, text: str, mode: int | None) -> None:
    """Replace a file at once, behind a link where it is one. `mode`: None keeps its mode. Raises OSError."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if mode is None:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def write_out(path: Path, content: bytes) -> None:
    """A file that the caller names: new ones have the mode that the caller's files have. What is no file (a pipe, a
    device), or lies where no other can be made, is written as it is. Raises OSError."""
    target = path.resolve()
    if path.exists() and not (path.is_file() and os.access(target.parent, os.W_OK)):
        path.write_bytes(content)
        return
    beside = target.with_name(f".{target.name[:100]}.{os.getpid()}")
    try:
        with beside.open("xb") as file:
            file.write(content)
        if target.exists():
            shutil.copymode(target, beside)
        beside.replace(target)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
