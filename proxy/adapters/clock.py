"""The clock of the machine."""

import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

log = structlog.get_logger("outlay.clock")

SET_US: Final = 1_000_000
"""Less than that is a clock being kept right, and nothing to tell of."""


class SystemClock:
    """Fulfils ports.clock.Clock.

    When somebody sets the machine's clock back, this one goes on at half speed until the machine has caught up:
    two calls never change their order, and no window opens twice. When it is set forward, this one follows.
    """

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._wall_ns, self._monotonic_ns = wall_ns, monotonic_ns
        self._lock = threading.Lock()
        self._wall_us, self._read_us = wall_ns() // 1000, self.monotonic_us()
        self._machine_us = self._wall_us
        """What the machine's clock said last."""

    def now_us(self) -> int:
        # Written out, as it is asked some four times a call; and without the lock, which is a third of the price, where
        # the machine's clock goes on as it should. Another thread may come in between: then the time noted is a moment
        # older than the one that it noted, which matters only if the clock is set back in that very moment.
        machine_us, monotonic_us = self._wall_ns() // 1000, self._monotonic_ns() // 1000
        passed_us = monotonic_us - self._read_us
        set_us = machine_us - self._machine_us - passed_us
        if machine_us >= self._wall_us and passed_us >= 0 and -SET_US < set_us < SET_US:
            self._wall_us, self._read_us, self._machine_us = machine_us, monotonic_us, machine_us
            return machine_us
        return self._was_set(machine_us, monotonic_us)

    def _was_set(self, machine_us: int, monotonic_us: int) -> int:
        """Its time, whatever was done to the machine's."""
        with self._lock:
            passed_us = monotonic_us - self._read_us
            passed_us = max(passed_us, 0)
            set_us = machine_us - self._machine_us - passed_us
            wall_us = machine_us
            if wall_us < self._wall_us:
                wall_us = self._wall_us + passed_us // 2
            self._wall_us, self._read_us, self._machine_us = wall_us, monotonic_us, machine_us
        if not -SET_US < set_us < SET_US:
            log.warning("the machine's clock was set", by_s=set_us / 1e6, ahead_of_it_s=(wall_us - machine_us) / 1e6)
        return wall_us

    def ahead_us(self) -> int:
        """How far this clock is ahead of the machine's, since that one was set back."""
        return max(0, self.now_us() - self._wall_ns() // 1000)

    def monotonic_us(self) -> int:
        return self._monotonic_ns() // 1000
