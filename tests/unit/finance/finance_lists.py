"""A price list in memory, and listings for it."""

from fractions import Fraction

from hypothesis import strategies as st

from proxy.finance.listing import Listing, Variant
from proxy.model.usage import KINDS, Usage


class FakeList:
    """Finds what it was given, by vendor and name, and counts how often it was asked."""

    def __init__(self, *listings: Listing) -> None:
        self.listings = {(listing.vendor, listing.name): listing for listing in listings}
        self.asked = 0

    def find(self, vendor: str, name: str, variant: str = "") -> Listing | None:
        self.asked += 1
        return self.listings.get((vendor, f"{variant}/{name}")) or self.listings.get((vendor, name))


def listing(name: str = "m", **rates: int) -> Listing:
    """A listing of standard rates. A keyword 'cache_read__flex' or 'cache_read__flex_200' names tier and threshold."""
    variants: dict[Variant, dict[str, Fraction]] = {Variant(): {}}
    for key, rate in rates.items():
        kind, _, variant = key.partition("__")
        tier, _, above = variant.partition("_")
        variants.setdefault(Variant(tier, int(above or 0)), {})[kind] = Fraction(rate)
    return Listing("v", name, "list-1", variants)


usages = st.builds(Usage, **{kind: st.integers(0, 10**9) for kind in KINDS})
rate_tables = st.dictionaries(st.sampled_from(KINDS), st.integers(0, 10**15).map(Fraction), max_size=len(KINDS))
listings = st.builds(
    lambda tables: Listing("v", "m", "list-1", {Variant(): {}, **tables}),
    st.dictionaries(
        st.builds(Variant, st.sampled_from(["", "flex", "batches"]), st.sampled_from([0, 1000, 200_000])),
        rate_tables,
        max_size=5,
    ),
)
