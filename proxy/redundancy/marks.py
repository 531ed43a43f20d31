"""Where something was seen first, for very many things in a fixed amount of memory: what collides forgets the older."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator

_SLOTS = 1 << 19
_SPREAD = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_CHUNK = 1 << 10
"""Slots that are given and taken together: a fraction of a millisecond of work."""


class Marks:
    """A table, too, whose rows are parts of it by their number: prints, then places."""

    __slots__ = ("_firsts", "_prints")

    def __init__(self) -> None:
        self._prints = array("I", bytes(4 * _SLOTS))
        self._firsts = array("I", bytes(4 * _SLOTS))

    def first(self, owner: int, thing: int, place: int) -> int:
        """The number of the place where this owner's thing was seen first: this one, if nowhere before."""
        mixed = ((thing ^ owner) * _SPREAD) & _MASK
        slot, print_ = mixed & (_SLOTS - 1), mixed >> 32
        if self._prints[slot] == print_:
            return self._firsts[slot]
        self._prints[slot] = print_
        self._firsts[slot] = place
        return place

    def items(self) -> Iterator[tuple[int, bytearray]]:
        """Parts that have anything in them."""
        for number in range(_SLOTS // _CHUNK):
            at = slice(number * _CHUNK, (number + 1) * _CHUNK)
            prints = self._prints[at]
            if any(prints):
                yield number, bytearray(prints.tobytes() + self._firsts[at].tobytes())

    def put(self, number: int, part: bytearray) -> None:
        """What is here already stays. Raises ValueError if it is no part."""
        both = array("I", bytes(part))
        if len(both) != 2 * _CHUNK or not 0 <= number < _SLOTS // _CHUNK:
            raise ValueError("no part of marks")
        for slot, (print_, place) in enumerate(zip(both[:_CHUNK], both[_CHUNK:], strict=True), number * _CHUNK):
            if not self._prints[slot]:
                self._prints[slot], self._firsts[slot] = print_, place

    def get(self, _number: int) -> None:
        """No part is ever whole: what is missing in it may still be put."""

    @property
    def bytes(self) -> int:
        return sys.getsizeof(self._prints) + sys.getsizeof(self._firsts)
