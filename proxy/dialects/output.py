"""Visible output of an answer, kept until it is settled, for counting where no usage comes."""

from collections.abc import Hashable, Iterable
from typing import Any, Final

KEPT_BYTES_MAX: Final = 16 * 1024 * 1024
"""Of one answer; more is bounded by its bytes, but not kept. The longest answers have about half a megabyte."""
PIECES_MAX: Final = 1000
"""Of a thread before they are joined: a piece of a few characters takes some 70 bytes by itself, so that a stream of a
million events would take as many megabytes."""
REPLY_CHARS_MAX: Final = 400
"""Of a reply, for telling what it amounts to: more is an answer of substance, whatever it says."""
SHORT_BYTES: Final = 4_000
"""Of an answer whose usage is told, no more is read for its reply."""
THOUGHT: Final = "thought"
"""First part of a thread with what a model says to itself."""
DEPTH_MAX: Final = 8
"""Of parts within parts; known ones have 4."""


class Output:
    """Texts by the thread they belong to (a choice, an item, a tool call), since they interleave."""

    __slots__ = ("_folded", "_threads", "size")

    def __init__(self) -> None:
        self.size = 0
        """Bytes so far, binary ones included: an upper bound of the tokens."""
        self._threads: dict[Hashable, list[str]] = {}
        self._folded: dict[Hashable, list[str]] = {}
        """What came before those, of threads of many pieces."""

    def add(self, thread: Hashable, text: str) -> None:
        if not text:
            return
        self.size += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        if self.size <= KEPT_BYTES_MAX:
            pieces = self._threads.get(thread)
            if pieces is None:
                self._threads[thread] = [text]
            else:
                pieces.append(text)
                if len(pieces) == PIECES_MAX:
                    self._folded.setdefault(thread, []).append("".join(pieces))
                    pieces.clear()

    def add_all(self, thread: Hashable, value: object) -> None:
        """Every text in a value of unknown shape, a text as a rule."""
        if type(value) is str:
            self.add(thread, value)
        elif value:
            for text in _texts(value):
                self.add(thread, text)

    def add_binary(self, size: int) -> None:
        self.size += size

    def texts(self) -> tuple[str, ...]:
        return tuple("".join(self._pieces(thread)) for thread in self._threads)

    def reply(self) -> str:
        """What was said, without thoughts; of a long answer its first REPLY_CHARS_MAX characters. A microsecond."""
        said: list[str] = []
        room = REPLY_CHARS_MAX
        for thread in self._threads:
            if type(thread) is tuple and thread[0] == THOUGHT:
                continue
            for piece in self._pieces(thread):
                said.append(piece[:room])
                room -= len(piece)
                if room <= 0:
                    return "".join(said)
        return "".join(said)

    def _pieces(self, thread: Hashable) -> list[str]:
        pieces = self._threads[thread]
        return [*self._folded[thread], *pieces] if thread in self._folded else pieces


def _texts(value: Any, depth: int = DEPTH_MAX) -> Iterable[str]:
    """The texts in parts of a content."""
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, list):
        for part in value:
            yield from _texts(part, depth - 1)
    elif depth and isinstance(value, dict):
        for name in ("text", "thinking", "content", "refusal"):
            yield from _texts(value.get(name), depth - 1)
