"""Weight: about how much memory a table takes, without walking all of it."""

from __future__ import annotations

import sys
from array import array
from collections import deque
from collections.abc import Sequence
from itertools import chain, islice
from typing import Any

from .bounds import Recent

SAMPLE = 24
"""Rows, evenly spread, that stand for all of their table."""
PARTS_MAX = 8
"""Of one list or the like that stand for all of it."""
_ROW_BYTES = 120
"""Of the table itself, for each row."""
_REFERENCES = 3
"""To a value while it is weighed that are gone afterwards: the list it is in here, its name, and the question."""
_LEAVES = (int, float, str, bytes, bytearray, bool, array, type(None))


def weighed(table: Recent[Any, Any]) -> int:
    """What several refer to counts for each of them with its part."""
    parts = list(chain.from_iterable(islice(table.items(), 0, None, -(-len(table) // SAMPLE) or 1)))
    return round(len(table) * (_ROW_BYTES + 2 * _mean(parts)))


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
