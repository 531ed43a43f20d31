"""Rule: an own price or a discount, for the models that it names, within a dated interval."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from fractions import Fraction

from proxy.finance.listing import STANDARD, Listing, Rates

_WILDCARDS = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    provider: str
    """Name of a provider, or a glob of names."""
    model: str
    """Glob."""
    rates: Rates = field(default_factory=dict)
    """Empty: the list price applies."""
    multiplier: Fraction = Fraction(1)
    from_us: int | None = None
    """In force from this moment on (microseconds UTC), inclusive; None: since ever."""
    to_us: int | None = None
    """Until this moment, exclusive."""

    def covers(self, provider: str, names: Iterable[str]) -> bool:
        """Whether it is written for one of a model's names at this provider."""
        return fnmatchcase(provider, self.provider) and any(fnmatchcase(name, self.model) for name in names)

    def in_force(self, at_us: int) -> bool:
        return (self.from_us is None or self.from_us <= at_us) and (self.to_us is None or at_us < self.to_us)


def by_precedence(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """First the more specific, then the one that began later, then the one that is written later.

    Specific: a named provider before a glob; then a named model before a glob, and more letters before fewer.
    """
    ranked = sorted(enumerate(rules), key=lambda pair: (*_rank(pair[1]), pair[0]), reverse=True)
    return tuple(rule for _, rule in ranked)


def _rank(rule: Rule) -> tuple[object, ...]:
    began = float("-inf") if rule.from_us is None else rule.from_us
    return (*_specificity(rule.provider), *_specificity(rule.model), began)


def _specificity(glob: str) -> tuple[bool, int]:
    return not _WILDCARDS & set(glob), sum(letter not in _WILDCARDS for letter in glob)


def overlaid(listing: Listing, own: Rates) -> Listing:
    """The listing with own standard rates. A kind's tiers and long-context rates keep their proportion to it.

    Own rates go in before anything is derived, so that what the list derives from a kind follows the own rate.
    """
    standard = listing.rates.get(STANDARD, {})
    rates = {
        variant: {
            kind: own[kind] * rate / standard[kind] if kind in own and standard.get(kind) else rate
            for kind, rate in listed.items()
            if kind not in own or standard.get(kind)
        }
        for variant, listed in listing.rates.items()
    }
    return replace(listing, rates={**rates, STANDARD: {**standard, **own}})
