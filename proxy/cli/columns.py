"""Columns: what of a table fits a terminal. A figure is whole or it is left out; only names are folded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len

GAP: Final = 3
"""Characters between two columns."""
NAME_CHARS_MIN: Final = 12
"""A longer name is folded down to so many characters a line, and no further."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    cells: Sequence[str]
    footer: str = ""
    figure: bool = True
    """Figures stand right and in one line; names stand left and may be folded."""
    spare: int = 0
    """0: stays whatever happens. Of the others the one with the highest number goes first."""

    @property
    def width_min(self) -> int:
        """Characters in the terminal that it can't do without."""
        natural = max(map(cell_len, (self.name, self.footer, *self.cells)))
        return natural if self.figure else min(natural, NAME_CHARS_MIN)


def width_min(columns: Sequence[Column]) -> int:
    return sum(column.width_min for column in columns) + GAP * (len(columns) - 1)


def fitted(columns: Sequence[Column], width: int) -> tuple[Column, ...]:
    """The columns that fit side by side, in their order; those that stay whatever happens may still be wider."""
    kept = list(columns)
    while width_min(kept) > width and any(column.spare for column in kept):
        kept.remove(max(kept, key=lambda column: column.spare))
    return tuple(kept)
