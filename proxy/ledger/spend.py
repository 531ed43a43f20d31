"""Spend: what was consumed and what it cost, by whatever was asked for, with nobody singled out unseen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from proxy.ledger.people import OTHER_PEOPLE, Directory, Viewer
from proxy.ledger.scope import Scope
from proxy.ledger.selection import Selection
from proxy.ledger.spend_query import Figures, SpendQuery, SpendRow, in_order
from proxy.ports.store import Store

DEFINITION: Final = (
    "spend 1: calls by time of admission in [since, until); cost at the prices in force at admission, for the usage "
    "that the provider reported, or that was counted where it reported none (estimated_calls)"
)


@dataclass(frozen=True, slots=True)
class SpendReport:
    selection: Selection
    rows: tuple[SpendRow, ...]
    total: Figures
    """Of the rows, exactly."""
    own_only: bool
    """True: the viewer's role sees own calls only, and those of `projects`, which he owns."""
    projects: tuple[str, ...]
    folded: bool
    """True: other people's rows stand together as one."""
    previous: tuple[Figures, ...]
    """Of the period before, for each row; empty where none is compared with."""
    persons: tuple[str, ...]
    """Other persons whom the report singles out. The look must be on record before anybody sees it."""


def spend(store: Store, asked: Selection, viewer: Viewer, directory: Directory, timeout_s: float) -> SpendReport:
    """The report, for this viewer.

    Raises ForbiddenError, ReasonNeededError, ParameterError, QueryTimeoutError, StoreError.
    """
    query = SpendQuery(store, asked, viewer, timeout_s, summed=True)
    scope = Scope.of(query, asked, viewer, directory, personal=asked.personal)
    rows = query.rows(own_only=scope.own_only, fold=scope.fold)
    previous: list[Figures] = []
    queries = [query]
    if asked.compare:
        earlier = SpendQuery(store, replace(asked, period=asked.compare), viewer, timeout_s, summed=True)
        rows, previous = _beside(asked, rows, earlier.rows(own_only=scope.own_only, fold=scope.fold))
        queries.append(earlier)
    return SpendReport(
        selection=asked,
        rows=tuple(rows),
        total=sum((row.figures for row in rows), Figures()),
        own_only=scope.own_only,
        projects=scope.projects,
        previous=tuple(previous),
        folded=scope.fold and any(OTHER_PEOPLE in row.values for row in rows),
        persons=scope.looked_at(queries, asked, viewer, directory, personal=asked.personal),
    )


def _beside(
    asked: Selection, now: Sequence[SpendRow], earlier: Sequence[SpendRow]
) -> tuple[list[SpendRow], list[Figures]]:
    """The rows of both periods in one order, and what each had in the one before. What is in one only has zeros in
    the other."""
    figures = {row.values: row.figures for row in now}
    before = {row.values: row.figures for row in earlier}
    rows = in_order(asked.by, [SpendRow(values, figures.get(values, Figures())) for values in {**figures, **before}])
    return rows, [before.get(row.values, Figures()) for row in rows]
