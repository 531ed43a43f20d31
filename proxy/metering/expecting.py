"""Expecting: how much output a stream is likely to have to hold, by what streams of its key and model came to.

A stream that starts with less room than that is likely to be cut in its middle, so where a budget applies it holds that
much from the start: near a cap it waits for its turn or is refused instead. It is no bound, and never above the call's
own limit, so nothing is refused for it whose bound would fit.
"""

from dataclasses import dataclass
from typing import Final

from proxy.metering.estimate import LEASE_TOKENS

EXPECTED_TOKENS_MAX: Final = 32_000
"""However long the answers were: beyond it a stream is extended as it goes."""
PAIRS_MAX: Final = 4096
"""Keys and models that are remembered: some 1 MB."""
_DEVIATIONS: Final = 2


@dataclass(slots=True)
class _Seen:
    """A running mean with its mean deviation, in bytes of visible output."""

    mean: float
    deviation: float

    def add(self, output_bytes: int) -> None:
        away = output_bytes - self.mean
        self.mean += away / 8
        self.deviation += (abs(away) - self.deviation) / 4


class Expecting:
    def __init__(self, pairs_max: int = PAIRS_MAX) -> None:
        self._max = pairs_max
        self._seen: dict[tuple[str, str], _Seen] = {}

    def tokens(self, key_id: str, model: str) -> int:
        """Visible output to hold, LEASE_TOKENS at least; of a pair that nothing is known of, no more than that."""
        seen = self._seen.get((key_id, model))
        if seen is None:
            return LEASE_TOKENS
        expected = int(seen.mean + _DEVIATIONS * seen.deviation)
        return min(EXPECTED_TOKENS_MAX, max(LEASE_TOKENS, expected))

    def heard(self, key_id: str, model: str, output_bytes: int) -> None:
        """Of a stream that came to its own end. Held by bytes, as streams are: no token is shorter than one."""
        pair = key_id, model
        # The pair that was heard of last leaves last.
        seen = self._seen.pop(pair, None) or _Seen(output_bytes, output_bytes / 4)
        seen.add(output_bytes)
        if len(self._seen) >= self._max:
            del self._seen[next(iter(self._seen))]
        self._seen[pair] = seen
