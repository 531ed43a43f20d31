"""Shapes of text that carry no meaning and are put in to make equal prompts look different.

Only shapes that a person or a program would not ask about are taken out: instants, UUIDs, long hexadecimal, labelled
run numbers, random tokens. Never plain figures, dates or names: rows that differ in figures are data. One pass over the
text: each pattern begins with a character class, which the regex engine can skip ahead to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from operator import add


def _classes() -> bytes:
    table = bytearray(b" " * 256)
    for characters, mark in (
        ("abcdefghijklmnopqrstuvwxyz", "a"),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "A"),
        ("0123456789", "0"),
        (":.+-", "."),
    ):
        for character in characters:
            table[ord(character)] = ord(mark)
    return bytes(table)


_CLASSES = _classes()
_CAPITAL, _FIGURE = b"A", b"0"
_CANDIDATE = re.compile(rb"A[aA.]{5,63}")
"""In the text with each character replaced by its class, figures by that of capitals: where one of both stands in a
longer token. It begins with one byte, which is searched for at a seventh of the price of two."""
TOKEN_CHARS_MIN = 8
_TIME_AFTER = re.compile(
    r" [0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:[.,][0-9]+)?(?: ?(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?(?![\w])"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}$")
_COUNTER = re.compile(r"[#:= ](?<=[A-Za-z\])][#:= ]|[ \[(]#)[ ]?[0-9]{1,12}(?![\w.,%:-])")
_COUNTED = re.compile(
    r"(?:^|[^A-Za-z0-9_])(?:run|attempt|try|iteration|iter|nonce|seed|trial|pass|round|ref|rnd|salt|token|call)"
    r"(?: ?(?:no|nr|number|id))?[ .:=]*$",
    re.IGNORECASE,
)
_COUNTED_LABELS = ("run ", "attempt", "iteration", "nonce", "trial ")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}[:.-][0-9]{2}|[0-9]{2}:[0-9]{2}:[0-9]{2}|[0-9]{8}T[0-9]{6}"
)
_EPOCH = re.compile(r"1[4-9][0-9]{8}(?:[0-9]{3}|[0-9]{6})?(?:\.[0-9]+)?$")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)
_HEX = re.compile(r"(?:0x)?[0-9a-f]{10,64}$", re.IGNORECASE)
_PAIRS_BY_FIRST = """
abcdfgiklmnprstuvwy baeilorsu cacehiklortuy dadeilosu eabcdefgilmnpqrstvwxy faefiloruy gaeghilnorsu haeiortu
iabcdefglmnoprstvxz je keis ladeilopstuy mabeimopsu nacdefgiklnostuvy oabcdfgiklmnoprstuvw padehiloprstu qu
racdefgiklmnorstuvy sacehiklopstu tacehilorstuy uabcdegilmnprst vaeio waehinors xeipt yepst ze
"""
_COMMON_PAIRS = frozenset(group[0] + second for group in _PAIRS_BY_FIRST.split() for second in group[1:])
"""Pairs of letters (each group: a first letter, then its seconds) that make up 97 % of English text and identifiers, as
counted on coding sessions. Random letters hit one in three.
"""
_COMMON_SHARE_MIN = 0.66
_GIBBERISH_SHARE_MAX = 0.6
_CHUNK = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LABEL = re.compile(
    r"[\[(<{]?\s?(?:\b(?:request|ref|id|run|nonce|time|timestamp|ts|now|at|seed|salt|token|uuid)\b[ ]?[:=#]?[ ]?)*$",
    re.IGNORECASE,
)
_LABEL_CHARS = 28
_CHUNK_CHARS_MAX = 2.7
_TAIL = ".:+-"


def looks_random(token: str) -> bool:
    """A token of letters and digits that nobody would type: case or digits change every few characters, or its pairs of
    letters are not those of words. Identifiers (getUserName, sha256sum, v1beta) stay, and so does what has one case
    only."""
    if not token.isalnum() or token.isdigit():
        return False
    if token.isalpha() and (token.islower() or token.isupper() or token.istitle()):
        return False
    chunks = len(_CHUNK.findall(token))
    return chunks >= 3 and (
        (len(token) <= chunks * _CHUNK_CHARS_MAX and chunks >= 4) or _common_share(token.lower()) < _COMMON_SHARE_MIN
    )


def gibberish(word: str) -> bool:
    """A word in lower case whose letters are no words: what is left of a random token once its case is gone."""
    return word.isalpha() and word.isascii() and _common_share(word) < _GIBBERISH_SHARE_MAX


def _common_share(word: str) -> float:
    letters = word if word.isalpha() else "".join(filter(str.isalpha, word))
    pairs = len(letters) - 1
    return sum(map(_COMMON_PAIRS.__contains__, map(add, letters, letters[1:]))) / pairs if pairs > 0 else 1.0


def is_nonce(token: str) -> bool:
    if token[0].isdigit():
        if _INSTANT.match(token) or _EPOCH.match(token):
            return True
    elif token.isalpha() and token.islower():
        return False
    if len(token) >= 10 and _HEX.match(token) and not token.isdigit() and not token.isalpha():
        return True
    return looks_random(token) or ("-" in token and _UUID.match(token) is not None)


def masked(text: str) -> str:
    """The text without nonces, their labels and brackets. Case still stands, since random tokens are told by it."""
    pieces: list[str] = []
    last = 0
    for start, end in _spans(text):
        before = text[max(last, start - _LABEL_CHARS) : start]
        label = _LABEL.search(before)
        pieces.append(text[last : start - len(label.group())] if label else text[last:start])
        pieces.append(" ")
        last = end + 1 if text[end : end + 1] in {"]", ")", ">", "}"} else end
    if not pieces:
        return text
    pieces.append(text[last:])
    return "".join(pieces)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    classes = text.encode("latin-1", "replace").translate(_CLASSES)
    counts = _FIGURE in classes
    if not counts and _CAPITAL not in classes:
        return
    found = list(_tokens(text, classes.replace(_FIGURE, _CAPITAL)))
    if counts and ("#" in text or any([label in text for label in _COUNTED_LABELS])):  # noqa: C419 - a few, and quicker
        found += [
            (counter.start(), counter.end())
            for counter in _COUNTER.finditer(text)
            if _COUNTED.search(text[max(0, counter.start() - 20) : counter.start()])
        ]
        found.sort()
    end = 0
    for span in found:
        if span[0] >= end:
            yield span
            end = span[1]


_TOLD: dict[int, bool] = {}
"""is_nonce, once for each token of late, since texts say the same names again and again. What is remembered of them is
this process's hash."""
_TOLD_MAX = 20_000


def _learnt(token: str) -> bool:
    if len(_TOLD) >= _TOLD_MAX:
        _TOLD.clear()
    found = _TOLD[hash(token)] = is_nonce(token)
    return found


def _tokens(text: str, classes: bytes) -> Iterator[tuple[int, int]]:
    last, told = 0, _TOLD.get
    for candidate in _CANDIDATE.finditer(classes):
        first, end = candidate.span()
        start = classes.rfind(b" ", last, first) + 1 or last
        last = end
        token = text[start:last].rstrip(_TAIL)
        if len(token) < TOKEN_CHARS_MIN:
            continue
        end = start + len(token)
        nonce = told(hash(token))
        if _learnt(token) if nonce is None else nonce:
            yield start, end
        elif token[0].isdigit() and _DATE.match(token) and (time := _TIME_AFTER.match(text, end)):
            last = time.end()
            yield start, last
