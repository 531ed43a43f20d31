"""The redundancy detector's memory as a file: 0600, compressed, whole or not there. Of use with the hash key alone."""

import json
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

FORMAT: Final = 1
FILE_BYTES_MAX: Final = 64_000_000
"""A memory that is full takes about 6 MB."""
LINE_BYTES_MAX: Final = 4_000_000
_BLOCK_BYTES: Final = 1 << 16
_END: Final = b"end"


class UnusableError(ValueError):
    """Nothing that this program can go on from: it begins anew."""


class Writer:
    """Of one file: lines first, then `finish`, which puts it in the place of the one before. Raises OSError."""

    def __init__(self, path: Path, version: int, key_id: str) -> None:
        self._path = path
        self._beside = path.with_name(f".{path.name}.new")
        self._beside.unlink(missing_ok=True)
        descriptor = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._zip = zlib.compressobj(1)
        self.write([json.dumps({"format": FORMAT, "version": version, "key": key_id}).encode()])

    def write(self, lines: Iterable[bytes]) -> None:
        self._file.write(self._zip.compress(b"".join([line + b"\n" for line in lines])))

    def finish(self) -> None:
        self.write([_END])
        self._file.write(self._zip.flush())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._beside, self._path)

    def discard(self) -> None:
        self._file.close()
        self._beside.unlink(missing_ok=True)


def read(path: Path, version: int, key_id: str) -> Iterator[bytes]:
    """The lines that were written, as they are needed; none where there is no file. Raises UnusableError."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            raise UnusableError("it is too long")
        yield from _told(_lines(data), version, key_id)
    except FileNotFoundError:
        return
    except (OSError, zlib.error, ValueError) as error:
        raise UnusableError(str(error)) from error


def told(path: Path) -> Iterator[bytes]:
    """Every line, whoever may use it, head and end included. Raises UnusableError."""
    try:
        yield from _lines(path.read_bytes())
    except (OSError, zlib.error, ValueError) as error:
        raise UnusableError(str(error)) from error


def _told(lines: Iterator[bytes], version: int, key_id: str) -> Iterator[bytes]:
    head = json.loads(next(lines, b"null"))
    if head != {"format": FORMAT, "version": version, "key": key_id}:
        raise UnusableError("it is of another version, or of another key")
    for line in lines:
        if line == _END:
            return
        yield line
    raise UnusableError("it is cut off")


def _lines(data: bytes) -> Iterator[bytes]:
    unzip = zlib.decompressobj()
    rest = b""
    for at in range(0, len(data), _BLOCK_BYTES):
        block = data[at : at + _BLOCK_BYTES]
        while block:
            *whole, rest = (rest + unzip.decompress(block, LINE_BYTES_MAX)).split(b"\n")
            if len(rest) > LINE_BYTES_MAX:
                raise UnusableError("a line is too long")
            yield from whole
            block = unzip.unconsumed_tail
