"""Budget levels: which accounts have come to a level of their budget that somebody wants to hear of.

What one person spends is told by name only to targets that may read that; the others hear that somebody has come to a
level, once, and no amount: nobody is to be looked up or ranked in a channel.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from shlex import quote
from typing import Final

from proxy.ledger.notices import notice_key
from proxy.model.money import pico_to_usd
from proxy.policy.charge import Account
from proxy.policy.grants import Grants
from proxy.policy.rules import Budget, Unit
from proxy.policy.windows import bounds
from proxy.ports.balances import Standing
from proxy.ports.notices import Notice

KIND: Final = "budget_level"
PERSONAL: Final = frozenset(("user", "key"))
"""Dimensions whose values say who it is."""
NOTICES_MAX: Final = 10_000
"""At one look, of each budget; many are one message."""


def budget_levels(
    budgets: Iterable[Budget], accounts: Mapping[Account, Standing], grants: Grants, now_us: int
) -> list[Notice]:
    """A notice for each account that has reached a level, of its highest. `accounts`: of the windows of this moment; of
    rolling ones, their buckets. Budgets in shadow mode tell nothing: nobody has to act on them."""
    spent: dict[str, dict[tuple[str, ...], int]] = {}
    for account, standing in accounts.items():
        instances = spent.setdefault(account.budget, {})
        instances[account.instance] = instances.get(account.instance, 0) + standing.total
    found: list[Notice] = []
    for budget in budgets:
        if budget.mode == "enforce" and budget.limit:
            found += _of(budget, spent.get(budget.name, {}), grants, now_us)
    return found


def _of(budget: Budget, spent: Mapping[tuple[str, ...], int], grants: Grants, now_us: int) -> list[Notice]:
    reached: dict[int, list[tuple[tuple[str, ...], int, int]]] = {}
    for instance, amount in sorted(spent.items()):
        limit = budget.limit + grants.granted(budget, instance, now_us)
        level = max((each for each in (*budget.warn_at, 100) if amount * 100 >= each * limit), default=0)
        if level:
            reached.setdefault(level, []).append((instance, amount, limit))
    personal = not PERSONAL.isdisjoint(budget.per) or not PERSONAL.isdisjoint(budget.scope.conditions)
    notices = []
    for level, those in sorted(reached.items(), reverse=True):
        if personal:
            notices.append(_some(budget, level, now_us))
        notices += [_one(budget, *each, level, now_us, personal=personal) for each in those]
    return notices[:NOTICES_MAX]


def _one(
    budget: Budget, instance: tuple[str, ...], amount: int, limit: int, level: int, now_us: int, *, personal: bool
) -> Notice:
    whose = "".join(f", {name} {value or '(none)'}" for name, value in zip(budget.per, instance, strict=False))
    left = _shown(max(0, limit - amount), budget.unit)
    return Notice(
        kind=KIND,
        key=notice_key(KIND, budget.name, *instance, _window(budget, now_us), str(level)),
        title=f"Budget {budget.name}{whose} at {level} %",
        text=f"Spent: {_shown(amount, budget.unit)} of {_shown(limit, budget.unit)}. Left: {left}. "
        f"{_resets(budget, now_us)} {_then(budget, spent_up=amount >= limit)}"
        f"{_more(budget, instance)} The rule stands at {budget.where}.{_contact(budget)}",
        audience="persons" if personal else "all",
        level=level,
    )


def _some(budget: Budget, level: int, now_us: int) -> Notice:
    """For those who are not to read who it is."""
    return Notice(
        kind=KIND,
        key=notice_key(KIND, budget.name, "some", _window(budget, now_us), str(level)),
        title=f"Budget {budget.name} at {level} % for somebody",
        text=f"Somebody has come to {level} % of the budget {budget.name}. {_resets(budget, now_us)} "
        f"{_then(budget, spent_up=level >= 100)} The rule stands at {budget.where}.{_contact(budget)} Who it is, is "
        "told to targets with `persons: true`.",
        audience="others",
        level=level,
    )


def _window(budget: Budget, now_us: int) -> str:
    """Names the window of this moment. A rolling one has no border: it is told at most once in its length."""
    if budget.window.kind == "rolling":
        return f"rolling {now_us // (budget.window.length_s * 1_000_000)}"
    return str(bounds(budget.window, now_us)[0])


def _resets(budget: Budget, now_us: int) -> str:
    if budget.window.kind == "rolling":
        return "It frees what is older than its window bit by bit."
    if budget.window.kind == "total":
        return "It does not reset."
    return f"It resets at {datetime.fromtimestamp(bounds(budget.window, now_us)[1] / 1e6, UTC):%Y-%m-%d %H:%M} UTC."


def _then(budget: Budget, *, spent_up: bool) -> str:
    """What becomes of calls once it is spent."""
    what = {
        "refuse": "calls are refused",
        "warn": "calls go on, with a warning",
        "downgrade": f"calls go to {budget.downgrade_to}",
        "throttle": "calls are told to come back later",
    }[budget.action]
    return f"From now on {what}." if spent_up else f"Once it is spent, {what}."


def _more(budget: Budget, instance: tuple[str, ...]) -> str:
    """The command that gives more."""
    amount = {Unit.USD: "'10 USD'", Unit.TOKENS: "'1M tokens'", Unit.CALLS: "'100 calls'"}[budget.unit]
    whose = "".join(f" --for {quote(value)}" for value in instance)
    return (
        f" An admin gives more with: outlay budget grant {budget.name}{whose} --amount {amount} --until 7d "
        "--reason 'why'."
    )


def _shown(amount: int, unit: Unit) -> str:
    return f"{pico_to_usd(amount)} USD" if unit is Unit.USD else f"{amount:,} {unit}"


def _contact(budget: Budget) -> str:
    return f" Whom to ask: {budget.contact}." if budget.contact else ""
