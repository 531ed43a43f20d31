"""One spelling for texts that read the same: what people cannot see, or would not mean, is taken out."""

from __future__ import annotations

import re
import unicodedata

from .nonces import masked

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]+"
)
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһкмтвнАЕОРСУХІЈЅКМТВНΑΒΕΖΗΙΚΜΝΟΡΤΥΧοαινυρ",
    "aeopcyxijsdhkmtbhaeopcyxijskmtbhabezhikmnoptyxoaivup",
)
_LOOKALIKE = re.compile("[\u0370-\u03ff\u0400-\u052f]")
_RULES = re.compile(r"([-=_*~#])\1{2,}")
_RULE_STARTS = ("---", "===", "___", "***", "~~~", "###")


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
    if any(rule in plain for rule in _RULE_STARTS):
        plain = _RULES.sub(" ", plain)
    return plain.casefold()


def compact(canonical_text: str) -> str:
    """Without any white space: spaces and line breaks inside words change nothing."""
    return "".join(canonical_text.split())
