"""Counting: what a replay has found so far."""

from datetime import UTC, datetime
from typing import Final

from proxy.replay.result import Count, Group, Result

DAY_US: Final = 86_400_000_000


class Counting:
    """Sums only: the order of calls leaves no trace."""

    def __init__(self) -> None:
        self.calls = 0
        self.cost_pico = 0
        self._refused = self._refused_pico = 0
        self._again = self._again_pico = 0
        self._then = self._unruled_pico = self._spent_pico = 0
        self._counts: dict[tuple[str, str, int, str], list[int]] = {}

    def unchanged(self, recorded_pico: int, calls: int = 1) -> None:
        """Let in, at what they cost as it is on record."""
        self.passed(recorded_pico, recorded_pico, calls)
        self._spent_pico += recorded_pico

    def passed(self, recorded_pico: int, unruled_pico: int, calls: int = 1) -> None:
        """Let in; `unruled_pico`: what it would come to without any rule. What it does come to is `ended`."""
        self.calls += calls
        self.cost_pico += recorded_pico
        self._unruled_pico += unruled_pico

    def ended(self, spent_pico: int) -> None:
        """A call that was let in came to that."""
        self._spent_pico += spent_pico

    def was_refused(self) -> None:
        """By a rule, then."""
        self._then += 1

    def refused(self, recorded_pico: int, unruled_pico: int, cost_pico: int) -> None:
        """`cost_pico`: what it cost, or was expected to cost."""
        self.passed(recorded_pico, unruled_pico)
        self._refused += 1
        self._refused_pico += cost_pico

    def passed_again(self, cost_pico: int) -> None:
        """Refused then, let in now."""
        self._again += 1
        self._again_pico += cost_pico

    def did(self, did: str, rule: str, project: str, at_us: int, cost_pico: int, saved_pico: int, again: bool) -> None:
        """`again`: the call was refused then, so that its cost is an estimate."""
        key = (rule, project, at_us // DAY_US, did)
        sums = self._counts.get(key)
        if sums is None:
            sums = self._counts[key] = [0, 0, 0, 0]
        sums[0] += 1
        sums[1] += cost_pico
        sums[2] += saved_pico
        sums[3] += again

    def result(self, version: str) -> Result:
        groups = {
            Group(rule, project, _day(day), did): Count(*sums)
            for (rule, project, day, did), sums in self._counts.items()
        }
        return Result(
            version=version,
            calls=self.calls,
            cost_pico=self.cost_pico,
            refused=self._refused,
            refused_pico=self._refused_pico,
            passed_again=self._again,
            passed_again_pico=self._again_pico,
            counts={group: groups[group] for group in sorted(groups)},
            refused_then=self._then,
            unruled_pico=self._unruled_pico,
            spent_pico=self._spent_pico,
        )


def _day(number: int) -> str:
    return datetime.fromtimestamp(number * DAY_US // 1_000_000, UTC).strftime("%Y-%m-%d")
