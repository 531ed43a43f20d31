"""Adding: what calls of one instance of one budget came to, window by window, before a replay."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from proxy.policy.charge import Account
from proxy.policy.rules import Budget, Unit, Window
from proxy.policy.windows import bucket_size_us
from proxy.replay.quiet import SHARE, SHORT, Instance, room

DAY_US: Final = 86_400_000_000
HOUR_US: Final = 3_600_000_000
BUSY_MAX: Final = 200_000
"""Accounts that are not quiet, each remembered, some 60 MB; at more, every account is asked."""
_PLACES: Final = (Unit.USD, Unit.TOKENS, Unit.CALLS)


class Findings:
    """Of all budgets."""

    def __init__(self) -> None:
        self.busy: list[Account] = []
        """Accounts in which there may be no room for some call."""
        self.busy_instances: list[Instance] = []
        """The same, in any window."""
        self.left: dict[Account, int] = {}
        """How far others are from their limit, where they aren't far."""


class Adding:
    """Of one instance of one budget: what falls into the window that is being added up or, of short windows, the most
    that did into any so far."""

    __slots__ = (
        *("_above", "_amount", "_before", "_begins", "_budget", "_findings", "_instance"),
        *("_moving", "_place", "_short", "_start", "_starts", "unit"),
    )

    def __init__(
        self,
        budget: Budget,
        instance: tuple[str, ...],
        begins: Sequence[int],
        starts: Sequence[int],
        before: Mapping[Account, int],
        above: int,
        findings: Findings,
    ) -> None:
        """`begins`: of each slice, when its window begins. `above`: what calls hold more than they come to, at most."""
        self.unit: Final = _PLACES.index(budget.unit)
        """Place of what counts, among money, tokens and calls."""
        self._budget: Final = budget
        self._instance: Final = instance
        self._begins: Final = begins
        self._starts: Final = starts
        self._before: Final = before
        self._above: Final = above
        self._findings: Final = findings
        self._short: Final = budget.window.kind in SHORT
        self._moving = Moving()
        self._place = 0
        self._start = -1
        self._amount = 0

    def add(self, place: int, amount: int) -> None:
        """In order of the slices."""
        start = self._begins[place]
        if start != self._start:
            if self._start >= 0:
                self._window()
            self._start, self._place, self._amount = start, place, 0
        self._amount += amount

    def close(self) -> None:
        """There are no more."""
        if self._start < 0:
            return
        self._window()
        if self._short and self._whole(Account(self._budget.name, self._instance, -1), self._moving.most) > self._most:
            self._findings.busy_instances.append((self._budget.name, self._instance))

    @property
    def _most(self) -> int:
        return room(self._budget) - room(self._budget) // SHARE

    def _window(self) -> None:
        if self._short:
            starts, place = self._starts, self._place
            end_us = starts[place + 1] if place + 1 < len(starts) else starts[place] + DAY_US
            self._moving.add(end_us, self._amount, starts[place] - _reach_us(self._budget.window))
            return
        account, findings = Account(self._budget.name, self._instance, self._start), self._findings
        whole = self._whole(account, self._amount)
        if whole > self._most:
            if len(findings.busy) <= BUSY_MAX:
                findings.busy.append(account)
        elif whole > room(self._budget) // SHARE and len(findings.left) <= BUSY_MAX:
            findings.left[account] = room(self._budget) - whole

    def _whole(self, account: Account, amount: int) -> int:
        return amount + self._before.get(account, 0) + self._above


class Moving:
    """The most that falls into slices which one short window touches."""

    __slots__ = ("_now", "_parts", "most")

    def __init__(self) -> None:
        self._parts: deque[tuple[int, int]] = deque()
        self._now = 0
        self.most = 0

    def add(self, end_us: int, amount: int, from_us: int) -> None:
        while self._parts and self._parts[0][0] <= from_us:
            self._now -= self._parts.popleft()[1]
        self._parts.append((end_us, amount))
        self._now += amount
        self.most = max(self.most, self._now)


def _reach_us(window: Window) -> int:
    return HOUR_US if window.kind == "hour" else window.length_s * 1_000_000 + bucket_size_us(window)
