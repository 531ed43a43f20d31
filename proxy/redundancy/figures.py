"""The figures of a text, which stay when its words are exchanged: what is translated back and forth, has other names
for its variables, or its records in another order, is still the same data.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .hashing import Keyed

_FIGURE = re.compile(r"[0-9]{3,}")
FIGURES_MIN = 12
SAMPLE_MAX = 12
_CHARS_MAX = 12


def figures(texts: Sequence[str], keyed: Keyed) -> tuple[int, ...]:
    """Hashes of a sample of the figures, the same in every text that has the same ones; empty where there are few.
    Line numbers, and others that count on, are left out."""
    found = {figure for text in texts for figure in _FIGURE.findall(text)}
    if len(found) < FIGURES_MIN:
        return ()
    told = [figure for figure in found if len(figure) <= _CHARS_MAX and not _counts_on(int(figure), found)]
    if len(told) < FIGURES_MIN:
        return ()
    return tuple(sorted(keyed.short("figure " + figure) for figure in told)[:SAMPLE_MAX])


def _counts_on(number: int, found: set[str]) -> bool:
    return str(number - 1) in found or str(number + 1) in found
