"""Association of two weekly figures: not below 26 weeks, and never without its interval."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.outcomes.association import WEEKS_MIN, association

WEEKS = st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 50)), min_size=WEEKS_MIN, max_size=80)


def test_nothing_is_told_below_26_weeks_or_where_nothing_changes() -> None:
    rising = [float(week) for week in range(WEEKS_MIN - 1)]
    assert association(rising, rising) is None
    assert association([1.0] * 30, [float(week) for week in range(30)]) is None


@given(WEEKS)
def test_the_interval_holds_the_coefficient(weeks: list[tuple[float, float]]) -> None:
    found = association([first for first, _ in weeks], [second for _, second in weeks])
    if found:
        assert -1 <= found.low <= found.coefficient + 1e-9
        assert found.coefficient - 1e-9 <= found.high <= 1


def test_an_interval_is_that_of_fishers_transformation() -> None:
    """r = 0.5 of 28 weeks: 0.156 to 0.736 (z = 0.5493, its error 1/5)."""
    first = [1.0, -1.0] * 14
    second = [1.0, -1.0, 1.0, 1.0] * 7
    found = association(first, second)
    assert found is not None
    assert abs(found.coefficient - 0.57735) < 1e-4
    assert (round(found.low, 3), round(found.high, 3)) == (0.260, 0.782)
