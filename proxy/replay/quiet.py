"""Quiet: which accounts and rate limits can be in the way of no call, so that a replay needn't ask them.

An account is quiet if all that its calls came to in one window, what was spent before, and the most that calls in
flight at once held above what they came to, stay well below its limit. Then every call of it fits, whatever becomes of
the others: a refused call takes less. A rate limit's instance is quiet if the calls of any minute stay below it.

These sums are of calls as they are on record. A call that the tried rules change (another model, another output
limit) may hold more; how much more is added up as the replay goes (`changed`). Where that uses up the distance to the
limit, the sums have proven nothing of that account: it is noted, and the replay begins again with it asked
(`corrected`).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from proxy.model.call import Hold
from proxy.policy.charge import Account, Charge
from proxy.policy.rules import Budget, Unit
from proxy.policy.verdict import Throttle
from proxy.ports.counters import Spent
from proxy.replay.facts import BURST_US, Row

SHARE: Final = 3
"""A third of a limit is left for what changed calls take more."""
SHORT: Final = ("rolling", "hour")
"""Windows that slices of a day don't follow: what falls into one is what falls into the days that it touches."""
CHANGED_MAX: Final = 100_000
"""Accounts in which changed calls are added up. At more, the rules of further ones are asked."""

Instance = tuple[str, tuple[str, ...]]
"""Of a rule: its name and the values of its `per`."""
More = tuple[Account, int]
"""What a call in flight takes more from an account than its record says, above what it will have come to."""


class Quiet:
    """What is quiet. Empty, nothing is: every account and every limit is asked."""

    def __init__(
        self,
        rules: frozenset[str] = frozenset(),
        busy: frozenset[Account] = frozenset(),
        busy_instances: frozenset[Instance] = frozenset(),
        left: Mapping[Account, int] | None = None,
    ) -> None:
        """`rules`: names of those that are quiet but for what is `busy`, in one window or (instances) in any. `left`:
        how far accounts are from their limit that aren't far; None: it isn't known of any."""
        self._rules = rules
        self._busy = busy
        self._busy_instances = busy_instances
        self._loud = busy_instances | {(account.budget, account.instance) for account in busy}
        self._left = left
        self._unproven: set[str | Instance | Account] = set()
        self._more: dict[Account, int] = {}
        self._more_tokens: dict[Instance, list[tuple[int, int]]] = {}

    @property
    def proven(self) -> bool:
        """False: in a replay that asked it, something was not quiet; what that replay found is worth nothing."""
        return not self._unproven

    def corrected(self) -> "Quiet":
        """To begin anew with: without what was not quiet."""
        instances = {each for each in self._unproven if isinstance(each, tuple) and not isinstance(each, Account)}
        return Quiet(
            self._rules - {each for each in self._unproven if isinstance(each, str)},
            self._busy | {each for each in self._unproven if isinstance(each, Account)},
            self._busy_instances | instances,
            self._left,
        )

    def account(self, charge: Charge) -> bool:
        account = charge.account
        return (
            account.budget in self._rules
            and account not in self._busy
            and (account.budget, account.instance) not in self._busy_instances
        )

    def always(self, instance: Instance) -> bool:
        """Of a budget: its account is quiet in every window."""
        return instance[0] in self._rules and instance not in self._loud

    def limit(self, throttle: Throttle) -> bool:
        name = throttle.limit.name
        return name in self._rules and (name, throttle.instance) not in self._busy_instances

    def changed(self, row: Row, hold: Hold, spent: Spent, charges: Callable[[int], Iterable[Charge]]) -> list[More]:
        """A call is to hold and to come to this, and not what is on record. `charges`: of its moment. Gives what
        `ended` is to be told when it has ended."""
        pico = _above(hold.cost_pico, spent.cost_pico, row[5], row[3])
        tokens = _above(hold.input_tokens + hold.output_tokens, spent.tokens, row[6] + row[7], row[4])
        if pico[0] <= 0 and tokens[0] <= 0:
            return []
        found = []
        for charge in charges(row[1]):
            unit = charge.budget.unit
            more, ends = pico if unit is Unit.USD else tokens if unit is Unit.TOKENS else (0, 0)
            if more > 0 and self.account(charge) and self._add(charge, more):
                found.append((charge.account, ends))
        return found

    def ended(self, found: Iterable[More]) -> None:
        for account, more in found:
            self._more[account] -= more

    def changed_tokens(self, row: Row, expected: int, spent: Spent, throttles: Iterable[Throttle]) -> None:
        """As `changed`, of what rate limits take it for."""
        more = max(0, expected - row[8])
        more += max(0, max(0, spent.tokens - expected) - max(0, row[4] - row[8]))
        if not more:
            return
        for throttle in throttles:
            most = throttle.limit.tokens_per_minute
            if most is None or not self.limit(throttle):
                continue
            key = (throttle.limit.name, throttle.instance)
            counting = [each for each in self._more_tokens.get(key, ()) if each[0] > row[1]]
            counting.append((max(row[1], row[2]) + 2 * BURST_US, more))
            if sum(tokens for _, tokens in counting) > most // SHARE or len(self._more_tokens) >= CHANGED_MAX:
                self._unproven.add(key)
                continue
            self._more_tokens[key] = counting

    def _add(self, charge: Charge, more: int) -> bool:
        """Whether it is still quiet."""
        account = charge.account
        if account in self._unproven:
            return False
        found = self._more.get(account, 0) + more
        if len(self._more) >= CHANGED_MAX and account not in self._more:
            self._unproven.add(account.budget)
            return False
        self._more[account] = found
        if found > self._distance(charge):
            self._unproven.add(account)
        return True

    def _distance(self, charge: Charge) -> int:
        """At least so far it is from its limit."""
        share = room(charge.budget) // SHARE
        if self._left is None or charge.budget.window.kind in SHORT:
            return share
        return self._left.get(charge.account, room(charge.budget) - share)


def _above(hold: int, spent: int, held_then: int, spent_then: int) -> tuple[int, int]:
    """What a call takes more than it did then while it is in flight, and how much of that ends with it."""
    stays = max(0, spent - spent_then)
    more = max(stays, max(hold, spent) - max(held_then, spent_then))
    return more, more - stays


def room(budget: Budget) -> int:
    """What calls may fill of it at most."""
    return max(0, budget.limit - budget.reserve)


def in_unit(unit: Unit, spent: Spent) -> int:
    if unit is Unit.USD:
        return spent.cost_pico
    return spent.tokens if unit is Unit.TOKENS else spent.calls


NOTHING_QUIET: Final = Quiet()
