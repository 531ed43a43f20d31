"""Openings: what was spent in each account before this process counts itself, and whether its counting is right.

The theory. The ledger says what was spent, and which bytes of this node's journal that holds. The lines behind those
bytes are this node's own, and are added. So

    spent = the ledger's sum + own lines that it has not counted

is exact at any moment for what this node spent, however far behind the ledger is. Of other nodes on the same data
folder it holds what the ledger has loaded: at most 1.5 s less than they spent, at the moment of the question.

Counters that were right must say the same. What they say differently about this node's own calls is a fault, of theirs
or of the ledger, and is told; what others spent since is news, and is taken in.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from proxy.model.entry import Refused, Settled
from proxy.policy.charge import Account
from proxy.policy.match import Matcher, facts_of, instance
from proxy.policy.operations import FREE
from proxy.policy.rules import Budget, Unit
from proxy.ports.balances import AskedBudget, Known, Standing

NO_STANDING: Final = Standing(0, 0)


class Meaning(NamedTuple):
    """What a budget counts. One whose limit, mode or warnings change counts the same; one whose scope, instances, unit
    or window change counts something else under the same name."""

    budget: str
    conditions: tuple[tuple[str, tuple[str, ...]], ...]
    per: tuple[str, ...]
    unit: str
    window: tuple[str, str, int]
    count_refused: bool


@dataclass(frozen=True, slots=True)
class Correction:
    """What the counters must be changed by, in one account."""

    account: Account
    """Of a rolling window: of one of its buckets."""
    delta: int
    fault: int
    """The part of `delta` that no news of other nodes explains."""


def meaning(budget: Budget) -> Meaning:
    window = budget.window
    return Meaning(
        budget.name,
        tuple(sorted(budget.scope.conditions.items())),
        budget.per,
        str(budget.unit),
        (window.kind, window.zone, window.length_s),
        budget.count_refused,
    )


def spent_by(
    lines: Iterable[Settled | Refused], matcher: Matcher, budgets: Iterable[AskedBudget]
) -> Mapping[Account, int]:
    """What these lines add to the accounts of the budgets that are asked about; `matcher` is of the same rules.

    Lines of a window that began after the question count too; those of a window before it don't.
    """
    by_name = {each.budget: each for each in budgets}
    sums: Counter[Account] = Counter()
    for line in lines:
        facts = facts_of(line.call)
        if line.call.operation in FREE:
            continue
        for budget in matcher.matching(facts).budgets:
            question = by_name.get(budget.name)
            amount = _amount(budget, line)
            if question is None or not amount:
                continue
            start_us = _start_us(matcher, budget, question.bucket_us, line.call.opened_us)
            if start_us >= question.since_us:
                sums[Account(budget.name, instance(budget.per, facts), start_us)] += amount
    return sums


def opened(known: Known, uncounted: Mapping[Account, int]) -> dict[Account, int]:
    """What was spent in each account when the last of the uncounted lines was written."""
    accounts = known.accounts.keys() | uncounted.keys()
    return {each: known.accounts.get(each, NO_STANDING).total + uncounted.get(each, 0) for each in accounts}


def others(known: Known) -> dict[Account, int]:
    """What other nodes spent, as far as the ledger has heard of it."""
    return {
        account: standing.total - standing.own
        for account, standing in known.accounts.items()
        if standing.total != standing.own
    }


def corrections(
    known: Known, uncounted: Mapping[Account, int], counted: Mapping[Account, int], others_before: Mapping[Account, int]
) -> list[Correction]:
    """What has to change in counters that say `counted`, at the moment of the last uncounted line.

    `others_before`: what they hold of other nodes.
    """
    right = opened(known, uncounted)
    news = others(known)
    found = []
    for account in sorted(right.keys() | counted.keys() | others_before.keys()):
        delta = right.get(account, 0) - counted.get(account, 0)
        fault = delta - (news.get(account, 0) - others_before.get(account, 0))
        if delta or fault:
            found.append(Correction(account, delta, fault))
    return found


def difference_pico(found: Iterable[Correction], budgets: Sequence[Budget]) -> int:
    """How much money the counters were wrong by, over all budgets in money."""
    money = {budget.name for budget in budgets if budget.unit is Unit.USD}
    return sum(abs(each.fault) for each in found if each.account.budget in money)


def _amount(budget: Budget, line: Settled | Refused) -> int:
    if isinstance(line, Refused):
        # Without rules that applied, it was refused before any was asked.
        return int(budget.count_refused and budget.unit is Unit.CALLS and bool(line.matched))
    if budget.unit is Unit.USD:
        return line.cost.total_pico
    return line.usage.prompt_tokens + line.usage.output_tokens if budget.unit is Unit.TOKENS else 1


def _start_us(matcher: Matcher, budget: Budget, bucket_us: int, at_us: int) -> int:
    return at_us // bucket_us * bucket_us if bucket_us else matcher.windows.bounds(budget.window, at_us)[0]
