"""Prompts about the same thing: one text asked about again in other words, or one request said another way.

A topic is one owner's text (found by a sample of its longer pieces) or, where there is none, a short request. Of each
call on it, what differs from the first one is its ask. A call repeats the topic if its ask is like an earlier one and
brings no word that the topic did not have; new words (another question, an edited instruction) speak against.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from .bounds import TOPICS_MAX, TOPICS_PER_OWNER_MAX, Recent
from .evidence import Evidence
from .hashing import Keyed
from .judge import Judge
from .prompts import Use
from .reading import Reading
from .segments import anchors, cut
from .sight import Message, Sight
from .words import alike, ask_of, new_words

SHARED_ANCHORS_MIN = 0.5
ALIKE_MIN = 0.6
ASKS_MAX = 8
SERVICE_TRUST = 0.2
"""A service asks on behalf of many, in alike words."""
AGAIN_WEIGHT = 0.6
"""A variant tried a second time: people do that."""
HISTORY_TURNS_MIN = 5
BURIED_SHARE_MAX = 0.05
"""A finished conversation sent whole, changed in so little of it and not in its last message, asks nothing new."""
SHORT_WORDS_MIN = 4
ANCHORS_MIN = 8
LONG_CHARS_MIN = 1_800
NEW_WORDS_SHARE_MAX = 0.005
NEW_WORD_WEIGHT = 0.35
DRIFT_ASKS_MIN = 4
DRIFT_MIN = 0.02
DRIFT_RATIO = 1.7
DRIFT_WEIGHT = -0.5
_INDEX_MAX = TOPICS_MAX * 8


@dataclass(slots=True)
class Topic:
    """`body`: the pieces of its first call; `known`: the words of all asks so far; `asks`: the latest."""

    body: array[int]
    known: int = 0
    asks: deque[int] = field(default_factory=lambda: deque(maxlen=ASKS_MAX))
    evidence: Evidence = field(default_factory=Evidence)


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a call stands to its topic: `similarity` 0 to 1 to the nearest earlier ask; how many of its words are `new`
    to the topic, and how many `returned` that the latest ask lacked. `grown`: nothing of the latest ask was dropped, as
    of a text being typed. `masked`: something was added, and it asks nothing.
    """

    topic: Topic
    similarity: float = 0.0
    new: int = 0
    words: int = 0
    returned: int = 0
    grown: bool = False
    masked: bool = False
    drifts: bool = False

    @property
    def weight(self) -> float:
        """What the call speaks for (above 0: it repeats the topic) or against (new work)."""
        if self.masked:
            return 1.0
        if self.similarity < ALIKE_MIN:
            return -1.0
        new = self.new - int(NEW_WORDS_SHARE_MAX * self.words)
        if new > 0:
            return -min(1.0, NEW_WORD_WEIGHT * new)
        if self.drifts:
            return DRIFT_WEIGHT
        if self.returned:
            return 1.0
        return 0.0 if self.grown else 0.5


class Topics:
    __slots__ = ("_index", "_keyed", "_short")

    def __init__(self, keyed: Keyed) -> None:
        self._keyed = keyed
        self._index: Recent[tuple[str, int], Topic] = Recent(_INDEX_MAX)
        self._short: Recent[str, deque[Topic]] = Recent(TOPICS_MAX)

    def judge(self, sight: Sight, reading: Reading, use: Use, first_use: bool, judge: Judge) -> None:
        """Count a call for or against its topic."""
        trust = SERVICE_TRUST if sight.owner_kind == "service" else 1.0
        if first_use:
            likeness = self.place(sight.owner, reading.fresh, reading.system)
            if likeness is None:
                return
            use.topic, weight = likeness.topic.evidence, likeness.weight
        else:
            weight = AGAIN_WEIGHT if use.calls == 2 else 1.0
        if use.topic is None:
            return
        if weight > 0:
            use.topic.add(weight * trust, sight.at_us, sight.call_id)
            judge.weigh("near_repeat", use.topic)
        else:
            use.topic.take(-weight, sight.at_us)

    def place(self, owner: str, messages: Sequence[Message], system: str) -> Likeness | None:
        """How a new conversation's first call stands to its topic; None where it is too short to have one."""
        own = cut("\n".join(text for _, text in messages), self._keyed)
        sample = anchors(own)
        if len(sample) >= ANCHORS_MIN and sum(map(len, own.values())) >= LONG_CHARS_MIN:
            return self._place_long(owner, own, sample, system, [text for _, text in messages])
        return self._place_short(owner, "\n".join(own.values()))

    def _place_long(
        self, owner: str, own: dict[int, str], sample: tuple[int, ...], system: str, texts: Sequence[str]
    ) -> Likeness:
        pieces = own | cut(system, self._keyed)
        votes = Counter(id(topic) for key in sample if (topic := self._index.get((owner, key))) is not None)
        best = votes.most_common(1)
        if not best or best[0][1] < SHARED_ANCHORS_MIN * len(sample):
            topic = Topic(array("I", pieces))
            for key in sample:
                self._index.put((owner, key), topic)
            return Likeness(topic)
        topic = next(
            found for key in sample if (found := self._index.get((owner, key))) is not None and id(found) == best[0][0]
        )
        body = frozenset(topic.body)
        added = "\n".join(text for key, text in pieces.items() if key not in body)
        ask = ask_of(added, self._keyed)
        buried = len(texts) >= HISTORY_TURNS_MIN and len(added) <= BURIED_SHARE_MAX * sum(map(len, texts))
        buried = buried and all(key in body for key in cut(texts[-1], self._keyed))
        return self._likeness(topic, ask, masked=bool(added) and (buried or not ask))

    def _place_short(self, owner: str, text: str) -> Likeness | None:
        ask = ask_of(text, self._keyed)
        if ask.bit_count() < SHORT_WORDS_MIN:
            return None
        recent = self._short.get(owner)
        if recent is None:
            recent = deque(maxlen=TOPICS_PER_OWNER_MAX)
            self._short.put(owner, recent)
        best = max(recent, key=lambda topic: max(alike(ask, old) for old in topic.asks), default=None)
        if best is None or max(alike(ask, old) for old in best.asks) < ALIKE_MIN:
            topic = Topic(array("I"), known=ask)
            topic.asks.append(ask)
            recent.append(topic)
            return Likeness(topic)
        return self._likeness(best, ask)

    @staticmethod
    def _likeness(topic: Topic, ask: int, masked: bool = False) -> Likeness:
        similarity = max((alike(ask, old) for old in topic.asks), default=0.0) if ask else 1.0
        last = topic.asks[-1] if topic.asks else 0
        returned = new_words(ask & topic.known, last)
        found = Likeness(
            topic,
            similarity,
            new=new_words(ask, topic.known),
            words=ask.bit_count(),
            returned=returned,
            grown=not new_words(last, ask),
            masked=masked,
            drifts=_drifts(topic.asks, ask),
        )
        topic.known |= ask
        if ask:
            topic.asks.append(ask)
        return found


def _drifts(asks: Sequence[int], ask: int) -> bool:
    """Whether the asks move away from where they began, edit by edit, as a person's versions do. Other words for one
    request come back to it: old ones are as near as new ones."""
    if len(asks) < DRIFT_ASKS_MIN:
        return False
    far = [1 - alike(ask, old) for old in asks]
    half = len(far) // 2
    return sum(far[:half]) > DRIFT_RATIO * sum(far[-half:]) + DRIFT_MIN * half
