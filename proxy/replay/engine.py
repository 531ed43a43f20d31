"""The engine: calls in the order of their admission, decided by the gateway's own rules, counters and rates.

A call holds what it held then until the moment at which it was settled then, so that calls are in each other's way as
they were. What is not replayed: waiting (a call that would wait is let in at once), repetitions by clients who were
told to come back later, temporary increases, fallbacks to other providers, and the steps in which a stream's hold was
raised (it grows at its end).
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

from proxy.gateway.rules import Rules
from proxy.policy.rates import Rates
from proxy.policy.windows import buckets
from proxy.ports.counters import Counters, Spent
from proxy.replay.counting import Counting
from proxy.replay.deciding import Deciding
from proxy.replay.ending import Ending
from proxy.replay.facts import Before, Facts, Row
from proxy.replay.result import Result
from proxy.replay.standing import Standing
from proxy.replay.turn import Turn

PROGRESS_CALLS: Final = 10_000


class Engine:
    """Of one replay."""

    def __init__(self, rules: Rules, counters: Counters, rates: Rates, facts: Facts) -> None:
        self._rules = rules
        self._counters = counters
        self._rates = rates
        self._facts = facts
        self._counting = Counting()
        self._deciding = Deciding(rules, counters, rates, self._counting)
        self._ending = Ending(counters, rates, self._counting)
        self._standings = {number: Standing(rules, kind) for number, kind in facts.kinds().items()}
        self._open: list[tuple[int, int, Turn]] = []
        """Calls in flight, the next to be settled first."""

    def run(self, since_us: int, until_us: int, progress: Callable[[int], None]) -> Result:
        """Raises FactsError."""
        for before in self._facts.before():
            self._spend(before, since_us)
        done = 0
        for done, row in enumerate(self._facts.each(), 1):
            if since_us <= row[1] < until_us:
                self._call(done, row)
            if done % PROGRESS_CALLS == 0:
                progress(done)
        while self._open:
            self._ending.settle(heappop(self._open)[2])
        progress(done)
        return self._counting.result(self._rules.policies.version)

    def _spend(self, before: Before, since_us: int) -> None:
        """What was spent before counts where its window still counts when the replay begins."""
        verdict = self._standings[before.kind].verdict(before.at_us)
        counting = [
            charge
            for charge in verdict.charges
            if (
                buckets(charge.budget.window, since_us).first_us <= before.at_us
                if charge.budget.window.kind == "rolling"
                else self._rules.matcher.windows.bounds(charge.budget.window, before.at_us)[1] > since_us
            )
        ]
        spent = Spent(before.cost_pico, before.tokens, before.calls)
        self._counters.count(before.at_us, spent, counting)
        refused = [charge for charge in counting if charge.budget.count_refused]
        if before.refused_calls and refused:
            self._counters.count(before.at_us, Spent(0, 0, before.refused_calls), refused)

    def _call(self, number: int, row: Row) -> None:
        opened_us, standing, open_ = row[1], self._standings[row[0]], self._open
        while open_ and open_[0][0] <= opened_us:
            self._ending.settle(heappop(open_)[2])
        if standing.kind.job:
            self._counting.passed(row[3])
            self._counters.count(opened_us, Spent(row[3], row[4]), standing.verdict(opened_us).charges)
            return
        turn = Turn(standing.call(f"{number}", opened_us), row, standing)
        if self._deciding.admitted(turn):
            heappush(open_, (max(row[2], opened_us), number, turn))
