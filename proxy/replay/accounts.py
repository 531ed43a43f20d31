"""Accounts: what is spent and held in each, in plain numbers. Millions of calls ask them, a few each, so that they
do by addition alone what adapters.counters_memory does with more to remember; it is the same arithmetic, and laws
compare.

A *course* is one instance of one budget on its way through the windows; at each moment it stands in one account. A call
keeps the accounts that it was let in under, also when their windows are over.
"""

from typing import Final

from proxy.policy.charge import Account, Balance, Charge, Shortfall
from proxy.policy.rules import Budget, Unit
from proxy.policy.windows import NEVER_US, Windows, bucket_size_us
from proxy.replay.quiet import NOTHING_QUIET, Instance, Quiet

_PLACES: Final = (Unit.USD, Unit.TOKENS, Unit.CALLS)


class Sums:
    """One account of a window with a begin and an end."""

    __slots__ = ("asks", "budget", "charge", "held", "moves_us", "rolling", "room", "spent", "stern", "unit")

    def __init__(self, charge: Charge, asks: bool) -> None:
        budget: Final = charge.budget
        self.charge: Final = charge
        self.budget: Final = budget
        self.unit: Final = _PLACES.index(budget.unit)
        """Place of what counts, among money, tokens and calls."""
        self.rolling: Final = budget.window.kind == "rolling"
        self.room: Final = budget.limit - budget.reserve
        self.stern: Final = budget.mode == "enforce" and budget.action != "warn"
        self.asks = asks
        """False: it is quiet."""
        self.spent = 0
        self.held = 0
        self.moves_us = NEVER_US
        """When something leaves the window."""

    def move_to(self, now_us: int) -> None:
        """What has left the window by then counts no more."""

    def add(self, at_us: int, spent: int, held: int) -> None:
        """Of a call that was admitted at this moment."""
        self.spent += spent
        self.held += held

    def short(self, needed: int) -> Shortfall:
        """Of an account without room for that."""
        balance = Balance(self.spent, self.held, self.budget.limit, 0)
        return Shortfall(self.charge, balance, needed, needed > 0 and self.spent + needed <= self.room)


class RollingSums(Sums):
    """Of a window that moves along: by buckets, of which one leaves when it is wholly outside."""

    __slots__ = ("_buckets", "_first_us", "_length_us", "_size_us")

    def __init__(self, charge: Charge, asks: bool) -> None:
        super().__init__(charge, asks)
        self._size_us: Final = bucket_size_us(charge.budget.window)
        self._length_us: Final = charge.budget.window.length_s * 1_000_000
        self._first_us = self.moves_us = 0
        self._buckets: dict[int, list[int]] = {}
        """Begin -> spent, held; the oldest first, since calls are admitted in order of time."""

    def move_to(self, now_us: int) -> None:
        first_us = (now_us - self._length_us) // self._size_us * self._size_us
        if first_us <= self._first_us:
            return
        self._first_us, self.moves_us = first_us, first_us + self._size_us + self._length_us
        while self._buckets and (begin := next(iter(self._buckets))) < first_us:
            spent, held = self._buckets.pop(begin)
            self.spent -= spent
            self.held -= held

    def add(self, at_us: int, spent: int, held: int) -> None:
        begin = at_us // self._size_us * self._size_us
        if begin < self._first_us:
            return
        bucket = self._buckets.get(begin)
        if bucket is None:
            bucket = self._buckets[begin] = [0, 0]
        bucket[0] += spent
        bucket[1] += held
        self.spent += spent
        self.held += held


class Course:
    """One instance of one budget. Ask in order of time."""

    __slots__ = ("_courses", "budget", "ends_us", "instance", "now")

    def __init__(self, courses: "Courses", budget: Budget, instance: tuple[str, ...]) -> None:
        self._courses: Final = courses
        self.budget: Final = budget
        self.instance: Final = instance
        self.ends_us = -1
        self.now: Sums | None = None
        """The account that it was in last."""

    def at(self, at_us: int) -> Sums:
        if self.now is None or at_us >= self.ends_us:
            budget = self.budget
            start_us, self.ends_us = self._courses.windows.bounds(budget.window, at_us)
            charge = Charge(Account(budget.name, self.instance, start_us), budget)
            made = RollingSums if budget.window.kind == "rolling" else Sums
            self.now = made(charge, not self._courses.quiet.account(charge))
        return self.now


class Courses:
    """Those of one run, each made once however many kinds of calls count in it."""

    def __init__(self, windows: Windows) -> None:
        self.windows: Final = windows
        self.quiet = NOTHING_QUIET
        self._made: dict[Instance, Course] = {}

    def of(self, budget: Budget, instance: tuple[str, ...]) -> Course:
        course = self._made.get((budget.name, instance))
        if course is None:
            course = self._made[budget.name, instance] = Course(self, budget, instance)
        return course

    def leave_out(self, quiet: Quiet) -> None:
        """Accounts that are quiet are asked no more."""
        self.quiet = quiet
        for course in self._made.values():
            if course.now is not None:
                course.now.asks = not quiet.account(course.now.charge)
