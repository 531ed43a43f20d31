"""Segments in memory, published as far as a test says."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from proxy.ports.segments import Segment, SegmentLostError

Name = tuple[str, int, int]


@dataclass(slots=True)
class _Stored:
    data: bytes = b""
    synced: int = 0
    gone: bool = False


@dataclass(slots=True)
class MemorySegments:
    """Fulfils ports.segments.Segments. `write` publishes what it writes; `write_unsynced` doesn't, until `sync`."""

    read_bytes_max: int = 1 << 30
    """Gives less than asked for, as a short read does."""
    stored: dict[Name, _Stored] = field(default_factory=dict)

    def write(self, lines: Iterable[bytes], node: str = "n", boot: int = 1, number: int = 1) -> None:
        self.write_unsynced(lines, node, boot, number)
        self.sync()

    def write_unsynced(self, lines: Iterable[bytes], node: str = "n", boot: int = 1, number: int = 1) -> None:
        self.stored.setdefault((node, boot, number), _Stored()).data += b"".join(lines)

    def sync(self) -> None:
        for stored in self.stored.values():
            stored.synced = len(stored.data)

    def publish(self, name: Name, synced: int) -> None:
        """Publish up to the end of the line that holds this byte."""
        stored = self.stored[name]
        end = stored.data.find(b"\n", max(synced - 1, 0)) + 1
        stored.synced = max(stored.synced, end if synced else 0)

    def lose(self, name: Name) -> None:
        """The file is cut behind the reader's back."""
        self.stored[name].gone = True

    def list(self) -> list[Segment]:
        return [Segment(*name, stored.synced, sealed=False) for name, stored in sorted(self.stored.items())]

    def read(self, segment: Segment, start: int, bytes_max: int) -> bytes:
        stored = self.stored[segment.node, segment.boot, segment.number]
        if stored.gone:
            raise SegmentLostError(segment, start, 0)
        piece = stored.data[start : min(segment.synced, start + min(bytes_max, self.read_bytes_max))]
        whole = piece[: piece.rfind(b"\n") + 1]
        return whole or stored.data[start : stored.data.find(b"\n", start) + 1]
