"""Batch: the lines of one stretch of a segment, sorted by what the loader does with each.

A line is told by its first bytes alone: they are what the codec writes, the call's id included, so nothing is parsed
here. The store parses, thousands of lines at once, and only lines that still say something at the end of the batch:
an opened line whose call is settled in the same batch never gets there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

from proxy.journal.bounds import LINE_BYTES_MAX
from proxy.journal.codec import LineError, NewerLineError, decode
from proxy.journal.lines import Carried
from proxy.model.entry import Extended, Opened, Refused, Settled
from proxy.model.told import Told


class Kind(StrEnum):
    SETTLED = "settled"
    REFUSED = "refused"
    OPENED = "opened"
    CARRIED = "carried"
    EXTENDED = "extended"
    ATTRIBUTED = "attributed"
    ACT = "act"
    TOLD = "told"
    STATED = "stated"
    SEGMENT = "segment"


FORMATS: Final = (1,)
"""Format versions that can be loaded; each has its own sql/v<version>_….sql. A new one goes beside the one before."""


Line = tuple[int, int, bytes]
"""A line by its place in the batch's bytes (begin, end without the newline), and the id of its call, or of what was
told; b'' where it has none. Copying lines would cost more than sorting them, and so would anything richer than a
tuple."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that can't be loaded: where it stands and what it hashes to, not what it holds."""

    offset: int
    size: int
    sha256: str
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    start: int
    """Byte offset in the segment of the first line."""
    data: bytes
    lines: int
    """All of them, heads of segments and bad ones included."""
    by_kind: Mapping[tuple[int, Kind], Sequence[Line]]
    """By format version and kind, each in order."""
    bad: tuple[BadLine, ...]
    newer: str = ""
    """Why the data that was sorted goes on behind this batch: a line of a format that only a newer program reads. To
    pass over it would lose it, so the segment waits for that program."""

    @property
    def end(self) -> int:
        return self.start + len(self.data)

    def of(self, *kinds: Kind) -> list[tuple[int, Sequence[Line]]]:
        """Format version and lines of these kinds."""
        return [(version, lines) for (version, kind), lines in self.by_kind.items() if kind in kinds]

    def text(self, line: Line) -> bytes:
        begin, end, _ = line
        return self.data[begin:end]

    def staged(self, lines: Iterable[Line]) -> bytes:
        """Lines as the store reads them: each with its offset in the segment, `o`, as one more field."""
        data = memoryview(self.data)
        pieces: list[bytes | memoryview] = []
        for begin, end, _ in lines:
            pieces += (b'{"o":%d,' % (self.start + begin), data[begin + 1 : end + 1])
        return b"".join(pieces)

    def bad_line(self, line: Line, reason: str) -> BadLine:
        return bad_line(self.text(line), self.start + line[0], reason)

    def halves(self) -> tuple["Batch", "Batch"]:
        """Two batches of about as many bytes, cut between lines. Only for a batch of two lines or more."""
        cut = self.data.rfind(b"\n", 0, len(self.data) // 2) + 1 or self.data.index(b"\n") + 1
        return sort(self.data[:cut], self.start), sort(self.data[cut:], self.start + cut)


_ID_FOLLOWS: Final[Mapping[Kind, str]] = {
    **dict.fromkeys((Kind.SETTLED, Kind.REFUSED, Kind.OPENED, Kind.CARRIED), '"call":{"id":"'),
    Kind.EXTENDED: '"call_id":"',
    Kind.TOLD: '"id":"',
}
_MARKS: Final = {
    (version, kind): f'{{"v":{version},"t":"{kind}",{_ID_FOLLOWS.get(kind, "")}'.encode()
    for version in FORMATS
    for kind in Kind
}
"""The first bytes of a line of each format and kind, up to its id."""
_KEY_BYTES: Final = min(map(len, _MARKS.values()))


def sort(data: bytes, start: int) -> Batch:
    """Sort whole lines, up to the first that only a newer program reads."""
    by_kind: dict[tuple[int, Kind], list[Line]] = {which: [] for which in _MARKS}
    by_key = {
        mark[:_KEY_BYTES]: (mark, len(mark) if which[1] in _ID_FOLLOWS else 0, by_kind[which])
        for which, mark in _MARKS.items()
    }
    bad: list[BadLine] = []
    find, starts = data.find, data.startswith
    at = lines = 0
    newer = ""
    # Some 0.7 µs a line: no call, no attribute and no object more than it takes.
    while at < len(data):
        end = find(b"\n", at)
        mark, to_id, of_kind = by_key.get(data[at : at + _KEY_BYTES], _NO_MARK)
        if not mark or end - at > LINE_BYTES_MAX or not starts(mark, at):
            try:
                bad.append(_unknown(data[at:end], start + at))
            except NewerLineError as error:
                newer = str(error)
                break
        elif to_id:
            call_id = data[at + to_id : find(b'"', at + to_id)]
            of_kind.append((at, end, call_id if b"\\" not in call_id else _spelled(data[at:end])))
        else:
            of_kind.append((at, end, b""))
        at = end + 1
        lines += 1
    found = {which: of_kind for which, of_kind in by_kind.items() if of_kind}
    return Batch(start, data[:at], lines, found, tuple(bad), newer)


_NO_MARK: Final[tuple[bytes, int, list[Line]]] = (b"", 0, [])


def bad_line(text: bytes, offset: int, reason: str) -> BadLine:
    return BadLine(offset, len(text), sha256(text).hexdigest(), reason)


def _spelled(text: bytes) -> bytes:
    """An id that JSON had to escape. No id of ours is so; a line that holds one is still a line."""
    try:
        entry = decode(text)
    except LineError:
        return b""
    if isinstance(entry, Extended):
        return entry.call_id.encode()
    if isinstance(entry, Told):
        return entry.id.encode()
    return entry.call.id.encode() if isinstance(entry, Opened | Carried | Settled | Refused) else b""


def _unknown(text: bytes, offset: int) -> BadLine:
    """A line whose first bytes are not those that the codec writes. Raises NewerLineError."""
    try:
        decode(text)
    except NewerLineError:
        raise
    except LineError as error:
        return bad_line(text, offset, str(error))
    return bad_line(text, offset, "not in the form that the codec writes")
