"""The journal as the ledger reads it: segments, each up to its published synced position.

Files: `data/journal/<node>/<boot>-<number>.jsonl` (both eight digits), beside each a `.synced` file that says how many
bytes are durable and whether the segment is sealed (nothing will be appended to it any more).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One segment, in load order: by node, boot, number."""

    node: str
    boot: int
    number: int
    synced: int
    """Bytes that may be loaded. Always the end of a whole line."""
    sealed: bool

    @property
    def name(self) -> str:
        return f"{self.node}/{self.boot:08d}-{self.number:08d}"


class SegmentLostError(Exception):
    """Published bytes that were not read yet are gone: the file was removed or cut. Facts are missing."""

    def __init__(self, segment: Segment, start: int, size: int) -> None:
        super().__init__(
            f"segment {segment.name}: {size} bytes are left of {segment.synced} published, {start} were read"
        )
        self.segment = segment
        self.start = start
        self.size = size


class Segments(Protocol):
    def list(self) -> Sequence[Segment]:
        """Every segment of every node, in load order. Raises OSError where the folder can't be read."""
        ...

    def read(self, segment: Segment, start: int, bytes_max: int) -> bytes:
        """Whole lines from byte `start` on, at most `bytes_max` (one line more, where a single line is longer).

        b"" at the end of what is synced. Raises SegmentLostError, and OSError for a disk that can't be read.
        """
        ...
