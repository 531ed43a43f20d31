"""Money: whole pico-dollars (1e-12 USD) in an int, never a float.

A *rate* is pico-dollars per million units (1e-18 USD a unit), so that the smallest published price a token
(about 1e-9 USD) times a discount or a regional factor still is a whole number.
"""

from decimal import Decimal
from typing import Final

PICO_PER_USD: Final = 10**12
RATE_UNITS: Final = 10**6


def pico_to_usd(pico: int) -> str:
    """The exact decimal string of an amount, at least two decimals and no trailing zeros beyond: '0.0125'."""
    sign = "-" if pico < 0 else ""
    whole, fraction = divmod(abs(pico), PICO_PER_USD)
    decimals = f"{fraction:012d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{decimals}"


def usd_exact(pico: int) -> str:
    """The same with all twelve decimals, so that equal amounts are equal text: '0.012500000000'."""
    whole, fraction = divmod(abs(pico), PICO_PER_USD)
    return f"{'-' if pico < 0 else ''}{whole}.{fraction:012d}"


def pico_of(usd: str) -> int:
    """Of an amount with twelve decimals. Raises ValueError."""
    whole, _, fraction = usd.partition(".")
    if len(fraction) != len(str(PICO_PER_USD)) - 1:
        raise ValueError(f"{usd!r} doesn't have twelve decimals")
    return int(whole + fraction)


def rate_from_usd(usd_per_unit: str | Decimal) -> int:
    """Rate (pico-dollars per million units) of a price in dollars per unit, half-even below 1e-18 USD."""
    return int((Decimal(usd_per_unit) * PICO_PER_USD * RATE_UNITS).to_integral_value())


def cost_of(quantity: int, rate: int) -> int:
    """Pico-dollars of `quantity` units at `rate`, rounded half-even to a whole pico-dollar."""
    whole, rest = divmod(quantity * rate, RATE_UNITS)
    double = 2 * rest
    return whole + (double > RATE_UNITS or (double == RATE_UNITS and whole % 2 == 1))
