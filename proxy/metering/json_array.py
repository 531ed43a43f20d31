"""A JSON array as it passes: its objects cut out of a byte stream as soon as each is whole.

Nothing is held up for reading's sake; bytes are cut at the brackets of JSON (RFC 8259), those within strings aside.
What stands at the top level without an array around it (an error, objects line by line) is read as well.
"""

import re
from collections.abc import Callable
from typing import Final

OBJECT_BYTES_MAX: Final = 32 * 1024 * 1024
"""A longer object passes unread. Several generated images in base64 stay below it."""

_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}"]', re.DOTALL)
_INSIDE: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_QUOTE: Final = ord('"')
_OPENING: Final = b"[{"
_OBJECT: Final = ord("{")
_END: Final = ord("]")


class ArrayStream:
    """Fed the bytes of one array. What it tells doesn't depend on where its chunks break."""

    def __init__(self, see: Callable[[bytes], object], *, object_bytes_max: int = OBJECT_BYTES_MAX) -> None:
        """`see` is told each object, in order."""
        self.closed = False
        """The array's own end has passed."""
        self._see = see
        self._bytes_max = object_bytes_max
        self._depth = 0
        """Brackets open, from the object's own on; 0: between objects."""
        self._in_string = False
        self._escaped = False
        """The chunk before ended in a backslash within a string."""
        self._pending: list[bytes] = []
        self._size = 0
        self._separator = b"["
        """What must stand before another object."""
        self._joint: bytes | None = b"["

    @property
    def joint(self) -> bytes | None:
        """What must follow the bytes before the last chunk so that another object can: the rest of the object begun,
        and a separator. None: that object doesn't end in the last chunk."""
        return self._joint

    def feed(self, data: bytes) -> None:
        if not data:
            return
        self._joint = None if self._depth or self._in_string else self._separator
        begin = 0
        """Of the object under way, in `data`."""
        end = 0
        """Of the last object that is whole."""
        for start, stop in self._tokens(data):
            mark = data[start]
            if mark in _OPENING:
                if self._depth == 0 and mark != _OBJECT:
                    self._separator = b""
                    continue
                if self._depth == 0:
                    begin = start
                self._depth += 1
            elif self._depth:
                self._depth -= 1
                if self._depth == 0:
                    self._tell(data[begin:stop])
                    end = stop
                    if self._joint is None:
                        self._joint = data[:stop] + b","
            elif mark == _END:
                self.closed = True
        if self._depth:
            self._keep(data[begin:])
        elif b"," in data[end:]:
            self._separator = b""

    def _tokens(self, data: bytes) -> "list[tuple[int, int]]":
        """The brackets outside of strings, by where each begins and ends."""
        begin = 0
        if self._in_string:
            begin = self._string_end(data, int(self._escaped))
            if begin < 0:
                return []
        found: list[tuple[int, int]] = []
        for token in _TOKEN.finditer(data, begin):
            start, stop = token.span()
            if data[start] != _QUOTE:
                found.append((start, stop))
            elif stop - start == 1:
                self._string_end(data, stop)
                break
        return found

    def _string_end(self, data: bytes, begin: int) -> int:
        """Behind the end of the string that is open at `begin`; -1 where it goes on in the next chunk."""
        inside = _INSIDE.match(data, begin)
        end = begin if inside is None else inside.end()
        self._in_string = end >= len(data) or data[end] != _QUOTE
        self._escaped = end < len(data) and self._in_string
        return -1 if self._in_string else end + 1

    def _tell(self, last: bytes) -> None:
        pieces, self._pending = self._pending, []
        size, self._size = self._size + len(last), 0
        self._separator = b","
        if size <= self._bytes_max:
            self._see(b"".join((*pieces, last)) if pieces else last)

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= self._bytes_max:
            self._pending.append(data)
        else:
            self._pending = []
