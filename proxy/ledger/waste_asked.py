"""What a waste report is asked for: a selection, and what only this report knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.ledger.dimensions import WASTE_DIMENSIONS
from proxy.ledger.periods import PeriodError, instant
from proxy.ledger.selection import ParameterError, Selection, selection
from proxy.model.calendar import microseconds, moment

REPORT: Final = "waste"
EXAMPLES_MAX: Final = 20
"""Calls of each run."""
LOOK_BACK_US: Final = 31 * 86_400_000_000
"""How long before the period a call may be that another one repeats: longer than any detector remembers."""
_OWN: Final = ("campaigns", "examples", "as_of")


@dataclass(frozen=True, slots=True)
class WasteAsked:
    selection: Selection
    campaigns: bool = False
    """True: the runs stand below the rows."""
    examples: int = 0
    """Calls of each run that are named."""
    as_of_us: int | None = None
    """What was known at that time: what ended or was found later doesn't count. None: all that is known."""

    @property
    def personal(self) -> bool:
        """True: it could single out a person. A run is mostly one person's."""
        return self.campaigns or self.selection.personal

    def described(self) -> dict[str, str]:
        """In short, for the record of a look at somebody's rows: runs are a breakdown by campaign."""
        told = self.selection.described()
        names = [*filter(None, told["by"].split(",")), *(("campaign",) if self.campaigns else ())]
        return told | {"by": ",".join(dict.fromkeys(names))}


def waste_asked(parameters: Sequence[tuple[str, str]], aliases: Mapping[str, str], now_us: int) -> WasteAsked:
    """Read the parameters of a request. Raises ParameterError."""
    for name in _OWN:
        if sum(each == name for each, _ in parameters) > 1:
            raise ParameterError(name, "given twice")
    single = {name: value for name, value in parameters if name in _OWN}
    rest = [(name, value) for name, value in parameters if name not in _OWN]
    asked = selection(rest, aliases, now_us, REPORT, WASTE_DIMENSIONS)
    if asked.compare:
        raise ParameterError("compare", "not in this report; ask for it by month, week or day")
    examples = _examples(single.get("examples", ""))
    return WasteAsked(
        selection=asked,
        campaigns=_campaigns(single.get("campaigns", "")) or examples > 0,
        examples=examples,
        as_of_us=_as_of(single.get("as_of", ""), asked, now_us),
    )


def _campaigns(text: str) -> bool:
    if text not in ("", "true", "false"):
        raise ParameterError("campaigns", "is true or false")
    return text == "true"


def _examples(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and int(text) <= EXAMPLES_MAX):
        raise ParameterError("examples", f"is how many calls of each run are named, at most {EXAMPLES_MAX}")
    return int(text)


def _as_of(text: str, asked: Selection, now_us: int) -> int | None:
    if not text:
        return None
    try:
        return microseconds(instant(text, moment(now_us, asked.period.zone)))
    except PeriodError as error:
        raise ParameterError("as_of", str(error)) from None
