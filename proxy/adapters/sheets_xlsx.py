"""XLSX: a report as a workbook that opens ready to work with.

Numbers are numbers, the header stays in sight, every column can be filtered. Text is written as text, so that no cell
is ever a formula, whatever it begins with. Spreadsheets count in 64-bit floats, about 15 digits: amounts that need more
are exact in CSV, JSON and Parquet, which the sheet 'About' says.
"""

import io
from typing import Final

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from proxy.model.money import PICO_PER_USD
from proxy.ports.sheets import Cell, Column, ColumnType, Sheet

WIDTH_MAX: Final = 60
WIDTH_MIN: Final = 8
ROWS_MEASURED: Final = 1000
"""How many rows a column's width is taken from."""
TEXT_CHARS_MAX: Final = 32_767
"""What a cell holds (Excel's specification)."""
_FORMATS: Final = {
    ColumnType.TEXT: {},
    ColumnType.WHOLE: {"num_format": "#,##0"},
    ColumnType.MONEY: {"num_format": "#,##0.00##########"},
}
_PRECISION: Final = (
    "Spreadsheets keep about 15 digits of a number. Amounts that need more are exact in CSV, JSON and Parquet."
)


class XlsxWriter:
    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    suffix = "xlsx"

    def write(self, sheet: Sheet) -> bytes:
        out = io.BytesIO()
        with xlsxwriter.Workbook(out, {"in_memory": True, "constant_memory": True}) as book:
            if sheet.made is not None:
                book.set_properties({"created": sheet.made})
            bold = book.add_format({"bold": True, "bottom": 1})
            formats = [book.add_format(_FORMATS[column.type]) for column in sheet.columns]
            _rows(book.add_worksheet("Report"), sheet, bold, formats)
            _about(book.add_worksheet("About"), sheet, bold)
        return out.getvalue()


def _rows(page: Worksheet, sheet: Sheet, bold: Format, formats: list[Format]) -> None:
    for place, column in enumerate(sheet.columns):
        page.set_column(place, place, _width(sheet, place))
        page.write_string(0, place, column.name, bold)
    page.freeze_panes(1, 0)
    if sheet.columns:
        page.autofilter(0, 0, len(sheet.rows), len(sheet.columns) - 1)
    for number, row in enumerate(sheet.rows, start=1):
        for place, (column, form, cell) in enumerate(zip(sheet.columns, formats, row, strict=True)):
            _cell(page, number, place, column, form, cell)


def _cell(page: Worksheet, number: int, place: int, column: Column, form: Format, cell: Cell) -> None:
    if isinstance(cell, str):
        page.write_string(number, place, cell[:TEXT_CHARS_MAX])
    elif column.type is ColumnType.MONEY:
        page.write_number(number, place, cell / PICO_PER_USD, form)
    else:
        page.write_number(number, place, cell, form)


def _about(page: Worksheet, sheet: Sheet, bold: Format) -> None:
    page.set_column(0, 0, 16)
    page.set_column(1, 1, 120)
    for number, (name, text) in enumerate({**sheet.about, "precision": _PRECISION}.items()):
        page.write_string(number, 0, name, bold)
        page.write_string(number, 1, text[:TEXT_CHARS_MAX])


def _width(sheet: Sheet, place: int) -> float:
    column = sheet.columns[place]
    shown = 20 if column.type is ColumnType.MONEY else 12
    if column.type is ColumnType.TEXT:
        shown = max((len(str(row[place])) for row in sheet.rows[:ROWS_MEASURED]), default=0)
    return float(min(WIDTH_MAX, max(WIDTH_MIN, shown, len(column.name)) + 2))
