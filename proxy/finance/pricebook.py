"""PriceBook: what any usage of any model costs at any moment. Frozen: other prices are another book."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from proxy.finance import bedrock_names
from proxy.finance.listing import Listing, PriceList, Vendor
from proxy.finance.names import candidates, variants
from proxy.finance.price import CEILING_ID, Ceiling, Price
from proxy.finance.quote import Quote, own_listing
from proxy.finance.rule import Rule, by_precedence
from proxy.model.entry import Cost
from proxy.model.limits import ModelLimits
from proxy.model.money import cost_of
from proxy.model.usage import KINDS, Served, Usage

QUOTES_MAX: Final = 512
"""Kept at a time: callers choose the names of models, and memory must not grow with them."""
NAME_CHARS_MAX: Final = 256
"""Nothing on a list is longer; what is, is cut before it is looked for, kept or put into a price's id."""

_INPUT, _OUTPUT, _SEARCH = map(KINDS.index, ("input_text", "output_text", "web_search"))
_Key = tuple[str, str, str, str, str, str, str]


class PriceBook:
    """Fulfils the port Prices. The only state is what it has already worked out."""

    def __init__(
        self,
        prices: PriceList,
        vendors: Mapping[str, Vendor],
        rules: Iterable[Rule] = (),
        ceiling: Ceiling | None = None,
    ) -> None:
        """`vendors`: by name of the provider; a provider without one has own prices only."""
        self._list = prices
        self._vendors = vendors
        self._rules = by_precedence(rules)
        self._ceiling = ceiling or Ceiling()
        self._quotes: dict[_Key, Quote] = {}
        self._bounds: dict[str, tuple[Price, Price]] = {}
        self._limits: dict[tuple[str, str], ModelLimits] = {}

    def cost(
        self, provider: str, model: str, at_us: int, usage: Usage, served: Served, prompt_tokens: int | None = None
    ) -> Cost:
        """The cost of `usage`, by the prices in force at `at_us` (admission, microseconds UTC). Never raises.

        `prompt_tokens`: of each call, where `usage` is the sum of many.

        A kind, or a whole model, without a price costs the ceiling and is marked `unpriced`.
        """
        length = usage.prompt_tokens if prompt_tokens is None else prompt_tokens
        return self.price(provider, model, at_us, length, served).cost(usage)

    def bound(self, provider: str, model: str, at_us: int, usage: Usage, served: Served) -> Cost:
        """As the port says. Prompts are priced at the length that is held, which is the longest."""
        asked = self._dearest(self.price(provider, model, at_us, usage.prompt_tokens, served)).cost(usage)
        if not served.service_tier:
            return asked
        plain = replace(served, service_tier="")
        standard = self._dearest(self.price(provider, model, at_us, usage.prompt_tokens, plain)).cost(usage)
        return max(asked, standard, key=lambda cost: cost.total_pico)

    def bound_of_text(
        self,
        provider: str,
        model: str,
        at_us: int,
        served: Served,
        *,
        input_tokens: int,
        output_tokens: int,
        searches: int,
    ) -> tuple[int, bool]:
        """As the port says: for a third of the price of `bound`, which makes a table of all kinds."""
        if served.service_tier:
            usage = Usage(input_text=input_tokens, output_text=output_tokens, web_search=searches)
            cost = self.bound(provider, model, at_us, usage, served)
            return cost.total_pico, cost.unpriced
        price = self._dearest(self.price(provider, model, at_us, input_tokens, served))
        pico, unpriced = 0, price.id == CEILING_ID
        for kind, quantity in ((_INPUT, input_tokens), (_OUTPUT, output_tokens), (_SEARCH, searches)):
            if quantity > 0:
                pico += cost_of(quantity, price.rates[kind])
                unpriced = unpriced or KINDS[kind] in price.unknown
        return pico, unpriced

    def _dearest(self, price: Price) -> Price:
        kept = self._bounds.get(price.id)
        if kept is None or kept[0] is not price:
            if len(self._bounds) >= QUOTES_MAX:
                self._bounds.clear()
            kept = self._bounds[price.id] = (price, price.dearest)
        return kept[1]

    def price(self, provider: str, model: str, at_us: int, prompt_tokens: int, served: Served) -> Price:
        """The price by itself: its id and its rates."""
        cut = NAME_CHARS_MAX
        answered, asked = served.model[:cut], model[:cut]
        tier, region, speed, variant = served.service_tier, served.region, served.speed, served.variant
        key = (provider, answered, asked, tier[:cut], region[:cut], speed[:cut], variant[:cut])
        quote = self._quotes.get(key)
        if quote is None:
            quote = self._quote(provider, answered, asked, served)
            if len(self._quotes) >= QUOTES_MAX:
                self._quotes.clear()
            self._quotes[key] = quote
        return quote.price(at_us, prompt_tokens)

    def limits(self, provider: str, model: str) -> ModelLimits:
        """Asked once or twice a call, so what was found is kept."""
        key = (provider, model[:NAME_CHARS_MAX])
        found = self._limits.get(key)
        if found is None:
            vendor = self._vendors.get(provider)
            listing = self._find(vendor, "", _model(vendor, key[1]))
            # Of a model that nobody knows it is not known either that it doesn't think unseen.
            found = listing.limits if listing else ModelLimits(hidden_reasoning=True)
            if len(self._limits) >= QUOTES_MAX:
                self._limits.clear()
            self._limits[key] = found
        return found

    def _quote(self, provider: str, answered: str, asked: str, served: Served) -> Quote:
        vendor = self._vendors.get(provider)
        variant = served.variant[:NAME_CHARS_MAX]
        called, asked = asked, _model(vendor, asked)
        listing = self._find(vendor, _model(vendor, answered), asked, variant)
        listing = listing or own_listing(provider, asked or answered)
        plain = {name for name in (answered, called, asked, listing.name) if name}
        names = plain | {named for name in (answered, asked) if name for named in variants(variant, name)}
        rules = tuple(rule for rule in self._rules if rule.covers(provider, names))
        region = served.region or (vendor.region if vendor else "")
        return Quote(listing, rules, served, region, self._ceiling)

    def _find(self, vendor: Vendor | None, answered: str, asked: str, variant: str = "") -> Listing | None:
        if vendor is None:
            return None
        names = (
            bedrock_names.bedrock_candidates(answered, asked, vendor.region)
            if vendor.name == bedrock_names.VENDOR
            else candidates(answered, asked)
        )
        found = (self._list.find(vendor.name, name, variant) for name in names)
        return next((listing for listing in found if listing is not None), None)


def _model(vendor: Vendor | None, name: str) -> str:
    """What runs under this name."""
    return vendor.models.get(name, name) if vendor else name
