"""Keyed hashes: all that is kept of a text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from struct import Struct

KEY_BYTES_MAX = 64
_PRIME = (1 << 61) - 1
_PAIR = Struct(">QQ")


class Keyed:
    """Hashes under a secret key, so that what is kept cannot be looked up in a dictionary."""

    __slots__ = ("_empty", "_factor", "_term", "words")

    def __init__(self, key: bytes) -> None:
        self._empty = blake2b(key=key[:KEY_BYTES_MAX], digest_size=8)
        self._factor = self.of(b"factor") | 1
        self._term = self.of(b"term")
        self.words: dict[int, dict[int, int]] = {}
        """Places of words of late in sets of so many bits (words.py), by this process's hash of each."""

    def word(self, word: str) -> int:
        """What stands for a word: a universal hash, a third of the price of the others."""
        return (int.from_bytes(word.encode("utf-8", "surrogatepass"), "little") * self._factor + self._term) % _PRIME

    def of(self, data: bytes) -> int:
        state = self._empty.copy()
        state.update(data)
        return int.from_bytes(state.digest(), "big")

    def text(self, text: str) -> int:
        return self.of(text.encode("utf-8", "surrogatepass"))

    def short(self, text: str) -> int:
        """32 bits: for sets that are compared within one owner."""
        return self.text(text) >> 32

    def shorts(self, texts: Iterable[bytes]) -> list[int]:
        """`short` of each."""
        copy, number = self._empty.copy, int.from_bytes
        found = []
        for text in texts:
            state = copy()
            state.update(text)
            found.append(number(state.digest()[:4], "big"))
        return found

    def chain(self, before: int, part: int) -> int:
        return self.of(_PAIR.pack(before, part))

    def prefixes(self, start: str, parts: Iterable[str]) -> Prefixes:
        """Hashes of `start` with one part more each, the longest first; `start` alone is not among them."""
        state = self._empty.copy()
        state.update(start.encode("utf-8", "surrogatepass"))
        states = []
        for part in parts:
            state.update(part.encode("utf-8", "surrogatepass"))
            states.append(state.copy())
        states.reverse()
        return Prefixes(states)


class Prefixes:
    """Hashes that are finished when they are asked for: mostly the first few are."""

    __slots__ = ("_states",)

    def __init__(self, states: Sequence[blake2b]) -> None:
        self._states = states

    def of(self, number: int) -> int:
        return int.from_bytes(self._states[number].digest(), "big")

    def __len__(self) -> int:
        return len(self._states)
