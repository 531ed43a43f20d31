"""What lines have, and the number that says so."""

from dataclasses import fields, is_dataclass
from hashlib import sha256
from typing import Any, get_args, get_type_hints

from proxy.journal.lines import LINE_TYPES, SHAPE

SHAPES = {1: "7c42a451c5e0f6a6"}
"""SHAPE -> the hash of all fields that lines have with it. What was once released is never changed here."""


def fields_of(kind: Any, seen: frozenset[Any] = frozenset()) -> list[str]:
    """Paths of all fields, those of what stands in them too."""
    if not is_dataclass(kind):
        return [path for each in get_args(kind) for path in fields_of(each, seen)]
    if kind in seen:
        return []
    hints = get_type_hints(kind)
    return [
        f"{each.name}{'.' if path else ''}{path}"
        for each in fields(kind)
        for path in ["", *fields_of(hints[each.name], seen | {kind})]
    ]


def test_a_field_that_lines_get_raises_their_shape() -> None:
    """Else a ledger that was upgraded behind its gateways wouldn't know that it has to load their lines anew."""
    found = [f"{name}.{path}" for name, kind in LINE_TYPES.items() for path in fields_of(kind)]
    assert "settled.call.tags" in found
    hashed = sha256("\n".join(sorted(found)).encode()).hexdigest()[:16]
    assert SHAPES.get(SHAPE) == hashed, f"raise SHAPE in proxy/journal/lines.py, and add its hash here: {hashed!r}"
