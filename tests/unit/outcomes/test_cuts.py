"""How many persons are behind what follows from rows and columns: never more than truly are."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from proxy.outcomes.cuts import behind, tells_of_enough

people = st.integers(0, 255)


@given(st.lists(st.tuples(people, people), max_size=6))
def test_no_choice_of_sides_has_fewer(sides: list[tuple[int, int]]) -> None:
    fewest = min(
        sum(1 << bit for bit in range(8) if any(side >> bit & 1 for side in choice)).bit_count()
        for choice in product(*sides)
    )
    assert behind(sides) <= fewest


@given(people, people)
def test_of_one_row_it_is_the_smaller_side(one: int, other: int) -> None:
    assert behind([(one, other)]) == min(one.bit_count(), other.bit_count())


def test_who_is_on_both_sides_somewhere_counts_once() -> None:
    assert behind([(0b011, 0b001), (0b001, 0b100), (0b001, 0b101)]) == 1
    assert behind([(0b01, 0b10), (0b10, 0b01)]) == 1


def test_each_cut_has_to_have_enough_or_be_known() -> None:
    rows = [[0b111, 0b111, 0b001]]
    assert tells_of_enough(rows, 3, 1, lambda _: False)
    assert not tells_of_enough(rows, 3, 2, lambda _: False)
    # The third column alone: the first two on one side.
    assert tells_of_enough(rows, 3, 2, lambda cut: cut == 0b011)
    assert tells_of_enough([], 1, 5, lambda _: False)
