"""Lines: everything that stands in a journal segment, one JSON object each.

Beside the entries there are two lines of the journal's own: the *head* opens each segment, and after it stand the
calls *carried* over from the segment before, so that a crash can be settled from the last segment alone.
"""

from dataclasses import dataclass
from typing import Final

from proxy.model.call import Call, Hold
from proxy.model.entry import Act, Attributed, Entry, Extended, Opened, Refused, Settled, Stated
from proxy.model.told import Told

SHAPE: Final = 1
"""Raised by one with every field that lines get. An older ledger passes over fields that it doesn't know; by this the
next one sees that it must load them anew (app.opening)."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first line of a segment. `boot` grows with each start of the node, `number` with each segment of a boot."""

    node: str
    boot: int
    number: int
    at_us: int
    shape: int = 0
    """The SHAPE of the program that writes the segment; 0: one older than this field."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A call still open when its segment was closed, with its hold so far."""

    call: Call
    hold: Hold


Line = Head | Carried | Entry

LINE_TYPES: Final[dict[str, type[Line]]] = {
    "segment": Head,
    "carried": Carried,
    "opened": Opened,
    "extended": Extended,
    "settled": Settled,
    "refused": Refused,
    "attributed": Attributed,
    "act": Act,
    "told": Told,
    "stated": Stated,
}
"""The value of `t` in a line, and what the line holds."""
