"""Parquet: a report with exact types: text, 64-bit counts, amounts in US dollars as DECIMAL(38, 12)."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb
import msgspec

from proxy.model.money import pico_to_usd
from proxy.ports.sheets import Cell, ColumnType, Sheet

_TYPES: Final = {ColumnType.TEXT: "VARCHAR", ColumnType.WHOLE: "BIGINT", ColumnType.MONEY: "DECIMAL(38,12)"}
_READ: Final = "read_json($file, format = 'newline_delimited', maximum_object_size = 4194304, columns = {columns})"


class ParquetWriter:
    media_type = "application/vnd.apache.parquet"
    suffix = "parquet"

    def write(self, sheet: Sheet) -> bytes:
        with tempfile.TemporaryDirectory(prefix="outlay-") as folder, duckdb.connect(":memory:") as base:
            source, target = Path(folder, "rows.jsonl"), Path(folder, "rows.parquet")
            source.write_bytes(b"".join(_line(sheet, row) for row in sheet.rows))
            types = [_TYPES[column.type] for column in sheet.columns]
            read = ", ".join(f"c{place}: {_quoted(kind)}" for place, kind in enumerate(types))
            named = ", ".join(f'c{place} AS "{_doubled(column.name)}"' for place, column in enumerate(sheet.columns))
            # Staged in two steps, because COPY takes no parameters.
            base.execute(
                f"CREATE TABLE sheet AS SELECT {named} FROM {_READ.replace('{columns}', f'{{{read}}}')}",  # noqa: S608  # quoted
                {"file": str(source)},
            )
            about = ", ".join(f"{_quoted(name)}: {_quoted(text)}" for name, text in sheet.about.items())
            metadata = f", KV_METADATA {{{about}}}" if about else ""
            base.execute(f"COPY sheet TO {_quoted(str(target))} (FORMAT parquet, COMPRESSION zstd{metadata})")
            return target.read_bytes()


def _line(sheet: Sheet, row: Sequence[Cell]) -> bytes:
    cells = zip(sheet.columns, row, strict=True)
    exact = {f"c{place}": _exact(column.type, cell) for place, (column, cell) in enumerate(cells)}
    return msgspec.json.encode(exact) + b"\n"


def _exact(kind: ColumnType, cell: Cell) -> Cell:
    return pico_to_usd(cell) if kind is ColumnType.MONEY and isinstance(cell, int) else cell


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _doubled(text: str) -> str:
    return text.replace('"', '""')
