"""Found: what of a call repeats earlier work, as its line says it: names, ids of calls, a score. No text.

On the line it is a flat table that leaves out what is as usual: nearly every call repeats nothing.
"""

from dataclasses import dataclass
from typing import Final

REPEATS_MAX: Final = 10
"""Calls that are named as evidence."""


@dataclass(frozen=True, slots=True)
class Found:
    waste_class: str = ""
    """The strongest of what was found; '' for nothing."""
    score_milli: int = 0
    """In thousandths: what thresholds are held against, so that others can be tried on the past."""
    flagged: bool = False
    """True: the score reached the threshold in force."""
    campaign: str = ""
    """Id of the run of related calls that it belongs to; '' where none is clear."""
    exempted: str = ""
    """Why it is no waste although it repeats ('retry', 'evaluation', …)."""
    action: str = ""
    """What a rule did: 'warned', 'served', 'coalesced', 'throttled', 'justify', 'refused'; '' for nothing."""
    saved_pico: int = 0
    """What serving, sharing or refusing it avoided, as expected by the call that it repeats."""
    age_us: int = 0
    """How long before the call the newest one that it repeats began."""
    repeats: tuple[str, ...] = ()
    """Ids of the calls that it repeats, the oldest first; at most REPEATS_MAX."""


NOTHING_FOUND: Final = Found()


def recorded(found: Found) -> dict[str, int | str]:
    """As it stands on a line, beside `repeats`, which is a field of its own there."""
    if found == NOTHING_FOUND:
        return {}
    told: dict[str, int | str] = {
        "class": found.waste_class,
        "score": found.score_milli,
        "flagged": int(found.flagged),
        "campaign": found.campaign,
        "exempted": found.exempted,
        "action": found.action,
        "saved_pico": found.saved_pico,
        "age_us": found.age_us,
    }
    return {name: value for name, value in told.items() if value}
