"""SameHead: the head of a request, known again when the next one on its connection is the same.

SDKs send the same head with each call, byte for byte, save the digits of its content-length. One that was read as HTTP
once means the same every time, so whoever recognises it need not read it again: neither the server, nor the endpoint,
which keeps beside it what it made of it.
"""

from dataclasses import dataclass
from typing import Any, Final

HeaderLines = list[tuple[bytes, bytes]]

SAME: Final = "outlay.same_head"
"""Scope key of the SameHead that a request began with."""
BYTES_MAX: Final = 16 * 1024
"""Of a head that is remembered: each connection may keep one."""
LINES_MAX: Final = 100
"""Of it, too: each is an object or three."""
MISSES_MAX: Final = 3
"""A connection whose heads were other ones so often in a row is not watched any more."""
_DIGITS_MAX: Final = 15
_LENGTH: Final = b"content-length"
_NEVER: Final = frozenset((b"transfer-encoding", b"expect", b"upgrade"))
"""A head with one of these says more about its connection than it did before."""


@dataclass(slots=True, eq=False)
class SameHead:
    begin: bytes
    """Up to the digits of its content-length."""
    end: bytes
    """Behind them."""
    scope: dict[str, Any]
    """As ASGI has it, without the headers."""
    lines: HeaderLines
    at: int
    """Where among them the content-length stands."""
    known: Any = None
    """What the endpoint made of it."""

    def match(self, data: bytes) -> tuple[bytes, int] | None:
        """The digits, and where the body begins, if `data` begins with this head."""
        if not data.startswith(self.begin):
            return None
        start = len(self.begin)
        stop = data.find(b"\r", start, start + _DIGITS_MAX + 1)
        if stop < 0 or not data.startswith(self.end, stop):
            return None
        digits = data[start:stop]
        return (digits, stop + len(self.end)) if digits.isdigit() else None

    def headers(self, digits: bytes) -> HeaderLines:
        lines = self.lines.copy()
        lines[self.at] = (_LENGTH, digits)
        return lines


def same_head(data: bytes, scope: dict[str, Any], lines: HeaderLines) -> SameHead | None:
    """What `data` begins with, as it was read: `lines` of headers. None where it is nothing that comes again as it is:
    without a content-length, or written in a way that leaves a doubt where its lines begin and end."""
    size = data.find(b"\r\n\r\n", 0, BYTES_MAX) + 4
    found = [at for at, line in enumerate(lines) if line[0] == _LENGTH]
    if (
        size < 4
        or len(lines) > LINES_MAX
        or len(found) != 1
        or any(line[0] in _NEVER for line in lines)
        or not data[:1].isalpha()
    ):
        return None
    head, digits = data[:size], lines[found[0]][1]
    # A line for the request, one for each header, and the empty one.
    if not head.count(b"\r\n") == head.count(b"\n") == head.count(b"\r") == len(lines) + 2:
        return None
    before, line, behind = head.lower().partition(b"\r\n" + _LENGTH + b": ")
    start = len(before) + len(line)
    stop = start + len(digits)
    if not behind.startswith(digits + b"\r\n") or not digits.isdigit():
        return None
    own = {name: value for name, value in scope.items() if name not in ("headers", "state")}
    return SameHead(head[:start], head[stop:], own, lines, found[0])
