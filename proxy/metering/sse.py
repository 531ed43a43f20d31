"""Server-sent events as they pass: cut out of a byte stream for reading, and the bytes given on unchanged.

The grammar is that of the HTML standard, section "Server-sent events": lines end in LF, CRLF or CR, an empty line ends
an event, `data` lines are joined by LF, comments and unknown fields mean nothing. Bytes are cut at those line ends
only, never at U+2028 and the like, which text functions take for line ends.

Nothing is delayed for reading's sake. Only where an event may have to be hidden are the bytes of an unfinished event
held back, because its end decides whether it is.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

EVENT_BYTES_MAX: Final = 16 * 1024 * 1024
"""A longer event passes unread."""
HIDDEN_BYTES_MAX: Final = 64 * 1024
"""A longer event is never hidden, so no more than this is held back. A usage event has less than 2 KiB."""

_BLANK_LINE: Final = re.compile(rb"((?>\r\n?|\n)(?>\r\n?|\n))")
_BLANK_LINE_BYTES_MAX: Final = 4
_BOM: Final = b"\xef\xbb\xbf"


class EventStream:
    """Fed the bytes of one stream. What it tells and gives on doesn't depend on where its chunks break.

    `see` is told the data of each event in order, and says True for an event to hide.
    """

    def __init__(
        self,
        see: Callable[[bytes], bool],
        *,
        hiding: bool,
        event_bytes_max: int = EVENT_BYTES_MAX,
        hidden_bytes_max: int = HIDDEN_BYTES_MAX,
    ) -> None:
        self._see = see
        self._hiding = hiding
        self._event_bytes_max = event_bytes_max
        self._hidden_bytes_max = hidden_bytes_max
        self._pending: list[bytes] = []
        """The unfinished event; of one that is too long only its last byte."""
        self._size = 0
        """Bytes in `_pending`."""
        self._giving = False
        """The unfinished event is too long to be hidden: its bytes go on as they come."""
        self._too_long = False
        """The unfinished event is too long to be read."""
        self._split_cr = False
        """The last event ended with its chunk in CR: an LF that comes next still belongs to it."""
        self._last_hidden = False
        self._first = True
        self._fed = b""
        self._begun = b""
        """Last byte of an event of which a part had gone on before `_fed` came; b"": none was."""

    def feed(self, data: bytes) -> bytes:
        """Read the next bytes; give those to pass on: `data` itself where nothing is hidden or held back."""
        if self._hiding:
            return self._pass(data)
        if self._plain(data):
            self._begun = b""
            self._tell_lines(data)
        else:
            self._pass(data)
        return data

    @property
    def joint(self) -> bytes | None:
        """What of the bytes fed last completes an event of which a part has gone on before; None: they don't
        complete it. So a stream that is ended early can be ended between two events."""
        if not self._begun:
            return b""
        end = _BLANK_LINE.search(self._begun + self._fed)
        return self._fed[: end.end() - 1] if end else None

    def finish(self) -> bytes:
        """The stream has ended: gives what was still held back.

        An event that lacks only its blank line is read all the same: a strict reader drops it, but what a provider
        said about usage counts.
        """
        rest, given = b"".join(self._pending), self._giving
        hidden = not self._too_long and self._hides(rest)
        self._pending, self._size, self._giving, self._too_long = [], 0, False, False
        return b"" if given or hidden or not self._hiding else rest

    def _plain(self, data: bytes) -> bool:
        """True for the common case: whole events and nothing else, in lines that end in LF."""
        return (
            data.endswith(b"\n\n")
            and data.find(b"\r") < 0
            and not (self._pending or self._split_cr or self._first)
            and len(data) <= self._event_bytes_max
        )

    def _tell_lines(self, data: bytes) -> None:
        """Tell of every event in whole ones: a third of the cost of cutting them out one by one."""
        value: bytes | None = None
        for line in data.split(b"\n"):
            if line.startswith(b"data: "):
                value = line[6:] if value is None else value + b"\n" + line[6:]
            elif not line:
                if value is not None:
                    self._see(value)
                    value = None
            elif line.startswith(b"data") and (more := _value(line)) is not None:
                value = more if value is None else value + b"\n" + more

    def _pass(self, data: bytes) -> bytes:
        if not data:
            return data
        gone_on = self._pending and (self._giving or not self._hiding)
        self._fed, self._begun = data, self._pending[-1][-1:] if gone_on else b""
        lead = b""
        if self._split_cr:
            self._split_cr = False
            if data.startswith(b"\n"):
                lead = b"" if self._last_hidden else b"\n"
                data = data[1:]
        if not self._pending:
            return lead + self._cut(data, given=0)
        if not self._completes(data):
            return self._keep(data)
        given = self._size if self._giving else 0
        whole = b"".join((*self._pending, data))
        return self._cut(whole, given)

    def _completes(self, data: bytes) -> bool:
        """True where the unfinished event ends in `data`."""
        if b"\n" not in data and b"\r" not in data:
            return False
        # The last byte before is enough to tell: were there a blank line in what is pending, it would not be pending.
        return _BLANK_LINE.search(self._pending[-1][-1:] + data) is not None

    def _cut(self, whole: bytes, given: int) -> bytes:
        """Read every finished event, keep what is left. `given` bytes of the first one have gone on before."""
        if b"\r" in whole:
            parts = _BLANK_LINE.split(whole)
            blocks, ends, rest = parts[:-1:2], parts[1::2], parts[-1]
            self._split_cr = bool(ends) and not rest and ends[-1].endswith(b"\r")
        else:
            blocks = whole.split(b"\n\n")
            rest = blocks.pop()
            ends = [b"\n\n"] * len(blocks)
        unread = blocks[0:1] if self._too_long else []
        hidden = [False] * len(unread) + [self._hides(block) for block in blocks[len(unread) :]]
        self._pending, self._size, self._giving, self._too_long = [], 0, False, False
        if not self._hiding:
            shown = b""
        elif True in hidden:
            shown = _without(blocks, ends, hidden)[given:]
        else:
            shown = whole[given : len(whole) - len(rest)]
        if blocks:
            self._last_hidden = hidden[-1]
        return shown + self._keep(rest) if rest else shown

    def _keep(self, data: bytes) -> bytes:
        """Add to the unfinished event; gives what can't be hidden any more."""
        self._pending.append(data)
        self._size += len(data)
        shown = data if self._giving else b""
        if self._hiding and not self._giving and self._size > self._hidden_bytes_max + _BLANK_LINE_BYTES_MAX:
            self._giving = True
            shown = b"".join(self._pending)
        if self._size > self._event_bytes_max + _BLANK_LINE_BYTES_MAX:
            self._too_long = True
            self._pending = [data[-1:]]
            self._size = 1
        return shown

    def _hides(self, block: bytes) -> bool:
        """Tell of the event in `block` (all its lines, with or without the last line end). True: hide it."""
        if self._first:
            self._first = False
            block = block.removeprefix(_BOM)
        if len(block) > self._event_bytes_max:
            return False
        data = _data(block)
        return data is not None and self._see(data) and len(block) <= self._hidden_bytes_max


def _without(blocks: Sequence[bytes], ends: Sequence[bytes], hidden: Sequence[bool]) -> bytes:
    return b"".join([block + end for block, end, hide in zip(blocks, ends, hidden, strict=True) if not hide])


def _data(block: bytes) -> bytes | None:
    """The data of an event; None where it has none (a comment, a lone field).

    The two forms that providers send are read without cutting lines: one `data` line, or an `event` line before it.
    """
    if block.startswith(b"event: "):
        name, _, data = block.partition(b"\ndata: ")
        if data and b"\n" not in data and b"\n" not in name and b"\r" not in block:
            return data
    elif block.startswith(b"data: ") and b"\n" not in block and b"\r" not in block:
        return block[6:]
    values = [value for line in block.splitlines() if (value := _value(line)) is not None]
    return b"\n".join(values) if values else None


def _value(line: bytes) -> bytes | None:
    """The value of a `data` line, without the one space that may stand before it."""
    field, _, value = line.partition(b":")
    return value.removeprefix(b" ") if field == b"data" else None
