import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ports.sheets import Column, ColumnType, Sheet
from proxy.web.control_answers import csv_answer, file_answer, inert, json_answer


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\n=1", " =1", "\uff1d1", " \uff20x"])
def test_text_that_a_spreadsheet_would_run_is_made_inert(text):
    assert inert(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "checkout", "a=b", "1-2", "é"])
def test_other_text_stays_as_it_is(text):
    assert inert(text) == text


cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=20)


@given(st.lists(st.tuples(cells, st.integers()), max_size=10))
def test_a_table_comes_back_from_csv_as_it_went_in(rows):
    answer = csv_answer(Sheet("x", [Column("name"), Column("number", ColumnType.WHOLE)], rows))
    read = list(csv.reader(io.StringIO(answer.body.decode(), newline="")))
    assert read == [["name", "number"], *([inert(name), str(number)] for name, number in rows)]


@pytest.mark.parametrize(
    "answer", [json_answer({"a": "<b>"}), file_answer(b"<svg/>", "image/svg+xml"), csv_answer(Sheet("s", [], []))]
)
def test_no_answer_runs_anything_in_a_browser(answer):
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "frame-ancestors 'none'", "sandbox"} <= set(policy)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
