"""Prompts about the same thing: one text asked about again in other words, or one request said another way.

A topic is one owner's text (found by a sample of its longer pieces) or, where there is none, a short request. Of each
call on it, what differs from the first one is its ask. A call repeats the topic if its ask is like an earlier one and
brings no word that the topic did not have; new words (another question, an edited instruction) speak against.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from .bounds import HOUR_US, SHORT_TOPICS_MAX, TOPICS_MAX, TOPICS_PER_OWNER_MAX, Recent
from .canonical import canonical
from .figures import figures
from .hashing import Keyed
from .judge import Judge
from .moving import absorb, ends, moved, moves, recast
from .prompts import Use
from .reading import Reading
from .repeats import DISGUISE_WEIGHT
from .segments import anchors, cut, distinct, hashed, pieces_of
from .sight import Message, Sight
from .topic import ALIKE_MIN, Likeness, Topic
from .words import SHORT_BITS, ask_of

SHARED_ANCHORS_MIN = 0.5
SERVICE_TRUST = 0.2
"""A service asks on behalf of many, in alike words."""
AGAIN_WEIGHT = 0.6
"""A variant tried a second time: people do that. So is what comes once a day."""
DAILY_PAUSE_US = 12 * HOUR_US
TIMED_WEIGHT = 1.6
"""Of a call that brings nothing new to a text that is sent by the clock."""
HISTORY_TURNS_MIN = 5
BURIED_SHARE_MAX = 0.05
"""A finished conversation sent whole, changed in so little of it and not in its last message, asks nothing new."""
SHORT_WORDS_MIN = 4
ANCHORS_MIN = 8
LONG_CHARS_MIN = 1_800
TOGETHER_MIN = 0.75
SHARED_FIGURES_MIN = 0.75
FIGURES = 1 << 32
"""Added to the hash of a figure: hashes of pieces are below."""
SHUFFLED_MAX = 0.5
EVERYBODY = ""
"""Stands for the owner of topics that are everybody's."""
OWNERS_MAX = 32
SHARED_WEIGHT_MIN = 0.6
"""Two people at one prompt try each other's versions."""
_INDEX_MAX = TOPICS_MAX * 16
_NO_PIECES = array("I")
"""Of all short topics: what a topic began with never changes."""
_HALF = (1 << SHORT_BITS // 2) - 1


class _Long(NamedTuple):
    """A long prompt: pieces of its messages (`own`), of them and the system prompt (`pieces`), its anchors, and the
    texts of its messages."""

    own: dict[int, str]
    pieces: dict[int, str]
    sample: tuple[int, ...]
    texts: Sequence[str]


class Topics:
    __slots__ = ("_count_short", "_index", "_keyed", "_short")

    def __init__(self, keyed: Keyed) -> None:
        self._keyed = keyed
        self._index: Recent[tuple[str, int], Topic] = Recent(_INDEX_MAX)
        self._count_short = 0
        self._short: Recent[str, deque[Topic]] = Recent(TOPICS_MAX)

    def judge(
        self,
        sight: Sight,
        reading: Reading,
        use: Use,
        first_use: bool,
        judge: Judge,
        disguised: bool = False,
        asked: int = 0,
    ) -> bool:
        """Count a call for or against its topic; whether it repeats it. `disguised`: this owner sent it before in
        other characters. `asked`: the words of all that is fresh, where somebody has them already."""
        trust = SERVICE_TRUST if sight.owner_kind == "service" else 1.0
        if first_use:
            likeness, shared = self.place(sight.owner, reading.fresh, reading.system, asked)
            if likeness is None:
                return False
            use.topic, weight = likeness.topic, likeness.weight
            if shared is not None:
                _judge_shared(sight, shared, trust, judge)
            fixed = likeness.fixed is not None
        else:
            weight, fixed = _again(use, disguised), False
        if use.topic is None:
            return False
        use.topic.called(sight.call_id, sight.at_us)
        if use.topic.timed and weight >= 0 and not fixed:
            weight = TIMED_WEIGHT
        if weight > 0:
            use.topic.evidence.add(weight * trust, sight.at_us, sight.call_id)
            judge.weigh("near_repeat", use.topic.evidence, members=use.topic.latest)
        else:
            use.topic.evidence.take(-weight, sight.at_us)
        return weight > 0

    def place(
        self, owner: str, messages: Sequence[Message], system: str, asked: int = 0
    ) -> tuple[Likeness | None, Likeness | None]:
        """How a new conversation's first call stands to its owner's topic, and to everybody's; None where it is too
        short to have one, or nobody else has it. `system`: as sent; `asked`: as `judge` has it."""
        pieces = pieces_of("\n".join([text for _, text in messages]))
        if sum(map(len, pieces)) < LONG_CHARS_MIN:
            return self._place_few(owner, pieces, distinct(pieces), asked), None
        own = hashed(pieces, self._keyed)
        sample = anchors(own)
        if len(sample) < ANCHORS_MIN or sum(map(len, own.values())) < LONG_CHARS_MIN:
            return self._place_few(owner, pieces, list(own.values()), asked), None
        call = _Long(own, own | cut(canonical(system), self._keyed), sample, [text for _, text in messages])
        mine = self._place_long(owner, call)
        return mine, self._place_shared(owner, call, mine.topic) if mine.fixed is None else None

    def _place_long(self, owner: str, call: _Long) -> Likeness:
        topic = self._find(owner, call)
        if topic is None:
            return self._place_figures(owner, call, None)
        if moves(topic, call.pieces):
            self._keep(owner, call, topic)
            found = moved(topic, call.pieces, call.texts[-1], self._keyed)
            return found if found is not None else self._place_figures(owner, call, topic)
        return self._asked(topic, call)

    def _place_figures(self, owner: str, call: _Long, near: Topic | None) -> Likeness:
        """A text whose pieces are new may still be one that is known, in other words. `near`: what it shares some
        pieces with."""
        sample = figures(call.texts, self._keyed)
        topics = [topic for key in sample if (topic := self._index.get((owner, FIGURES + key))) is not None]
        known = _most(topics, SHARED_FIGURES_MIN * len(sample))
        topic = known or near or Topic(array("I", call.pieces), known=self._wish(call))
        self._keep(owner, call, topic)
        for key in sample:
            self._index.put((owner, FIGURES + key), topic)
        if known is None and near is None:
            return Likeness(topic)
        found = recast(topic, call.pieces, call.texts[-1], self._keyed)
        return found if known is not None else Likeness(topic, fixed=-1.0)

    def _place_shared(self, owner: str, call: _Long, mine: Topic) -> Likeness | None:
        """Everybody's topic counts who asked; it says nothing while it is one owner's."""
        topic = self._find(EVERYBODY, call)
        if topic is None:
            topic = self._keep(EVERYBODY, call, Topic(mine.body, owners={}))
        owners = topic.owners if topic.owners is not None else {}
        owners[owner] = owners.get(owner, 0) + 1
        if len(owners) > OWNERS_MAX:
            del owners[next(iter(owners))]
        found = self._asked(topic, call)
        return found if len(owners) > 1 else None

    def _find(self, owner: str, call: _Long) -> Topic | None:
        """The topic that most of the call's anchors belong to. Where all are known but no topic has most, several
        texts were put together: their topics become one."""
        topics = [topic for key in call.sample if (topic := self._index.get((owner, key))) is not None]
        best = _most(topics, SHARED_ANCHORS_MIN * len(call.sample))
        if best is not None or owner == EVERYBODY or len(topics) < TOGETHER_MIN * len(call.sample):
            return best
        best = topics[0]
        for other in {id(topic): topic for topic in topics}.values():
            absorb(best, other)
        return best

    def _keep(self, owner: str, call: _Long, topic: Topic) -> Topic:
        for key in call.sample:
            self._index.put((owner, key), topic)
        return topic

    def _asked(self, topic: Topic, call: _Long) -> Likeness:
        """What of the call is not in the topic's first one is its ask."""
        body = frozenset(topic.body)
        added = "\n".join(text for key, text in call.pieces.items() if key not in body)
        ask = ask_of(added, self._keyed)
        texts = call.texts
        buried = len(texts) >= HISTORY_TURNS_MIN and len(added) <= BURIED_SHARE_MAX * sum(map(len, texts))
        buried = buried and all(key in body for key in cut(texts[-1], self._keyed))
        reordered = not added and _shuffled(topic.body, call.pieces)
        return topic.asked(ask, masked=reordered or (bool(added) and (buried or not ask)))

    def _wish(self, call: _Long) -> int:
        return ask_of("\n".join(ends(call.texts[-1])), self._keyed)

    def _place_few(self, owner: str, pieces: Sequence[str], left: Sequence[str], asked: int) -> Likeness | None:
        """`left`: of pieces that read the same one, which may have other words than those that are gone."""
        ask = asked if asked and len(left) == len(pieces) else ask_of("\n".join(left), self._keyed)
        return self._place_short(owner, ask)

    def _place_short(self, owner: str, ask: int) -> Likeness | None:
        if ask.bit_count() < SHORT_WORDS_MIN:
            return None
        recent = self._short.get(owner)
        if recent is None:
            recent = deque(maxlen=TOPICS_PER_OWNER_MAX)
            self._count_short -= len(self._short.put(owner, recent) or ())
        best = _nearest(ask, recent)
        if best is None:
            topic = Topic(_NO_PIECES, known=ask)
            topic.keep(ask)
            self._count_short += len(recent) < TOPICS_PER_OWNER_MAX
            recent.append(topic)
            while self._count_short > SHORT_TOPICS_MAX and len(self._short) > 1:
                self._count_short -= len(self._short.drop() or ())
            return Likeness(topic)
        return best.asked(ask)


def _nearest(ask: int, topics: Iterable[Topic]) -> Topic | None:
    """Of an ask with words: the first of the topics that are most alike, if any is alike enough. A hundred asks are
    compared for each short prompt, so each with half of the words first: who has ALIKE_MIN of all words has so many of
    these."""
    best, most = None, 0.0
    words = ask.bit_count()
    half = ask & _HALF
    missing_max = words - int(ALIKE_MIN * words)
    half_min = half.bit_count() - missing_max
    for topic in topics:
        for old in topic.asks:
            if (half & old).bit_count() < half_min:
                continue
            # `alike`, written out: what both have is counted once, as is what this one has.
            shared = (ask & old).bit_count()
            likeness = shared / (words + old.bit_count() - shared)
            if likeness > most and likeness >= ALIKE_MIN:
                best, most = topic, likeness
    return best


def _again(use: Use, disguised: bool) -> float:
    if use.pause_us >= DAILY_PAUSE_US:
        return AGAIN_WEIGHT
    if disguised:
        return DISGUISE_WEIGHT
    return AGAIN_WEIGHT if use.calls == 2 else 1.0


def _shuffled(body: Sequence[int], pieces: Iterable[int]) -> bool:
    """Whether few pieces follow the one that they followed. A person moves a sentence or two."""
    order = list(pieces)
    before = set(pairwise(body))
    return sum(map(before.__contains__, pairwise(order))) < SHUFFLED_MAX * len(order)


def _most(topics: Sequence[Topic], votes_min: float) -> Topic | None:
    """The one that is named most often, if often enough."""
    if not topics:
        return None
    number, votes = Counter(map(id, topics)).most_common(1)[0]
    return next(topic for topic in topics if id(topic) == number) if votes >= votes_min else None


def _judge_shared(sight: Sight, shared: Likeness, trust: float, judge: Judge) -> None:
    """A text that goes round between callers with one wish in other words. The first call of each is free."""
    topic, weight = shared.topic, shared.weight
    if weight < SHARED_WEIGHT_MIN:
        topic.evidence.take(max(0.0, -weight), sight.at_us)
    elif topic.owners is not None and topic.owners.get(sight.owner, 0) > 1:
        topic.evidence.add(weight * trust, sight.at_us, sight.call_id)
        judge.weigh("shared_repeat", topic.evidence)
