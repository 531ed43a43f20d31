"""prices.yaml: own prices, discounts and dated intervals on top of the list, and what an unknown price counts as."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from proxy.policy.document import Table, Word, read_document
from proxy.policy.globs import can_meet, specificity
from proxy.policy.mistakes import Mistakes, shown, suggestion
from proxy.policy.section import Section
from proxy.policy.types import PricePolicy, PriceRule

FILE: Final = "prices.yaml"

TOP: Final = {
    "unpriced": "unpriced: refuse",
    "ceiling": "ceiling: {input: 30, output: 180}",
    "prices": "prices: [{name: own-llama, model: llama-*, usd_per_million: {input: 0.20, output: 0.60}}]",
}
PIECES: Final[Mapping[str, tuple[str, Fraction, str]]] = {
    "web_search_usd_per_thousand": ("web_search", Fraction(1000), "10"),
    "audio_usd_per_minute": ("input_audio_ms", Fraction(1_000_000, 60_000), "0.006"),
    "characters_usd_per_million": ("input_characters", Fraction(1), "15"),
    "image_usd_each": ("output_images", Fraction(1_000_000), "0.04"),
}
"""Prices of what is no token: name -> kind of Usage, what makes the price one of a million units, an example."""
CEILING: Final = {
    **dict.fromkeys(("input", "output"), "ceiling: {input: 30, output: 180}"),
    **{name: f"ceiling: {{{name}: {example}}}" for name, (_, _, example) in PIECES.items()},
}
RULE: Final = {
    "name": "name: own-llama",
    "provider": "provider: openai",
    "model": "model: gpt-*",
    "usd_per_million": "usd_per_million: {input: 0.20, output: 0.60}",
    **{name: f"{name}: {example}" for name, (_, _, example) in PIECES.items()},
    "multiplier": "multiplier: 0.85",
    "valid_from": "valid_from: 2026-01-01",
    "valid_to": "valid_to: 2027-01-01",
}
KIND_NAMES: Final = {
    "input": "input_text",
    "output": "output_text",
    "cache_read": "cache_read",
    "cache_write": "cache_write_5m",
    "cache_write_1h": "cache_write_1h",
    "reasoning": "reasoning",
    "input_audio": "input_audio",
    "input_image": "input_image",
    "cache_read_audio": "cache_read_audio",
    "output_audio": "output_audio",
    "output_image": "output_image",
}
"""Names of token kinds as price pages have them -> kinds of Usage."""
RATES: Final = {name: f"usd_per_million: {{{name}: 0.20}}" for name in KIND_NAMES}
ANY: Final = "*"
MULTIPLIER_MAX: Final = Decimal(100)
PRICES_MAX: Final = 1000
GLOB_CHARS_MAX: Final = 100

_EVER: Final = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def read_prices(data: bytes | str, providers: Mapping[str, object] | None, mistakes: Mistakes) -> PricePolicy:
    """`providers`: the names that a rule may have; None where they aren't known (their file has mistakes)."""
    document = read_document(data, mistakes)
    if document is None:
        return PricePolicy()
    top = Section(document, TOP, mistakes, FILE)
    defaults = PricePolicy()
    rules: list[PriceRule] = []
    unique = _Unique()
    for number, section in enumerate(top.sections("prices", RULE, "a price"), start=1):
        if number > PRICES_MAX:
            section.mistakes.add(section.table, f"there are more than {PRICES_MAX} prices")
            break
        rules.append(_rule(section, number, providers))
        unique.check(section, rules[-1])
    unpriced = top.node("unpriced")
    return PricePolicy(
        rules=tuple(rules),
        unpriced=top.choice("unpriced", ("hold_ceiling", "refuse"), defaults.unpriced),
        ceiling_usd_per_million={**defaults.ceiling_usd_per_million, **_ceiling(top)},
        where=mistakes.where(unpriced) if unpriced else FILE,
    )


