"""Corrections: where litellm's list is known to be wrong or to lack a price, with the page that says so.

A correction says what the list has (`listed`) and what is right (`correct`), in the list's own fields; null: none. It
applies only while the list still says exactly that, so a newer list that has been mended is never changed back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

Entry = Mapping[str, object]

FILE: Final = Path(__file__).with_name("prices_corrections.json")


class Correction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vendor: str
    models: tuple[str, ...]
    """Names as the list has them, without the vendor's prefix."""
    listed: dict[str, object]
    correct: dict[str, object]
    source: str
    """The provider's page."""
    read: str
    """The day on which it was read."""
    why: str

    def fits(self, entry: Entry) -> bool:
        """Whether the list still has what was found wrong."""
        return all(entry.get(field) == value for field, value in self.listed.items())

    def applied(self, entry: Entry) -> Entry:
        changed = {**entry, **self.correct}
        return {field: value for field, value in changed.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Corrections:
    by_name: Mapping[tuple[str, str], Correction]
    """(vendor, model) -> the one correction of it."""

    def corrected(self, vendor: str, name: str, entry: Entry, source: str) -> tuple[Entry, str]:
        """The entry, and the name of its source: 'litellm-1.106.2~2026-11-21' where a correction applied."""
        found = self.by_name.get((vendor, name.removeprefix(f"{vendor}/")))
        if found is None or not found.fits(entry):
            return entry, source
        return found.applied(entry), f"{source}~{found.read}"


def shipped() -> tuple[Correction, ...]:
    """Those that come with this version. Raises OSError, msgspec.MsgspecError: the installation is broken."""
    decoder = msgspec.json.Decoder(tuple[Correction, ...], float_hook=Decimal)
    return decoder.decode(FILE.read_bytes())


def corrections(found: Iterable[Correction]) -> Corrections:
    return Corrections({(each.vendor, model): each for each in found for model in each.models})
