"""Counters in the memory of one gateway: exact, since nothing here waits and nobody else counts."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.adapters.meanings import Meanings
from proxy.adapters.tally import RollingTally, Tally, held_in_all, spent_in_all
from proxy.model.call import Call, Hold
from proxy.model.decision import Reason, Refusal
from proxy.policy.charge import Account, Balance, Charge, Shortfall
from proxy.policy.rules import Budget
from proxy.policy.windows import NEVER_US, Windows
from proxy.ports.counters import ALL_OTHERS, Crossing, HeldCall, Reserved, Spent

ACCOUNTS_MAX: Final = 20_000
"""At most some 15 MB, with what each budget has of its own. Above it, the further accounts of a budget share one, which
is stricter and never laxer: callers may make up tags."""
OWN_SHARE: Final = 2
"""A half more than that is divided among the budgets with instances, so that none loses its place to another's."""
SWEEP_US: Final = 60_000_000
"""How often accounts of windows that are over are forgotten."""
SWEEP_FULL_US: Final = 1_000_000
"""While there is no place for another."""
STERNNESS: Final = ("refuse", "throttle", "downgrade", "warn")
"""Actions of budgets. What one refuses, no other lets through by another model."""
KNOWN_MAX: Final = 2048
"""Groups of accounts that are found again at a glance: the same calls are charged to the same ones until a window
ends."""
_Key = tuple[Account, int]
_Charged = list[tuple[Charge, Tally]]
Extra = Callable[[Budget, tuple[str, ...]], int]
"""What is granted above a budget's limit now, to one instance of it, in its unit."""


@dataclass(slots=True)
class _Open:
    """A call in flight, and where it is charged."""

    call: Call
    hold: Hold
    charged: _Charged
    """Never changed: other calls may be charged there by the same list."""


