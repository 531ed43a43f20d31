"""What a piece of text asks for, as a set of word stems: order, filler and inflection don't count."""

from __future__ import annotations

import re

from .hashing import Keyed
from .nonces import gibberish

_WORD = re.compile(r"\w+")
_STEM_CHARS = 4
_BITS = 2048
TEXT_BITS = 16_384
"""For the words of a whole text."""
GIBBERISH_CHARS_MIN = 9
_FILLER_WORDS = """
a an the this that these those our your my its their i we you he she it they me us them is are was were be been am
do does did to of in on at for with from by as and or but so if then than there here what which who how please thanks
thank hey hi hello ok just quick once more again could can would should will may might shall now also kindly
"""
_FILLER = frozenset(_FILLER_WORDS.split())


def stems(canonical_text: str) -> set[str]:
    return {
        word[:_STEM_CHARS] if word.isalpha() else word
        for word in _WORD.findall(canonical_text)
        if word not in _FILLER and not (len(word) >= GIBBERISH_CHARS_MIN and gibberish(word))
    }


def ask_of(canonical_text: str, keyed: Keyed, bits: int = _BITS) -> int:
    """The stems as bits of one integer: sets that are compared by `alike` and `new_words` in a microsecond."""
    ask = bytearray(bits // 8)
    for bit in keyed.bits(stems(canonical_text), bits):
        ask[bit >> 3] |= 1 << (bit & 7)
    return int.from_bytes(ask, "little")


def alike(one: int, other: int) -> float:
    """Share of stems that two asks have in common, 0 to 1; two empty asks are alike."""
    union = (one | other).bit_count()
    return (one & other).bit_count() / union if union else 1.0


def new_words(ask: int, known: int) -> int:
    return (ask & ~known).bit_count()
