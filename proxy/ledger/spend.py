"""Spend: what was consumed and what it cost, by whatever was asked for, with nobody singled out unseen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from proxy.ledger.people import OTHER_PEOPLE, Directory, ForbiddenError, ReasonNeededError, Viewer
from proxy.ledger.selection import Selection
from proxy.ledger.spend_query import Figures, SpendQuery, SpendRow, in_order
from proxy.model.identity import OwnerKind
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
    """True: the viewer's role sees own calls only."""
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
    query = SpendQuery(store, asked, viewer, timeout_s)
    own_only = not viewer.sees_all
    fold = viewer.sees_all and asked.personal and not asked.reason
    persons: set[str] = set()
    if own_only:
        _check_own(asked, viewer)
    elif fold:
        _check_no_other(query, asked, viewer, directory)
    rows = query.rows(own_only=own_only, fold=fold)
    previous: list[Figures] = []
    earlier = SpendQuery(store, replace(asked, period=asked.compare), viewer, timeout_s) if asked.compare else None
    if earlier:
        rows, previous = _beside(asked, rows, earlier.rows(own_only=own_only, fold=fold))
    if asked.personal and asked.reason and not own_only:
        persons = query.persons() | (earlier.persons() if earlier else set()) | _named(asked, viewer, directory)
    return SpendReport(
        selection=asked,
        rows=tuple(rows),
        total=sum((row.figures for row in rows), Figures()),
        own_only=own_only,
        previous=tuple(previous),
        folded=fold and any(OTHER_PEOPLE in row.values for row in rows),
        persons=tuple(sorted(persons)),
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


def _check_own(asked: Selection, viewer: Viewer) -> None:
    for each in asked.filters:
        others = [value for value in each.values if value != viewer.name]
        if each.dimension.name == "user" and others:
            raise ForbiddenError(
                f"Your key shows your own spend; {others[0]!r} is somebody else. Finance and admin keys see all."
            )


def _check_no_other(query: SpendQuery, asked: Selection, viewer: Viewer, directory: Directory) -> None:
    personal = [each for each in asked.filters if each.dimension.personal]
    if _named(asked, viewer, directory) or any(query.has_others(each) for each in personal):
        names = ", ".join(each.dimension.name for each in personal)
        raise ReasonNeededError(
            f"This filter ({names}) singles out another person. Give a reason (reason=… here, --reason on the command "
            "line): it goes on record and is shown to that person."
        )


def _named(asked: Selection, viewer: Viewer, directory: Directory) -> set[str]:
    """Other persons whom filters name: to see that they spent nothing is to see something."""
    named: set[str] = set()
    for each in asked.filters:
        if each.dimension.name == "user":
            named.update(directory.persons.intersection(each.values))
        elif each.dimension.name == "key":
            named.update(directory.key_persons[value] for value in each.values if value in directory.key_persons)
    return {name for name in named if viewer.is_other_person(name, OwnerKind.PERSON)}