class MemoryCounters:
    """Fulfils ports.counters.Counters. Bounded by the limit on calls in flight and by ACCOUNTS_MAX."""

    def __init__(
        self,
        calls_in_flight_max: int,
        accounts_max: int = ACCOUNTS_MAX,
        extra: Extra = lambda _budget, _instance: 0,
        sweep_us: int = SWEEP_US,
        granting: Callable[[], bool] = lambda: True,
    ) -> None:
        """`granting` False: `extra` would say 0 of every account, so it isn't asked."""
        self._max = calls_in_flight_max
        self._accounts_max = accounts_max
        self._extra = extra
        self._granting = granting
        self._granted = False
        """Some account may have something extra."""
        self._sweep_us = sweep_us
        self._open: dict[str, _Open] = {}
        self._tallies: dict[_Key, Tally] = {}
        self._instances: Counter[int] = Counter()
        """How many of them each meaning with instances has."""
        self._fresh: list[_Key] = []
        """Made for the call that is looked at."""
        self._known: dict[int, tuple[tuple[Charge, ...], _Charged]] = {}
        """Where charges count, by the identity of the tuple (kept beside, so that it stays its own). Forgotten whole as
        soon as an account is, or a budget means something else."""
        self._meant = 0
        """Version of the meanings that this is by."""
        self._meanings = Meanings()
        self._windows = Windows()
        self._now_us = 0
        """The latest admission: rolling windows are judged by it."""
        self._swept_us = 0
        self.held_pico = 0
        self._withheld: frozenset[str] = frozenset()

    @property
    def in_flight(self) -> int:
        return len(self._open)

    def reserve(self, call: Call, hold: Hold, charges: Sequence[Charge] = ()) -> Reserved | Refusal | Shortfall:
        if call.id in self._open:
            return _RESERVED
        if len(self._open) >= self._max:
            return _too_many(self._max)
        self._now_us = max(self._now_us, call.opened_us)
        charged = self._charged(call, charges)
        if not self._withheld and self._fits(charged, hold):
            self._put(call, hold, charged)
            return _RESERVED
        short = self._shortfalls(charged, hold)
        refusing = self._refusing(short)
        if self._withheld and (refusing is None or refusing.waiting_helps):
            unknown = [charge for charge in charges if self._unknown(charge, hold)]
            if unknown:
                self._forget_fresh()
                return _balance_unknown(unknown[0].budget)
        if refusing is not None:
            self._forget_fresh()
            return refusing
        self._put(call, hold, charged)
        return Reserved(tuple(short))

    def shortfall(self, call: Call, hold: Hold, charges: Sequence[Charge]) -> Shortfall | None:
        self._now_us = max(self._now_us, call.opened_us)
        short = self._refusing(self._shortfalls(self._charged(call, charges), hold))
        self._forget_fresh()
        return short

    def take(self, call: Call, hold: Hold, charges: Sequence[Charge] = ()) -> None:
        if call.id not in self._open:
            self._now_us = max(self._now_us, call.opened_us)
            self._put(call, hold, self._charged(call, charges))

    def extend(self, call_id: str, hold: Hold) -> Shortfall | None:
        opened = self._open.get(call_id)
        if opened is None:
            return None
        for charge, tally in opened.charged:
            short = self._outgrown(charge, tally, charge.takes(opened.hold), hold)
            if short is not None:
                return short
        self._change(opened, hold)
        return None

    def settle(self, call_id: str, spent: Spent) -> Sequence[Crossing]:
        opened = self._open.pop(call_id, None)
        if opened is None:
            return ()
        self.held_pico -= opened.hold.cost_pico
        at_us = opened.call.opened_us
        held, came_to = held_in_all(opened.hold), spent_in_all(spent)
        crossings: list[Crossing] = []
        for charge, tally in opened.charged:
            tally.in_flight -= 1
            measure = tally.measure
            if tally.moving:
                tally.add(at_us, came_to[measure], -held[measure])
            else:
                tally.spent += came_to[measure]
                tally.held -= held[measure]
            if tally.budget.warn_at and (crossing := _crossed(charge, tally)) is not None:
                crossings.append(crossing)
        return crossings

    def accounts_of(self, call_id: str) -> Sequence[Account]:
        opened = self._open.get(call_id)
        return () if opened is None else [charge.account for charge, _ in opened.charged]

    def count(self, at_us: int, spent: Spent, charges: Sequence[Charge]) -> None:
        for charge in charges:
            tally = self._tally(charge, at_us)
            tally.add(at_us, spent_in_all(spent)[tally.measure], 0)

    def balance(self, charge: Charge, at_us: int) -> Balance:
        tally = self._tally(charge, at_us)
        tally.move_to(max(self._now_us, at_us))
        return _balance(tally)

    def near(self, call_id: str) -> Sequence[tuple[Charge, Balance]]:
        opened = self._open.get(call_id)
        return () if opened is None else [(charge, _balance(tally)) for charge, tally in opened.charged if tally.near]

    def knows(self, charge: Charge, at_us: int) -> bool:
        return self._tally(charge, at_us).knows(at_us)

    def open(self, charge: Charge, at_us: int, spent: int) -> None:
        self._tally(charge, at_us).open(at_us, spent)

    def correct(self, charge: Charge, at_us: int, more: int) -> None:
        self._tally(charge, at_us).add(at_us, more, 0)

    def withhold(self, budgets: frozenset[str]) -> None:
        """Names of the budgets of which nobody can say yet what was spent: where they are enforced, nothing that
        would take from them is reserved. All others are known."""
        self._withheld = budgets

    def reload(self, charges_of: Callable[[Call], Sequence[Charge]]) -> None:
        for opened in self._open.values():
            self._take_out(opened)
            opened.charged = self._charged(opened.call, charges_of(opened.call))
            self._put_in(opened)

    def held(self) -> Iterator[HeldCall]:
        """Every call in flight, the oldest first: a hold that leaks would stand here."""
        return (HeldCall(opened.call, opened.hold) for opened in self._open.values())

    def accounts(self) -> Iterator[tuple[Account, Balance]]:
        """Every account that is remembered."""
        return ((account, _balance(tally)) for (account, _), tally in self._tallies.items())

    def standings(self) -> Iterator[tuple[Budget, Account, int]]:
        """Every account with what is spent in it; of a rolling window each bucket, as an account that begins there."""
        for (account, _), tally in self._tallies.items():
            if tally.budget.window.kind != "rolling":
                yield tally.budget, account, tally.spent
            for begin, spent in tally.by_bucket().items():
                yield tally.budget, account._replace(start_us=begin), spent

    def _charged(self, call: Call, charges: Sequence[Charge]) -> list[tuple[Charge, Tally]]:
        # Before any is chosen: one that a call is about to be put in must not be forgotten in between.
        full = len(self._tallies) + len(charges) > self._accounts_max
        if self._now_us - self._swept_us > (SWEEP_FULL_US if full else self._sweep_us):
            self._sweep()
        known = self._known.get(id(charges))
        self._fresh.clear()
        if known is not None and known[0] is charges and self._meant == self._meanings.version:
            self._regrant(known[1])
            return known[1]
        charged = [(charge, self._tally(charge, call.opened_us)) for charge in charges]
        self._remember(charges, charged)
        return charged

    def _remember(self, charges: Sequence[Charge], charged: _Charged) -> None:
        """Not what was made just now: it is forgotten again if the call is refused."""
        if self._meant != self._meanings.version or len(self._known) >= KNOWN_MAX:
            self._meant = self._meanings.version
            self._known.clear()
        if isinstance(charges, tuple) and not self._fresh:
            self._known[id(charges)] = (charges, charged)

    def _regrant(self, charged: Iterable[tuple[Charge, Tally]]) -> None:
        """What is granted changes with time."""
        if self._granting():
            self._granted = True
            for charge, tally in charged:
                tally.extra = self._extra(tally.budget, charge.account.instance)
        elif self._granted:
            self._ungrant()

    def _ungrant(self) -> None:
        self._granted = False
        for tally in self._tallies.values():
            tally.extra = 0

    def _fits(self, charged: _Charged, hold: Hold) -> bool:
        """True: there is room in every account, as `_short` has it of each."""
        amounts, now_us = held_in_all(hold), self._now_us
        for _, tally in charged:
            if tally.moving:
                tally.move_to(now_us)
            budget, needed = tally.budget, amounts[tally.measure]
            room = budget.limit + tally.extra - budget.reserve
            if tally.spent + tally.held + needed > room if needed else budget.limit <= 0:
                return False
        return True

    def _shortfalls(self, charged: Iterable[tuple[Charge, Tally]], hold: Hold) -> list[Shortfall]:
        return [found for each in charged if (found := self._short(*each, hold)) is not None]

    def _refusing(self, short: Iterable[Shortfall]) -> Shortfall | None:
        """What no waiting helps goes before what may pass, and the sternest budget first, whatever their order."""
        refusing = (found for found in short if _enforced(found.charge.budget))
        return min(refusing, key=_sternness, default=None)

    def _unknown(self, charge: Charge, hold: Hold) -> bool:
        """True: whether it fits can't be told. What costs nothing needs no balance."""
        budget = charge.budget
        return budget.name in self._withheld and _enforced(budget) and charge.takes(hold) > 0

    def _short(self, charge: Charge, tally: Tally, hold: Hold) -> Shortfall | None:
        """None: the hold fits. What costs nothing fits wherever anything may pass."""
        budget, needed = tally.budget, charge.takes(hold)
        tally.move_to(self._now_us)
        room = budget.limit + tally.extra - budget.reserve
        if tally.spent + tally.held + needed <= room if needed else budget.limit > 0:
            return None
        if needed > 0 and tally.spent + needed <= room:
            return Shortfall(charge, _balance(tally), needed, waiting_helps=True)
        room_us = tally.room_at(needed, room) if budget.action == "throttle" else 0
        return Shortfall(charge, _balance(tally), needed, waiting_helps=False, room_us=room_us)

    def _outgrown(self, charge: Charge, tally: Tally, before: int, hold: Hold) -> Shortfall | None:
        """None: what a running call holds may be raised. A budget that lets streams finish has its reserve for that."""
        budget, needed = tally.budget, charge.takes(hold)
        if needed <= before or not _enforced(budget):
            return None
        tally.move_to(self._now_us)
        self._regrant(((charge, tally),))
        limit = tally.limit if budget.on_cap == "finish" else tally.limit - budget.reserve
        if tally.spent + tally.held + needed - before <= limit:
            return None
        return Shortfall(charge, _balance(tally), needed - before, waiting_helps=tally.spent + needed <= limit)

    def _put(self, call: Call, hold: Hold, charged: list[tuple[Charge, Tally]]) -> None:
        opened = self._open[call.id] = _Open(call, hold, charged)
        self.held_pico += hold.cost_pico
        self._put_in(opened)

    def _put_in(self, opened: _Open) -> None:
        amounts = held_in_all(opened.hold)
        for _, tally in opened.charged:
            tally.in_flight += 1
            if tally.moving:
                tally.add(opened.call.opened_us, 0, amounts[tally.measure])
            else:
                tally.held += amounts[tally.measure]

    def _take_out(self, opened: _Open) -> None:
        amounts = held_in_all(opened.hold)
        for _, tally in opened.charged:
            tally.in_flight -= 1
            tally.add(opened.call.opened_us, 0, -amounts[tally.measure])

    def _change(self, opened: _Open, hold: Hold) -> None:
        self._take_out(opened)
        self.held_pico += hold.cost_pico - opened.hold.cost_pico
        opened.hold = hold
        self._put_in(opened)

    def _tally(self, charge: Charge, at_us: int) -> Tally:
        meaning, in_force = self._meanings.look(charge.budget)
        tally = self._tallies.get((charge.account, meaning))
        if tally is None:
            tally = self._made(charge, meaning, at_us)
        tally.budget = in_force
        self._regrant(((charge, tally),))
        return tally

    def _made(self, charge: Charge, meaning: int, at_us: int) -> Tally:
        budget, key = charge.budget, (charge.account, meaning)
        shared = (charge.account._replace(instance=(ALL_OTHERS,)), meaning)
        if shared in self._tallies or (budget.per and not self._has_place(meaning)):
            # As long as there is one, also where there is place again: what was spent may stand in it.
            key = shared
        known = self._tallies.get(key)
        if known is not None:
            return known
        rolling = budget.window.kind == "rolling"
        made = RollingTally(budget) if rolling else Tally(budget, self._windows.bounds(budget.window, at_us)[1])
        self._tallies[key] = made
        self._fresh.append(key)
        if budget.per:
            self._instances[meaning] += 1
        return made

    def _has_place(self, meaning: int) -> bool:
        """Whoever comes first has one; then each meaning that has instances has a share of its own."""
        if len(self._tallies) < self._accounts_max:
            return True
        sharing = len(self._instances) + (meaning not in self._instances)
        return self._instances[meaning] < self._accounts_max // OWN_SHARE // sharing

    def _forget_fresh(self) -> None:
        """Of a call that is refused: whoever is refused again and again takes nobody's place."""
        for key in self._fresh:
            tally = self._tallies.get(key)
            if tally is not None and tally.untouched:
                self._forget(key, tally)
        self._fresh.clear()

    def _forget(self, key: _Key, tally: Tally) -> None:
        del self._tallies[key]
        if tally.budget.per:
            self._instances[key[1]] -= 1
            if not self._instances[key[1]]:
                del self._instances[key[1]]

    def _sweep(self) -> None:
        """Forget the accounts of windows that are over."""
        self._swept_us = self._now_us
        self._known.clear()
        for key, tally in [each for each in self._tallies.items() if each[1].over(self._now_us)]:
            self._forget(key, tally)


