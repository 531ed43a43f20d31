"""The laws of the price book."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.finance.listing import Listing, Variant, Vendor
from proxy.finance.price import Ceiling
from proxy.finance.pricebook import NAME_CHARS_MAX, QUOTES_MAX, PriceBook
from proxy.finance.rule import Rule
from proxy.model.money import cost_of
from proxy.model.usage import KINDS, Served, Usage
from tests.unit.finance.finance_lists import FakeList, listing, listings, usages

M = 10**12
"""A rate of a dollar per million."""
NOW = int(datetime(2026, 10, 21, tzinfo=UTC).timestamp()) * 1_000_000
VENDORS = {"p": Vendor("v")}
tiers = st.sampled_from(["", "default", "flex", "batch", "scale"])


def book_of(*listed: Listing, rules: tuple[Rule, ...] = ()) -> PriceBook:
    return PriceBook(FakeList(*listed), VENDORS, rules)


@given(listings, usages, tiers)
def test_the_kinds_sum_to_the_total_exactly(listed: Listing, usage: Usage, tier: str) -> None:
    cost = book_of(listed).cost("p", "m", NOW, usage, Served(service_tier=tier))
    assert sum(cost.by_kind.values()) == cost.total_pico
    assert all(amount > 0 for amount in cost.by_kind.values())
    assert all(getattr(usage, kind) for kind in cost.by_kind)


@given(listings, usages, tiers, st.sampled_from(KINDS), st.integers(0, 10**6))
def test_more_tokens_never_cost_less(listed: Listing, usage: Usage, tier: str, kind: str, more: int) -> None:
    flat = replace(listed, rates={v: rates for v, rates in listed.rates.items() if not v.above})
    book, served = book_of(flat), Served(service_tier=tier)
    bigger = replace(usage, **{kind: getattr(usage, kind) + more})
    assert book.cost("p", "m", NOW, usage, served).total_pico <= book.cost("p", "m", NOW, bigger, served).total_pico


@given(usages, st.text(max_size=10))
def test_an_unknown_model_is_never_free(usage: Usage, model: str) -> None:
    cost = book_of().cost("p", model, NOW, usage, Served())
    assert cost.unpriced
    assert cost.by_kind.keys() == {kind for kind in KINDS if getattr(usage, kind)}


@given(listings, usages)
def test_a_kind_without_a_price_is_never_free(listed: Listing, usage: Usage) -> None:
    listed_kinds = {kind for rates in listed.rates.values() for kind in rates}
    cost = book_of(listed).cost("p", "m", NOW, usage, Served())
    for kind in {"web_search", "output_audio", "output_image"} - listed_kinds:
        if getattr(usage, kind):
            assert cost.unpriced
            assert cost.by_kind[kind] > 0


@given(listings, st.lists(st.tuples(usages, tiers, st.integers(0, 10**18)), min_size=1, max_size=5))
def test_a_cost_depends_on_nothing_asked_before(listed: Listing, calls: list[tuple[Usage, str, int]]) -> None:
    book = book_of(listed)
    for usage, tier, at_us in calls * 2:
        served = Served(model="m", service_tier=tier, request_id="req")
        assert book.cost("p", "other", at_us, usage, served) == book_of(listed).cost("p", "m", at_us, usage, served)


times = st.integers(NOW - 5, NOW + 5)
rules = st.lists(
    st.builds(
        lambda number, model, own, multiplier, begins, length: Rule(
            f"r{number}", "p", model, {"input_text": Fraction(own)} if own else {}, multiplier, begins, begins + length
        ),
        *(st.integers(0, 99), st.sampled_from(["m", "m*", "*"]), st.integers(0, 10**12)),
        *(st.fractions(Fraction(1, 10), 2, max_denominator=100), times, st.integers(1, 5)),
    ),
    max_size=4,
)


@given(listings, rules, rules, st.lists(st.tuples(usages, tiers, times), min_size=1, max_size=5), st.randoms())
def test_p20_a_price_depends_only_on_what_is_sold_and_when(
    listed: Listing,
    known: list[Rule],
    later: list[Rule],
    calls: list[tuple[Usage, str, int]],
    random: Random,
) -> None:
    """Neither on what else is asked, in whatever order, nor on price files of later that speak of another time."""
    first = book_of(listed, rules=tuple(known))
    costs = [first.cost("p", "m", at_us, usage, Served(service_tier=tier)) for usage, tier, at_us in calls]
    again = list(zip(calls, costs, strict=True))
    random.shuffle(again)
    others = listing("another", input_text=7)
    for (usage, tier, at_us), cost in again:
        apart = [rule for rule in later if not rule.in_force(at_us)]
        book = book_of(listed, others, rules=(*apart, *known, *apart))
        book.cost("p", "another", at_us, usage, Served())
        assert book.cost("p", "m", at_us, usage, Served(service_tier=tier)) == cost
        assert first.cost("p", "m", at_us, usage, Served(service_tier=tier)) == cost


@given(listings, usages, st.fractions(Fraction(1, 100), 3))
def test_a_multiplier_applies_to_every_kind(listed: Listing, usage: Usage, multiplier: Fraction) -> None:
    plain = book_of(listed).price("p", "m", NOW, usage.prompt_tokens, Served())
    rule = Rule("discount", "p", "m", multiplier=multiplier)
    discounted = book_of(listed, rules=(rule,)).price("p", "m", NOW, usage.prompt_tokens, Served())
    for kind, rate, less in zip(KINDS, plain.rates, discounted.rates, strict=True):
        if kind not in plain.unknown:
            assert abs(less - rate * multiplier) <= (1 + multiplier) / 2  # both are rounded to a whole rate
        else:
            assert less == rate  # what is a guess already isn't discounted


def test_quantities_below_nothing_cost_nothing() -> None:
    cost = book_of(listing(input_text=M, output_text=M)).cost("p", "m", NOW, Usage(-5, output_text=1), Served())
    assert cost.by_kind == {"output_text": 1_000_000}


@pytest.mark.parametrize(("tokens", "pico"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 2)])
def test_a_kind_is_rounded_half_even_to_a_pico_dollar(tokens: int, pico: int) -> None:
    half = cost_of(1, 500_000)
    assert half == 0
    assert book_of(listing(input_text=500_000)).cost("p", "m", NOW, Usage(tokens), Served()).total_pico == pico


def test_a_price_keeps_its_id_and_another_rate_changes_it() -> None:
    def price_id(*listed: Listing, tier: str = "", rules: tuple[Rule, ...] = ()) -> str:
        return book_of(*listed, rules=rules).cost("p", "m", NOW, Usage(1), Served(service_tier=tier)).price_id

    first = price_id(listing(input_text=M))
    assert first == price_id(listing(input_text=M))
    assert first.startswith("list-1:v/m:")
    others = [
        price_id(listing(input_text=M + 1)),
        price_id(listing(input_text=M, output_text=1)),
        price_id(listing(input_text=M, output_text=0)),
        price_id(listing(input_text=M, web_search=Ceiling().web_search)),
        price_id(listing(input_text=M), tier="flex"),
        price_id(listing(input_text=M), rules=(Rule("r", "p", "m", multiplier=Fraction(1, 2)),)),
    ]
    assert len({first, *others}) == 7


def test_a_dated_model_of_its_own_price_is_not_covered_by_a_rule_for_the_undated_name() -> None:
    rule = Rule("r", "p", "m", {"input_text": Fraction(M)})
    book = book_of(listing("m", input_text=3 * M), listing("m-2025-01-01", input_text=5 * M), rules=(rule,))
    assert book.cost("p", "m-2025-01-01", NOW, Usage(1), Served()).total_pico == 5_000_000
    assert book.cost("p", "m", NOW, Usage(1), Served(model="m-2025-01-01")).total_pico == 1_000_000
    assert book.cost("p", "m-2025-02-02", NOW, Usage(1), Served()).total_pico == 1_000_000


def test_one_rule_applies_at_a_time() -> None:
    rules = (
        Rule("all", "p", "*", multiplier=Fraction(1, 2)),
        Rule("one", "p", "m", {"input_text": Fraction(4 * M)}),
    )
    cost = book_of(listing(input_text=10 * M), rules=rules).cost("p", "m", NOW, Usage(1), Served())
    assert cost.total_pico == 4_000_000
    assert cost.price_id.endswith("+one")


def test_an_own_rate_can_be_multiplied_too() -> None:
    rule = Rule("r", "p", "m", {"input_text": Fraction(4 * M)}, multiplier=Fraction(1, 4))
    assert book_of(rules=(rule,)).cost("p", "m", NOW, Usage(1), Served()).total_pico == 1_000_000


def test_a_rule_that_gives_no_rate_gives_an_unknown_model_no_price() -> None:
    rule = Rule("r", "*", "*", multiplier=Fraction(1, 2))
    assert book_of(rules=(rule,)).cost("p", "m", NOW, Usage(1), Served()).price_id == "ceiling"


def test_a_provider_without_a_vendor_has_own_prices_only() -> None:
    rule = Rule("r", "elsewhere", "m", {"input_text": Fraction(M)})
    book = book_of(listing(input_text=9 * M), rules=(rule,))
    assert book.cost("elsewhere", "m", NOW, Usage(1), Served()).total_pico == 1_000_000
    assert book.cost("other", "m", NOW, Usage(1), Served()).unpriced


def test_a_region_said_by_the_answer_wins_over_that_of_the_address() -> None:
    listed = replace(listing(input_text=M), regions={"us": Fraction(2), "eu": Fraction(3)})
    book = PriceBook(FakeList(listed), {"p": Vendor("v", region="eu")})
    assert book.cost("p", "m", NOW, Usage(1), Served()).total_pico == 3_000_000
    assert book.cost("p", "m", NOW, Usage(1), Served(region="us")).total_pico == 2_000_000
    assert book.cost("p", "m", NOW, Usage(1), Served(region="global")).total_pico == 1_000_000


def test_a_factor_for_any_region_spares_the_global_one() -> None:
    listed = replace(listing(input_text=M), regions={"*": Fraction(11, 10)})
    book = book_of(listed)
    assert book.cost("p", "m", NOW, Usage(1), Served(region="us-east5")).total_pico == 1_100_000
    assert book.cost("p", "m", NOW, Usage(1), Served(region="global")).total_pico == 1_000_000


def test_no_answer_can_name_itself_off_peak() -> None:
    listed = replace(listing(input_text=M), rates={Variant(): {"input_text": Fraction(M)}, Variant("off_peak"): {}})
    cost = book_of(listed).cost("p", "m", NOW, Usage(1), Served(service_tier="off_peak"))
    assert "off_peak" not in cost.price_id


def test_what_is_kept_is_bounded_and_model_names_are_cut() -> None:
    book = book_of(listing(input_text=M))
    for number in range(QUOTES_MAX + 10):
        book.cost("p", f"made-up-{number}", NOW, Usage(1), Served())
    book.cost("p", "x" * 10_000, NOW, Usage(1), Served())
    assert len(book.cost("p", "m", NOW, Usage(1), Served(service_tier="y" * 10_000)).price_id) < 100
    assert len(book._quotes) <= QUOTES_MAX
    assert max(len(part) for key in book._quotes for part in key) == NAME_CHARS_MAX


def test_a_model_in_use_is_looked_up_once() -> None:
    prices = FakeList(listing(input_text=M))
    book = PriceBook(prices, VENDORS)
    for _ in range(3):
        book.cost("p", "m", NOW, Usage(1), Served())
    assert prices.asked == 1


def test_a_variant_has_its_own_price_and_its_own_rules() -> None:
    listed = (listing("m", output_images=2 * M), listing("hd/1-x-1/m", output_images=5 * M))
    one, hd = Usage(output_images=10**6), Served(variant="hd/1-x-1")

    def cost(served: Served, *rules: Rule) -> int:
        return book_of(*listed, rules=rules).cost("p", "m", NOW, one, served).total_pico

    assert cost(hd) == 5 * M
    assert cost(Served()) == cost(Served(variant="low/1-x-1")) == 2 * M
    rule = Rule("r", "p", "hd/*/m", {"output_images": Fraction(7 * M)})
    assert cost(hd, rule) == 7 * M
    assert cost(Served(), rule) == 2 * M


def test_the_ceiling_of_each_kind_is_of_its_own_unit() -> None:
    ceiling = Ceiling(input=1, output=2, web_search=3, input_audio_ms=4, input_characters=5, output_images=6)
    assert {kind: ceiling.of(kind) for kind in KINDS} == {
        **dict.fromkeys(("input_text", "input_audio", "input_image"), 1),
        **dict.fromkeys(("cache_read", "cache_read_audio", "cache_write_5m", "cache_write_1h"), 1),
        **dict.fromkeys(("output_text", "reasoning", "output_audio", "output_image"), 2),
        **{"web_search": 3, "input_audio_ms": 4, "input_characters": 5, "output_images": 6},
    }


def test_an_unknown_model_of_any_unit_costs_what_a_dear_one_would() -> None:
    minute, thousand, image = Usage(input_audio_ms=60_000), Usage(input_characters=1000), Usage(output_images=1)
    costs = [book_of().cost("p", "m", NOW, usage, Served()).total_pico for usage in (minute, thousand, image)]
    assert costs == [6 * 10**10, 18 * 10**10, 60 * 10**10]  # $0.06, $0.18, $0.60


@given(listings, tiers, st.sampled_from(["", "eu"]), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 3))
def test_the_bound_of_text_is_the_bound(
    listed: Listing, tier: str, region: str, read: int, written: int, searches: int
) -> None:
    book, served = book_of(listed), Served(service_tier=tier, region=region)
    for model in ("m", "unknown"):
        usage = Usage(input_text=read, output_text=written, web_search=searches)
        whole = book.bound("p", model, NOW, usage, served)
        told = book.bound_of_text("p", model, NOW, served, input_tokens=read, output_tokens=written, searches=searches)
        assert told == (whole.total_pico, whole.unpriced)
