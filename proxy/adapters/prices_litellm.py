"""Prices out of litellm's installed list, read as data: litellm itself is never imported (3.7 s and 170 MiB)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec

from proxy.adapters.prices_corrections import Corrections, corrections, shipped
from proxy.adapters.prices_entry import Entry, entry_of, listing_of
from proxy.finance.listing import Listing, Vendor
from proxy.finance.names import variants
from proxy.finance.price import Ceiling
from proxy.finance.pricebook import PriceBook
from proxy.finance.rule import Rule
from proxy.model.money import PICO_PER_USD
from proxy.policy.types import PolicySet, PricePolicy, PriceRule, Provider

FILE: Final = "model_prices_and_context_window_backup.json"
FILE_BYTES_MAX: Final = 64 * 1024 * 1024

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RESIDENT_HOST: Final = re.compile(r"https?://(us|eu)\.api\.openai\.com(?:[:/]|$)")
"""OpenAI's hosts with data residency: the address decides the region, answers do not tell it."""
_ALSO: Final[Mapping[str, tuple[str, ...]]] = {"bedrock": ("bedrock_converse",), "cohere": ("cohere_chat",)}


class PriceListError(Exception):
    """litellm's price list is missing or can't be read."""


class _Head(msgspec.Struct):
    litellm_provider: str | None = None


class LitellmList:
    """The entries of the vendors asked for, kept as raw bytes (about 0.7 KB each) and decoded when first looked up."""

    def __init__(self, folder: Path, vendors: Iterable[str], mended: Corrections) -> None:
        """`folder`: litellm's own. Raises PriceListError."""
        self.source = f"litellm-{version(folder)}"
        self._mended = mended
        wanted = frozenset(vendors)
        head = msgspec.json.Decoder(_Head)
        self._entries: dict[str, dict[str, bytes]] = {vendor: {} for vendor in wanted}
        try:
            whole = msgspec.json.decode(_read(folder / FILE), type=dict[str, msgspec.Raw])
            for name, raw in whole.items():
                owner = head.decode(raw).litellm_provider or ""
                for vendor in wanted:
                    if _belongs(owner, vendor):
                        self._entries[vendor][name] = bytes(raw)
        except (OSError, msgspec.DecodeError) as error:
            raise PriceListError(f"{folder / FILE}: {error}") from error

    def find(self, vendor: str, name: str, variant: str = "") -> Listing | None:
        """The list prices a variant in an entry of its own, beside the tokens of the plain model, or by the pixel."""
        plain, source = self._entry(vendor, name)
        for named in variants(variant, name):
            entry, source_of = self._entry(vendor, named)
            if entry is not None:
                return listing_of({**(plain or {}), **entry}, vendor, named, source_of, variant)
        return None if plain is None else listing_of(plain, vendor, name, source, variant)

    def _entry(self, vendor: str, name: str) -> tuple[Entry | None, str]:
        """The entry with its corrections, and the source to name."""
        entries = self._entries.get(vendor, {})
        raw = entries.get(name) or entries.get(f"{vendor}/{name}")
        return (None, "") if raw is None else self._mended.corrected(vendor, name, entry_of(raw), self.source)


def price_book(policies: PolicySet, folder: Path | None = None, mended: Corrections | None = None) -> PriceBook:
    """The prices in force under a policy set. Another set needs another book: build it off the loop, then swap.

    `folder`: litellm's own, where not the installed one; `mended`: corrections, where not the shipped ones. Takes about
    20 ms. Raises PriceListError.
    """
    vendors = {name: _vendor(provider) for name, provider in policies.providers.items()}
    names = (vendor.name for vendor in vendors.values())
    listed = LitellmList(folder or installed_folder(), names, mended or corrections(shipped()))
    policy = policies.prices
    return PriceBook(listed, vendors, (_rule(rule) for rule in policy.rules), _ceiling(policy))


class _Listed(msgspec.Struct):
    litellm_provider: str = ""


def listed_models(folder: Path | None = None) -> dict[str, str]:
    """Every name of the list, and who sells it; '' where the list doesn't say. Raises PriceListError."""
    file = (folder or installed_folder()) / FILE
    try:
        listed = msgspec.json.decode(_read(file), type=dict[str, _Listed])
        return {name: each.litellm_provider for name, each in listed.items()}
    except (OSError, msgspec.DecodeError) as error:
        raise PriceListError(f"{file}: {error}") from error


def installed_folder() -> Path:
    """Where litellm is installed, found without running it. Raises PriceListError."""
    spec = find_spec("litellm")
    if spec is None or not spec.submodule_search_locations:
        raise PriceListError("litellm is not installed: outlay reads its price list and tokenizers as data")
    return Path(spec.submodule_search_locations[0])


def version(folder: Path) -> str:
    """litellm's version, read off the name of its metadata folder (importlib.metadata would cost memory)."""
    names = sorted(path.name for path in folder.parent.glob("litellm-*.dist-info"))
    return names[-1].removeprefix("litellm-").removesuffix(".dist-info") if names else "unknown"


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise OSError(f"longer than {FILE_BYTES_MAX} bytes")
    return content


def _belongs(owner: str, vendor: str) -> bool:
    """litellm splits some vendors by API: 'text-completion-openai', 'vertex_ai-language-models', 'bedrock_converse'."""
    return (
        owner in (vendor, f"text-completion-{vendor}")
        or owner.startswith(f"{vendor}-")
        or owner in _ALSO.get(vendor, ())
    )


def _vendor(provider: Provider) -> Vendor:
    name = provider.prices or provider.dialect
    resident = _RESIDENT_HOST.match(provider.base_url)
    return Vendor(name, resident[1] if resident else provider.region, provider.deployments)


def _rule(rule: PriceRule) -> Rule:
    return Rule(
        name=rule.name or rule.where,
        provider=rule.provider,
        model=rule.model,
        rates={kind: Fraction(usd) * PICO_PER_USD for kind, usd in rule.rates_usd_per_million.items()},
        multiplier=Fraction(rule.multiplier),
        from_us=_micros(rule.valid_from),
        to_us=_micros(rule.valid_to),
    )


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)


def _ceiling(policy: PricePolicy) -> Ceiling:
    """What the policy doesn't name keeps its default."""
    rates = {side: int(Fraction(usd) * PICO_PER_USD) for side, usd in policy.ceiling_usd_per_million.items()}
    return replace(Ceiling(), **rates)