_RESERVED: Final = Reserved()


def _sternness(short: Shortfall) -> tuple[bool, int, str]:
    """For sorting: the sternest first."""
    budget = short.charge.budget
    return short.waiting_helps, STERNNESS.index(budget.action), budget.name


def _enforced(budget: Budget) -> bool:
    return budget.mode == "enforce" and budget.action != "warn"


def _balance(tally: Tally) -> Balance:
    resets_us = 0 if tally.ends_us == NEVER_US else tally.ends_us
    return Balance(tally.spent, tally.held, tally.limit, resets_us)


def _crossed(charge: Charge, tally: Tally) -> Crossing | None:
    level = tally.level
    if level <= tally.told:
        return None
    tally.told = level
    return Crossing(charge, level, _balance(tally))


def _too_many(calls_max: int) -> Refusal:
    return Refusal(
        503,
        Reason.OVERLOADED,
        f"outlay already carries {calls_max} calls, its limit (OUTLAY_CALLS_IN_FLIGHT_MAX). Try again shortly.",
        retry_after_s=1,
        retryable=True,
    )


def _balance_unknown(budget: Budget) -> Refusal:
    return Refusal(
        503,
        Reason.BALANCE_UNKNOWN,
        f"outlay has just started and can't tell yet what was spent under the budget {budget.name!r} ({budget.where}), "
        "so it passes no call that counts there. Try again shortly; if it lasts, an admin starts the ledger "
        "(`outlay doctor`).",
        retry_after_s=1,
        retryable=True,
        rule=budget.where,
    )
