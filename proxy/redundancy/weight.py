"""Weight: about how much memory tables take, without walking all of them, and what must leave so that they stay within
a bound together."""

from __future__ import annotations

import sys
from array import array
from collections import deque
from collections.abc import Container, Sequence
from itertools import chain
from math import ceil
from typing import Any

from .bounds import Recent
from .snapshot import Tables

PARTS_MAX = 8
"""Of one list or the like that stand for all of it."""
EACH_CALLS = 256
"""Weighing a table takes half a millisecond."""
CALL_CHARS = 2_000
"""A longer text counts as so many calls more."""
LEAVING_MAX = 2_000
"""Rows that leave at once: some 2 ms."""
ROW_GUESSED = 1000.0
"""Bytes, until one was weighed."""
_ROW_BYTES = 120
"""Of the table itself, for each row."""
_REFERENCES = 3
"""To a value while it is weighed that are gone afterwards: the list it is in here, its name, and the question."""
_LEAVES = (int, float, str, bytes, bytearray, bool, array, type(None))


def weighed(table: Recent[Any, Any]) -> int:
    """What several refer to counts for each of them with its part."""
    parts = list(chain.from_iterable(table.some()))
    return round(len(table) * (_ROW_BYTES + 2 * _mean(parts)))


class Scales:
    """Of tables that grow while calls run. `staying`: names of those whose rows don't leave for a bound of bytes."""

    __slots__ = ("_leaving", "_left", "_rows", "_tables", "_turn", "bytes_max", "each_calls")

    def __init__(self, tables: Tables, staying: Container[str], bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self._tables = {name: table for name, table in tables.items() if isinstance(table, Recent)}
        self._leaving = [name for name in self._tables if name not in staying]
        self._rows = dict.fromkeys(self._tables, ROW_GUESSED)
        """What a row of each weighed last."""
        self._turn = 0
        self.each_calls = self._left = EACH_CALLS
        """Between two tables that are weighed, one after the other."""

    @property
    def bytes(self) -> int:
        """Of all together, by their rows as they were weighed last."""
        return round(sum(self._rows[name] * len(table) for name, table in self._tables.items()))

    def called(self, chars: int) -> None:
        """One more call was remembered, with so much text that is new."""
        self._left -= 1 + chars // CALL_CHARS
        if self._left <= 0:
            self._left = self.each_calls
            names = list(self._tables)
            self._turn = (self._turn + 1) % len(names)
            name = names[self._turn]
            self._rows[name] = weighed(self._tables[name]) / max(1, len(self._tables[name]))
            over = self.bytes - self.bytes_max
            if over > 0:
                self._lighten(over)

    def _lighten(self, over: int) -> None:
        """Of the heaviest table those rows leave that were not used for longest."""
        name = max(self._leaving, key=lambda each: self._rows[each] * len(self._tables[each]))
        table = self._tables[name]
        for _ in range(min(LEAVING_MAX, len(table), ceil(over / max(1.0, self._rows[name])))):
            table.drop()


def _mean(values: Sequence[Any]) -> float:
    """Bytes of a value and all that it refers to, one referrer's part of it."""
    total = 0.0
    for value in values:
        references = sys.getrefcount(value) - _REFERENCES
        size = float(sys.getsizeof(value))
        if not isinstance(value, _LEAVES):
            many, parts = _parts(value)
            size += many * _mean(parts)
        total += size / max(1, references)
    return total / len(values) if values else 0.0


def _parts(value: Any) -> tuple[int, Sequence[Any]]:
    """How many there are, and a list of them, or of some of many."""
    if isinstance(value, dict):
        both = [*value.keys(), *value.values()]
        return len(both), both
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        return len(value), _spread(list(value), PARTS_MAX)
    slots = [getattr(value, name) for name in getattr(type(value), "__slots__", ()) if hasattr(value, name)]
    return len(slots), slots


def _spread(values: Sequence[Any], most: int) -> Sequence[Any]:
    return values[:: -(-len(values) // most)] if len(values) > most else values
