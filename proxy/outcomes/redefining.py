"""Redefining: the past by another definition, beside the one that is in force."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Final

from proxy.outcomes.crediting import Verdicts
from proxy.outcomes.definition import CURRENT, DEFINITIONS, Definition
from proxy.outcomes.verdicts import Standing

_UNITS: Final[Mapping[str, int]] = {"m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_LENGTH: Final = re.compile(r"(\d{1,4})([mhd])")


class DefinitionError(ValueError):
    """No such definition, or a number that it can't have; for the caller."""


def definition_of(text: str) -> Definition:
    """'2' (a version), or what differs from the one in force: 'clawback=14d,alike_bits=2'. Its version says which.

    Raises DefinitionError.
    """
    if text in DEFINITIONS:
        return DEFINITIONS[text]
    if "=" not in text:
        known = ", ".join(DEFINITIONS)
        raise DefinitionError(f"there is no definition {text[:40]!r}; there are {known}, and {', '.join(NUMBERS)}=…")
    changed: dict[str, Any] = {}
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        if name not in NUMBERS:
            raise DefinitionError(f"{name[:40]!r} is no number of the definition; there are {', '.join(NUMBERS)}")
        own, read = NUMBERS[name]
        changed[own] = read(value.strip())
    return replace(CURRENT, version=f"{CURRENT.version} with {text}", **changed)


def _length(text: str) -> int:
    found = _LENGTH.fullmatch(text)
    if not found:
        raise DefinitionError(f"{text[:40]!r} is no length of time: write 10m, 12h or 30d")
    return int(found[1]) * _UNITS[found[2]]


def _bits(text: str) -> int:
    if text not in ("0", "1", "2", "3"):
        raise DefinitionError("of the 64 bits of a diff 0 to 3 may differ")
    return int(text)


def _part(text: str) -> tuple[int, int]:
    try:
        found = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise DefinitionError(f"{text[:40]!r} is no part of a credit: write 1/2") from None
    if not 0 <= found <= 1:
        raise DefinitionError("a part of a credit is from 0 to 1")
    return found.numerator, found.denominator


NUMBERS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "settled": ("settled_us", _length),
    "corroboration": ("corroboration_us", _length),
    "clawback": ("clawback_us", _length),
    "review": ("review_us", _length),
    "alike": ("alike_us", _length),
    "alike_bits": ("alike_bits", _bits),
    "retried": ("retried", _part),
}
"""What can be tried, by the word for it: the field, and how it is read."""


@dataclass(slots=True)
class Tally:
    """Of one service, by one definition."""

    standings: Counter[Standing] = field(default_factory=Counter)
    credits: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one service: as it is, as it would be, and how many deployments would stand elsewhere."""

    before: Tally
    after: Tally
    moved: int


def differences(before: Verdicts, after: Verdicts) -> dict[str, Difference]:
    """By service, of every service that either knows of something in production."""
    first, second = _tallies(before), _tallies(after)
    stands = {each.deployment: each.standing for each in before.deployments}
    moved = Counter(
        each.service
        for each in after.deployments
        if each.in_production and stands.get(each.deployment) != each.standing
    )
    return {
        name: Difference(first.get(name, Tally()), second.get(name, Tally()), moved[name])
        for name in sorted({*first, *second})
    }


def _tallies(verdicts: Verdicts) -> dict[str, Tally]:
    found: dict[str, Tally] = {}
    for each in verdicts.deployments:
        if each.in_production:
            found.setdefault(each.service, Tally()).standings[each.standing] += 1
    for landing in verdicts.landings:
        found.setdefault(landing.service, Tally()).credits += landing.credit
    return found
