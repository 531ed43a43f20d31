"""A group of calls about one thing, and how one more call stands to it."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from proxy.model.fact import fact

from .bounds import HOUR_US
from .evidence import Evidence
from .words import alike, new_words

ALIKE_MIN = 0.6
ASKS_MAX = 8
LATEST_MAX = 20
NEW_WORDS_SHARE_MAX = 0.005
NEW_WORD_WEIGHT = 0.35
DRIFT_ASKS_MIN = 4
DRIFT_MIN = 0.02
DRIFT_RATIO = 1.7
DRIFT_WEIGHT = -0.5
CLOSED_ASKS_MIN = 3
FAMILIAR_SHARE = 0.4
HALF_LIFE_DAYS = 2
"""What is asked of one text day after day adds up more slowly than what is asked within hours, but it does."""
TICK_US_MIN, TICK_US_MAX = HOUR_US // 15, 12 * HOUR_US
TICK_JITTER_MAX = 0.1
TICKS_MIN = 2
"""People don't pause for as long as before twice in a row."""


@dataclass(slots=True, weakref_slot=True)
class Topic:
    """`body`: the pieces of its first call; `known`: the words of all asks so far; `asks`: the latest; `latest`: ids of
    its calls; `owners`: who asked, and how often, where it is everybody's. `last_at_us`, `pause_us`: when it was called
    last, and how long after the call before; `ticks`: how often in a row after the same pause. `calls`, `spent_pico`,
    `output_tokens`: of answers.
    Of a text that moves: `seen`: the pieces of its later calls; `last`: words of the ends of its last call; `ends`: of
    all ends so far; `words`: those and all of its last call."""

    body: array[int]
    known: int = 0
    asks: list[int] = field(default_factory=list)
    evidence: Evidence = field(default_factory=lambda: Evidence(HALF_LIFE_DAYS))
    latest: list[str] = field(default_factory=list)
    owners: dict[str, int] | None = None
    last_at_us: int = 0
    pause_us: int = 0
    ticks: int = 0
    seen: array[int] | None = None
    ends: int = 0
    last: tuple[int, int] = (0, 0)
    words: int = 0
    calls: int = 0
    spent_pico: int = 0
    output_tokens: int = 0

    def answered(self, cost_pico: int, output_tokens: int) -> None:
        self.calls += 1
        self.spent_pico += cost_pico
        self.output_tokens += output_tokens

    def keep(self, ask: int) -> None:
        self.asks.append(ask)
        del self.asks[:-ASKS_MAX]

    def called(self, call_id: str, at_us: int) -> None:
        self.latest.append(call_id)
        del self.latest[:-LATEST_MAX]
        pause_us = at_us - self.last_at_us
        even = abs(pause_us - self.pause_us) <= TICK_JITTER_MAX * pause_us and TICK_US_MIN <= pause_us <= TICK_US_MAX
        self.ticks = self.ticks + 1 if even else 0
        self.last_at_us, self.pause_us = at_us, pause_us

    @property
    def timed(self) -> bool:
        """A text that is sent by the clock."""
        return self.ticks >= TICKS_MIN and bool(self.body)

    def asked(self, ask: int, masked: bool = False) -> Likeness:
        """How the ask stands to those before it; it is one of them from now on."""
        similarity = max((alike(ask, old) for old in self.asks), default=0.0) if ask else 1.0
        last = self.asks[-1] if self.asks else 0
        found = Likeness(
            self,
            similarity,
            new=new_words(ask, self.known),
            words=ask.bit_count(),
            returned=new_words(ask & self.known, last),
            grown=not new_words(last, ask),
            masked=masked,
            drifts=_drifts(self.asks, ask),
            asks=len(self.asks),
        )
        self.known |= ask
        if ask:
            self.keep(ask)
        return found


@fact(frozen=True, slots=True)
class Likeness:
    """How a call stands to its topic: `similarity` 0 to 1 to the nearest earlier ask; how many of its words are `new`
    to the topic, and how many `returned` that the latest ask lacked. `grown`: nothing of the latest ask was dropped, as
    of a text being typed. `masked`: something was added, and it asks nothing. `fixed`: the weight, where it was found
    in another way.
    """

    topic: Topic
    similarity: float = 0.0
    new: int = 0
    words: int = 0
    returned: int = 0
    grown: bool = False
    masked: bool = False
    drifts: bool = False
    asks: int = 0
    fixed: float | None = None

    @property
    def weight(self) -> float:
        """What the call speaks for (above 0: it repeats the topic) or against (new work)."""
        if self.fixed is not None or self.masked:
            return 1.0 if self.fixed is None else self.fixed
        if self.similarity < ALIKE_MIN:
            return self._reworded
        new = self.new - int(NEW_WORDS_SHARE_MAX * self.words)
        if new > 0:
            return -min(1.0, NEW_WORD_WEIGHT * new)
        if self.drifts:
            return DRIFT_WEIGHT
        return 1.0 if self.returned else 0.0 if self.grown else 0.5

    @property
    def _reworded(self) -> float:
        """Of an ask that is like no earlier one: other words for one wish come from a stock that is soon used up, other
        questions bring their own."""
        share = self.new / self.words if self.words else 0.0
        if share > FAMILIAR_SHARE:
            return -1.0
        return 1 - share / FAMILIAR_SHARE if self.asks >= CLOSED_ASKS_MIN else 0.0


def _drifts(asks: Sequence[int], ask: int) -> bool:
    """Whether the asks move away from where they began, edit by edit, as a person's versions do. Other words for one
    request come back to it: old ones are as near as new ones."""
    if len(asks) < DRIFT_ASKS_MIN:
        return False
    far = [1 - alike(ask, old) for old in asks]
    half = len(far) // 2
    return sum(far[:half]) > DRIFT_RATIO * sum(far[-half:]) + DRIFT_MIN * half
