"""What stands for the words of a text depends on the text and the key alone, however it was found."""

import re
from array import array

from hypothesis import given
from hypothesis import strategies as st

from proxy.redundancy.hashing import Keyed
from proxy.redundancy.topic import ALIKE_MIN, Topic
from proxy.redundancy.topics import _nearest
from proxy.redundancy.words import TEXT_BITS, WORDS_MAX, alike, ask_of, stem

texts = st.text(st.sampled_from("abcxyzäß_019 .,\n\x00\x1c\x7f\x85\u2028é²"), max_size=80) | st.text(max_size=40)
asks = st.integers(1, (1 << 64) - 1)


def by_hand(text: str, keyed: Keyed, bits: int) -> int:
    ask = 0
    for word in re.findall(r"\w+", text):
        if counts := stem(word):
            ask |= 1 << keyed.word(counts) % bits
    return ask


@given(st.lists(texts, min_size=1, max_size=6), st.sampled_from((2048, TEXT_BITS)))
def test_words_that_are_known_again_stand_where_they_stood(said: list[str], bits: int) -> None:
    keyed = Keyed(b"key")
    for text in (*said, *said):
        assert ask_of(text, keyed, bits) == by_hand(text, keyed, bits)


def test_words_beyond_the_memory_are_found_anew() -> None:
    keyed = Keyed(b"key")
    texts = [" ".join(f"word{number + first}" for number in range(4000)) for first in range(0, 3 * WORDS_MAX, 4000)]
    for text in (*texts, texts[0]):
        assert ask_of(text, keyed) == by_hand(text, keyed, 2048)
        assert all(len(known) <= WORDS_MAX for known in keyed.words.values())


@given(asks, st.lists(st.lists(asks | st.integers(0, 6), max_size=4), max_size=5), st.data())
def test_the_nearest_is_the_first_that_is_most_alike(ask: int, kept: list[list[int]], data: st.DataObject) -> None:
    for number, each in enumerate(kept):
        # What differs in a few words from it.
        kept[number] = [ask ^ (1 << data.draw(st.integers(0, 2047))) if old < 7 else old for old in each]
    topics = [Topic(array("I"), asks=each) for each in kept]
    found = [(alike(ask, old), topic) for topic in topics for old in topic.asks]
    most = max((likeness for likeness, _ in found), default=0.0)
    nearest = next((topic for likeness, topic in found if likeness == most), None) if most >= ALIKE_MIN else None
    assert _nearest(ask, topics) is nearest
