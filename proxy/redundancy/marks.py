"""Where something was seen first, for very many things in a fixed amount of memory: what collides forgets the older."""

from __future__ import annotations

from array import array

_SLOTS = 1 << 19
_SPREAD = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


class Marks:
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
