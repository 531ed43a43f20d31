"""Deadline: a moment that is set anew again and again, and hardly ever comes."""

import asyncio
from collections.abc import Callable


class Deadline:
    """One timer that looks, when it goes off, whether the moment has come; a timer for each time that it is set would
    cost more than the few that go off in vain. In the running event loop."""

    def __init__(self, over: Callable[[], None]) -> None:
        """`over` is called when the moment has come."""
        self._over = over
        self._loop = asyncio.get_event_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._ends_s: float | None = None

    @property
    def set(self) -> bool:
        return self._ends_s is not None

    def now_s(self) -> float:
        """By the clock that it goes by."""
        return self._loop.time()

    def within(self, seconds: float) -> None:
        """In so many seconds from now, whatever was set before."""
        self._ends_s = self._loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._ends_s:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_later(seconds, self._look)

    def none(self) -> None:
        """It doesn't come."""
        self._ends_s = None

    def stop(self) -> None:
        """It never comes any more, and nothing is left behind: not what it would have called either, which as a rule
        leads back to here, so that both would stay in memory until somebody looks for such circles."""
        self._ends_s = None
        self._over = _nothing
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._ends_s is None:
            return
        left_s = self._ends_s - self._loop.time()
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._look)
        else:
            self._ends_s = None
            self._over()


def _nothing() -> None:
    """Of a deadline that was stopped."""
