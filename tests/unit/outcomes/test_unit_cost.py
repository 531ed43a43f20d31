"""What a credited deployment cost: told as surely as it is known."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from proxy.outcomes.index import Credited
from proxy.outcomes.unit_cost import unit_cost

USD = 10**12


def earned(credits_: int, credited: float | None = None) -> Credited:
    return Credited(Fraction(credits_), float(credits_) if credited is None else credited, 1.0, Fraction(0))


def test_the_cost_is_all_that_may_be_its_over_what_is_credited() -> None:
    found = unit_cost(80 * USD, 20 * USD, earned(10))
    assert (found.basis, found.cost) == ("chance", Decimal("10.000000"))
    # Of a Poisson count of 10, the exact limits are 4.795 and 18.390.
    assert found.low is not None
    assert found.high is not None
    assert abs(found.low - Decimal(100) / Decimal("18.3904")) < Decimal("0.001")
    assert abs(found.high - Decimal(100) / Decimal("4.7954")) < Decimal("0.001")


def test_under_seven_tenths_attributed_there_is_a_range_alone() -> None:
    found = unit_cost(69 * USD, 31 * USD, earned(10))
    assert (found.basis, found.cost, found.low, found.high) == (
        "attribution", None, Decimal("6.900000"), Decimal("10.000000"),
    )  # fmt: skip
    assert unit_cost(70 * USD, 30 * USD, earned(10)).basis == "chance"


def test_of_few_credits_without_a_baseline_and_without_spend_nothing_is_told() -> None:
    assert unit_cost(USD, 0, earned(4)).basis == "too few"
    assert unit_cost(USD, 0, earned(10, 0.0)).basis == "no baseline"
    assert unit_cost(0, 0, earned(10)).basis == "nothing spent"


def test_credits_that_are_not_in_the_cost_make_it_no_surer() -> None:
    """Of a hundred credits ninety are of services without a baseline."""
    some = Credited(Fraction(100), 10.0, 1.0, Fraction(90))
    assert unit_cost(80 * USD, 20 * USD, some) == unit_cost(80 * USD, 20 * USD, earned(10))
    assert unit_cost(USD, 0, Credited(Fraction(100), 4.0, 1.0, Fraction(96))).basis == "too few"


AMOUNTS = st.integers(0, 10**18)


def whole(attributed: int, rest: int, credits_: int) -> Decimal:
    """With all that may be its: the cost, or where it isn't told the upper end of its range."""
    found = unit_cost(attributed, rest, earned(credits_))
    return found.cost if found.cost is not None else found.high or Decimal(0)


@given(AMOUNTS, AMOUNTS, AMOUNTS, st.integers(5, 500))
def test_more_spend_never_makes_a_deployment_cheaper(attributed: int, rest: int, more: int, credits_: int) -> None:
    """P17: whatever it is attributed to."""
    before = whole(attributed, rest, credits_)
    assert before <= whole(attributed + more, rest, credits_)
    assert before <= whole(attributed, rest + more, credits_)


@given(AMOUNTS, AMOUNTS, st.integers(5, 500))
def test_leaving_out_what_names_the_work_makes_nothing_cheaper(part: int, rest: int, credits_: int) -> None:
    """What was attributed and no longer is stays in the cost."""
    assert whole(part + rest, 0, credits_) == whole(rest, part, credits_)
