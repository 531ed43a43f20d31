"""Weight: about how much memory a table takes, without walking all of it."""

from __future__ import annotations

import sys
from array import array
from collections import deque
from itertools import islice
from typing import Any

from .bounds import Recent

SAMPLE = 24
"""Rows and values that stand for all of their table."""
_ROW_BYTES = 120
"""Of the table itself, for each row."""
_LEAVES = (int, float, str, bytes, bool, array, type(None))


def weighed(table: Recent[Any, Any]) -> int:
    """A value that many rows have counts once; neighbours share what their values refer to."""
    values = list({id(value): value for _, value in table.items()}.values())
    if not values:
        return 0
    seen: set[int] = set()
    sample = values[:SAMPLE]
    keys = sum(_bytes(key, seen) for key, _ in islice(table.items(), SAMPLE)) // min(SAMPLE, len(table))
    mean = sum(_bytes(value, seen) for value in sample) // len(sample)
    return len(table) * (_ROW_BYTES + keys) + len(values) * mean


def _bytes(value: Any, seen: set[int]) -> int:
    """Of a value and all that it refers to, each once."""
    if id(value) in seen:
        return 0
    seen.add(id(value))
    size = sys.getsizeof(value)
    if isinstance(value, _LEAVES):
        return size
    if isinstance(value, dict):
        return size + sum(_bytes(each, seen) for item in value.items() for each in item)
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        return size + sum(_bytes(each, seen) for each in value)
    slots = [getattr(value, name) for name in getattr(type(value), "__slots__", ()) if hasattr(value, name)]
    return size + sum(_bytes(each, seen) for each in slots)
