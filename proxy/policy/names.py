"""Names: those that one dimension of calls may have, searched fast enough for rules that name thousands."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import translate
from typing import Final

from proxy.policy.globs import can_meet, is_plain
from proxy.policy.mistakes import nearest

_LITERAL: Final = re.compile(r"[^*?\[]*")
_BEGINNINGS: Final = (12, 8, 5, 3, 1)
"""Characters that a near name shares with the wrong one, the closest tried first: of 4,000 names few are compared."""
_DATED: Final = re.compile(r"[-@](20\d\d-?\d\d-?\d\d|\d{3,4}|latest)(-v\d+:\d+)?", re.ASCII)
_HIGHEST: Final = "\U0010ffff"


class Names:
    """`patterns`: besides the names, every name that fits one of these is known."""

    def __init__(self, names: Iterable[str], patterns: Iterable[str] = ()) -> None:
        self._sorted: Final = tuple(sorted({*names} - {""}))
        self._patterns: Final = tuple(patterns)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sorted)

    def __contains__(self, name: str) -> bool:
        place = bisect_left(self._sorted, name)
        return self._sorted[place : place + 1] == (name,)

    def fits(self, glob: str) -> bool:
        """Whether a name is known that the word or pattern fits, or could be one of `patterns`."""
        return (glob in self if is_plain(glob) else self._any(glob)) or any(
            can_meet(glob, pattern) for pattern in self._patterns
        )

    def near(self, word: str) -> str:
        """The name that is most like a wrong one, '' where none is like it."""
        tried = (nearest(word, self._beginning(word[:length].lower())) for length in _BEGINNINGS)
        return next(filter(None, tried), "") or nearest(word, self._sorted)

    def dated(self, name: str) -> tuple[str, ...]:
        """The same thing by names with a date or number behind: 'gpt-4.1-2025-04-14' of 'gpt-4.1'."""
        return tuple(each for each in self._beginning(name) if _DATED.fullmatch(each, len(name)))

    def _any(self, glob: str) -> bool:
        literal = _LITERAL.match(glob)
        fits = re.compile(translate(glob)).match
        return any(fits(name) for name in self._beginning(literal[0] if literal else ""))

    def _beginning(self, text: str) -> Sequence[str]:
        return self._sorted[bisect_left(self._sorted, text) : bisect_left(self._sorted, text + _HIGHEST)]
