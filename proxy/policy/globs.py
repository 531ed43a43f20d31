"""Globs: whether two patterns can mean the same name, and which of two is the more specific.

`*` is any text, `?` any character, `[…]` one of some characters (taken for any here, which errs towards "can").
"""

import re
from typing import Final

_WILDCARDS: Final = frozenset("*?[")
_SET: Final = re.compile(r"\[[^\]]+\]")


def is_plain(glob: str) -> bool:
    """True for a name, which fits itself only."""
    return not _WILDCARDS & set(glob)


def specificity(glob: str) -> tuple[bool, int]:
    """Orders patterns as the price book does: a plain name before a pattern, then more letters before fewer."""
    return not _WILDCARDS & set(glob), sum(letter not in _WILDCARDS for letter in glob)


def can_meet(one: str, other: str) -> bool:
    """True where some name fits both."""
    if not (_WILDCARDS & set(one) or _WILDCARDS & set(other)):
        return one == other
    one, other = _SET.sub("?", one), _SET.sub("?", other)
    after = [not other[j:].strip("*") for j in range(len(other) + 1)]
    # Whether what is left of `one` can meet each rest of `other`: from the end of `one` to its beginning.
    for i in reversed(range(len(one))):
        now = [False] * len(other) + [not one[i:].strip("*")]
        for j in reversed(range(len(other))):
            if one[i] == "*":
                now[j] = after[j] or now[j + 1]
            elif other[j] == "*":
                now[j] = now[j + 1] or after[j]
            else:
                now[j] = (one[i] == other[j] or "?" in (one[i], other[j])) and after[j + 1]
        after = now
    return after[0]
