"""Calibration: how far the tokens that providers report may lie above what our tokenizer counts, for each model.

Estimated, not proven: the worst of the latest calls, and a margin. A model of which little is known has a wide one.
"""

from collections import deque
from typing import Final

FACTOR_UNKNOWN: Final = 2.0
"""Until CALLS_MIN calls are known. Tokenizers that aren't ours count up to half as much again in prose and code."""
MARGIN: Final = 1.1
FACTOR_MIN: Final = 1.1
CALLS_MIN: Final = 8
CALLS_MAX: Final = 64
"""The latest of them, so that an odd one is forgotten in the end."""
MODELS_MAX: Final = 1024


class Calibration:
    def __init__(self, models_max: int = MODELS_MAX) -> None:
        self._max = models_max
        self._ratios: dict[str, deque[float]] = {}

    def factor(self, model: str) -> float:
        """By which to multiply a count, so that it bounds what the provider will report."""
        ratios = self._ratios.get(model)
        if ratios is None:
            return FACTOR_UNKNOWN
        worst = max(FACTOR_MIN, max(ratios) * MARGIN)
        return worst if len(ratios) >= CALLS_MIN else max(FACTOR_UNKNOWN, worst)

    def heard(self, model: str, counted: int, reported: int) -> None:
        """Of a call whose input was counted, and reported by its provider."""
        if counted <= 0:
            return
        ratios = self._ratios.pop(model, None) or deque(maxlen=CALLS_MAX)
        ratios.append(reported / counted)
        if len(self._ratios) >= self._max:
            del self._ratios[next(iter(self._ratios))]
        self._ratios[model] = ratios
