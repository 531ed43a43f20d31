"""Quantities: whole, never negative, never above their total."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.quantity import QUANTITY_MAX, Total, part, quantity

anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())


@given(st.dictionaries(st.sampled_from("ab"), anything) | anything)
def test_anything_gives_a_whole_number_within_bounds(source: object) -> None:
    assert 0 <= quantity(source, "a", "b") <= QUANTITY_MAX
    assert isinstance(quantity(source, "a", "b"), int)


def test_the_first_name_that_is_there_counts() -> None:
    assert quantity({"a": 0, "b": 7}, "a", "b") == 7
    assert quantity({"a": 3, "b": 7}, "a", "b") == 3
    assert quantity({"a": True, "b": "7"}, "a", "b") == 0


def test_a_part_is_an_object_or_empty() -> None:
    assert part({"a": {"b": 1}}, "a") == {"b": 1}
    assert part({"a": None}, "a") == part({"a": [1]}, "a") == part(None, "a") == {}


@given(st.integers(0, 1000), st.lists(st.integers(0, 1000)))
def test_details_never_add_up_to_more_than_their_total(tokens: int, details: list[int]) -> None:
    total = Total(tokens)
    taken = [total.take(detail) for detail in details]
    assert sum(taken) + total.left == tokens
    assert all(0 <= took <= detail for took, detail in zip(taken, details, strict=True))
