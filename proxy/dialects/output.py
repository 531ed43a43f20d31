"""Visible output of an answer, kept until it is settled, for counting where no usage comes."""

from collections.abc import Hashable, Iterable
from typing import Any, Final

KEPT_BYTES_MAX: Final = 16 * 1024 * 1024
"""Of one answer; more is bounded by its bytes, but not kept. The longest answers have about half a megabyte."""
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

    __slots__ = ("_threads", "size")

    def __init__(self) -> None:
        self.size = 0
        """Bytes so far, binary ones included: an upper bound of the tokens."""
        self._threads: dict[Hashable, list[str]] = {}

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
        return tuple("".join(pieces) for pieces in self._threads.values())

    def reply(self) -> str:
        """What was said, without thoughts; of a long answer its first REPLY_CHARS_MAX characters. A microsecond."""
        said: list[str] = []
        room = REPLY_CHARS_MAX
        for thread, pieces in self._threads.items():
            if type(thread) is tuple and thread[0] == THOUGHT:
                continue
            for piece in pieces:
                said.append(piece[:room])
                room -= len(piece)
                if room <= 0:
                    return "".join(said)
        return "".join(said)


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
