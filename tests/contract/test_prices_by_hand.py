"""Costs held against a table computed by hand from the providers' price pages (prices_by_hand.txt), line by line.

The expected cost is the line's own arithmetic, in exact fractions: nothing of the price book's code takes part in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from math import prod
from pathlib import Path

import pytest

from proxy.adapters.prices_litellm import price_book
from proxy.finance.pricebook import PriceBook
from proxy.model.usage import KINDS, Served, Usage
from proxy.policy.types import PolicySet, Provider, Secret

TABLE = Path(__file__).with_name("prices_by_hand.txt")
PEAK = "2026-11-19T07:00"
"""A Thursday at 07:00 UTC: an hour in which nobody sells off-peak."""
UNITS = {"M": 1_000_000, "k": 1_000, "min": 60_000, "s": 1_000, "each": 1}
SERVED = {"tier": "service_tier", "region": "region", "speed": "speed", "variant": "variant"}


@dataclass(frozen=True)
class Line:
    number: int
    provider: str
    model: str
    served: Served
    at: str
    usage: Usage
    by_kind: dict[str, Fraction]
    """Dollars."""
    page: str

    def __str__(self) -> str:
        return f"{self.number}-{self.provider}-{self.model}"


def table() -> Iterator[Line]:
    page = ""
    for number, text in enumerate(TABLE.read_text().splitlines(), start=1):
        if text.startswith("# https://"):
            page = text.split()[1]
        if not text or text.startswith("#"):
            continue
        words, _, sums = text.partition(" : ")
        provider, model, *conditions = words.split()
        said = dict(word.split("=", 1) for word in conditions)
        tokens, _, pieces = sums.partition(" ; ")
        factored, _, factor = tokens.partition(" x ")
        quantities: dict[str, int] = {}
        by_kind: dict[str, Fraction] = {}
        for part, times in ((factored, Fraction(factor or 1)), (pieces, Fraction(1))):
            for term in filter(None, part.split(" + ")):
                many, kind, rate = term.split()
                amount, unit = rate.split("/")
                quantities[kind] = int(many)
                by_kind[kind] = int(many) * prod(map(Fraction, amount.split("*"))) / UNITS[unit] * times
        served = Served(**{SERVED[name]: value for name, value in said.items() if name in SERVED})
        yield Line(number, provider, model, served, said.get("at", PEAK), Usage(**quantities), by_kind, page)


LINES = list(table())
HOSTS = {"openai": "https://api.openai.com", "openai-eu": "https://eu.api.openai.com"}


@pytest.fixture(scope="module")
def book() -> PriceBook:
    names = {line.provider for line in LINES}
    providers = {
        name: Provider(
            name, "openai", HOSTS.get(name, "https://example.com"), Secret("none"), prices=name.removesuffix("-eu")
        )
        for name in names
    }
    return price_book(PolicySet(version="v", providers=providers))


@pytest.mark.parametrize("line", LINES, ids=str)
def test_a_call_costs_what_its_page_says(book: PriceBook, line: Line) -> None:
    at_us = int(datetime.fromisoformat(line.at).replace(tzinfo=UTC).timestamp()) * 1_000_000
    cost = book.cost(line.provider, line.model, at_us, line.usage, line.served)
    expected = {kind: round(usd * 10**12) for kind, usd in line.by_kind.items() if usd}
    assert dict(cost.by_kind) == expected
    assert cost.total_pico == sum(expected.values())
    assert not cost.unpriced, cost.price_id


def test_the_table_covers_enough_models_and_providers() -> None:
    models = {(line.provider.removesuffix("-eu"), line.model) for line in LINES}
    assert len(models) >= 60
    assert len({provider for provider, _ in models}) >= 11
    assert all(line.page for line in LINES)


def test_the_table_covers_every_kind_tier_factor_and_both_sides_of_every_threshold() -> None:
    assert {kind for line in LINES for kind in line.by_kind} == set(KINDS)
    assert {line.served.service_tier for line in LINES} == {"", "priority", "flex", "batch"}
    assert {line.served.region for line in LINES} > {"", "us"}
    assert {line.served.speed for line in LINES} == {"", "fast"}
    assert "openai-eu" in {line.provider for line in LINES}
    prompts = {line.usage.prompt_tokens for line in LINES}
    for threshold in (100_000, 200_000, 272_000):
        assert {threshold - 1, threshold, threshold + 1} <= prompts
