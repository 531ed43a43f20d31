"""Quote: every price of one model, as one provider served it; the moment and the prompt's length choose among them."""

from fractions import Fraction
from typing import Final

from proxy.finance.listing import ANY_REGION, OFF_PEAK, STANDARD, Listing, Variant
from proxy.finance.price import Ceiling, Price, priced
from proxy.finance.rates import BATCH, TOKEN_KINDS, rates_of
from proxy.finance.rule import Rule, overlaid
from proxy.model.usage import Served

_TIERS: Final = {"default": "", "standard": "", "auto": "", "batch": BATCH, "fast": "priority", OFF_PEAK: ""}
"""Service tiers as answers name them -> as lists do. Off-peak is decided by the hour, never by name."""
TIER_CHARS_MAX: Final = 32
_GLOBAL: Final = frozenset({"", "global", "not_available"})
_OWN: Final = "own"


class Quote:
    """Prices are made when first asked for, and kept: a handful for each model in use."""

    __slots__ = ("_ceiling", "_listing", "_prices", "_region", "_rules", "_speed", "_thresholds", "_tier")

    def __init__(
        self, listing: Listing, rules: tuple[Rule, ...], served: Served, region: str, ceiling: Ceiling
    ) -> None:
        """`rules`: those that cover the model, by precedence. `region`: where it was served, however that is known."""
        tier = served.service_tier[:TIER_CHARS_MAX].lower()
        self._listing = listing
        self._rules = rules
        self._tier = _TIERS.get(tier, tier)
        self._region = region.lower()
        self._speed = served.speed.lower()
        self._ceiling = ceiling
        self._thresholds = sorted({variant.above for variant in listing.rates if variant.above}, reverse=True)
        self._prices: dict[tuple[int, bool, int], Price] = {}
        """By place of the rule, off-peak or not, and band."""

    def price(self, at_us: int, prompt_tokens: int) -> Price:
        """The price of a call admitted at this moment (microseconds UTC) with a prompt of this length."""
        place = (
            next((place for place, rule in enumerate(self._rules) if rule.in_force(at_us)), -1) if self._rules else -1
        )
        off_peak = self._listing.off_peak is not None and self._listing.off_peak.open_at(at_us)
        band = self._band(prompt_tokens) if self._thresholds else 0
        price = self._prices.get((place, off_peak, band))
        if price is None:
            variant = Variant(OFF_PEAK if off_peak else self._tier, band)
            price = self._made(self._rules[place] if place >= 0 else None, variant)
            self._prices[place, off_peak, band] = price
        return price

    def _band(self, prompt_tokens: int) -> int:
        reached = prompt_tokens + 1 if self._listing.inclusive else prompt_tokens
        return next((above for above in self._thresholds if reached > above), 0)

    def _made(self, rule: Rule | None, variant: Variant) -> Price:
        listing = overlaid(self._listing, rule.rates) if rule and rule.rates else self._listing
        if not any(listing.rates.values()):
            return self._ceiling.price
        listed = any(known.tier == variant.tier for known in listing.rates)
        known = rates_of(listing, variant if listed else Variant(above=variant.above))
        marks = _mark(variant, listed)
        factor = Fraction(1)
        for name, by in ((self._region, self._region_factor(listing)), (self._speed, listing.speeds.get(self._speed))):
            if by is not None and by != 1:
                factor *= by
                marks += f"*{name}"
        if rule:
            marks += f"+{rule.name}"
        multiplier = rule.multiplier if rule else Fraction(1)
        scaled = {kind: rate * multiplier * (factor if kind in TOKEN_KINDS else 1) for kind, rate in known.items()}
        return priced(f"{listing.source}:{listing.vendor}/{listing.name}", scaled, marks, self._ceiling)

    def _region_factor(self, listing: Listing) -> Fraction | None:
        if self._region in _GLOBAL:
            return None
        return listing.regions.get(self._region, listing.regions.get(ANY_REGION))


def _mark(variant: Variant, listed: bool) -> str:
    """What of the variant shows in a price's id: '@flex>272k'; '@scale?' where the list has no such tier."""
    tier = f"@{variant.tier}{'' if listed else '?'}" if variant.tier else ""
    size = f"{variant.above // 1000}k" if variant.above % 1000 == 0 else str(variant.above)
    return f"{tier}>{size}" if variant.above else tier


def own_listing(provider: str, model: str) -> Listing:
    """What stands for a model that is on no list: it has a price only if a rule gives it one."""
    return Listing(provider, model, _OWN, {STANDARD: {}})
