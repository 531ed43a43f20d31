"""Time as the gateway needs it."""

from typing import Protocol


class Clock(Protocol):
    def now_us(self) -> int:
        """Wall time in microseconds since the epoch, UTC. Never runs backwards within a process."""
        ...

    def monotonic_us(self) -> int:
        """For durations."""
        ...
