"""One spelling for texts that read the same: what people cannot see, or would not mean, is taken out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from .nonces import masked

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]+"
)
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһкмтвнАЕОРСУХІЈЅКМТВНΑΒΕΖΗΙΚΜΝΟΡΤΥΧοαινυρ",
    "aeopcyxijsdhkmtbhaeopcyxijskmtbhabezhikmnoptyxoaivup",
)
_LOOKALIKE = re.compile("[\u0370-\u03ff\u0400-\u052f]")
_BETWEEN = "\x00"
_RULES = tuple((mark, mark * 3, re.compile(re.escape(mark * 3) + re.escape(mark) + "*")) for mark in "-=_*~#")
"""One mark is looked for at a fraction of the price of three, and three at a fraction of that of any of six."""
_BLANKS = bytes(code for code in range(128) if chr(code).isspace())


def visible(text: str) -> str:
    """The text as it reads: compatibility forms joined, invisible characters out, look-alike letters as Latin ones."""
    if text.isascii():
        return text
    text = _INVISIBLE.sub("", text)
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    if _LOOKALIKE.search(text):
        text = text.translate(_LOOKALIKES)
    return text


def canonical(text: str) -> str:
    """Visible, without nonces and rules, in one case. White space stands: words are told by it."""
    plain = masked(visible(text))
    for mark, rule, rules in _RULES:
        if mark in plain and rule in plain:
            plain = rules.sub(" ", plain)
    return plain.casefold()


def compact(canonical_text: str) -> str:
    """Without any white space: spaces and line breaks inside words change nothing."""
    return "".join(canonical_text.split())


def packed(canonical_text: str) -> bytes:
    """`compact`, as bytes to be hashed: of ASCII at a fifth of its price."""
    if canonical_text.isascii():
        return canonical_text.encode().translate(None, _BLANKS)
    return compact(canonical_text).encode("utf-8", "surrogatepass")


def packed_each(canonical_texts: Sequence[str]) -> list[bytes]:
    """`packed` of each."""
    joined = _BETWEEN.join(canonical_texts)
    if not joined.isascii() or joined.count(_BETWEEN) != len(canonical_texts) - 1:
        return list(map(packed, canonical_texts))
    return joined.encode().translate(None, _BLANKS).split(_BETWEEN.encode())
