"""Answers of the control plane: JSON and CSV, never cached, exact to the last digit."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.responses import Response

_PLAIN: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula."""


def json_answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = msgspec.json.encode(document)
    return Response(body, status, {**_PLAIN, **(headers or {})}, media_type="application/json")


def csv_answer(columns: Sequence[str], rows: Iterable[Sequence[str | int]], file_name: str) -> Response:
    """RFC 4180, UTF-8. Text that a spreadsheet would run as a formula gets an apostrophe in front; numbers stay as they
    are, and amounts are numbers."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([inert(name) for name in columns])
    writer.writerows(rows)
    headers = {**_PLAIN, "content-disposition": f'attachment; filename="{file_name}"'}
    return Response(out.getvalue().encode(), 200, headers, media_type="text/csv; charset=utf-8")


def inert(text: str) -> str:
    """Text of a CSV cell that no spreadsheet runs."""
    return f"'{text}" if text.startswith(_FORMULA) else text
