"""A clock for demonstrations: weeks pass within seconds, and then it is now.

It runs from `begin` fast enough to meet the real time after `play_s`, without a jump at either end, and from there on
it is the real time. For the processes of `outlay demo` alone; no setting leads here.
"""

import time
from collections.abc import Callable
from pathlib import Path

from proxy.adapters.clock import SystemClock


def played(
    begin_s: float, start_s: float, play_s: float, wall_s: Callable[[], float] = time.time
) -> Callable[[], float]:
    """Time as a function: `begin_s` until the real time is `start_s`, the real time from `start_s + play_s` on.

    All in seconds since the epoch, UTC.
    """
    end_s = start_s + play_s
    speed = (end_s - begin_s) / play_s

    def now_s() -> float:
        wall = wall_s()
        return wall if wall >= end_s else begin_s + max(0.0, wall - start_s) * speed

    return now_s


def awaited(
    begin_s: float, started: Path, play_s: float, wall_s: Callable[[], float] = time.time
) -> Callable[[], float]:
    """The same, with the start written into a file once everybody is there; until then it is `begin_s`."""
    known: list[Callable[[], float]] = []

    def now_s() -> float:
        if not known:
            start_s = _written(started)
            if start_s is None:
                return begin_s
            known.append(played(begin_s, start_s, play_s, wall_s))
        return known[0]()

    return now_s


def _written(started: Path) -> float | None:
    try:
        return float(started.read_text())
    except (OSError, ValueError):
        return None


def played_clock(begin_s: float, started: Path, play_s: float) -> SystemClock:
    now_s = awaited(begin_s, started, play_s)
    return SystemClock(wall_ns=lambda: int(now_s() * 1e9))
