"""Fields: the governed members of a request body, each read as the type that its wire format gives it."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Raw

from proxy.metering.json_object import ObjectReader, UnreadableError

NAME_CHARS_MAX: Final = 200
"""Of a model's name. The longest known (deployment paths) have about 120."""
CHOICES_MAX: Final = 1000
"""Answers to one call; OpenAI allows 128."""

_TIERS: Final = {"auto": "", "default": "", "standard": "", "standard_only": "", "fast": "priority"}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_text: Final = msgspec.json.Decoder(str | None).decode
_flag: Final = msgspec.json.Decoder(bool | None).decode
_number: Final = msgspec.json.Decoder(int | float | None).decode


class Fields:
    """Every reader raises UnreadableError for a value of another type; null is the same as absent."""

    def __init__(self, values: Mapping[str, Raw]) -> None:
        self._values = values

    def text(self, name: str) -> str:
        """'' where it is absent."""
        raw = self._values.get(name)
        if raw is None:
            return ""
        try:
            return _text(raw) or ""
        except msgspec.ValidationError:
            raise UnreadableError(f"The key '{name}' must be a string.") from None

    def model(self) -> str:
        """The model's name; '' where a stored prompt or the server names it."""
        model = self.text("model")
        if len(model) > NAME_CHARS_MAX or (not model.isprintable() and _CONTROL.search(model)):
            raise UnreadableError(f"The key 'model' must be a name of at most {NAME_CHARS_MAX} printable characters.")
        return model

    def tier(self) -> str:
        """The service tier asked for; '' for the list price. It prices the hold: what was given, the answer says."""
        if "service_tier" not in self._values:
            return ""
        tier = self.text("service_tier")[:NAME_CHARS_MAX]
        return _TIERS.get(tier, "" if _CONTROL.search(tier) else tier)

    def flag(self, name: str) -> bool:
        raw = self._values.get(name)
        if raw is None:
            return False
        try:
            return _flag(raw) or False
        except msgspec.ValidationError:
            raise UnreadableError(f"The key '{name}' must be true or false.") from None

    def limit(self, *names: str) -> int | None:
        """The largest of the named limits; None where none is set (some servers take 0 and -1 for that, too)."""
        largest: int | None = None
        for name in names:
            number = self.whole(name) if name in self._values else None
            if number is not None and number > (largest or 0):
                largest = number
        return largest

    def choices(self) -> int:
        if "n" not in self._values:
            return 1
        count = self.whole("n")
        if count is not None and count > CHOICES_MAX:
            raise UnreadableError(f"The key 'n' must be at most {CHOICES_MAX}.")
        return max(1, count or 1)

    def whole(self, name: str) -> int | None:
        """A whole number, also written as 100.0."""
        raw = self._values.get(name)
        if raw is None:
            return None
        try:
            number = _number(raw)
            return None if number is None else _whole(number)
        except ValueError:
            raise UnreadableError(f"The key '{name}' must be a whole number.") from None

    def nested(self, name: str, reader: ObjectReader) -> "Fields | None":
        """The fields of an object; None where there is no object (the provider says what it makes of another type)."""
        raw = self.raw(name)
        return Fields(reader.read(raw)) if raw.startswith(b"{") else None

    def raw(self, name: str) -> bytes:
        """The value's bytes; b'' where it is absent."""
        value = self._values.get(name)
        return b"" if value is None else bytes(value)

    def content(self, names: Iterable[str]) -> tuple[bytes, ...]:
        """The members of these names that are there, as bytes: '"messages":[…]'."""
        values = self._values
        return tuple([b"".join((b'"', name.encode(), b'":', values[name])) for name in names if name in values])


def _whole(number: int | float) -> int:
    """Raises ValueError for a number with a fraction."""
    if isinstance(number, float) and not number.is_integer():
        raise ValueError
    return int(number)
