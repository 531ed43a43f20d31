"""Over budget: what a caller is told whom a budget has no room for, and who comes near to that."""

from collections.abc import Iterable
from datetime import UTC, datetime

from proxy.gateway.squeezed import squeeze
from proxy.model.decision import Reason, Refusal
from proxy.model.money import pico_to_usd
from proxy.policy.charge import Balance, Charge, Shortfall
from proxy.policy.mistakes import shown
from proxy.policy.rules import Budget, Unit

RETRY_AFTER_S_MAX = 86_400
WAITED_RETRY_AFTER_S = 5
"""After a wait that found no room: other calls are about to end."""


def over_budget(shortfall: Shortfall, now_us: int) -> Refusal:
    """The call doesn't fit by what is spent, so that no repetition helps: 400, or 429 where the budget is there to
    slow callers down, and there will be room for it."""
    charge, balance = shortfall.charge, shortfall.balance
    budget = charge.budget
    slows = budget.action == "throttle" and _ever_fits(shortfall)
    message = f"{_no_room(shortfall)} {_hope(budget, shortfall)}".rstrip()
    return Refusal(
        429 if slows else 400,
        Reason.RATE_LIMITED if slows else Reason.POLICY,
        message,
        retry_after_s=_retry_after_s(shortfall.room_us or balance.resets_us, now_us) if slows else None,
        retryable=slows,
        rule=budget.where,
        squeeze=squeeze(shortfall, "throttle" if slows else "refuse"),
    )


def no_turn(shortfall: Shortfall) -> Refusal:
    """Others' calls held the room, and went on holding it."""
    message = (
        f"{_no_room(shortfall)} Calls in flight hold {_amount(shortfall.charge.budget.unit, shortfall.balance.held)} "
        "of it and give back what they don't use: try again shortly."
    )
    return Refusal(
        429,
        Reason.RATE_LIMITED,
        message,
        WAITED_RETRY_AFTER_S,
        retryable=True,
        rule=shortfall.charge.budget.where,
        squeeze=squeeze(shortfall, "throttle"),
    )


def cut(shortfall: Shortfall) -> Refusal:
    """Why an answer is ended in its middle. Its own hold is part of what calls in flight hold."""
    budget, balance = shortfall.charge.budget, shortfall.balance
    unit = budget.unit
    kept = (
        f", {_amount(unit, budget.reserve)} of it kept as a reserve"
        if budget.reserve and budget.on_cap == "cut"
        else ""
    )
    return Refusal(
        400,
        Reason.POLICY,
        f"The answer was ended here: no budget has room for more of it. {_named(shortfall.charge)}: "
        f"{_spent(unit, balance)}, {_amount(unit, max(0, balance.limit - balance.spent))} left{kept}; this answer and "
        f"other calls in flight hold {_amount(unit, balance.held)} of that. {_resets(budget, balance)}"
        f"{_request(budget)}{_contact(budget)}",
        rule=budget.where,
        squeeze=squeeze(shortfall, "cut"),
    )


def warning(balances: Iterable[tuple[Charge, Balance]]) -> str:
    """The `x-outlay-warning` of an answer: budgets that have reached a level they warn at, and those that only warn
    where a call doesn't fit; '' for none."""
    return ", ".join(said for charge, balance in balances if (said := _warning(charge.budget, balance)))


def _warning(budget: Budget, balance: Balance) -> str:
    """`balance`: with the call's own hold in it."""
    if budget.action == "warn" and balance.spent + balance.held > balance.limit:
        return f"{budget.name} over its limit"
    if not budget.warn_at or balance.spent * 100 < budget.warn_at[0] * balance.limit:
        return ""
    return f"{budget.name} {balance.spent * 100 // balance.limit}% spent" if balance.limit else ""


def _no_room(shortfall: Shortfall) -> str:
    charge, balance = shortfall.charge, shortfall.balance
    unit = charge.budget.unit
    if not balance.limit:
        return f"{_named(charge)} has a limit of zero, so nothing passes."
    spent = _spent(unit, balance)
    left = _amount(unit, max(0, balance.limit - balance.spent))
    weighs = unit is not Unit.CALLS and shortfall.needed > 1
    may = f", and this call may come to {_amount(unit, shortfall.needed)}" if weighs else ""
    kept = (
        f" ({_amount(unit, charge.budget.reserve)} of it for answers that have begun)" if charge.budget.reserve else ""
    )
    return f"{_named(charge)} has no room for this call: {spent}, {left} left{kept}{may}."


def _spent(unit: Unit, balance: Balance) -> str:
    verb = "is" if balance.spent == 1 and unit is not Unit.USD else "are"
    return f"{_amount(unit, balance.spent)} of {_amount(unit, balance.limit)} {verb} spent"


def _named(charge: Charge) -> str:
    budget = charge.budget
    values = zip(budget.per, charge.account.instance, strict=False)
    of = ", ".join(f"{dimension} {shown(value)}" for dimension, value in values)
    return f"The budget '{budget.name}'{f' of {of}' if of else ''} ({budget.where})"


def _amount(unit: Unit, amount: int) -> str:
    if unit is Unit.USD:
        return f"${pico_to_usd(amount)}"
    return f"{amount:,} {str(unit).removesuffix('s') if amount == 1 else unit}"


def _resets(budget: Budget, balance: Balance) -> str:
    if balance.resets_us:
        at = datetime.fromtimestamp(balance.resets_us / 1e6, UTC)
        return f"It resets at {at:%Y-%m-%d %H:%M} UTC."
    if budget.window.kind == "rolling":
        return f"It counts the last {_length(budget.window.length_s)}, and frees what is older bit by bit."
    return "It does not reset."


def _length(seconds: int) -> str:
    for size, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds % size == 0:
            return f"{seconds // size} {name}" if seconds > size else name.removesuffix("s")
    return f"{seconds} seconds"


def _ever_fits(shortfall: Shortfall) -> bool:
    """Where nothing is spent."""
    room = shortfall.balance.limit - shortfall.charge.budget.reserve
    return room > 0 and shortfall.needed <= room


def _hope(budget: Budget, shortfall: Shortfall) -> str:
    """When it resets and what helps; of a ban, only whom to ask: its next window is as empty."""
    if not shortfall.balance.limit:
        return f"Repeating the call doesn't help.{_contact(budget)}"
    return f"{_resets(budget, shortfall.balance)} {_advice(budget, shortfall)}"


def _advice(budget: Budget, shortfall: Shortfall) -> str:
    fits_less = budget.unit is not Unit.CALLS and shortfall.balance.limit > shortfall.balance.spent
    wait = ", or wait until there is room again." if _ever_fits(shortfall) else ": waiting doesn't help."
    advice = (
        f"Ask for less output, send less, or use a cheaper model{wait}"
        if fits_less
        else "Repeating the call doesn't help before there is room again."
    )
    return advice + _request(budget) + _contact(budget)


def _request(budget: Budget) -> str:
    """The command that asks an admin for more."""
    amount = {Unit.USD: "'10 USD'", Unit.TOKENS: "'1M tokens'", Unit.CALLS: "'100 calls'"}[budget.unit]
    return f" To ask for more: outlay budget request {budget.name} --amount {amount} --until 7d --reason 'why'."


def _contact(budget: Budget) -> str:
    return f" Whom to ask: {budget.contact}." if budget.contact else ""


def _retry_after_s(at_us: int, now_us: int) -> int:
    if not at_us:
        return WAITED_RETRY_AFTER_S
    return min(RETRY_AFTER_S_MAX, max(1, -(-(at_us - now_us) // 1_000_000)))
