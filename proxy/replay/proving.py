"""Proving: which accounts and limits are quiet, by sums over all calls of a replay before it begins."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from proxy.policy.charge import Account
from proxy.policy.rules import Budget, RateLimit, RuleSet, Window
from proxy.policy.windows import SLOT_US, bounds
from proxy.ports.counters import Spent
from proxy.replay.adding import BUSY_MAX, Adding, Findings
from proxy.replay.facts import Burst, Facts, Surplus
from proxy.replay.quiet import NOTHING_QUIET, SHARE, SHORT, Instance, Quiet, in_unit, room
from proxy.replay.standing import Standing

SLICES_MAX: Final = 4_000
"""Days of ten years. Of what is longer, nothing is proven."""


def quiet_for(
    rules: RuleSet,
    facts: Facts,
    standings: Mapping[int, Standing],
    before: Mapping[Account, int],
) -> Quiet:
    """`before`: what was spent in each account before the replay."""
    budgets = {each.name: each for each in rules.budgets if room(each) > 0}
    limits = rules.limits
    first_us, last_us = facts.span()
    starts = slices([budget.window for budget in budgets.values()], first_us, last_us)
    if not starts:
        return NOTHING_QUIET
    per = {each.per for each in budgets.values()}
    surplus = {each: {found.instance: found for found in facts.surplus(each)} for each in per}
    findings, spent_before = Findings(), _spent_before(budgets, before)
    begins = {name: _begins(each.window, starts, first_us) for name, each in budgets.items()}
    adding: dict[Instance, Adding] = {}

    def added(budget: Budget, instance: tuple[str, ...]) -> Adding:
        found = adding.get((budget.name, instance))
        if found is None:
            above = in_unit(budget.unit, _surplus(surplus[budget.per].get(instance)))
            found = Adding(budget, instance, begins[budget.name], starts, spent_before, above, findings)
            adding[budget.name, instance] = found
        return found

    by_kind = {
        number: [added(*each) for each in standing.accounts if each[0].name in budgets]
        for number, standing in standings.items()
    }
    for kind, place, *amounts in facts.sums(starts):
        for each in by_kind[kind]:
            each.add(place, amounts[each.unit])
    for each in adding.values():
        each.close()
    if len(findings.busy) > BUSY_MAX:
        return NOTHING_QUIET
    return Quiet(
        frozenset(budgets) | {limit.name for limit in limits},
        frozenset(findings.busy),
        frozenset(
            findings.busy_instances + [found for limit in limits for found in _bursting(limit, facts.bursts(limit.per))]
        ),
        findings.left if len(findings.left) <= BUSY_MAX else None,
    )


def _spent_before(budgets: Mapping[str, Budget], before: Mapping[Account, int]) -> Mapping[Account, int]:
    """Of short windows all together, as an account that begins at -1."""
    found: dict[Account, int] = {}
    for account, spent in before.items():
        budget = budgets.get(account.budget)
        if budget is not None:
            key = account._replace(start_us=-1) if budget.window.kind in SHORT else account
            found[key] = found.get(key, 0) + spent
    return found


def _surplus(found: Surplus | None) -> Spent:
    """What calls in flight may hold above what they come to."""
    return Spent(0, 0, 0) if found is None else Spent(found.cost_pico, found.tokens, 0)


def _begins(window: Window, starts: Sequence[int], first_us: int) -> Sequence[int]:
    """Of each slice: when the window that it is in begins; its own place where windows are short."""
    if window.kind in SHORT:
        return range(len(starts))
    return [bounds(window, max(first_us, start_us))[0] for start_us in starts]


def slices(windows: Sequence[Window], first_us: int, last_us: int) -> list[int]:
    """When they begin: days, cut where a window of these ends. Empty: they would be too many."""
    found: set[int] = set()
    for window in {*windows, Window("day")}:
        at_us = first_us
        while at_us <= last_us and window.kind not in (*SHORT, "total"):
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
