"""What is remembered of one growing conversation: its last turns, and how much of it was said before."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from proxy.model.fact import fact

from .evidence import Evidence

TURNS_MAX = 10


@fact(frozen=True, slots=True)
class Turn:
    """What one call added. `said`: hash of the caller's or the tool's words; `asked`: of the assistant's (with its tool
    calls); `lines`: a sample of the lines of a tool's result."""

    call_id: str
    at_us: int
    asked: int
    said: int
    lines: array[int]


@dataclass(slots=True, weakref_slot=True)
class Conversation:
    """Mutable; one for each line of growth. Evidence of tool loops and repeated turns, of empty exchange, of replay,
    where there is any; `vocabulary`: bits of the words of its short turns; `polls`: repeated calls let pass because
    they wait; `prods`: turns in a row by which the caller only said to go on, `prodded`: in which words; `opening`:
    words it began with; `number`: tells it from others.
    """

    turns: list[Turn] = field(default_factory=list)
    loop: Evidence | None = None
    echo: Evidence | None = None
    replay: Evidence | None = None
    vocabulary: int = 0
    polls: int = 0
    prods: int = 0
    prodded: int = 0
    opening: int = 0
    number: int = 0

    def took(self, turn: Turn) -> None:
        self.turns.append(turn)
        del self.turns[:-TURNS_MAX]
