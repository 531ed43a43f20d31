"""AnswerRoom: how much memory the whole answers of all calls together may take, while they are read for their usage."""

from typing import Final

ANSWERS_BYTES_MAX: Final = 128 * 1024 * 1024
FREE_BYTES: Final = 64 * 1024
"""Of each answer. As much of its end is kept in any case."""


class AnswerRoom:
    """Of one gateway."""

    def __init__(self, bytes_max: int = ANSWERS_BYTES_MAX) -> None:
        self.bytes_max = bytes_max
        self.taken = 0

    def take(self, count: int) -> bool:
        """False: there is no room for so many bytes more."""
        if self.taken + count > self.bytes_max:
            return False
        self.taken += count
        return True

    def leave(self, count: int) -> None:
        self.taken -= count
