"""A long text that moves on a little from call to call while the wish stays: windows that slide, quotations of
quotations, the same files in another order.

Whether the wish stays is told by the ends of the last message, where wishes are: a person who asks about a file as it
stands brings other words there.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from .canonical import compact
from .hashing import Keyed
from .topic import CLOSED_ASKS_MIN, Likeness, Topic
from .words import TEXT_BITS, ask_of, new_words

KEPT_SHARE_MIN = 0.8
"""Of a topic's first call: where more than this is still there, the text doesn't move."""
FRESH_SHARE_MAX = 0.2
STALE_SHARE_MAX = 0.005
END_CHARS = 200
SAME_WISH_MAX = 0.2
OTHER_WISH_MIN = 0.4
MOVED_WEIGHT = 0.8
RECAST_SHARE_MAX = 0.7
"""Of the words. Twenty languages bring new words twenty times; the same ones again do not."""
RECAST_OTHER_WEIGHT = 0.4
RECAST_ASKS_MIN = 2
FREE_MIN = 0.2
SEEN_MAX = 3_000
ANSWER_TOKENS_MIN = 64
CALL_PICO_MIN = 10**10
SPENT_PICO_MIN = 10**11
"""Editors complete a text as it is typed: many calls that cost next to nothing and answer with a few tokens. Only what
answers at length or costs a cent is judged, and only once a topic has cost ten."""


def moves(topic: Topic, pieces: dict[int, str]) -> bool:
    if topic.seen is not None:
        return True
    return sum(map(pieces.__contains__, topic.body)) < KEPT_SHARE_MIN * len(topic.body)


def recast(topic: Topic, pieces: dict[int, str], last: str, keyed: Keyed) -> Likeness:
    """How a call stands to a topic whose figures it has, and few of its pieces: the same data in other words."""
    known = set(topic.body)
    known.update(topic.seen or ())
    words = ask_of("\n".join(pieces.values()), keyed, TEXT_BITS)
    share = _share(words, topic.words)
    both = ends(last)
    asked = ask_of(both[0], keyed, TEXT_BITS), ask_of(both[1], keyed, TEXT_BITS)
    same = any(
        keyed.short(compact(end)) in known or (ask and not new_words(ask, topic.ends))
        for end, ask in zip(both, asked, strict=True)
    )
    _extend(topic, [key for key in pieces if key not in known])
    topic.keep(0)
    topic.last = asked
    topic.ends |= asked[0] | asked[1]
    topic.words |= words
    if len(topic.asks) < RECAST_ASKS_MIN or not _worth_it(topic):
        return Likeness(topic, fixed=0.0)
    if not same or share >= RECAST_SHARE_MAX:
        return Likeness(topic, fixed=-RECAST_OTHER_WEIGHT)
    return Likeness(topic, fixed=min(MOVED_WEIGHT, (RECAST_SHARE_MAX - share) / 0.2))


def absorb(topic: Topic, other: Topic) -> None:
    """The other's texts belong to this topic from now on, and move in it."""
    _extend(topic, [])
    if other is not topic:
        _extend(topic, [*other.body, *(other.seen or ())])
        topic.ends |= other.ends
        topic.spent_pico += other.spent_pico
        topic.calls += other.calls
        topic.output_tokens += other.output_tokens


def _extend(topic: Topic, pieces: Sequence[int]) -> None:
    seen = topic.seen if topic.seen is not None else array("I")
    seen.extend(pieces)
    topic.seen = seen[-SEEN_MAX:]


def moved(topic: Topic, pieces: dict[int, str], last: str, keyed: Keyed) -> Likeness | None:
    """How one more call stands to a topic whose text moves; None where too much of it is new. `last`: the text of its
    last message."""
    seen = set(topic.body)
    if topic.seen is not None:
        seen.update(topic.seen)
    fresh = [key for key in pieces if key not in seen]
    share = sum(len(pieces[key]) for key in fresh) / max(1, sum(map(len, pieces.values())))
    if share >= FRESH_SHARE_MAX:
        return None
    words = ask_of("\n".join(pieces.values()), keyed, TEXT_BITS)
    both = ends(last)
    asked = ask_of(both[0], keyed, TEXT_BITS), ask_of(both[1], keyed, TEXT_BITS)
    news = max(
        0.0 if keyed.short(compact(end)) in seen else min(_share(ask, topic.words), _share(before, words))
        for end, ask, before in zip(both, asked, topic.last, strict=True)
    )
    early = len(topic.asks) < CLOSED_ASKS_MIN
    _extend(topic, fresh)
    topic.keep(0)
    topic.last = asked
    topic.ends |= asked[0] | asked[1]
    topic.words = topic.ends | words
    return Likeness(topic, fixed=-1.0 if early or not _worth_it(topic) else _weight(share, news))


def _share(ask: int, known: int) -> float:
    """How many of the words are new. A new one is taken for a known one as often as the set of those is full."""
    free = 1 - known.bit_count() / TEXT_BITS
    return min(1.0, new_words(ask, known) / ask.bit_count() / max(free, FREE_MIN)) if ask else 0.0


def ends(last: str) -> tuple[str, str]:
    """First and last line, where wishes are."""
    text = last.strip()
    return text[:END_CHARS].split("\n", 1)[0], text[-END_CHARS:].rsplit("\n", 1)[-1]


def _weight(share: float, news: float) -> float:
    """`share` of the text that was not seen before; `news`: the same of the words at its ends, where wishes are."""
    if news > OTHER_WISH_MIN:
        return -1.0
    if news > SAME_WISH_MAX:
        return 0.0
    return 1.0 if share <= STALE_SHARE_MAX else MOVED_WEIGHT * (1 - share / FRESH_SHARE_MAX)


def _worth_it(topic: Topic) -> bool:
    if topic.spent_pico < SPENT_PICO_MIN:
        return False
    return topic.output_tokens >= ANSWER_TOKENS_MIN * topic.calls or topic.spent_pico >= CALL_PICO_MIN * topic.calls
