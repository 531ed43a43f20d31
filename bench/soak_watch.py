"""What the soak looks at while it runs: memory, file handles and threads of each process, and what the disk holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from bench.process_figures import family, handles, memory_mib, threads

SLOPE_CALLS: Final = 100_000
HANDLES_MORE_MAX: Final = 32
"""Between the first and the second half, in the median: each of the callers may need a connection to the provider or
none. Of a million calls, one handle left by one call in ten thousand is more."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One process; those below it (which count tokens, or work out outcomes) stand together with their own memory."""

    mib: float
    children_mib: float
    handles: int
    threads: int


@dataclass(frozen=True, slots=True)
class Sample:
    at_s: float
    """Since the first call."""
    calls: int
    processes: dict[str, Figures]
    journal_bytes: int
    database_bytes: int


def looked_at(pid: int) -> Figures:
    children = 0.0
    for each in family(pid)[1:]:
        try:
            children += memory_mib(each)
        except (OSError, IndexError):
            continue  # it has ended meanwhile
    return Figures(memory_mib(pid), children, handles(pid), threads(pid))


def size_of(paths: Sequence[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.exists())


@dataclass(slots=True)
class Watch:
    samples: list[Sample] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    """Reports that failed or took too long, and why."""

    @property
    def later(self) -> list[Sample]:
        """The second half of the calls."""
        half = self.samples[-1].calls / 2
        return [each for each in self.samples if each.calls >= half]

    @property
    def earlier(self) -> list[Sample]:
        """The first half, without its beginning, when everything is still made for the first time."""
        half = self.samples[-1].calls / 2
        return [each for each in self.samples[1:] if each.calls < half]

    def slope(self, of: Callable[[Sample], float]) -> float:
        """A figure's growth for SLOPE_CALLS calls, by least squares over the second half; 0 where that is one look."""
        return slope([(each.calls / SLOPE_CALLS, of(each)) for each in self.later])

    def more_handles(self, process: str) -> float:
        """By how many the second half has more than the first, in the median."""
        halves = [[each.processes[process].handles for each in half] for half in (self.earlier, self.later)]
        return median(halves[1]) - median(halves[0]) if all(halves) else 0.0

    def flat(self) -> bool:
        return all(self.more_handles(name) <= HANDLES_MORE_MAX for name in self.samples[-1].processes)


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the straight line nearest to the points, by least squares; 0 where they have one x."""
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0
