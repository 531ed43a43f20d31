"""Answers of the control plane: JSON, CSV and other files, never cached, exact to the last digit."""

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from proxy.ledger.selection import ParameterError
from proxy.model.money import pico_to_usd
from proxy.ports.sheets import Cell, Column, ColumnType, Sheet, SheetWriter

FORMATS: Final = ("json", "csv", "parquet", "xlsx")
"""In which every table can be had."""

_PLAIN: Final = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    # A picture opened in a browser runs and fetches nothing, and no page of another site can frame an answer.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
}
PICTURE_TYPES: Final = {"svg": "image/svg+xml", "png": "image/png"}
_FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A spreadsheet takes a cell that begins so for a formula; in some countries the wide forms too, and some skip blanks
before (https://owasp.org/www-community/attacks/CSV_Injection)."""


def format_of(request: Request, formats: Sequence[str] = FORMATS) -> tuple[str, list[tuple[str, str]]]:
    """The format asked for, and the other parameters. Raises ParameterError."""
    parameters = request.query_params.multi_items()
    asked = [value for name, value in parameters if name == "format"] or ["json"]
    if len(asked) > 1 or asked[0] not in formats:
        raise ParameterError("format", f"there are {', '.join(formats[:-1])} and {formats[-1]}")
    return asked[0], [(name, value) for name, value in parameters if name != "format"]


async def table_answer(
    document: dict[str, Any], sheet: Sheet, format_: str, writers: Mapping[str, SheetWriter]
) -> Response:
    """A table in the format asked for. `writers`: by format; JSON and CSV are made here."""
    if format_ == "json":
        return json_answer(document)
    if format_ == "csv":
        return csv_answer(sheet)
    writer = writers[format_]
    return file_answer(await asyncio.to_thread(writer.write, sheet), writer.media_type, f"{sheet.name}.{format_}")


def json_answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = msgspec.json.encode(document)
    return Response(body, status, {**_PLAIN, **(headers or {})}, media_type="application/json")


def csv_answer(sheet: Sheet) -> Response:
    """RFC 4180, UTF-8. Text that a spreadsheet would run as a formula gets an apostrophe in front; numbers stay as they
    are, and amounts are numbers."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([inert(column.name) for column in sheet.columns])
    writer.writerows(
        [_cell(column, cell) for column, cell in zip(sheet.columns, row, strict=True)] for row in sheet.rows
    )
    return file_answer(out.getvalue().encode(), "text/csv; charset=utf-8", f"{sheet.name}.csv")


def file_answer(content: bytes, media_type: str, file_name: str = "") -> Response:
    """A file to keep; without a name, one to look at."""
    disposition = {"content-disposition": f'attachment; filename="{file_name}"'} if file_name else {}
    return Response(content, 200, {**_PLAIN, **disposition}, media_type=media_type)


def _cell(column: Column, cell: Cell) -> Cell:
    if isinstance(cell, str):
        return inert(cell)
    return pico_to_usd(cell) if column.type is ColumnType.MONEY else cell


def inert(text: str) -> str:
    """Text of a CSV cell that no spreadsheet runs."""
    return f"'{text}" if text.startswith(("\t", "\r", "\n")) or text.lstrip().startswith(_FORMULA) else text
