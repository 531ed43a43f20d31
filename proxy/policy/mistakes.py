"""Mistakes: what is wrong in one file, collected while it is read, so that an admin hears everything at once."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from typing import Final, Protocol

from proxy.model.visible import visible
from proxy.policy.types import Mistake

MISTAKES_MAX: Final = 200
"""Of one file. Beyond it the file is wrong as a whole, and a longer list helps nobody."""
_KNOWN_SHOWN_MAX: Final = 12
_COMPARED_MAX: Final = 200
"""Words that one wrong word is compared with: 10,000 names would take a tenth of a second each time."""

_SECRET_BEGINNINGS: Final = re.compile(r"^(sk|pk|rk|gsk|xai|hf|r8|ghp|github_pat|glpat|AKIA|AIza|outlay)[-_A-Z0-9]")
_LONG_RUN: Final = re.compile(r"(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{28,}")
_WORD: Final = r"[a-z]{1,20}|[A-Z]{1,10}|(?:[A-Z]{1,3}[a-z]{2,}){1,3}[A-Z]{0,3}"
_SIZE: Final = r"(?:[a-z]{1,8}|[A-Z]{1,3}|[A-Z][a-z]{1,7})?\d{1,4}(?:[px]\d{1,4})?(?:[a-z]{0,4}|[A-Z]{0,2})"
_NAME_PART: Final = re.compile(rf"|{_WORD}|\d{{1,8}}|{_SIZE}")
"""Of a long name: 'instruct', 'DeepSeek', a date, '4o', '70b', 'v3p1', '8x22b'. Parts of random text are longer or
more mixed."""


class Placed(Protocol):
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class Mistakes:
    """The findings of one file: `found` stop the set, `warnings` do not."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Mistake] = []
        self.warnings: list[Mistake] = []

    def add(self, at: Placed, message: str, example: str = "") -> None:
        self.add_at(at.line, at.column, message, example)

    def add_at(self, line: int, column: int, message: str, example: str = "") -> None:
        if len(self.found) < MISTAKES_MAX:
            self.found.append(Mistake(self.file, line, column, message, example))

    def warn(self, at: Placed, message: str, example: str = "") -> None:
        if len(self.warnings) < MISTAKES_MAX:
            self.warnings.append(Mistake(self.file, at.line, at.column, message, example))

    def where(self, at: Placed) -> str:
        """'file:line', as rules name themselves in refusals."""
        return f"{self.file}:{at.line}"


def shown(word: str) -> str:
    """A wrong word in quotes, unless it could be a secret: somebody pasted a key where a name belongs."""
    if _SECRET_BEGINNINGS.match(word) or any(not _is_name(run) for run in _LONG_RUN.findall(word)):
        return "a value (not shown, it may be a secret)"
    return f"'{visible(word)}'" if len(word) <= 60 else f"'{visible(word[:57])}…'"


def _is_name(run: str) -> bool:
    """Whether a long run of letters and digits is made as names of models are, of short parts."""
    return all(_NAME_PART.fullmatch(part) for part in re.split("[-_]", run))


def nearest(word: str, known: Iterable[str]) -> str:
    """The right word that is most like a wrong one, '' where none is like it."""
    compared = list(known)
    if len(compared) > _COMPARED_MAX:
        first = word[:1].lower()
        compared = list(islice((each for each in compared if each[:1] == first), _COMPARED_MAX))
    return next(iter(get_close_matches(word.lower(), compared, n=1, cutoff=0.6)), "")


def suggestion(word: str, known: Iterable[str]) -> str:
    """What would be right, as a clause: the nearest word, else what there is."""
    words = list(known)
    near = nearest(word, words)
    return f"did you mean '{near}'?" if near else known_words(words)


def known_words(known: Iterable[str]) -> str:
    """What there is, as a clause."""
    words = list(known)
    if not words:
        return "none is known"
    first = ", ".join(words[:_KNOWN_SHOWN_MAX])
    return f"known: {first}" + (", …" if len(words) > _KNOWN_SHOWN_MAX else "")
