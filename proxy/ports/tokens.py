"""Counting tokens where the provider reported none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Count:
    tokens: int
    guessed: bool = False
    """True: by the length of the texts, because they couldn't be counted. It bounds nothing and calibrates nothing."""


class TokenCounter(Protocol):
    async def count(self, model: str, texts: Sequence[str]) -> Count:
        """Tokens of the texts together, by the model's tokenizer or the nearest known one. Never raises.

        Off the hot path: only near a cap, and after a cut, a hang-up or an answer without usage.
        """
        ...
