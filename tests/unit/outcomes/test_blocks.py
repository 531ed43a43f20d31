"""Blocks of services: all have enough persons, and as little as possible is lost by joining."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.outcomes.blocks import blocks


@given(st.lists(st.integers(0, 255), min_size=1, max_size=8), st.integers(1, 6), st.lists(st.integers(1, 255)))
def test_they_are_a_partition_with_enough_in_each(people: list[int], persons_min: int, asked: list[int]) -> None:
    everything = (1 << len(people)) - 1
    single = {1 << at: each for at, each in enumerate(people)}
    found = blocks(single, dict.fromkeys((each & everything for each in asked), 2), persons_min)
    if found is None:
        assert sum(1 << bit for bit in range(8) if any(each >> bit & 1 for each in people)).bit_count() < persons_min
        return
    assert sum(found) == everything
    for block in found:
        inside = [each for service, each in single.items() if service & block]
        assert sum(1 << bit for bit in range(8) if any(each >> bit & 1 for each in inside)).bit_count() >= persons_min


def test_what_has_enough_stays_alone() -> None:
    assert blocks({1: 0b11, 2: 0b1100, 4: 0b11}, {}, 2) == (1, 2, 4)


def test_it_is_joined_where_the_least_is_lost() -> None:
    people = {1: 0b1, 2: 0b11, 4: 0b11, 8: 0b11}
    assert blocks(people, {0b0101: 3, 0b1010: 3}, 2) == (2, 5, 8)
    assert blocks(people, {0b0110: 3, 0b1001: 3}, 2) == (2, 4, 9)
    # Of equals, the first.
    assert blocks(people, {}, 2) == (3, 4, 8)
