"""Campaigns: runs of calls that are waste of one kind, with examples of what each repeats. In order of time: as most
runs are one person's, the dearest first would rank people."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from proxy.ledger.people import OTHER_PEOPLE, Viewer
from proxy.ledger.scope import Scope
from proxy.ledger.selection import ParameterError
from proxy.ledger.spend_query import OTHERS, SpendQuery
from proxy.ledger.statements import statement
from proxy.ledger.waste_asked import LOOK_BACK_US, WasteAsked
from proxy.ports.store import Row

CAMPAIGNS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Example:
    """One call of a run."""

    id: str
    opened_us: int
    cost_pico: int
    repeats: tuple[str, ...]
    """Calls that it repeats, as far as the viewer may know of them."""
    not_shown: int
    """Calls that it repeats beside those: other people's, or not in the ledger."""


@dataclass(frozen=True, slots=True)
class Campaign:
    campaign: str
    """Its id; OTHER_PEOPLE for all those of other persons together."""
    waste_class: str
    runs: int
    """1, but of those that stand together."""
    calls: int
    cost_pico: int
    first_us: int
    last_us: int
    project: str = ""
    """As `model`, `session` and `agent`: '' where not all of its calls have the same."""
    model: str = ""
    session: str = ""
    agent: str = ""
    examples: tuple[Example, ...] = ()
    """The newest first; none of those that stand together."""


def campaigns(
    query: SpendQuery, asked: WasteAsked, scope: Scope, viewer: Viewer, persons: Sequence[str]
) -> tuple[Campaign, ...]:
    """`persons`: other persons whose calls may be shown, as the look at them goes on record. Raises ParameterError."""
    sql = statement("waste_runs").replace("/*folded*/", OTHERS if scope.fold else "false")
    values = {"other_people": OTHER_PEOPLE, "examples": max(1, asked.examples), "rows_max": CAMPAIGNS_MAX}
    rows = query.narrowed(sql, values, own_only=scope.own_only)
    if len(rows) > CAMPAIGNS_MAX:
        raise ParameterError("campaigns", f"more than {CAMPAIGNS_MAX} runs; take a shorter period or narrow it down")
    examples = [example for row in rows for example in row[-1]] if asked.examples else []
    seen = _visible(query, asked, examples, viewer, scope, persons)
    return tuple(_campaign(row, seen if asked.examples else None) for row in rows)


def _campaign(row: Row, seen: Callable[[str], bool] | None) -> Campaign:
    examples = tuple(_example(each, seen) for each in row[-1]) if seen else ()
    return replace(Campaign(*row[:-1]), examples=examples)


def _example(told: Mapping[str, Any], seen: Callable[[str], bool]) -> Example:
    shown = tuple(id_ for id_ in told["repeats"] if seen(id_))
    return Example(told["id"], told["opened_us"], told["cost_pico"], shown, len(told["repeats"]) - len(shown))


def _visible(
    query: SpendQuery,
    asked: WasteAsked,
    examples: Iterable[Mapping[str, Any]],
    viewer: Viewer,
    scope: Scope,
    persons: Sequence[str],
) -> Callable[[str], bool]:
    """Which calls that are named as evidence the viewer may know of: what people share, one repeats of another."""
    ids = {id_ for each in examples for id_ in each["repeats"]}
    period = asked.selection.period
    values = {"ids": list(ids), "first_us": period.since_us - LOOK_BACK_US, "last_us": period.until_us}
    rows = query.narrowed(statement("evidence"), values, own_only=False) if ids else ()
    known = {
        id_
        for id_, owner, kind, _ in rows
        if viewer.is_self(owner, kind)
        or (not scope.own_only and (not viewer.is_other_person(owner, kind) or owner in persons))
    }
    return known.__contains__
