"""Rates: what every kind of usage costs in one variant of a listing, with what the list leaves out derived from it.

Lists leave much out: a tier without its cached rate, a long-context rate for text only. What is missing is never zero.
First, a listed rate moves with its side: a tier that halves input halves cached input. Then, a kind without any rate
takes the rate of the kind that it is billed as. What is left stays unknown.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Final

from proxy.finance.listing import STANDARD, Listing, Variant
from proxy.model.usage import KINDS

BATCH: Final = "batches"
PIECE_KINDS: Final = frozenset({"web_search", "input_audio_ms", "input_characters", "output_images"})
"""Sold by the search, the time, the character or the image: no tokens, and no factor for region or speed."""
INPUT_KINDS: Final = frozenset(kind for kind in KINDS if kind.startswith(("input_", "cache_"))) - PIECE_KINDS
OUTPUT_KINDS: Final = frozenset({"output_text", "reasoning", "output_audio", "output_image"})
TOKEN_KINDS: Final = INPUT_KINDS | OUTPUT_KINDS

_CACHE_READS: Final = frozenset({"cache_read", "cache_read_audio"})
_HOUR_OVER_FIVE_MINUTES: Final = Fraction(8, 5)
_HOUR_OVER_INPUT: Final = 2
"""Cache writes cost 1.25 x input for five minutes, 2 x input for an hour (Anthropic's pricing page, prompt caching)."""

Known = dict[str, Fraction]


def rates_of(listing: Listing, variant: Variant) -> Known:
    """Exact rates by kind. A kind that is missing has no price."""
    listed = ((kind, _listed(listing, kind, variant)) for kind in KINDS)
    known = {kind: rate for kind, rate in listed if rate is not None}
    for kind, derive in _FALLBACKS:
        rate = None if kind in known else derive(known)
        if rate is not None:
            known[kind] = rate
    return known


def _listed(listing: Listing, kind: str, variant: Variant) -> Fraction | None:
    """The variant's rate as listed, else the standard rate in proportion. None: the list has no rate of this kind."""
    exact = _entry(listing, kind, variant)
    if exact is not None:
        return exact
    tier, band = Variant(variant.tier), Variant(above=variant.above)
    standard = _entry(listing, kind, STANDARD)
    if not standard:  # no rate to be in proportion to
        entries = (_entry(listing, kind, tier), _entry(listing, kind, band), standard)
        return next((rate for rate in entries if rate is not None), None)
    if tier.tier == BATCH and kind in _CACHE_READS and _entry(listing, kind, tier) is None:
        return None  # a batch without a cached rate of its own bills cached tokens as batch input
    return standard * _ratio(listing, kind, tier) * _ratio(listing, kind, band)


def _ratio(listing: Listing, kind: str, variant: Variant) -> Fraction:
    """The variant's rate over the standard one: the kind's own, else its side's text; 1 where neither is listed."""
    side = "input_text" if kind in INPUT_KINDS else "output_text"
    for name in (kind, side) if kind in TOKEN_KINDS else (kind,):
        rate, standard = _entry(listing, name, variant), _entry(listing, name, STANDARD)
        if rate is not None and standard:
            return rate / standard
    return Fraction(1)


def _entry(listing: Listing, kind: str, variant: Variant) -> Fraction | None:
    """What is listed for this tier: beyond the highest threshold up to the variant's, or at no threshold."""
    if not variant.above:
        return listing.rates.get(variant, {}).get(kind)
    bands = (band for band in listing.rates if band.tier == variant.tier and 0 < band.above <= variant.above)
    found = (listing.rates[band][kind] for band in sorted(bands, reverse=True) if kind in listing.rates[band])
    return next(found, None)


def _as(kind: str) -> Callable[[Known], Fraction | None]:
    return lambda known: known.get(kind)


def _hour_write(known: Known) -> Fraction | None:
    if "cache_write_5m" in known:
        return known["cache_write_5m"] * _HOUR_OVER_FIVE_MINUTES
    return known["input_text"] * _HOUR_OVER_INPUT if "input_text" in known else None


def _cached_audio(known: Known) -> Fraction | None:
    """Audio gets the discount that cached text gets."""
    text, cached, audio = (known.get(kind) for kind in ("input_text", "cache_read", "input_audio"))
    return audio * cached / text if audio is not None and cached is not None and text else cached


def _dearest_output(known: Known) -> Fraction | None:
    """A model that lists only its images or its speech: text of it is taken to cost as much."""
    return max((known[kind] for kind in ("output_image", "output_audio") if kind in known), default=None)


_FALLBACKS: Final[tuple[tuple[str, Callable[[Known], Fraction | None]], ...]] = (
    ("cache_write_1h", _hour_write),  # before the input rate stands in for the five minutes' write
    ("cache_write_5m", _as("input_text")),
    ("cache_read", _as("input_text")),
    ("input_audio", _as("input_text")),
    ("input_image", _as("input_text")),
    ("cache_read_audio", _cached_audio),
    ("output_text", _dearest_output),
    ("reasoning", _as("output_text")),
)
"""In this order. Images and audio that a model puts out without a rate of their own are left unknown: where they are
listed, they cost a multiple of text."""
