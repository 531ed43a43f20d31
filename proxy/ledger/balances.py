"""Balances: what was spent in each account of some budgets, summed from facts, with the journal position it is true at.

Budgets that divide calls by the same values in the same window are one kind, and cost one grouping whatever their
number. All kinds and the position are one statement, so they come from one snapshot. Whether a value fits a glob is
decided by the same function here and in the gateway; the database only leaves out what cannot fit.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from proxy.ledger.dimensions import UnknownDimensionError
from proxy.ledger.statements import statement
from proxy.policy.charge import Account
from proxy.policy.match import Matcher, instance
from proxy.policy.operations import FREE
from proxy.policy.rules import Budget, RuleSet, Scope, Unit, Window
from proxy.ports.balances import ACCOUNTS_MAX, BUDGETS_MAX, AskedBudget, Known, Place, Standing
from proxy.ports.store import Row, Store

KINDS_MAX: Final = 100
"""Groupings in one statement."""
GROUPS_MAX: Final = 300_000
"""Combinations of values of one kind: some 200 MB of rows while it is read."""
TAG_PREFIX: Final = "tags."
_COLUMNS: Final = {
    "user": "owner",
    "team": "team",
    "project": "project",
    "key": "key_id",
    "provider": "provider",
    "model": "model",
    "dialect": "dialect",
    "cost_center": "cost_center",
    "purpose": "purpose",
    "operation": "operation",
    "client": "client",
}
_UNIT_AT: Final = {Unit.USD: 3, Unit.TOKENS: 5, Unit.CALLS: 7}
"""Where a unit's total stands in a row; the own part follows it."""
_REFUSED_AT: Final = 9
_LOADED: Final = -1


