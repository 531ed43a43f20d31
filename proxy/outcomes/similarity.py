"""Similarity: a hash of what is left of a diff, by which nearly the same work is known again elsewhere.

A simhash (Charikar, 2002): each run of three words of a changed line votes on 64 bits. Diffs that share nearly all of
their runs differ in few bits. Numbers and white space make no difference, nor do paths and the order of files.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Final

from proxy.outcomes.substance import LeftFile

RUN: Final = 3
RUNS_MIN: Final = 24
"""Of fewer distinct runs no hash is made: small changes are alike by chance."""
RUNS_MAX: Final = 200_000
BITS: Final = 64

_WORD: Final = re.compile(r"[^\W\d]\w*|\d[\w.]*|[^\w\s]")


def simhash(left: Iterable[LeftFile]) -> str:
    """16 hex digits; '' where too little is left to compare."""
    runs: set[bytes] = set()
    for run in _runs(left):
        runs.add(blake2b(run, digest_size=BITS // 8).digest())
        if len(runs) >= RUNS_MAX:
            break
    if len(runs) < RUNS_MIN:
        return ""
    return f"{_voted(b''.join(runs), len(runs)) or 1:016x}"


def _runs(left: Iterable[LeftFile]) -> Iterator[bytes]:
    for file in left:
        for block in file.blocks:
            yield from _of_side("-", block.removed)
            yield from _of_side("+", block.added)


def _of_side(sign: str, lines: Sequence[str]) -> Iterator[bytes]:
    words = ["0" if word[0].isdigit() else word for line in lines for word in _WORD.findall(line)]
    for at in range(max(1, len(words) - RUN + 1) if words else 0):
        yield "\0".join((sign, *words[at : at + RUN])).encode("utf-8", "replace")


def _voted(hashes: bytes, count: int) -> int:
    """Each bit as most of the hashes have it. Bytes are counted, not bits: that is 20 times as fast."""
    found = 0
    for place in range(BITS // 8):
        column = hashes[place :: BITS // 8]
        ones = [0] * 8
        for value in set(column):
            times = column.count(value)
            for bit in range(8):
                ones[bit] += times * (value >> bit & 1)
        byte = sum(1 << bit for bit in range(8) if 2 * ones[bit] > count)
        found = found << 8 | byte
    return found


def distance(first: str, second: str) -> int:
    """Bits in which two hashes differ."""
    return (int(first, 16) ^ int(second, 16)).bit_count()
