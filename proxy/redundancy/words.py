"""What a piece of text asks for, as a set of word stems: order, filler and inflection don't count."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from .hashing import Keyed
from .nonces import gibberish

_WORD = re.compile(r"\w+")
_STEM_CHARS = 4
SHORT_BITS = 2048
TEXT_BITS = 16_384
"""For the words of a whole text."""
GIBBERISH_CHARS_MIN = 9
WORDS_MAX = 8_192
"""Whose places are remembered, of each key and size of set: some 1 MB, so that they stay near the processor."""
_NOWHERE = -1
"""Place of words that don't count."""
_NONE, _ONE = b"0", ord("1")
_BLANKS = {code: " " for code in range(128) if not _WORD.match(chr(code))}
_FILLER_WORDS = """
a an the this that these those our your my its their i we you he she it they me us them is are was were be been am
do does did to of in on at for with from by as and or but so if then than there here what which who how please thanks
thank hey hi hello ok just quick once more again could can would should will may might shall now also kindly
"""
_FILLER = frozenset(_FILLER_WORDS.split())


def stem(word: str) -> str:
    """What of a word in canonical form counts; '' for nothing."""
    if word in _FILLER or (len(word) >= GIBBERISH_CHARS_MIN and gibberish(word)):
        return ""
    return word[:_STEM_CHARS] if word.isalpha() else word


def ask_of(canonical_text: str, keyed: Keyed, bits: int = SHORT_BITS) -> int:
    """The stems as bits of one integer: sets that are compared by `alike` and `new_words` in a microsecond. `bits`: a
    power of two, TEXT_BITS at most."""
    words = _words(canonical_text)
    known = keyed.words.get(bits)
    if known is None:
        known = keyed.words[bits] = {}
    places: set[int | None] = set(map(known.get, map(hash, words)))
    if None in places:
        places = _learnt(words, known, keyed, bits)
    places.discard(_NOWHERE)
    ask = bytearray(_NONE) * bits
    for place in cast("set[int]", places):
        ask[place] = _ONE
    return int(ask, 2)


def _words(text: str) -> Sequence[str]:
    """As _WORD finds them: in ASCII for a fifth of the price, since all else is as good as a blank."""
    return text.translate(_BLANKS).split() if text.isascii() else _WORD.findall(text)


def _learnt(words: Sequence[str], known: dict[int, int], keyed: Keyed, bits: int) -> set[int | None]:
    """Places of the words, those that aren't known among them: worked out once for each of late, since texts say the
    same words again and again. What is remembered of a word is this process's hash of it."""
    found: set[int | None] = set()
    for word in words:
        key = hash(word)
        place = known.get(key)
        if place is None:
            counts = stem(word)
            # From the end, where numbers have their lowest bits.
            place = bits - 1 - keyed.word(counts) % bits if counts else _NOWHERE
            if len(known) >= WORDS_MAX:
                known.clear()
            known[key] = place
        found.add(place)
    return found


def alike(one: int, other: int) -> float:
    """Share of stems that two asks have in common, 0 to 1; two empty asks are alike."""
    union = (one | other).bit_count()
    return (one & other).bit_count() / union if union else 1.0


def new_words(ask: int, known: int) -> int:
    return (ask & ~known).bit_count()