class TooManyAccountsError(Exception):
    """More accounts, or kinds of budgets, than one answer may hold. The message says which."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """Budgets that one grouping answers."""

    dimensions: tuple[str, ...]
    since_us: int
    until_us: int
    bucket_us: int


def balances(store: Store, budgets: Sequence[AskedBudget], node: str, since: Place, timeout_s: float) -> Known:
    """What is spent, and how far `node`'s segments from `since` on are counted in.

    Raises TooManyAccountsError, UnknownDimensionError, QueryTimeoutError, StoreError.
    """
    if len(budgets) > BUDGETS_MAX:
        raise TooManyAccountsError(f"{len(budgets)} budgets are asked about; at most {BUDGETS_MAX} at once")
    kinds = _kinds(budgets)
    values: dict[str, object] = {"node": node, "boot": since.boot, "number": since.number}
    parts = [_question(index, kind, of_kind, values) for index, (kind, of_kind) in enumerate(kinds.items())]
    rows = store.read("\nUNION ALL\n".join([*parts, statement("balances_loaded")]), values, timeout_s)
    return _known(list(kinds.items()), rows)


def _kinds(budgets: Iterable[AskedBudget]) -> dict[_Kind, list[AskedBudget]]:
    kinds: dict[_Kind, list[AskedBudget]] = defaultdict(list)
    for asked in budgets:
        dimensions = tuple(sorted({*asked.conditions, *asked.per}))
        kinds[_Kind(dimensions, asked.since_us, asked.until_us, asked.bucket_us)].append(asked)
    if len(kinds) > KINDS_MAX:
        raise TooManyAccountsError(
            f"the budgets divide calls in {len(kinds)} different ways or windows; at most {KINDS_MAX} at once"
        )
    return kinds


def _question(index: int, kind: _Kind, budgets: Sequence[AskedBudget], values: dict[str, object]) -> str:
    """The statement of one kind; its parameters go into `values`."""
    expressions = [expression(name, f"tag_{index}_{n}", values) for n, name in enumerate(kind.dimensions)]
    columns = [f"d{n}" for n in range(len(expressions))]
    bucket = f"opened_us // {kind.bucket_us:d} * {kind.bucket_us:d}" if kind.bucket_us else f"{kind.since_us:d}"
    return filled(
        statement("balances"),
        kind=f"{index:d}",
        values=", ".join(columns),
        columns="".join(f"{text} AS {column}, " for text, column in zip(expressions, columns, strict=True)),
        bucket=bucket,
        groups_max=f"{GROUPS_MAX + 1:d}",
        since=f"{kind.since_us:d}",
        until=f"{kind.until_us:d}",
        free=", ".join(f"'{name}'" for name in sorted(FREE)),
        narrowed=_narrowed(index, kind, budgets, expressions, values),
    )


def filled(text: str, **pieces: str) -> str:
    for name, piece in pieces.items():
        text = text.replace(f"/*{name}*/", piece)
    return text


def expression(name: str, parameter: str, values: dict[str, object]) -> str:
    """Over a row of `calls`. The name of a tag is a parameter, never text of the statement."""
    if name.startswith(TAG_PREFIX):
        values[parameter] = name.removeprefix(TAG_PREFIX)
        return f"coalesce(tags[${parameter}], '')"
    column = _COLUMNS.get(name)
    if column is None:
        raise UnknownDimensionError(f"{name[:80]!r} is nothing that a budget can ask about")
    return column


def _narrowed(
    index: int, kind: _Kind, budgets: Sequence[AskedBudget], expressions: Sequence[str], values: dict[str, object]
) -> str:
    """What no budget of the kind can be about is not even grouped: where all name plain values, others are left out."""
    clauses = []
    for n, (name, expression) in enumerate(zip(kind.dimensions, expressions, strict=True)):
        globs = [glob for asked in budgets for glob in asked.conditions.get(name, ("*",))]
        if not any(wild in glob for glob in globs for wild in "*?["):
            values[f"plain_{index}_{n}"] = sorted(set(globs))
            clauses.append(f" AND {expression} IN (SELECT unnest($plain_{index}_{n}))")
    return "".join(clauses)


def _known(kinds: Sequence[tuple[_Kind, Sequence[AskedBudget]]], rows: Sequence[Row]) -> Known:
    sums: dict[Account, list[int]] = defaultdict(lambda: [0, 0])
    loaded: dict[tuple[int, int], int] = {}
    groups = [0] * len(kinds)
    matchers = [Matcher(RuleSet(budgets=tuple(map(_rule, budgets)))) for _, budgets in kinds]
    for row in rows:
        index, found, start_us = row[:3]
        if index == _LOADED:
            loaded[row[2], row[3]] = row[4]
            continue
        groups[index] += 1
        kind, budgets = kinds[index]
        facts = dict(zip(kind.dimensions, found, strict=True))
        for budget in matchers[index].matching(facts).budgets:
            _add(sums, budget, Account(budget.name, instance(budget.per, facts), start_us), row)
        if len(sums) > ACCOUNTS_MAX or groups[index] > GROUPS_MAX:
            raise TooManyAccountsError(
                f"budget {budgets[0].budget!r} and those like it have too many accounts; at most {ACCOUNTS_MAX} in all"
            )
    return Known({account: Standing(*amounts) for account, amounts in sums.items() if any(amounts)}, loaded)


def _add(sums: dict[Account, list[int]], budget: Budget, account: Account, row: Sequence[Any]) -> None:
    amounts = sums[account]
    places = [_UNIT_AT[budget.unit]]
    if budget.count_refused and budget.unit is Unit.CALLS:
        places.append(_REFUSED_AT)
    for at in places:
        amounts[0] += row[at]
        amounts[1] += row[at + 1]


def _rule(asked: AskedBudget) -> Budget:
    """As much of the rule as was asked about, for the matcher of the gateway."""
    return Budget(
        name=asked.budget,
        where="",
        scope=Scope(asked.conditions),
        mode="enforce",
        contact="",
        per=asked.per,
        unit=asked.unit,
        limit=0,
        window=Window("total"),
        warn_at=(),
        action="refuse",
        downgrade_to="",
        on_cap="cut",
        reserve=0,
        count_refused=asked.count_refused,
    )
