"""Counting tokens where the provider reported none."""

from collections.abc import Sequence
from typing import Protocol


class TokenCounter(Protocol):
    async def count(self, model: str, texts: Sequence[str]) -> int:
        """Tokens of the texts together, by the model's tokenizer or the nearest known one. Never raises.

        Off the hot path: only after a cut, a hang-up or an answer without usage.
        """
        ...
