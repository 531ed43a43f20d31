"""Agents that are started afresh to do what was done before: the same calls with the same results, in any order.

Every session reads some of the same files; a session of work soon calls something else, or gets another result. What is
seen is one owner's run of steps that all were taken in an earlier conversation, with next to none between them that
brought something.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .bounds import OWNERS_MAX, Recent
from .conversation import Conversation, Turn
from .evidence import Evidence
from .hashing import Keyed
from .judge import Judge
from .marks import Marks
from .reading import Reading
from .sight import Sight
from .words import ask_of, new_words

RESULT_CHARS_MIN = 200
KNOWN_SHARE_MIN = 0.9
NEWS_SHARE_MAX = 0.5
STEP_WEIGHT = 0.4
"""Five such steps in a row are a finding. Real sessions of one person had two at most."""


SECOND_US = 1_000_000
_NUMBER_MASK = (1 << 31) - 1
_TIME_MASK = (1 << 32) - 1
OPENING_CHARS_MAX = 2_000
"""A longer opening is a text, and topics are for texts."""


def opening(reading: Reading, keyed: Keyed) -> int:
    text = "\n".join(text for _, text in reading.fresh)
    return ask_of(text, keyed) if len(text) <= OPENING_CHARS_MAX else 0


@dataclass(slots=True)
class Rerun:
    """One owner's. `openings`: words that the conversations began with which were done before."""

    evidence: Evidence = field(default_factory=Evidence)
    openings: int = 0


class Reruns:
    __slots__ = ("_count", "_keyed", "_marks", "_owners")

    def __init__(self, keyed: Keyed) -> None:
        self._keyed = keyed
        self._marks = Marks()
        self._owners: Recent[str, Rerun] = Recent(OWNERS_MAX)
        self._count = 0

    def opened(self, sight: Sight, conversation: Conversation, ask: int, judge: Judge) -> None:
        """A conversation begins. In a run of those that were had before, one in no other words is one more."""
        conversation.opening = ask
        rerun = self._owners.get(sight.owner)
        if rerun is not None and ask and not new_words(ask, rerun.openings):
            judge.weigh("replayed_conversation", rerun.evidence)

    def again(self, conversation: Conversation, turn: Turn, result_chars: int) -> bool:
        """Whether this conversation had the same call with the same result before, however long ago."""
        if result_chars < RESULT_CHARS_MIN:
            return False
        place = self._keyed.chain(self._number(conversation, turn.at_us), turn.asked)
        step = turn.at_us & _TIME_MASK or 1
        return self._marks.first(place, turn.said, step) != step

    def _number(self, conversation: Conversation, at_us: int) -> int:
        """Counts from the time on, so that after a restart no number comes twice."""
        if not conversation.number:
            self._count = max(self._count + 1, at_us // SECOND_US & _NUMBER_MASK)
            conversation.number = self._count
        return conversation.number

    def step(self, sight: Sight, conversation: Conversation, turn: Turn, result_chars: int, judge: Judge) -> None:
        """One step of an agent: a call and its result."""
        if sight.owner_kind != "person" or result_chars < RESULT_CHARS_MIN or not turn.lines:
            return
        owner, number = self._keyed.text(sight.owner), self._number(conversation, sight.at_us)
        called = self._marks.first(owner, turn.asked, number) != number
        known = sum(self._marks.first(owner, line, number) != number for line in turn.lines) / len(turn.lines)
        rerun = self._owners.get(sight.owner)
        if called and known >= KNOWN_SHARE_MIN:
            if rerun is None:
                rerun = Rerun()
                self._owners.put(sight.owner, rerun)
            rerun.openings |= conversation.opening
            rerun.evidence.add(STEP_WEIGHT, sight.at_us, sight.call_id)
            judge.weigh("replayed_conversation", rerun.evidence)
        elif rerun is not None and not called and known < NEWS_SHARE_MAX:
            rerun.evidence.take(STEP_WEIGHT, sight.at_us)
