"""Breakers: which providers have failed so often of late that a call had better begin at the next one.

Closed at first. After FAILURES_MAX failures in a row a breaker opens, for OPEN_US, and for twice as long each time it
opens again, up to OPEN_US_MAX. When that time is over one call may try (half-open): its success closes the breaker, its
failure opens it again. A breaker is advice for calls that have somewhere else to go; it refuses nothing.

The same calls at the same times make the same states: there is no chance in it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FAILURES_MAX: Final = 5
OPEN_US: Final = 1_000_000
OPEN_US_MAX: Final = 60_000_000
PROBE_US_MAX: Final = 60_000_000
"""A trial that has told nothing for so long is taken to be lost, and another one may be made."""
BREAKERS_MAX: Final = 1000
"""Providers that have failed. Above it the one that failed longest ago is forgotten."""


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


_OUT: Final = {State.CLOSED: 0.0, State.HALF_OPEN: 0.5, State.OPEN: 1.0}


@dataclass(slots=True)
class _Breaker:
    failures: int = 0
    """In a row."""
    opened: int = 0
    """How often in a row it has opened."""
    open_until_us: int = 0
    probe_until_us: int = 0
    """A trial is under way until then at the latest; 0: none is."""


class Breakers:
    """One for each provider, by name. Time is monotonic microseconds."""

    def __init__(self) -> None:
        self._failing: dict[str, _Breaker] = {}

    def state(self, provider: str, now_us: int) -> State:
        breaker = self._failing.get(provider)
        if breaker is None or not breaker.opened:
            return State.CLOSED
        return State.OPEN if now_us < breaker.open_until_us else State.HALF_OPEN

    def out(self, providers: Iterable[str], now_us: int) -> dict[str, float]:
        """1 for each of these that is left out, 0.5 for one on trial, else 0."""
        return {provider: _OUT[self.state(provider, now_us)] for provider in providers}

    def allows(self, provider: str, now_us: int) -> bool:
        """Whether a call should try this provider now. Of a half-open one: True for the one call that is the trial,
        which must then tell how it went (`succeeded`, `failed`) or that it can't (`told_nothing`)."""
        state = self.state(provider, now_us)
        if state is not State.HALF_OPEN:
            return state is State.CLOSED
        breaker = self._failing[provider]
        if now_us < breaker.probe_until_us:
            return False
        breaker.probe_until_us = now_us + PROBE_US_MAX
        return True

    def succeeded(self, provider: str) -> None:
        self._failing.pop(provider, None)

    def failed(self, provider: str, now_us: int) -> None:
        breaker = self._failing.pop(provider, None) or _Breaker()
        if len(self._failing) >= BREAKERS_MAX:
            del self._failing[next(iter(self._failing))]
        self._failing[provider] = breaker
        breaker.failures += 1
        if now_us < breaker.open_until_us:
            # Of a call that began before it opened, or had nowhere else to go.
            return
        if breaker.opened or breaker.failures >= FAILURES_MAX:
            breaker.open_until_us = now_us + min(OPEN_US_MAX, OPEN_US << min(breaker.opened, 30))
            breaker.opened += 1
            breaker.probe_until_us = 0

    def told_nothing(self, provider: str) -> None:
        """A call ended without a word of the provider's (its client hung up)."""
        breaker = self._failing.get(provider)
        if breaker is not None:
            breaker.probe_until_us = 0
