"""One entry of litellm's price list, read into a Listing."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from proxy.adapters.prices_pieces import piece_rates
from proxy.finance.listing import ANY_REGION, OFF_PEAK, STANDARD, Listing, Variant
from proxy.finance.off_peak import DAY_S, OffPeak, Window
from proxy.model.limits import ModelLimits
from proxy.model.money import rate_from_usd

Entry = Mapping[str, object]
RateTable = dict[Variant, dict[str, Fraction]]

_KINDS: Final = {
    "input_cost_per_token": "input_text",
    "input_cost_per_audio_token": "input_audio",
    "input_cost_per_image_token": "input_image",
    "cache_read_input_token_cost": "cache_read",
    "cache_read_input_audio_token_cost": "cache_read_audio",
    "cache_creation_input_token_cost": "cache_write_5m",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "output_cost_per_token": "output_text",
    "output_cost_per_reasoning_token": "reasoning",
    "output_cost_per_audio_token": "output_audio",
    "output_cost_per_image_token": "output_image",
}
_FIELD: Final = re.compile(rf"({'|'.join(_KINDS)})(?:_above_(\d+)(k?)_tokens)?(?:_([a-z]+))?")
_OTHER_UNIT: Final = re.compile(r"(?:input|output)_cost_per_(?!.*token)")
_WINDOW: Final = re.compile(r"\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*")
_SPEEDS: Final = frozenset({"fast"})
_UPLIFT: Final = "regional_processing_uplift_multiplier_"
_INCLUSIVE: Final = frozenset({"xai"})
_CACHED_AS_STANDARD: Final = frozenset({"gemini", "vertex_ai"})
"""Google's discounts on flex and batch leave cached tokens at their standard rate, where the list says nothing else
(ai.google.dev/gemini-api/docs/pricing, most models)."""
_CHAT: Final = frozenset({"chat", "completion", "responses"})
_decoder: Final = msgspec.json.Decoder(dict[str, object], float_hook=Decimal)


def entry_of(raw: bytes) -> Entry:
    """Numbers as exact decimals. Raises msgspec.DecodeError where it is no JSON object."""
    return _decoder.decode(raw)


def listing_of(entry: Entry, vendor: str, name: str, source: str, variant: str = "") -> Listing:
    """The entry as a Listing. What can't be read is left out, and so unknown, never zero.

    `variant`: quality and size of images ('hd/1024-x-1792'), for an entry that prices them by the pixel.
    """
    pieces = piece_rates(entry, variant or name)
    rates = {} if _sold_by_other_unit(entry) else _rates(entry)
    if vendor in _CACHED_AS_STANDARD:
        _keep_cached(rates)
    return Listing(
        vendor=vendor,
        name=name,
        source=source,
        rates=_with_pieces(rates, pieces),
        regions=dict(_regions(entry)),
        speeds={key: factor for key, factor in _specific(entry) if key in _SPEEDS},
        off_peak=_off_peak(entry),
        inclusive=vendor in _INCLUSIVE,
        limits=ModelLimits(_output_max(entry), entry.get("supports_reasoning") is True),
    )


def _rates(entry: Entry) -> RateTable:
    """By variant; the standard one is always there."""
    rates = _token_rates(entry)
    standard = rates.setdefault(STANDARD, {})
    hit = _rate(entry.get("input_cost_per_token_cache_hit"))
    if hit is not None:
        standard.setdefault("cache_read", hit)
    search = _mapping(entry.get("search_context_cost_per_query"))
    fee = _rate(search.get("search_context_size_medium"))
    if fee is not None:
        standard["web_search"] = fee
    for above, bracket in _brackets(entry, standard):
        rates[Variant(above=above)] = bracket
    off_peak = _mapping(entry.get("off_peak_pricing"))
    if off_peak:
        rates[Variant(OFF_PEAK)] = _token_rates(off_peak).get(STANDARD, {})
    return rates


def _keep_cached(rates: RateTable) -> None:
    """Put the standard cached rate into each tier that has none and is cheaper."""
    for variant, tier in rates.items():
        standard = rates.get(Variant(above=variant.above), {})
        cheaper = "input_text" in tier and tier["input_text"] < standard.get("input_text", 0)
        for kind in ("cache_read", "cache_read_audio"):
            if cheaper and kind in standard:
                tier.setdefault(kind, standard[kind])


def _with_pieces(rates: RateTable, pieces: Mapping[str, Fraction]) -> RateTable:
    return {**rates, STANDARD: {**rates.get(STANDARD, {}), **pieces}} if pieces else rates


def _token_rates(fields: Entry) -> RateTable:
    rates: RateTable = {}
    for field, value in fields.items():
        match = _FIELD.fullmatch(field)
        rate = _rate(value) if match else None
        if match and rate is not None:
            above = int(match[2] or 0) * (1000 if match[3] else 1)
            rates.setdefault(Variant(match[4] or "", above), {})[_KINDS[match[1]]] = rate
    return rates


def _brackets(entry: Entry, standard: dict[str, Fraction]) -> Iterator[tuple[int, dict[str, Fraction]]]:
    """The list `tiered_pricing`: the bracket of the prompt's length prices the whole call, and stands for itself.

    So a bracket that lists no cached rate bills cached tokens as its input. The first one is the standard price.
    """
    for bracket in _sequence(entry.get("tiered_pricing")):
        fields = _mapping(bracket)
        span = _sequence(fields.get("range"))
        rates = _token_rates(fields).get(STANDARD, {})
        if len(span) != 2 or "input_text" not in rates:
            continue
        for kind in ("cache_read", "cache_write_5m"):
            rates.setdefault(kind, rates["input_text"])
        if "output_text" in rates:
            rates.setdefault("reasoning", rates["output_text"])
        above = int(span[0]) if isinstance(span[0], int | Decimal) else 0
        if above:
            yield above, rates
        else:
            standard.update(rates)


def _sold_by_other_unit(entry: Entry) -> bool:
    """Images, seconds or queries are sold, and tokens stand at zero: that zero is no price of theirs."""
    rates = [_rate(value) for field, value in entry.items() if _FIELD.fullmatch(field)]
    return not any(rates) and any(_rate(value) for field, value in entry.items() if _OTHER_UNIT.match(field))


def _regions(entry: Entry) -> Iterator[tuple[str, Fraction]]:
    yield from _specific(entry)  # its speeds are no names of regions
    for field, value in entry.items():
        factor = _factor(value)
        if factor is None:
            continue
        if field.startswith(_UPLIFT):
            yield field.removeprefix(_UPLIFT), factor
        elif field == "regional_endpoint_uplift_multiplier":
            yield ANY_REGION, factor


def _specific(entry: Entry) -> Iterator[tuple[str, Fraction]]:
    """Factors of `provider_specific_entry`, which also holds what is no number."""
    for key, value in _mapping(entry.get("provider_specific_entry")).items():
        factor = _factor(value)
        if factor is not None:
            yield key, factor


def _off_peak(entry: Entry) -> OffPeak | None:
    block = _mapping(entry.get("off_peak_pricing"))
    daily = Window(_spans(block.get("hours_utc")))
    windows = [daily] if daily.spans_s else []
    for rule in map(_mapping, _sequence(block.get("windows"))):
        days = rule.get("weekdays")
        weekdays = None if days is None else frozenset(day for day in _sequence(days) if isinstance(day, int))
        windows.append(Window(_spans(rule.get("hours_utc")), weekdays))
    return OffPeak(tuple(windows), _calendar(block.get("weekday_timezone"))) if windows else None


def _calendar(zone: object) -> tzinfo:
    try:
        return ZoneInfo(zone) if isinstance(zone, str) else UTC
    except (ValueError, ZoneInfoNotFoundError):
        return UTC


def _spans(hours: object) -> tuple[tuple[int, int], ...]:
    texts = [hours] if isinstance(hours, str) else _sequence(hours)
    matches = (_WINDOW.fullmatch(text) for text in texts if isinstance(text, str))
    ends = (tuple(int(part) for part in match.groups()) for match in matches if match)
    return tuple((_second(a, b), _second(c, d)) for a, b, c, d in ends)


def _second(hour: int, minute: int) -> int:
    return (hour * 3600 + minute * 60) % DAY_S


def _output_max(entry: Entry) -> int | None:
    """`max_tokens` is the output limit of what chats, and the input limit of the rest."""
    for field in ("max_output_tokens", "max_tokens") if entry.get("mode") in _CHAT else ("max_output_tokens",):
        value = entry.get(field)
        if isinstance(value, int) and value > 0:
            return value
    return None


def _rate(value: object) -> Fraction | None:
    """Pico-dollars per million units. None: not a price (bool is an int in Python, and no price)."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value < 0:
        return None
    return Fraction(rate_from_usd(Decimal(value)))


def _factor(value: object) -> Fraction | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value <= 0:
        return None
    return Fraction(value)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()
