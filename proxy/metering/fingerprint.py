"""Fingerprint: a keyed hash of what a call asks, so that equal calls can be found without keeping a prompt."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

DIGEST_BYTES: Final = 16
_LENGTH_BYTES: Final = 8


def fingerprint(key: bytes, content: Sequence[bytes]) -> str:
    """Hex of keyed BLAKE2b-128 over the slices. `key` has at most 64 bytes.

    Each slice goes in behind its length, so that moving a byte from one slice to the next makes another fingerprint.
    """
    digest = blake2b(digest_size=DIGEST_BYTES, key=key)
    for piece in content:
        digest.update(len(piece).to_bytes(_LENGTH_BYTES, "big"))
        digest.update(piece)
    return digest.hexdigest()
