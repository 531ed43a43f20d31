from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.money import PICO_PER_USD, RATE_UNITS, cost_of, pico_to_usd, rate_from_usd


@given(st.integers(-(10**24), 10**24))
def test_an_amount_survives_the_way_to_text_and_back(pico: int) -> None:
    assert Decimal(pico_to_usd(pico)) * PICO_PER_USD == pico


@pytest.mark.parametrize(
    ("pico", "text"),
    [
        (0, "0.00"),
        (PICO_PER_USD, "1.00"),
        (12_500_000_000, "0.0125"),
        (1, "0.000000000001"),
        (-1_500_000_000_000, "-1.50"),
    ],
)
def test_amounts_read_as_people_write_them(pico: int, text: str) -> None:
    assert pico_to_usd(pico) == text


@given(st.integers(0, 10**9), st.integers(0, 10**12))
def test_a_cost_is_rounded_half_even_and_never_off_by_more_than_half_a_pico(quantity: int, rate: int) -> None:
    exact = Decimal(quantity) * Decimal(rate) / RATE_UNITS
    assert cost_of(quantity, rate) == int(exact.to_integral_value())


def test_a_published_price_becomes_an_exact_cost() -> None:
    # 3 USD a million tokens, 1,234 tokens.
    assert pico_to_usd(cost_of(1234, rate_from_usd("0.000003"))) == "0.003702"


def test_a_price_with_a_discount_stays_exact() -> None:
    # 0.01875 USD a million with 7 % off: not a whole number of pico-dollars a token, and exact over a million.
    rate = rate_from_usd(Decimal("0.01875") / 10**6 * Decimal("0.93"))
    assert pico_to_usd(cost_of(1_000_000, rate)) == "0.0174375"