def _rule(section: Section, number: int, providers: Mapping[str, object] | None) -> PriceRule:
    rates = _rates(section)
    multiplier = section.decimal("multiplier", MULTIPLIER_MAX)
    if rates is None and section.node("multiplier") is None:
        section.mistakes.add(section.table, "a price has usd_per_million, or a multiplier", RULE["usd_per_million"])
    if multiplier is not None and not multiplier:
        section.wrong("multiplier", "can't be 0: write usd_per_million with 0 where a model costs nothing")
    valid_from, valid_to = section.moment("valid_from"), section.moment("valid_to")
    if valid_from and valid_to and valid_from >= valid_to:
        section.wrong("valid_to", "must be after valid_from: the price holds from the one until just before the other")
    return PriceRule(
        name=section.name("name") or f"price-{number}",
        provider=_provider(section, providers),
        model=section.text("model", GLOB_CHARS_MAX) or ANY,
        rates_usd_per_million=rates or {},
        multiplier=Decimal(1) if multiplier is None else multiplier,
        valid_from=valid_from,
        valid_to=valid_to,
        where=section.mistakes.where(section.table),
    )


def _rates(section: Section) -> dict[str, Decimal | Fraction] | None:
    """Rates by kind of Usage; None where the rule names none."""
    rates: dict[str, Decimal | Fraction] = {}
    table = section.section("usd_per_million", RATES, "usd_per_million")
    if table is not None and not table.table.pairs:
        section.wrong("usd_per_million", "must name at least one kind of tokens")
    for name, kind in KIND_NAMES.items() if table else ():
        rate = table.decimal(name) if table else None
        if rate is not None:
            rates[kind] = rate
    rates |= _pieces(section)
    named = any(section.node(name) is not None for name in ("usd_per_million", *PIECES))
    return rates if named else None


def _pieces(section: Section) -> dict[str, Fraction]:
    """What searches, minutes, characters and images cost, in dollars per million units of their kind."""
    found = ((kind, times, section.decimal(name)) for name, (kind, times, _) in PIECES.items())
    return {kind: Fraction(usd) * times for kind, times, usd in found if usd is not None}


def _provider(section: Section, providers: Mapping[str, object] | None) -> str:
    name = section.text("provider") or ANY
    if name != ANY and providers is not None and name not in providers:
        section.wrong(
            "provider", f"can't be {shown(name)}, which is not in providers.yaml: {suggestion(name, providers)}"
        )
    return name


def _ceiling(top: Section) -> dict[str, Decimal | Fraction]:
    table = top.section("ceiling", CEILING, "ceiling")
    if table is None:
        return {}
    found = {name: table.decimal(name) for name in CEILING}
    for name, value in found.items():
        if value is not None and not value:
            table.wrong(name, "can't be 0: an unknown price would void every budget")
    sides: dict[str, Decimal | Fraction] = {}
    for name, value in found.items():
        if value is not None and name not in PIECES:
            sides[name] = value
    return {**sides, **_pieces(table)}


class _Unique:
    """Two prices that fit the same model at the same time and are as specific: which one counts would be chance."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        self._rules: dict[tuple[object, ...], list[tuple[int, PriceRule]]] = {}

    def check(self, section: Section, rule: PriceRule) -> None:
        line = section.table.line
        if section.node("name") and rule.name in self._names:
            section.wrong("name", f"{shown(rule.name)} stands twice, first in line {self._names[rule.name]}")
        self._names.setdefault(rule.name, line)
        equals = self._rules.setdefault((rule.provider, *specificity(rule.model)), [])
        for other_line, other in equals:
            if can_meet(rule.model, other.model) and _overlap(rule, other):
                section.mistakes.add(
                    _place(section),
                    f"the price in line {other_line} fits the same models at the same time, and is no less specific",
                    "valid_to: 2027-01-01 on the one, valid_from: 2027-01-01 on the other",
                )
                break
        equals.append((line, rule))


def _place(section: Section) -> Word | Table:
    model = section.node("model")
    return model if isinstance(model, Word) else section.table


def _overlap(one: PriceRule, other: PriceRule) -> bool:
    earliest, latest = _EVER
    begins = max(one.valid_from or earliest, other.valid_from or earliest)
    ends = min(one.valid_to or latest, other.valid_to or latest)
    return begins < ends
