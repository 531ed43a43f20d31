"""Slips: what people write for what these files call otherwise, where likeness of letters doesn't find it."""

import re
from collections.abc import Iterable
from typing import Final

WORDS: Final = {
    **dict.fromkeys(("period", "interval", "every", "duration"), "window"),
    **dict.fromkeys(("tz", "zone", "time_zone"), "timezone"),
    **dict.fromkeys(("person", "people", "developer", "employee", "member", "service_account", "owner"), "user"),
    **dict.fromkeys(("api_key", "token"), "key"),
    **dict.fromkeys(("amount", "budget", "max"), "limit"),
    **dict.fromkeys(("scope", "match", "for", "where"), "applies_to"),
    **dict.fromkeys(("rpm", "requests"), "requests_per_minute"),
    **dict.fromkeys(("tpm", "tokens"), "tokens_per_minute"),
    **dict.fromkeys(("department", "group"), "team"),
    **dict.fromkeys(("daily", "today"), "day"),
}
"""Setting, dimension or value as written -> as it is called here."""
_ZONES: Final = {
    **dict.fromkeys(("CEST", "MEZ", "MESZ"), "Europe/Berlin"),
    "BST": "Europe/London",
    "EDT": "America/New_York",
    **dict.fromkeys(("CST", "CDT"), "America/Chicago"),
    "MDT": "America/Denver",
    **dict.fromkeys(("PST", "PDT"), "America/Los_Angeles"),
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "AEST": "Australia/Sydney",
}
"""A zone's name of the season or the place: it names no rules of its own. Where several places have it, the largest."""
_TIME: Final = re.compile(r"(?:last )?(\d{1,4})[ -]?(hours?|hrs?|h|days?|d|weeks?|w)", re.ASCII | re.IGNORECASE)
_HOURS: Final = {"h": (1, "h"), "d": (1, "d"), "w": (7, "d")}
_AMOUNT: Final = re.compile(r"(US)?(\$?) ?(\d[\d,_' ]*)(\.\d+)? ?([kKmMbB]?) ?([A-Za-z$]*)", re.ASCII)
_CURRENCIES: Final = (
    *("AUD", "BRL", "CAD", "CHF", "CNY", "DKK", "EUR", "EURO", "EUROS", "GBP", "INR", "JPY", "NOK", "PLN", "SEK"),
    *("SGD", "€", "£", "¥"),
)
_MONEY: Final = ("$", "usd", "dollar", "dollars", "us$")


def meant(word: str, known: Iterable[str]) -> str:
    """The right word for a wrong one, '' where it is no slip of these."""
    found = WORDS.get(word.lower(), "")
    return found if found in known else ""


def zone(word: str) -> str:
    return _ZONES.get(word.upper(), "")


def rolling(text: str) -> str:
    """'30d' of '30 days'; '' of what is no time."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return ""
    times, letter = _HOURS[found[2][0].lower()]
    return f"{int(found[1]) * times}{letter}"


def amount(text: str) -> str:
    """'5000 USD' of '$5,000'; '' where the unit isn't said, or the text is no amount."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None or not (found[2] == "$" or found[6].lower() in _MONEY):
        return ""
    number = re.sub(r"[,_' ]", "", found[3]) + (found[4] or "")
    scale = found[5].lower() if found[5].lower() == "k" else found[5].upper()
    return f"{number}{scale} USD"


def currency(word: str) -> str:
    """What to say of money in another currency; '' of what is none."""
    if word.upper() not in _CURRENCIES:
        return ""
    return "money is in USD, as providers' price lists are; outlay doesn't convert currencies"
