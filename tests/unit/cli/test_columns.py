import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.columns import NAME_CHARS_MIN, Column, fitted, width_min

COLUMNS = (
    Column("project", ["a-project-with-a-long-name"], "total", figure=False),
    Column("calls", ["1,234"], "1,234"),
    Column("cache read", ["5"], "5", spare=1),
    Column("reasoning", ["7"], "7", spare=2),
    Column("cost USD", ["101.585391"], "101.585391"),
)


def names(columns):
    return [column.name for column in columns]


@pytest.mark.parametrize(
    ("width", "left_out"),
    [
        (58, set()),
        (57, {"reasoning"}),
        (46, {"reasoning"}),
        (45, {"reasoning", "cache read"}),
        (1, {"reasoning", "cache read"}),
    ],
)
def test_what_a_terminal_can_go_without_goes_first(width, left_out):
    assert set(names(COLUMNS)) - set(names(fitted(COLUMNS, width))) == left_out


def test_a_figure_needs_its_whole_width_and_a_name_can_be_folded():
    assert Column("calls", ["1,234,567"]).width_min == 9
    assert Column("n", ["x" * 100], figure=False).width_min == NAME_CHARS_MIN
    assert Column("n", ["短い"], figure=False).width_min == 4


@given(st.integers(1, 120))
def test_what_is_kept_stands_in_its_order_and_fits_where_it_can(width):
    kept = fitted(COLUMNS, width)
    assert names(kept) == [name for name in names(COLUMNS) if name in names(kept)]
    assert width_min(kept) <= width or not any(column.spare for column in kept)
