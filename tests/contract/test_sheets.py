"""Every file format gives back what went in: text as text, counts as counts, money to the last digit it can hold."""

import io
from decimal import Decimal

import duckdb
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.charts_matplotlib import picture
from proxy.adapters.sheets_parquet import ParquetWriter
from proxy.adapters.sheets_xlsx import XlsxWriter
from proxy.ledger.charts import Chart, Series
from proxy.model.money import PICO_PER_USD
from proxy.ports.sheets import Column, ColumnType, Sheet

COLUMNS = (
    Column("name"),
    Column('a "quoted", name'),
    Column("calls", ColumnType.WHOLE),
    Column("cost_usd", ColumnType.MONEY),
)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)
whole = st.integers(-(2**53), 2**53)
rows = st.lists(st.tuples(texts, texts, whole, st.integers(-(10**27), 10**27)), max_size=8)
ODD = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\\N",
    "NULL",
    "",
    " ",
    "'",
    '"',
    "{=A1}",
    "1",
    "1.5",
    "true",
    "https://a.example/",
    "\u2028",
]


@settings(max_examples=25)
@given(rows)
def test_parquet_gives_back_every_digit_and_character(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("parquet") / "x.parquet"
    path.write_bytes(ParquetWriter().write(Sheet("x", COLUMNS, rows, {"definition": "it's"})))
    with duckdb.connect() as base:
        found = base.execute("SELECT * FROM read_parquet($file)", {"file": str(path)}).fetchall()
    assert found == [(*row[:3], Decimal(row[3]).scaleb(-12)) for row in rows]


@pytest.mark.parametrize("text", ODD)
def test_text_stays_text_in_a_workbook(text):
    content = XlsxWriter().write(Sheet("x", COLUMNS, [[text, text, 1, PICO_PER_USD]]))
    cell = openpyxl.load_workbook(io.BytesIO(content))["Report"]["A2"]
    assert cell.data_type in ("s", "n")
    assert (cell.value or "") == text
    assert cell.data_type == "s" or not text
    assert cell.hyperlink is None


@settings(max_examples=25)
@given(st.lists(st.tuples(st.just("x"), st.just("y"), whole, st.integers(-(10**15), 10**15)), max_size=8))
def test_a_workbook_holds_fifteen_digits(rows):
    page = openpyxl.load_workbook(io.BytesIO(XlsxWriter().write(Sheet("x", COLUMNS, rows))))["Report"]
    found = list(page.iter_rows(min_row=2, values_only=True))
    assert [row[2] for row in found] == [row[2] for row in rows]
    for (*_, usd), (*_, pico) in zip(found, rows, strict=True):
        assert round(Decimal(str(usd)), 12) == pytest.approx(Decimal(pico).scaleb(-12), rel=Decimal("1e-14"))


def test_a_sheet_without_rows_is_a_whole_file():
    assert openpyxl.load_workbook(io.BytesIO(XlsxWriter().write(Sheet("x", COLUMNS, []))))["Report"].max_row == 1
    assert ParquetWriter().write(Sheet("x", COLUMNS, [])).startswith(b"PAR1")


@pytest.mark.parametrize("over_time", [True, False])
@pytest.mark.parametrize(
    "name", ["checkout", "$x^2$", "_hidden", "<script>alert(1)</script>", "\N{GRINNING FACE}", "x" * 300, ""]
)
def test_a_picture_takes_any_name_and_shows_it_as_text(over_time, name):
    series = (Series(name, (1, 2)), Series("other", (0, 5)))
    chart = Chart("Spend", "March", ("one", name), series, over_time)
    drawn = picture(chart, "svg").decode()
    assert "<script" not in drawn
    assert drawn == picture(chart, "svg").decode()
    assert picture(chart, "png").startswith(b"\x89PNG")


def test_an_empty_chart_says_so():
    for labels, values in (((), ()), (("a", "b"), (0, 0))):
        for over_time in (True, False):
            chart = Chart("Spend", "", labels, (Series("spend", values),), over_time)
            assert "Nothing was spent in this period" in picture(chart, "svg").decode()


def test_what_a_reader_must_know_stands_below_the_chart():
    chart = Chart("Spend", "", ("a",), (Series("spend", (1,)),), True, ("2 of 3 calls <estimated>.",))
    assert "2 of 3 calls &lt;estimated&gt;." in picture(chart, "svg").decode()
