"""What the detector remembers as lines, so that a restart need not forget it.

Hashes, counts and ids of calls: no text, and of use only under the key they were made with. An object that several
refer to stays one. Lines are made and taken one at a time, so that nobody has to wait for all of them: what changes
meanwhile is in them as it was, or as it is. What cannot be read raises SnapshotError.
"""

from __future__ import annotations

import json
import zlib
from array import array
from base64 import b85decode, b85encode
from collections import OrderedDict, deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any, Final
from weakref import ref

from .bounds import Recent
from .marks import Marks

LINE_BYTES_MAX: Final = 4_000_000
_LEVEL: Final = 1
_PLAIN_BITS_MAX: Final = 128
"""Sets of words are far larger numbers, which JSON takes long for, and beyond 4,300 digits refuses."""
Tables = Mapping[str, "Recent[Any, Any] | Marks"]


class SnapshotError(ValueError):
    """These bytes are no snapshot that this version can read."""


def lines(tables: Tables, classes: Iterable[type], shared: Container[type]) -> Iterator[bytes]:
    """One for each row, the least recently used first. `classes`: whose objects may be in it; they have slots.
    `shared`: those of them that several may refer to. What leaves its table meanwhile leaves memory too."""
    packer = _Packer({found: number for number, found in enumerate(classes)}, shared)
    for name, table in tables.items():
        for key, value in table.items():
            yield json.dumps([name, packer.pack(key), packer.pack(value)], separators=(",", ":")).encode()


class Taking:
    """Puts the lines of another's tables into these, one at a time; what is there already stays."""

    def __init__(self, tables: Tables, classes: Iterable[type], renew: Callable[[Any], None]) -> None:
        """`renew`: told of each row before it is put."""
        self._tables = tables
        self._renew = renew
        self._unpacker = _Unpacker(tuple(classes))

    def take(self, line: bytes) -> None:
        """Raises SnapshotError."""
        try:
            name, key, value = json.loads(line)
            row = self._unpacker.unpack(key), self._unpacker.unpack(value)
            table = self._tables[name]
            self._renew(row[1])
            if table.get(row[0]) is None:
                table.put(*row)
        except (zlib.error, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise SnapshotError(f"{type(error).__name__}: {error}") from error


def _slots(found: type) -> tuple[str, ...]:
    slots = found.__slots__  # type: ignore[attr-defined]
    return tuple(name for name in slots if name != "__weakref__")


def _packed(data: bytes) -> str:
    return b85encode(zlib.compress(data, _LEVEL)).decode()


class _Packer:
    """Numbers stand for themselves; all else is a list whose first item says what it is."""

    def __init__(self, classes: Mapping[type, int], shared: Container[type]) -> None:
        self._classes = classes
        self._shared = shared
        self._slots = {found: _slots(found) for found in classes}
        self._count = 0
        """Of all objects so far: the number of the next one."""
        self._numbers: dict[int, tuple[int, ref[Any]]] = {}
        """Of shared ones, by id, which another one may get when an object is gone."""

    def pack(self, value: Any) -> Any:  # noqa: PLR0911 - a line for each type
        kind = type(value)
        if kind is int and value.bit_length() > _PLAIN_BITS_MAX:
            return ["i", _packed(value.to_bytes(-(-value.bit_length() // 8), "little"))]
        if value is None or kind in (int, float, bool, str):
            return value
        if kind in self._classes:
            return self._object(value, kind)
        if kind is tuple:
            return ["t", *map(self.pack, value)]
        if kind is list:
            return ["l", *map(self.pack, value)]
        if kind in (dict, OrderedDict):
            items = [self.pack(each) for item in value.items() for each in item]
            return ["d" if kind is dict else "o", *items]
        if kind is deque:
            return ["q", value.maxlen, *map(self.pack, value)]
        if kind in (set, frozenset):
            return ["s" if kind is set else "f", *map(self.pack, sorted(value))]
        if kind is array:
            return ["a", value.typecode, b85encode(value.tobytes()).decode()]
        if kind is bytearray:
            return ["b", _packed(bytes(value))]
        raise TypeError(f"cannot pack {kind.__name__}")

    def _object(self, value: Any, kind: type) -> Any:
        if kind in self._shared:
            known = self._numbers.get(id(value))
            if known is not None and known[1]() is value:
                return ["r", known[0]]
            self._numbers[id(value)] = self._count, ref(value)
        self._count += 1
        return ["c", self._classes[kind], *(self.pack(getattr(value, name)) for name in self._slots[kind])]


class _Unpacker:
    def __init__(self, classes: tuple[type, ...]) -> None:
        self._classes = [(found, _slots(found)) for found in classes]
        self._objects: list[Any] = []

    def unpack(self, value: Any) -> Any:  # noqa: PLR0911 - a line for each type
        if not isinstance(value, list):
            return value
        tag = value[0]
        if tag == "c":
            return self._object(value)
        if tag == "r":
            return self._objects[value[1]]
        if tag == "a":
            return array(value[1], b85decode(value[2]))
        if tag == "i":
            return int.from_bytes(zlib.decompress(b85decode(value[1])), "little")
        if tag == "b":
            return bytearray(zlib.decompress(b85decode(value[1])))
        if tag == "q":
            return deque(map(self.unpack, value[2:]), maxlen=value[1])
        items = map(self.unpack, value[1:])
        if tag in ("d", "o"):
            pairs = zip(items, items, strict=True)
            return dict(pairs) if tag == "d" else OrderedDict(pairs)
        return {"t": tuple, "l": list, "s": set, "f": frozenset}[tag](items)

    def _object(self, value: list[Any]) -> Any:
        kind, slots = self._classes[value[1]]
        made = object.__new__(kind)
        self._objects.append(made)
        for name, each in zip(slots, value[2:], strict=True):
            object.__setattr__(made, name, self.unpack(each))
        return made
