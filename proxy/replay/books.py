"""Books: calls are let into their accounts, grow in them and are settled, all accounts of a call or none."""

from collections.abc import Sequence
from typing import Final

from proxy.model.call import Hold
from proxy.policy.charge import Balance, Shortfall
from proxy.policy.rules import Budget
from proxy.ports.counters import Spent
from proxy.replay.accounts import Sums
from proxy.replay.turn import Turn

STERNNESS: Final = ("refuse", "throttle", "downgrade", "warn")
"""Actions of budgets, as in adapters.counters_memory."""


def reserve(turn: Turn) -> Shortfall | Sequence[Budget]:
    """The hold stands in every account, or in none. Gives the budgets that it does not fit and that refuse nothing."""
    amounts, at_us = _held(turn.hold), turn.row[1]
    short: list[Sums] = []
    for sums in turn.sums:
        if at_us >= sums.moves_us:
            sums.move_to(at_us)
        needed = amounts[sums.unit]
        # What costs nothing fits wherever anything may pass.
        if sums.spent + sums.held + needed > sums.room if needed else sums.budget.limit <= 0:
            short.append(sums)
    if short:
        refusing = [sums for sums in short if sums.stern]
        if refusing:
            found = [sums.short(amounts[sums.unit]) for sums in refusing]
            return found[0] if len(found) == 1 else min(found, key=_sternness)
    _take(turn, amounts, at_us)
    return [sums.budget for sums in short] if short else ()


def take(turn: Turn) -> None:
    """Whether or not there is room."""
    _take(turn, _held(turn.hold), turn.row[1])


def _take(turn: Turn, amounts: tuple[int, int, int], at_us: int) -> None:
    turn.held = amounts
    for sums in turn.sums:
        if sums.rolling:
            sums.add(at_us, 0, amounts[sums.unit])
        else:
            sums.held += amounts[sums.unit]


def extend(turn: Turn, hold: Hold) -> Shortfall | None:
    """Raise what a running call holds, by the time of its end. Or why it can't be: nothing is changed then."""
    amounts, before, at_us = _held(hold), turn.held, turn.row[2]
    for sums in turn.sums:
        if at_us >= sums.moves_us:
            sums.move_to(at_us)
    for sums in turn.sums:
        needed, budget = amounts[sums.unit] - before[sums.unit], sums.budget
        if needed <= 0 or not sums.stern:
            continue
        limit = budget.limit if budget.on_cap == "finish" else sums.room
        if sums.spent + sums.held + needed > limit:
            balance = Balance(sums.spent, sums.held, budget.limit, 0)
            return Shortfall(sums.charge, balance, needed, sums.spent + amounts[sums.unit] <= limit)
    for sums in turn.sums:
        sums.add(turn.row[1], 0, amounts[sums.unit] - before[sums.unit])
    turn.held = amounts
    return None


def settle(turn: Turn) -> None:
    spent, held, at_us = turn.spent, turn.held, turn.row[1]
    amounts = (spent.cost_pico, spent.tokens, spent.calls)
    for sums in turn.sums:
        if sums.rolling:
            sums.add(at_us, amounts[sums.unit], -held[sums.unit])
        else:
            sums.spent += amounts[sums.unit]
            sums.held -= held[sums.unit]


def count(at_us: int, spent: Spent, counting: Sequence[Sums]) -> None:
    """Without asking."""
    amounts = (spent.cost_pico, spent.tokens, spent.calls)
    for sums in counting:
        sums.add(at_us, amounts[sums.unit], 0)


def _held(hold: Hold) -> tuple[int, int, int]:
    return hold.cost_pico, hold.input_tokens + hold.output_tokens, 1


def _sternness(short: Shortfall) -> tuple[bool, int, str]:
    """What no waiting helps goes before what may pass, and the sternest budget first."""
    budget = short.charge.budget
    return short.waiting_helps, STERNNESS.index(budget.action), budget.name
