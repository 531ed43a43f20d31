"""What a list leaves out is derived, and never zero."""

from fractions import Fraction

import pytest
from hypothesis import given

from proxy.finance.listing import Listing, Variant
from proxy.finance.rates import rates_of
from tests.unit.finance.finance_lists import listing, listings

STANDARD = Variant()
FLEX, BATCH = Variant("flex"), Variant("batches")
LONG = Variant(above=200)

CASES = [
    # what is listed, for which variant, what one kind then costs
    (listing(input_text=100), STANDARD, "cache_read", 100),
    (listing(input_text=100), STANDARD, "cache_write_5m", 100),
    (listing(input_text=100), STANDARD, "cache_write_1h", 200),
    (listing(input_text=100, cache_write_5m=125), STANDARD, "cache_write_1h", 200),
    (listing(input_text=100, cache_write_5m=0), STANDARD, "cache_write_1h", 0),
    (listing(input_text=100, cache_write_1h=150), STANDARD, "cache_write_5m", 100),
    (listing(input_text=100, cache_read=0), STANDARD, "cache_read", 0),
    (listing(input_text=100), STANDARD, "input_audio", 100),
    (listing(input_text=100), STANDARD, "input_image", 100),
    (listing(input_text=100, cache_read=10), STANDARD, "cache_read_audio", 10),
    (listing(input_text=100, cache_read=10, input_audio=800), STANDARD, "cache_read_audio", 80),
    (listing(input_text=0, cache_read=10, input_audio=800), STANDARD, "cache_read_audio", 10),
    (listing(input_text=100, input_audio=800), STANDARD, "cache_read_audio", 800),
    (listing(output_text=500), STANDARD, "reasoning", 500),
    (listing(output_text=500, reasoning=700), STANDARD, "reasoning", 700),
    (listing(output_image=900, output_audio=800), STANDARD, "output_text", 900),
    # a tier: its own rate, else its side's proportion
    (listing(input_text=100, input_text__flex=50, cache_read=10, cache_read__flex=7), FLEX, "cache_read", 7),
    (listing(input_text=100, input_text__flex=50, cache_read=10), FLEX, "cache_read", 5),
    (listing(input_text=100, input_text__flex=50, cache_write_5m=125), FLEX, "cache_write_1h", 100),
    (listing(output_text=400, output_text__flex=200, reasoning=600), FLEX, "reasoning", 300),
    (listing(output_text=400, output_text__flex=200), FLEX, "reasoning", 200),
    (listing(input_text=100, input_text__flex=50, output_text=400), FLEX, "output_text", 400),
    (listing(input_text=100, input_text__flex=50, web_search=9), FLEX, "web_search", 9),
    (listing(input_text__flex=50), FLEX, "input_text", 50),
    (listing(input_text=0, cache_read=10, input_text__flex=50), FLEX, "cache_read", 10),
    # a batch without a cached rate of its own gives no discount on cached tokens
    (listing(input_text=100, input_text__batches=50, cache_read=10), BATCH, "cache_read", 50),
    (listing(input_text=100, input_text__batches=50, cache_read=10, cache_read__batches=5), BATCH, "cache_read", 5),
    # a long prompt
    (listing(input_text=100, input_text___200=300), LONG, "input_text", 300),
    (listing(input_text=100, input_text___200=300), STANDARD, "input_text", 100),
    (listing(input_text=100, input_text___200=300, cache_read=10), LONG, "cache_read", 30),
    (listing(input_text=100, input_text___200=300, cache_read=10, cache_read___200=20), LONG, "cache_read", 20),
    (listing(input_text=100, input_text___100=200), LONG, "input_text", 200),
    (listing(input_text=100, input_text___100=200, input_text___200=300), LONG, "input_text", 300),
    (listing(input_text=100, input_text___200=300, input_text___400=900), LONG, "input_text", 300),
    (listing(input_text___200=300), LONG, "input_text", 300),
    # both at once: as listed, else both proportions
    (listing(input_text=100, input_text__flex=50, input_text___200=300), Variant("flex", 200), "input_text", 150),
    (listing(input_text=0, input_text__flex=50), Variant("flex", 200), "input_text", 50),
    (listing(input_text=100, input_text__flex=50, input_text__flex_200=170), Variant("flex", 200), "input_text", 170),
    (
        listing(input_text=100, input_text__flex=50, input_text___200=300, cache_read=10, cache_read__flex=4),
        Variant("flex", 200),
        "cache_read",
        12,
    ),
]


@pytest.mark.parametrize(("listed", "variant", "kind", "rate"), CASES)
def test_each_kind_has_the_rate_it_is_billed_at(listed: Listing, variant: Variant, kind: str, rate: int) -> None:
    assert rates_of(listed, variant)[kind] == rate


@pytest.mark.parametrize("kind", ["output_audio", "output_image", "web_search"])
def test_what_costs_a_multiple_of_text_is_not_taken_for_text(kind: str) -> None:
    assert kind not in rates_of(listing(input_text=1, output_text=1), STANDARD)


def test_input_says_nothing_of_output() -> None:
    assert "output_text" not in rates_of(listing(input_text=1), STANDARD)
    assert "input_text" not in rates_of(listing(output_text=1), STANDARD)


@given(listings)
def test_a_listing_without_zeros_gives_none(listed: Listing) -> None:
    positive = {variant: {k: r or Fraction(1) for k, r in rates.items()} for variant, rates in listed.rates.items()}
    for variant in positive:
        assert all(rate > 0 for rate in rates_of(Listing("v", "m", "l", positive), variant).values())
