"""Quantity: numbers out of a usage object whose shape nobody guarantees."""

from collections.abc import Iterable
from typing import Any, Final

QUANTITY_MAX: Final = 10**12
"""What any count is taken to be at most: far above any model, and far below what overflows a price."""


def quantity(source: object, *names: str) -> int:
    """The first of the named counts that is there and above zero; 0 for anything but a number."""
    if type(source) is not dict:  # as msgspec makes them; nothing else comes here from an answer
        return 0
    for name in names:
        value = source.get(name)
        if type(value) is int and 0 < value <= QUANTITY_MAX:
            return value
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 1:
            return int(min(value, QUANTITY_MAX))
    return 0


def quantities(source: object, names: Iterable[str]) -> list[int]:
    """Each of the named counts, as `quantity` has it."""
    if type(source) is not dict or not source:
        return [0 for _ in names]
    # Nearly all are numbers as they should be, or aren't there.
    return [
        value if type(value := source.get(name, 0)) is int and 0 <= value <= QUANTITY_MAX else quantity(source, name)
        for name in names
    ]


def apart(total: int, details: Iterable[int]) -> list[int]:
    """What each of the details takes of the total, and what they leave: no more than there is, whatever they say."""
    found = []
    for detail in details:
        taken = min(detail, total)
        total -= taken
        found.append(taken)
    return [*found, total]


def part(source: Any, name: str) -> Any:
    """A nested object; an empty one where there is none."""
    value = source.get(name) if isinstance(source, dict) else None
    return value if isinstance(value, dict) else {}


class Total:
    """A total that its details are taken from: they never add up to more, whatever the details say."""

    def __init__(self, tokens: int) -> None:
        self.left = tokens

    def take(self, tokens: int) -> int:
        taken = min(tokens, self.left)
        self.left -= taken
        return taken
