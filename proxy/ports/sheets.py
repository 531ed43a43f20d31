"""Sheets: the rows of a report with the types of their columns, for whoever writes them into a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

Cell = str | int


class ColumnType(StrEnum):
    TEXT = "text"
    WHOLE = "whole"
    """A count."""
    MONEY = "money"
    """Pico-dollars in the cell, dollars in the file."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: ColumnType = ColumnType.TEXT


@dataclass(frozen=True, slots=True)
class Sheet:
    name: str
    """Of the report: 'spend'."""
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    about: Mapping[str, str] = field(default_factory=dict)
    """What a reader must know: period, definition, notes. For formats that have a place for it."""
    made: datetime | None = None
    """When, for formats that say so; None: as it is written. Of equal sheets with a time the files are equal."""


class SheetWriter(Protocol):
    """One file format."""

    media_type: str
    suffix: str

    def write(self, sheet: Sheet) -> bytes:
        """The whole file. Takes time with many rows: call it in a thread."""
        ...
