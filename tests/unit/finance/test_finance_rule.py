"""Own prices and discounts: which one applies, and to what."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import permutations

import pytest

from proxy.finance.listing import Variant
from proxy.finance.rates import rates_of
from proxy.finance.rule import Rule, by_precedence, overlaid
from tests.unit.finance.finance_lists import listing


def own(**rates: int) -> Mapping[str, Fraction]:
    return {kind: Fraction(rate) for kind, rate in rates.items()}


def test_an_interval_begins_with_its_first_moment_and_ends_before_its_last() -> None:
    rule = Rule("r", "*", "*", from_us=10, to_us=20)
    assert [rule.in_force(at_us) for at_us in (9, 10, 19, 20)] == [False, True, True, False]
    assert Rule("r", "*", "*").in_force(-(10**18))


@pytest.mark.parametrize(
    ("provider", "model", "covered"),
    [
        ("openai", "gpt-5", True),
        ("*", "gpt-*", True),
        ("open*", "*", True),
        ("openai", "gpt-5-2025-08-07", True),
        ("openai", "gpt", False),
        ("anthropic", "gpt-5", False),
    ],
)
def test_a_rule_covers_the_names_its_globs_match(provider: str, model: str, covered: bool) -> None:
    assert Rule("r", provider, model).covers("openai", ["gpt-5-2025-08-07", "gpt-5"]) is covered


def test_the_most_specific_rule_comes_first_whatever_the_order_of_the_file() -> None:
    rules = [
        Rule("named", "openai", "gpt-5"),
        Rule("narrow glob", "openai", "gpt-5*"),
        Rule("wide glob", "openai", "gpt*", from_us=99),
        Rule("all of it", "openai", "*"),
        Rule("any provider's", "*", "gpt-5", from_us=99),
        Rule("anything", "*", "*", from_us=99),
    ]
    for order in permutations(rules):
        assert list(by_precedence(order)) == rules


def test_of_two_equal_rules_the_one_that_began_later_comes_first_then_the_one_written_later() -> None:
    old, new, newer = (Rule(name, "*", "m", from_us=at) for name, at in (("old", None), ("new", 5), ("newer", 5)))
    assert by_precedence([newer, old]) == (newer, old)
    assert by_precedence([new, old, newer]) == (newer, new, old)


def test_what_a_rule_does_not_name_keeps_its_list_price() -> None:
    changed = overlaid(listing(input_text=100, cache_read=10, output_text=400), own(input_text=60))
    assert rates_of(changed, Variant())["input_text"] == 60
    assert rates_of(changed, Variant())["cache_read"] == 10
    assert rates_of(changed, Variant())["output_text"] == 400


def test_what_is_derived_from_an_own_rate_follows_it() -> None:
    changed = overlaid(listing(input_text=100, output_text=400), own(input_text=60, output_text=300))
    assert rates_of(changed, Variant())["cache_read"] == 60
    assert rates_of(changed, Variant())["reasoning"] == 300


def test_tiers_and_long_prompts_keep_their_proportion_to_an_own_rate() -> None:
    listed = listing(input_text=100, input_text__flex=50, input_text___200=300)
    changed = overlaid(listed, own(input_text=60))
    assert rates_of(changed, Variant("flex"))["input_text"] == 30
    assert rates_of(changed, Variant(above=200))["input_text"] == 180


def test_an_own_rate_of_zero_is_free_in_every_tier() -> None:
    changed = overlaid(listing(input_text=100, input_text__flex=50), own(input_text=0))
    assert rates_of(changed, Variant("flex"))["input_text"] == 0


def test_an_own_rate_stands_where_the_list_has_only_a_tier() -> None:
    changed = overlaid(listing(input_text__flex=50), own(input_text=60))
    assert rates_of(changed, Variant("flex"))["input_text"] == 60


def test_a_free_model_takes_the_own_rate_in_every_tier() -> None:
    changed = overlaid(listing(input_text=0, input_text__flex=0), own(input_text=60))
    assert rates_of(changed, Variant("flex"))["input_text"] == 60
