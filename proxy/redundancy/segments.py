"""A prompt cut into lines and sentences: what changed between two long prompts is found without keeping either."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .bounds import SEGMENTS_MAX
from .canonical import packed_each
from .hashing import Keyed

_SENTENCE_END = re.compile(r"[.!?;]\s+")
_LINE_CHARS_MAX = 60
"""A shorter line is one piece."""
ANCHOR_CHARS_MIN = 24
ANCHORS_MAX = 12

"""Anchors: a sample of the longer pieces, the same in every prompt that contains them."""


def cut(canonical_text: str, keyed: Keyed) -> dict[int, str]:
    """Hash to text of each piece."""
    return hashed(pieces_of(canonical_text), keyed)


def pieces_of(canonical_text: str) -> list[str]:
    """All its words stand in them, in their order."""
    pieces: list[str] = []
    for line in canonical_text.split("\n"):
        if len(line) <= _LINE_CHARS_MAX:
            pieces.append(line)
        else:
            pieces += _SENTENCE_END.split(line)
    pieces = [piece for piece in pieces if piece and not piece.isspace()]
    if len(pieces) > SEGMENTS_MAX:
        step = -(-len(pieces) // SEGMENTS_MAX)
        pieces = ["\n".join(pieces[at : at + step]) for at in range(0, len(pieces), step)]
    return pieces


def hashed(pieces: Sequence[str], keyed: Keyed) -> dict[int, str]:
    """Of those that read the same, the last."""
    return dict(zip(keyed.shorts(packed_each(pieces)), pieces, strict=True))


def distinct(pieces: Sequence[str]) -> Sequence[str]:
    """What `hashed` would leave of them."""
    read = packed_each(pieces)
    return pieces if len(set(read)) == len(pieces) else list(dict(zip(read, pieces, strict=True)).values())


def anchors(pieces: dict[int, str]) -> tuple[int, ...]:
    return tuple(sorted(key for key, piece in pieces.items() if len(piece) >= ANCHOR_CHARS_MIN)[:ANCHORS_MAX])
