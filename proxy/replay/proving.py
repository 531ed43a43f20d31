"""Proving: which accounts and limits are quiet, by sums over all calls of a replay before it begins."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from proxy.policy.charge import Account, Charge
from proxy.policy.rules import Budget, RateLimit, RuleSet, Window
from proxy.policy.windows import SLOT_US, bounds, bucket_size_us
from proxy.ports.counters import Spent
from proxy.replay.facts import Burst, Facts, Surplus
from proxy.replay.quiet import NOTHING_QUIET, SHARE, Instance, Quiet, in_unit, room
from proxy.replay.standing import Standing

DAY_US: Final = 86_400_000_000
HOUR_US: Final = 3_600_000_000
SLICES_MAX: Final = 4_000
"""Days of ten years. Of what is longer, nothing is proven."""
BUSY_MAX: Final = 200_000
"""Accounts that are not quiet, each remembered, some 60 MB; at more, every account is asked."""
_SHORT: Final = ("rolling", "hour")
"""Windows that slices of a day don't follow: what falls into one is what falls into the days that it touches."""


def quiet_for(
    rules: RuleSet,
    facts: Facts,
    standings: Mapping[int, Standing],
    before: Mapping[Account, int],
    asked: frozenset[str],
) -> Quiet:
    """`before`: what was spent in each account before the replay; `asked`: rules of which nothing is to be proven."""
    budgets = [budget for budget in rules.budgets if budget.name not in asked and room(budget) > 0]
    limits = [limit for limit in rules.limits if limit.name not in asked]
    first_us, last_us = facts.span()
    starts = slices([budget.window for budget in budgets], first_us, last_us)
    if not starts:
        return NOTHING_QUIET
    surplus = {per: {each.instance: each for each in facts.surplus(per)} for per in {each.per for each in budgets}}
    sums = {budget.name: _Sums(budget, surplus[budget.per], before) for budget in budgets}
    for each in facts.sums(starts):
        start_us = max(first_us, starts[each.slice])
        spent = Spent(each.cost_pico, each.tokens, each.calls)
        for charge in standings[each.kind].charges(start_us):
            if (found := sums.get(charge.account.budget)) is not None:
                found.add(charge, spent, starts, each.slice)
    busy = [account for each in sums.values() for account in each.busy()]
    if len(busy) > BUSY_MAX:
        return NOTHING_QUIET
    return Quiet(
        frozenset(rule.name for rule in (*budgets, *limits)),
        frozenset(account for account in busy if account.start_us >= 0),
        frozenset(
            [(account.budget, account.instance) for account in busy if account.start_us < 0]
            + [found for limit in limits for found in _bursting(limit, facts.bursts(limit.per))]
        ),
    )


def slices(windows: Sequence[Window], first_us: int, last_us: int) -> list[int]:
    """When they begin: days, cut where a window of these ends. Empty: they would be too many."""
    found: set[int] = set()
    for window in {*windows, Window("day")}:
        at_us = first_us
        while at_us <= last_us and window.kind not in (*_SHORT, "total"):
            start_us, at_us = bounds(window, at_us)
            found.add(start_us // SLOT_US * SLOT_US)
            if len(found) > SLICES_MAX:
                return []
    return sorted(found)


def _bursting(limit: RateLimit, bursts: Iterable[Burst]) -> Iterable[Instance]:
    """Instances of which it may be in the way."""
    for burst in bursts:
        requests, tokens, at_once = limit.requests_per_minute, limit.tokens_per_minute, limit.concurrent
        if (
            (requests is not None and burst.requests > requests)
            or (tokens is not None and burst.tokens > tokens - tokens // SHARE)
            or (at_once is not None and burst.at_once > at_once)
        ):
            yield limit.name, burst.instance


class _Sums:
    """Of one budget: by instances, in the window that is being added up or, of short windows, in any so far."""

    def __init__(
        self, budget: Budget, surplus: Mapping[tuple[str, ...], Surplus], before: Mapping[Account, int]
    ) -> None:
        self._budget: Final = budget
        self._most: Final = room(budget) - room(budget) // SHARE
        self._surplus: Final = surplus
        self._before: dict[Account, int] = {}
        self._short: Final = budget.window.kind in _SHORT
        for account, spent in before.items():
            if account.budget == budget.name:
                key = account._replace(start_us=-1) if self._short else account
                self._before[key] = self._before.get(key, 0) + spent
        self._amounts: dict[Account, int] = {}
        self._moving: dict[Account, _Moving] = {}
        self._start_us = 0
        self._busy: list[Account] = []

    def add(self, charge: Charge, spent: Spent, starts: Sequence[int], place: int) -> None:
        amount, account = in_unit(self._budget.unit, spent), charge.account
        if self._short:
            key = account._replace(start_us=-1)
            moving = self._moving.setdefault(key, _Moving())
            end_us = starts[place + 1] if place + 1 < len(starts) else starts[place] + DAY_US
            moving.add(end_us, amount, starts[place] - _reach_us(self._budget.window))
            self._amounts[key] = moving.most
            return
        if account.start_us != self._start_us:
            self._close()
            self._start_us = account.start_us
        self._amounts[account] = self._amounts.get(account, 0) + amount

    def busy(self) -> list[Account]:
        """Accounts in which there may be no room for some call; of any window where `start_us` is below 0."""
        self._close()
        return self._busy

    def _close(self) -> None:
        """The window is over: what is quiet in it needs no memory."""
        for account, amount in self._amounts.items():
            whole = amount + self._before.get(account, 0) + self._above(account.instance)
            if whole > self._most and len(self._busy) <= BUSY_MAX:
                self._busy.append(account)
        self._amounts.clear()

    def _above(self, instance: tuple[str, ...]) -> int:
        """What calls in flight may hold above what they come to."""
        found = self._surplus.get(instance)
        return 0 if found is None else in_unit(self._budget.unit, Spent(found.cost_pico, found.tokens, 0))


class _Moving:
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
