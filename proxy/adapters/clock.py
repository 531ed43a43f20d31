"""The clock of the machine."""

import threading
import time
from collections.abc import Callable


class SystemClock:
    """Fulfils ports.clock.Clock.

    When somebody sets the machine's clock back, this one goes on at half speed until the machine has caught up:
    two calls never change their order, and no window opens twice.
    """

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._wall_ns, self._monotonic_ns = wall_ns, monotonic_ns
        self._lock = threading.Lock()
        self._wall_us, self._read_us = wall_ns() // 1000, self.monotonic_us()

    def now_us(self) -> int:
        wall_us, monotonic_us = self._wall_ns() // 1000, self.monotonic_us()
        with self._lock:
            if wall_us < self._wall_us:
                wall_us = self._wall_us + max(monotonic_us - self._read_us, 0) // 2
            self._wall_us, self._read_us = wall_us, monotonic_us
            return wall_us

    def monotonic_us(self) -> int:
        return self._monotonic_ns() // 1000
