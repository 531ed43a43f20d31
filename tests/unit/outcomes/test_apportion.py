"""P14: parts sum exactly, each within a unit of its share, whatever the order and the sign."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from proxy.outcomes.apportion import apportion, evenly

AMOUNTS = st.integers(-(10**18), 10**18)
WEIGHTS = st.dictionaries(st.text(max_size=4), st.integers(1, 10**9), min_size=1, max_size=12)


@given(AMOUNTS, WEIGHTS)
def test_parts_sum_to_the_amount_and_each_is_within_a_unit(amount: int, weights: dict[str, int]) -> None:
    parts = apportion(amount, weights)
    assert sum(parts.values()) == amount
    whole = sum(weights.values())
    for name, part in parts.items():
        assert abs(part - Fraction(amount * weights[name], whole)) < 1


@given(AMOUNTS, WEIGHTS, st.randoms())
def test_neither_order_nor_sign_changes_a_part(amount: int, weights: dict[str, int], chance: object) -> None:
    names = list(weights)
    chance.shuffle(names)  # type: ignore[attr-defined]
    assert apportion(amount, {name: weights[name] for name in names}) == apportion(amount, weights)
    assert apportion(-amount, weights) == {name: -part for name, part in apportion(amount, weights).items()}


def test_the_first_by_name_gets_the_odd_unit() -> None:
    assert evenly(10, ("c", "a", "b")) == {"a": 4, "b": 3, "c": 3}
