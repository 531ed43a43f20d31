"""A prompt cut into lines and sentences: what changed between two long prompts is found without keeping either."""

from __future__ import annotations

import re

from .bounds import SEGMENTS_MAX
from .canonical import compact
from .hashing import Keyed

_CUT = re.compile(r"\n+|(?<=[.!?;])\s+")
ANCHOR_CHARS_MIN = 24
ANCHORS_MAX = 12

"""Anchors: a sample of the longer pieces, the same in every prompt that contains them."""


def cut(canonical_text: str, keyed: Keyed) -> dict[int, str]:
    """Hash to text of each piece."""
    pieces = [piece for piece in _CUT.split(canonical_text) if piece.strip()]
    if len(pieces) > SEGMENTS_MAX:
        step = -(-len(pieces) // SEGMENTS_MAX)
        pieces = ["\n".join(pieces[at : at + step]) for at in range(0, len(pieces), step)]
    return {keyed.short(compact(piece)): piece for piece in pieces}


def anchors(pieces: dict[int, str]) -> tuple[int, ...]:
    return tuple(sorted(key for key, piece in pieces.items() if len(piece) >= ANCHOR_CHARS_MIN)[:ANCHORS_MAX])
