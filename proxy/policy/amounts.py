"""Amounts: what the numbers in rules say, as exact whole ones. '500 USD', '20M tokens', '600k', '5%'."""

import re
from decimal import Decimal
from typing import Final, NamedTuple

from proxy.model.money import PICO_PER_USD, pico_to_usd
from proxy.policy.rules import Unit

USD_MAX: Final = 10**9
COUNT_MAX: Final = 10**15
"""Of tokens or calls."""
SCALES: Final = {"": 1, "k": 10**3, "M": 10**6, "B": 10**9}
UNIT_WORDS: Final[dict[str, Unit]] = {"USD": Unit.USD, "tokens": Unit.TOKENS, "calls": Unit.CALLS}
"""The unit as it stands in files; Unit in the program."""
RULE: Final = (
    f"it is an amount with its unit: USD (at most {USD_MAX:,}), or whole tokens or calls (at most {COUNT_MAX:,})"
)

NUMBER_PATTERN: Final = r"\d{1,15}(\.\d{1,12})?"
COUNT_PATTERN: Final = rf"{NUMBER_PATTERN}[kMB]?"
AMOUNT_PATTERN: Final = rf"{COUNT_PATTERN} ?(USD|tokens|calls)"
PERCENT_PATTERN: Final = r"\d{1,3}%"

_COUNT: Final = re.compile(r"(\d{1,15}(?:\.\d{1,12})?)([kMB]?)", re.ASCII)
_AMOUNT: Final = re.compile(r"(\d{1,15}(?:\.\d{1,12})?)([kMB]?) ?([A-Za-z]+)", re.ASCII)
_PERCENT: Final = re.compile(r"(\d{1,3})%", re.ASCII)


class Amount(NamedTuple):
    unit: Unit
    quantity: int
    """Pico-dollars, tokens or calls."""


def amount(text: str) -> Amount | None:
    """None where the text is none, names no unit that there is, isn't whole in it, or is too large."""
    found = _AMOUNT.fullmatch(text)
    unit = UNIT_WORDS.get(found[3]) if found else None
    if found is None or unit is None:
        return None
    number = Decimal(found[1]) * SCALES[found[2]]
    exact = number * PICO_PER_USD if unit is Unit.USD else number
    maximum = USD_MAX * PICO_PER_USD if unit is Unit.USD else COUNT_MAX
    return Amount(unit, int(exact)) if exact == int(exact) and exact <= maximum else None


def count(text: str) -> int | None:
    """A whole number, as '600', '600k', '1.5M'; None where the text is none, or more than COUNT_MAX."""
    found = _COUNT.fullmatch(text)
    number = Decimal(found[1]) * SCALES[found[2]] if found else None
    return int(number) if number is not None and number == int(number) and number <= COUNT_MAX else None


def percent(text: str) -> int | None:
    """1 to 100; None where the text is no such percentage."""
    found = _PERCENT.fullmatch(text)
    return int(found[1]) if found and 1 <= int(found[1]) <= 100 else None


def unit_of(text: str) -> str:
    """The word behind the number, right or not; '' where there is none."""
    found = _AMOUNT.fullmatch(text)
    return found[3] if found else ""


def word_of(unit: Unit) -> str:
    """The unit as it stands in files."""
    return next(word for word, each in UNIT_WORDS.items() if each is unit)


def words(unit: Unit, quantity: int) -> str:
    """The amount as it stands in files: '500.00 USD', '20000 tokens'."""
    return f"{pico_to_usd(quantity) if unit is Unit.USD else quantity} {word_of(unit)}"
