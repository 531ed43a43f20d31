"""Price ids that the price book makes are read back into their parts."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.finance.listing import Listing, Variant, Vendor
from proxy.finance.price import CEILING_ID
from proxy.finance.pricebook import PriceBook
from proxy.finance.rule import Rule
from proxy.ledger.price_id import CEILING, price_id
from proxy.model.usage import KINDS, Served, Usage
from tests.unit.finance.finance_lists import FakeList


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("litellm-1.106.2:openai/gpt-5.4:1745ff72", ("litellm-1.106.2", "1745ff72", "", "", set())),
        (
            "litellm-1.106.2~2026-11-21:openai/gpt-5.4:1745ff72@priority>272k*eu*fast+contract-2026!web_search",
            ("litellm-1.106.2~2026-11-21", "1745ff72", "@priority>272k*eu*fast", "contract-2026", {"web_search"}),
        ),
        ("own:local/llama-3:00000000+llama", ("own", "00000000", "", "llama", set())),
        ("litellm-1:vertex_ai/claude@2025:x:1745ff72@scale?", ("litellm-1", "1745ff72", "@scale?", "", set())),
        ("litellm-1:openai/hd/1024-x-1792/dall-e-3:1745ff72!a!b", ("litellm-1", "1745ff72", "", "", {"a", "b"})),
        ("ceiling", ("ceiling", "ceiling", "", "", set(KINDS))),
        ("something:else", ("something", "something:else", "", "", set())),
    ],
)
def test_an_id_is_read_into_its_parts(text: str, parts: tuple[object, ...]) -> None:
    read = price_id(text)
    assert (read.source, read.rates, read.lane, read.rule, set(read.unknown)) == parts
    assert read.text == text


def test_the_ceiling_has_the_name_that_the_price_book_gives_it() -> None:
    assert CEILING == CEILING_ID


@given(
    st.sampled_from(["m", "a/b:c", "x@2025-01-01", "m+n!o", "é:*"]),
    st.sampled_from(["", "flex", "scale"]),
    st.sampled_from(["", "us"]),
    st.sampled_from(["", "fast"]),
    st.booleans(),
    st.sampled_from([1, 300_000]),
)
def test_whatever_the_book_writes_is_read(
    name: str, tier: str, region: str, speed: str, ruled: bool, tokens: int
) -> None:
    rates = {Variant(): {"input_text": Fraction(10**12)}, Variant(above=272_000): {"input_text": Fraction(2 * 10**12)}}
    listing = Listing("v", name, "list-1", rates, {"us": Fraction(11, 10)}, {"fast": Fraction(2)})
    rules = [Rule("own-1", "p", "*", multiplier=Fraction(1, 2))] if ruled else []
    book = PriceBook(FakeList(listing), {"p": Vendor("v")}, rules)
    served = Served(service_tier=tier, region=region, speed=speed)
    read = price_id(book.cost("p", name, 0, Usage(input_text=tokens, web_search=1), served).price_id)
    assert (read.source, read.unknown, read.rule) == ("list-1", {"web_search"}, "own-1" if ruled else "")
    assert (">272k" in read.lane, "*us" in read.lane, "*fast" in read.lane) == (tokens > 1, region != "", speed != "")
    assert read.lane.startswith(f"@{tier}" if tier else "")
