"""Listing: what a price list says about one model, before anything is derived from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, NamedTuple, Protocol

from proxy.finance.off_peak import OffPeak
from proxy.model.limits import ModelLimits

Rates = Mapping[str, Fraction]
"""Kind of Usage -> rate (pico-dollars per million units, see money). Zero is a price, absence is none."""


class Variant(NamedTuple):
    """For which calls a set of rates is listed."""

    tier: str = ""
    """Service tier as the list spells it: 'priority', 'flex', 'batches', …; '' is the standard one."""
    above: int = 0
    """The rates hold for the whole call once its prompt is longer than so many tokens."""


STANDARD: Final = Variant()
OFF_PEAK: Final = "off_peak"
"""A tier of our own, chosen by the hour instead of by the answer."""
ANY_REGION: Final = "*"


@dataclass(frozen=True, slots=True)
class Listing:
    vendor: str
    """As the list names it; for own prices, the provider."""
    name: str
    """Under which the model stands there."""
    source: str
    """Which list, with its version: 'litellm-1.106.2'."""
    rates: Mapping[Variant, Rates]
    """Empty: the model is known, its price is not."""
    regions: Mapping[str, Fraction] = field(default_factory=dict)
    """Factor on every token rate where the call is served in a named region; ANY_REGION: in any but the global one."""
    speeds: Mapping[str, Fraction] = field(default_factory=dict)
    off_peak: OffPeak | None = None
    inclusive: bool = False
    """True: a prompt of exactly `above` tokens already pays the rates above it (xAI)."""
    limits: ModelLimits = field(default_factory=ModelLimits)


@dataclass(frozen=True, slots=True)
class Vendor:
    """Whose prices a provider charges."""

    name: str
    """As the price list names it."""
    region: str = ""
    """Where the provider serves, if its address decides that and its answers do not tell."""
    models: Mapping[str, str] = field(default_factory=dict)
    """Name under which a model is called there -> the model it is."""


class PriceList(Protocol):
    def find(self, vendor: str, name: str, variant: str = "") -> Listing | None:
        """The listing under exactly this name, if it belongs to this vendor: no model takes another vendor's price.

        `variant`: quality and size of what is sold by the piece; where the list prices it apart, the listing has its
        price, and its name.
        """
        ...
