"""Tally: what is spent and held in one account, in the budget's unit."""

from collections.abc import Mapping
from typing import Final

from proxy.model.call import Hold
from proxy.policy.rules import Budget, Unit
from proxy.policy.windows import NEVER_US, bucket_size_us, buckets
from proxy.ports.counters import Spent

MEASURES: Final = {Unit.USD: 0, Unit.TOKENS: 1, Unit.CALLS: 2}
"""Places of the units in what a call takes or comes to."""
Amounts = tuple[int, int, int]
"""Pico-dollars, tokens, calls."""


class Tally:
    """Of a window with a begin and an end."""

    __slots__ = ("budget", "ends_us", "extra", "held", "in_flight", "measure", "opened", "spent", "told")
    moving = False
    """True: its window moves along, so `move_to` and `add` are to be asked."""

    def __init__(self, budget: Budget, ends_us: int) -> None:
        self.measure: Final = MEASURES[budget.unit]
        """Place of its unit among Amounts."""
        self.budget = budget
        """As it is in force now; its limit may change while the account goes on."""
        self.extra = 0
        """What is granted above it, when it was last looked at."""
        self.ends_us: Final = ends_us
        self.spent = 0
        self.held = 0
        self.in_flight = 0
        self.told = 0
        """Highest warn level that spending has reached, per cent."""
        self.opened = False

    def knows(self, at_us: int) -> bool:
        """Somebody has said what was spent before."""
        return self.opened

    def open(self, at_us: int, spent: int) -> None:
        if not self.opened:
            self.opened = True
            self.add(at_us, spent, 0)
            self.told = self.level

    def move_to(self, now_us: int) -> None:
        """What has left the window by then counts no more."""

    def room_at(self, needed: int, room: int) -> int:
        """When so much has left the window that what is needed fits into `room`, by what is spent; 0: not known."""
        return 0

    def add(self, at_us: int, spent: int, held: int) -> None:
        """Of a call that was admitted at this moment."""
        self.spent += spent
        self.held += held

    def by_bucket(self) -> Mapping[int, int]:
        """Of a rolling window: what is spent in each bucket, by its begin."""
        return {}

    def over(self, now_us: int) -> bool:
        """True: nothing in it can matter any more."""
        return self.ends_us <= now_us and not self.in_flight

    @property
    def untouched(self) -> bool:
        """Nothing was ever said of it."""
        return not (self.opened or self.in_flight or self.spent or self.held)

    @property
    def limit(self) -> int:
        """The budget's, and what is granted above it."""
        return self.budget.limit + self.extra

    @property
    def near(self) -> bool:
        """As ports.counters has it."""
        budget = self.budget
        if budget.mode != "enforce":
            return False
        limit = budget.limit + self.extra
        if budget.warn_at and self.spent * 100 >= budget.warn_at[0] * limit:
            return True
        return budget.action == "warn" and self.spent + self.held > limit

    @property
    def level(self) -> int:
        """The highest level of `warn_at` that spending has reached; 0: none."""
        reached, limit = 0, self.budget.limit + self.extra
        for level in self.budget.warn_at:
            if self.spent * 100 < level * limit:
                break
            reached = level
        return reached


class RollingTally(Tally):
    """Of a window that moves along: by buckets, of which one leaves when it is wholly outside."""

    __slots__ = ("_buckets", "_first_us", "_openings", "_size_us", "_until_us")
    moving = True

    def __init__(self, budget: Budget) -> None:
        super().__init__(budget, NEVER_US)
        self._size_us = bucket_size_us(budget.window)
        self._buckets: dict[int, tuple[int, int]] = {}
        """Begin -> spent, held."""
        self._openings: set[int] = set()
        self._first_us = 0
        self._until_us = 0
        """Before that, no further bucket leaves."""

    def knows(self, at_us: int) -> bool:
        return self._bucket(at_us) in self._openings

    def open(self, at_us: int, spent: int) -> None:
        bucket = self._bucket(at_us)
        if bucket >= self._first_us and bucket not in self._openings:
            self._openings.add(bucket)
            self.add(at_us, spent, 0)
            self.told = self.level

    def move_to(self, now_us: int) -> None:
        if now_us < self._until_us:
            return
        window = self.budget.window
        first_us = buckets(window, now_us).first_us
        self._until_us = first_us + self._size_us + window.length_s * 1_000_000
        if first_us <= self._first_us:
            return
        self._first_us = first_us
        for begin in [begin for begin in self._buckets if begin < first_us]:
            spent, held = self._buckets.pop(begin)
            self.spent -= spent
            self.held -= held
        self._openings = {begin for begin in self._openings if begin >= first_us}
        self.told = min(self.told, self.level)

    def add(self, at_us: int, spent: int, held: int) -> None:
        bucket = self._bucket(at_us)
        if bucket < self._first_us:
            return
        before = self._buckets.get(bucket, (0, 0))
        self._buckets[bucket] = (before[0] + spent, before[1] + held)
        self.spent += spent
        self.held += held

    def room_at(self, needed: int, room: int) -> int:
        left = self.spent
        for begin in sorted(self._buckets):
            left -= self._buckets[begin][0]
            if left + needed <= room:
                return begin + self._size_us + self.budget.window.length_s * 1_000_000
        return 0

    def by_bucket(self) -> Mapping[int, int]:
        return {begin: spent for begin, (spent, _) in self._buckets.items()}

    def over(self, now_us: int) -> bool:
        self.move_to(now_us)
        return not self._buckets and not self.in_flight

    @property
    def untouched(self) -> bool:
        return not (self.in_flight or self._buckets or self._openings)

    def _bucket(self, at_us: int) -> int:
        return at_us // self._size_us * self._size_us


def held_in_all(hold: Hold) -> Amounts:
    """As Charge.takes has it, in every unit."""
    return hold.cost_pico, hold.input_tokens + hold.output_tokens, 1


def spent_in_all(spent: Spent) -> Amounts:
    return spent.cost_pico, spent.tokens, spent.calls
