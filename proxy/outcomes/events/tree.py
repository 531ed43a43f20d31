"""Tree: what a source sent as JSON, read leniently: what is missing or of another type is empty, never an error."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

CHARS_MAX: Final = 200
"""Of a name, as the journal keeps it."""


@dataclass(frozen=True, slots=True)
class Tree:
    value: Any

    def at(self, *path: str) -> "Tree":
        value = self.value
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return Tree(value)

    def text(self, *path: str) -> str:
        """A text of whatever length, only to be searched."""
        value = self.at(*path).value
        return value if isinstance(value, str) else ""

    def name(self, *path: str) -> str:
        """A name or id: numbers as their digits, cut to CHARS_MAX."""
        value = self.at(*path).value
        if isinstance(value, bool) or not isinstance(value, str | int):
            return ""
        return str(value)[:CHARS_MAX].strip()

    def items(self, *path: str) -> Iterator["Tree"]:
        value = self.at(*path).value
        return map(Tree, value if isinstance(value, list) else ())

    def __bool__(self) -> bool:
        """Whether there is an object with anything in it."""
        return isinstance(self.value, dict) and bool(self.value)


def named(text: str) -> str:
    """A name as it may stand in a list: lists are joined by blanks."""
    return "-".join(text[: CHARS_MAX * 2].split())[:CHARS_MAX]
