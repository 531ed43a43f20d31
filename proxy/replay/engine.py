"""The engine: calls in the order of their admission, decided by the gateway's own rules and rates, and by its
arithmetic of budgets (replay.books).

A call holds what it held then until the moment at which it was settled then, so that calls are in each other's way as
they were. What is not replayed: waiting (a call that would wait is let in at once), repetitions by clients who were
told to come back later, temporary increases, fallbacks to other providers, and the steps in which a stream's hold was
raised (it grows at its end).
"""

from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from typing import Final

from proxy.gateway.rules import Rules
from proxy.policy.charge import Account
from proxy.policy.rates import Rates
from proxy.policy.windows import buckets
from proxy.ports.counters import Spent
from proxy.replay import books
from proxy.replay.accounts import Courses
from proxy.replay.counting import Counting
from proxy.replay.deciding import Deciding
from proxy.replay.ending import Ending
from proxy.replay.facts import Before, Facts, Row
from proxy.replay.proving import quiet_for
from proxy.replay.quiet import NOTHING_QUIET, Quiet, in_unit
from proxy.replay.result import Result
from proxy.replay.standing import Standing
from proxy.replay.turn import Turn

PROGRESS_CALLS: Final = 10_000
PROOFS_MAX: Final = 4
"""Beginnings, each with more asked than the one before; then everything is."""


def replay(
    rules: Rules,
    facts: Facts,
    *,
    since_us: int,
    until_us: int,
    progress: Callable[[int], None],
    quietly: bool = True,
) -> Result:
    """Of the calls admitted in [since_us, until_us). `quietly`: accounts and limits that are proven to be in nobody's
    way are not asked; the result is the same. Raises FactsError."""
    standings = {number: Standing(rules, kind) for number, kind in facts.kinds().items()}
    quiet: Quiet | None = None
    for _ in range(PROOFS_MAX if quietly else 0):
        engine = Engine(rules, facts, standings)
        before = engine.begin(since_us)
        if quiet is None:
            quiet = quiet_for(rules.policies.rules, facts, standings, before)
        result = engine.run(since_us, until_us, progress, quiet)
        if quiet.proven:
            return result
        quiet = quiet.corrected()
    engine = Engine(rules, facts, standings)
    engine.begin(since_us)
    return engine.run(since_us, until_us, progress, NOTHING_QUIET)


class Engine:
    """One run."""

    def __init__(self, rules: Rules, facts: Facts, standings: Mapping[int, Standing]) -> None:
        self._rules = rules
        self._facts = facts
        self._standings = standings
        self._courses = Courses(rules.matcher.windows)
        self._rates = Rates()
        self._counting = Counting()
        self._ending = Ending(self._rates, self._counting, NOTHING_QUIET)
        self._deciding = Deciding(rules, self._rates, self._counting, NOTHING_QUIET)
        self._open: list[tuple[int, int, Turn]] = []
        """Calls in flight, the next to be settled first."""

    def begin(self, since_us: int) -> Mapping[Account, int]:
        """Count what was spent before: gives it, by accounts. Raises FactsError."""
        self._leave_out(NOTHING_QUIET)
        before: dict[Account, int] = {}
        for each in self._facts.before():
            self._spend(each, since_us, before)
        return before

    def run(self, since_us: int, until_us: int, progress: Callable[[int], None], quiet: Quiet) -> Result:
        """Once begun. Raises FactsError."""
        self._leave_out(quiet)
        self._calls(since_us, until_us, progress)
        while self._open:
            self._ending.settle(heappop(self._open)[2])
        return self._counting.result(self._rules.policies.version)

    def _leave_out(self, quiet: Quiet) -> None:
        self._deciding = Deciding(self._rules, self._rates, self._counting, quiet)
        self._ending = Ending(self._rates, self._counting, quiet)
        self._courses.leave_out(quiet)
        for standing in self._standings.values():
            standing.leave_out(self._courses)

    def _calls(self, since_us: int, until_us: int, progress: Callable[[int], None]) -> None:
        # Most calls are of the first branch: it is written out for its speed.
        done = passed = passed_pico = 0
        standings = self._standings
        for done, row in enumerate(self._facts.each(), 1):
            opened_us, standing = row[1], standings[row[0]]
            if opened_us >= standing.until_us:
                standing.renew(opened_us)
            if since_us <= opened_us < until_us:
                if not standing.simulated and standing.plain(row):
                    passed += 1
                    passed_pico += row[3]
                else:
                    self._call(done, row, standing)
            if done % PROGRESS_CALLS == 0:
                progress(done)
        self._counting.unchanged(passed_pico, passed)
        progress(done)

    def _spend(self, before: Before, since_us: int, spent_in: dict[Account, int]) -> None:
        """What was spent before counts where its window still counts when the replay begins."""
        counting = [
            sums
            for sums in self._standings[before.kind].counting(before.at_us)
            if (
                buckets(sums.budget.window, since_us).first_us <= before.at_us
                if sums.rolling
                else self._rules.matcher.windows.bounds(sums.budget.window, before.at_us)[1] > since_us
            )
        ]
        spent = Spent(before.cost_pico, before.tokens, before.calls)
        books.count(before.at_us, spent, counting)
        for sums in counting:
            account, budget = sums.charge.account, sums.budget
            amount = in_unit(budget.unit, spent) + (before.refused_calls if budget.count_refused else 0)
            spent_in[account] = spent_in.get(account, 0) + amount
        refused = [sums for sums in counting if sums.budget.count_refused]
        if before.refused_calls and refused:
            books.count(before.at_us, Spent(0, 0, before.refused_calls), refused)

    def _call(self, number: int, row: Row, standing: Standing) -> None:
        opened_us, open_ = row[1], self._open
        while open_ and open_[0][0] <= opened_us:
            self._ending.settle(heappop(open_)[2])
        if standing.kind.job:
            self._counting.unchanged(row[3])
            books.count(opened_us, Spent(row[3], row[4]), standing.asking)
            return
        turn = Turn(number, row, standing)
        if standing.kind.refused:
            self._counting.was_refused()
        if self._deciding.admitted(turn):
            heappush(open_, (max(row[2], opened_us), number, turn))
