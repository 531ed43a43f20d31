"""Bounds: what a line may hold, so that no line can ever make a load fail.

One string that is not valid UTF-8, or one number beyond 64 bits, makes a whole `read_json` fail. So every string is
cut to a named length and freed of control characters, and every integer is brought within 0 … 2**63-1. Nearly every
line is fine as it is: `within` says so for a fraction of what `bounded` costs.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import reduce
from operator import attrgetter, or_
from typing import Any, Final, get_args, get_origin, get_type_hints

from proxy.journal.lines import LINE_TYPES, Line

NAME_CHARS_MAX: Final = 200
"""Any string that is not listed below, names of tags and rules included."""
TEXT_CHARS_MAX: Final = 2000
TEXT_PAIRS: Final = frozenset({"details", "facts"})
"""Pairs whose values are as long as texts: of an act, and what was told, whose lists are joined by blanks."""
DOCUMENT_CHARS_MAX: Final = 60_000
CHARS_MAX: Final = {
    **dict.fromkeys(("message", "justification", "reason"), TEXT_CHARS_MAX),
    "document": DOCUMENT_CHARS_MAX,
}
"""Of fields that are longer than names: sentences written by people, or for them, and parts of statements."""
PAIRS_MAX: Final = 20
"""Tags of a call, details of an act, kinds of a cost, fields of what was told."""
NAMES_MAX: Final = 100
"""Rules that matched, edits."""
RECORDS_MAX: Final = 5
"""What budgets did to one call."""
INTEGER_MAX: Final = 2**63 - 1
LINE_BYTES_MAX: Final = 256 * 1024
"""No line that these bounds allow is longer."""

CUT: Final = "…"
"""Ends a string that was cut."""
REPLACED: Final = "\N{REPLACEMENT CHARACTER}"
_REPLACEMENTS: Final = {
    **dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000)], REPLACED),
    **dict.fromkeys(map(ord, "\t\n\r\x85"), " "),
}


def text(value: str, chars_max: int) -> str:
    """`value` cut to `chars_max`, line breaks as blanks, other control characters and lone surrogates replaced."""
    if len(value) > chars_max:
        value = value[: chars_max - 1] + CUT
    return value.translate(_REPLACEMENTS)


def clean(encoded: bytes) -> bool:
    """False: the JSON may hold a control character; a second look at its strings tells.

    Each of them shows as a backslash, a DEL byte, or in UTF-8 behind 0xC2 (U+0080 to U+009F).
    """
    return b"\\" not in encoded and b"\x7f" not in encoded and b"\xc2" not in encoded


def within(line: Line) -> bool:
    """True: every length and number is within bounds as it is. False may be wrong of a long sentence."""
    shape = _SHAPES[type(line)]
    if max(map(len, shape.strings(line))) > NAME_CHARS_MAX:
        return False
    # One "or" of all integers is negative where any is, and too wide where any is.
    if not 0 <= reduce(or_, shape.integers(line)) <= INTEGER_MAX:
        return False
    for pairs in shape.pairs(line):
        if pairs and not _pairs_within(pairs):
            return False
    if any(shape.records(line)):
        # Rare, so that they are simply brought within.
        return False
    for names in shape.names(line):
        if names and not (len(names) <= NAMES_MAX and max(map(len, names)) <= NAME_CHARS_MAX):
            return False
    return True


def bounded(line: Any) -> Any:
    """The line with everything brought within bounds."""
    return replace(line, **{field.name: _bounded(field.name, getattr(line, field.name)) for field in fields(line)})


def _bounded(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return text(value, CHARS_MAX.get(name, NAME_CHARS_MAX))
    if isinstance(value, int):
        return value if isinstance(value, bool) else min(max(value, 0), INTEGER_MAX)
    if isinstance(value, Mapping):
        of_pair = "message" if name in TEXT_PAIRS else "name"
        pairs = list(value.items())[:PAIRS_MAX]
        return {text(key, NAME_CHARS_MAX): _bounded(of_pair, item) for key, item in pairs}
    if isinstance(value, tuple):
        if value and is_dataclass(value[0]):
            return tuple(map(bounded, value[:RECORDS_MAX]))
        return tuple(text(item, NAME_CHARS_MAX) for item in value[:NAMES_MAX])
    return bounded(value)


def _pairs_within(pairs: Mapping[str, Any]) -> bool:
    if len(pairs) > PAIRS_MAX or max(map(len, pairs)) > NAME_CHARS_MAX:
        return False
    for value in pairs.values():
        if len(value) > NAME_CHARS_MAX if isinstance(value, str) else not 0 <= value <= INTEGER_MAX:
            return False
    return True


class _Shape:
    """What a line holds, sorted by kind of field: one call in C fetches all fields of a kind, nested ones too."""

    def __init__(self, kind: type) -> None:
        paths = list(_paths(kind))
        self.strings = _getter([path for path, hint in paths if hint is str])
        self.integers = _getter([path for path, hint in paths if hint is int])
        self.pairs = _getter([path for path, hint in paths if get_origin(hint) is Mapping])
        self.names = _getter([path for path, hint in paths if _of_many(hint) is str])
        self.records = _getter([path for path, hint in paths if is_dataclass(_of_many(hint))])


def _of_many(hint: Any) -> Any:
    """What a tuple holds; None of what is none."""
    return get_args(hint)[0] if get_origin(hint) is tuple else None


def _paths(kind: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, hint in get_type_hints(kind).items():
        if is_dataclass(hint):
            yield from _paths(hint, f"{prefix}{name}.")
        else:
            yield prefix + name, hint


def _getter(paths: list[str]) -> Callable[[object], tuple[Any, ...]]:
    if len(paths) > 1:
        return attrgetter(*paths)
    if not paths:
        return lambda _: ()
    only = attrgetter(paths[0])
    return lambda line: (only(line),)


_SHAPES: Final = {kind: _Shape(kind) for kind in LINE_TYPES.values()}
