"""Price: what one unit of every kind costs, ready to multiply."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b
from operator import attrgetter
from typing import Final

from proxy.finance.rates import INPUT_KINDS, OUTPUT_KINDS
from proxy.model.entry import Cost
from proxy.model.money import cost_of, rate_from_usd
from proxy.model.usage import KINDS, Usage

CEILING_ID: Final = "ceiling"
_SIDES: Final = {
    "input_text": ("input_text", "input_image", "cache_read", "cache_write_5m", "cache_write_1h"),
    "output_text": ("output_text", "reasoning"),
}
"""What text of either side may turn out to be."""
_quantities: Final = attrgetter(*KINDS)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Rates that stand in for a price that nobody knows. High, so that an unknown model can't slip under a budget."""

    input: int = rate_from_usd("0.00003")
    output: int = rate_from_usd("0.00018")
    web_search: int = rate_from_usd("0.035")
    """A search: the dearest that any provider lists."""
    input_audio_ms: int = rate_from_usd("0.000001")
    """$0.06 a minute: more than three times the dearest transcription on the list."""
    input_characters: int = rate_from_usd("0.00018")
    """$180 a million: the dearest speech on the list."""
    output_images: int = rate_from_usd("0.60")
    """A whole image: the dearest on the list."""

    def of(self, kind: str) -> int:
        """The rate of any kind; those that are no tokens have one each."""
        if kind in INPUT_KINDS:
            return self.input
        if kind in OUTPUT_KINDS:
            return self.output
        rate: int = getattr(self, kind)
        return rate

    @property
    def price(self) -> "Price":
        """Of a model of which nothing is known."""
        return Price(CEILING_ID, tuple(self.of(kind) for kind in KINDS), frozenset(KINDS))


@dataclass(frozen=True, slots=True)
class Price:
    id: str
    rates: tuple[int, ...]
    """Pico-dollars per million units, in the order of KINDS."""
    unknown: frozenset[str] = frozenset()
    """Kinds at the ceiling."""

    @property
    def dearest(self) -> "Price":
        """The price where text costs what the dearest kind of its side does. A guess at a kind that no list has is no
        bound; without any price, the ceiling already is one."""
        known = {kind: rate for kind, rate in zip(KINDS, self.rates, strict=True) if kind not in self.unknown}
        raised = {}
        for text, kinds in _SIDES.items():
            if text in known:
                raised[text] = max(known.get(kind, 0) for kind in kinds)
        rates = tuple(raised.get(kind, rate) for kind, rate in zip(KINDS, self.rates, strict=True))
        return Price(self.id, rates, self.unknown)

    def cost(self, usage: Usage) -> Cost:
        """Each kind rounded to a whole pico-dollar, so that the kinds sum to the total exactly."""
        by_kind, guessed = {}, []
        for kind, many, rate in zip(KINDS, _quantities(usage), self.rates, strict=True):
            if many > 0:  # two kinds of fifteen, as a rule
                if amount := cost_of(many, rate):
                    by_kind[kind] = amount
                if kind in self.unknown:
                    guessed.append(kind)
        if not self.unknown:
            return Cost(sum(by_kind.values()), by_kind, self.id)
        whole = self.id == CEILING_ID
        named = self.id if whole else "".join((self.id, *(f"!{kind}" for kind in guessed)))
        return Cost(sum(by_kind.values()), by_kind, named, unpriced=whole or bool(guessed))


def priced(name: str, known: Mapping[str, Fraction], marks: str, ceiling: Ceiling) -> Price:
    """The price of these rates. Its id is `name`, eight digits that change with any rate, and `marks`."""
    rates = tuple(round(known[kind]) if kind in known else ceiling.of(kind) for kind in KINDS)
    unknown = frozenset(kind for kind in KINDS if kind not in known)
    content = ",".join("?" if kind in unknown else str(rate) for kind, rate in zip(KINDS, rates, strict=True))
    digest = blake2b(content.encode(), digest_size=4).hexdigest()
    return Price(f"{name}:{digest}{marks}", rates, unknown)
