"""Positions: the names of segment files, and the mark beside each that says what of it is on disk.

A mark (`.synced`) is one line of fixed width, so that it is overwritten in place by one small write, and carries a
checksum, so that a reader never believes half of one.
"""

import re
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SEGMENT_SUFFIX: Final = ".jsonl"
MARK_SUFFIX: Final = ".synced"
MARK_BYTES: Final = 40
NODE_CHARS_MAX: Final = 100

_SEGMENT: Final = re.compile(r"(\d{8,12})-(\d{8,12})\.jsonl", re.ASCII)
_MARK: Final = re.compile(rb"(\d{20}) (open|sealed|recovered) *([0-9a-f]{8})\n")
_NODE: Final = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9._-]{{0,{NODE_CHARS_MAX - 1}}}", re.ASCII)


class Stage(StrEnum):
    """What may still happen to a segment."""

    OPEN = "open"
    SEALED = "sealed"
    """Nothing will be appended any more."""
    RECOVERED = "recovered"
    """Sealed, and each call that it leaves open stands in a later segment: a recovery needs it no more."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The first `synced` bytes of the segment are on disk, and end with a whole line."""

    synced: int
    stage: Stage

    @property
    def sealed(self) -> bool:
        return self.stage is not Stage.OPEN


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """A segment within its node's folder. The order is the order of writing."""

    boot: int
    number: int

    @property
    def file(self) -> str:
        return f"{self}{SEGMENT_SUFFIX}"

    @property
    def mark_file(self) -> str:
        return f"{self}{MARK_SUFFIX}"

    def __str__(self) -> str:
        return f"{self.boot:08d}-{self.number:08d}"


def parse_segment_file(file: str) -> SegmentName | None:
    """The segment that a file name stands for; None of any other file."""
    match = _SEGMENT.fullmatch(file)
    return SegmentName(int(match[1]), int(match[2])) if match else None


def format_mark(mark: Mark) -> bytes:
    """Always MARK_BYTES long."""
    text = f"{mark.synced:020d} {mark.stage:<9} ".encode()
    return text + f"{zlib.crc32(text):08x}\n".encode()


def parse_mark(data: bytes) -> Mark | None:
    """None: no mark, or one torn by a power cut."""
    match = _MARK.fullmatch(data)
    if match is None or f"{zlib.crc32(data[:31]):08x}".encode() != match[3]:
        return None
    return Mark(int(match[1]), Stage(match[2].decode()))


def is_node(name: str) -> bool:
    """True: the name can be a node's folder."""
    return _NODE.fullmatch(name) is not None
