"""Keyed hashes: all that is kept of a text."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

KEY_BYTES_MAX = 64
_PRIME = (1 << 61) - 1


class Keyed:
    """Hashes under a secret key, so that what is kept cannot be looked up in a dictionary."""

    __slots__ = ("_empty", "_factor", "_term")

    def __init__(self, key: bytes) -> None:
        self._empty = blake2b(key=key[:KEY_BYTES_MAX], digest_size=8)
        self._factor = self.of(b"factor") | 1
        self._term = self.of(b"term")

    def bits(self, words: Iterable[str], bits: int) -> list[int]:
        """Which of `bits` stands for each word: a universal hash, a third of the price of the others. For all words in
        one go: a prompt has hundreds."""
        factor, term, number = self._factor, self._term, int.from_bytes
        return [
            (number(word.encode("utf-8", "surrogatepass"), "little") * factor + term) % _PRIME % bits for word in words
        ]

    def of(self, data: bytes) -> int:
        state = self._empty.copy()
        state.update(data)
        return int.from_bytes(state.digest(), "big")

    def text(self, text: str) -> int:
        return self.of(text.encode("utf-8", "surrogatepass"))

    def short(self, text: str) -> int:
        """32 bits: for sets that are compared within one owner."""
        return self.of(text.encode("utf-8", "surrogatepass")) >> 32

    def chain(self, before: int, part: int) -> int:
        return self.of(before.to_bytes(8, "big") + part.to_bytes(8, "big"))

    def prefixes(self, start: str, parts: Iterable[str]) -> list[int]:
        """Hashes of `start` with one part more each, the longest first; `start` alone is not among them."""
        state = self._empty.copy()
        state.update(start.encode("utf-8", "surrogatepass"))
        found = []
        for part in parts:
            state.update(part.encode("utf-8", "surrogatepass"))
            found.append(int.from_bytes(state.copy().digest(), "big"))
        found.reverse()
        return found
