"""Scope: whose rows a viewer gets to see in a report, and on whose record the look must be before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from proxy.ledger.people import Directory, ForbiddenError, ReasonNeededError, Viewer
from proxy.ledger.selection import Selection
from proxy.ledger.spend_query import SpendQuery
from proxy.model.identity import OwnerKind


@dataclass(frozen=True, slots=True)
class Scope:
    own_only: bool
    """True: the viewer's role sees own calls only, and those of projects that he owns."""
    fold: bool
    """True: other people's rows stand together as one."""
    projects: tuple[str, ...] = ()
    """Whose calls he sees as their owner; nobody else's row of them stands apart, whatever the reason."""

    @classmethod
    def of(cls, query: SpendQuery, asked: Selection, viewer: Viewer, directory: Directory, *, personal: bool) -> Self:
        """`personal`: what is asked for could single out a person. Raises ForbiddenError, ReasonNeededError."""
        fold = personal and not asked.reason if viewer.sees_all else bool(viewer.projects)
        scope = cls(own_only=not viewer.sees_all, fold=fold, projects=viewer.projects)
        if scope.own_only:
            _check_own(asked, viewer)
        elif scope.fold:
            _check_no_other(query, asked, viewer, directory)
        return scope

    def looked_at(
        self,
        queries: Sequence[SpendQuery],
        asked: Selection,
        viewer: Viewer,
        directory: Directory,
        *,
        personal: bool,
    ) -> tuple[str, ...]:
        """Other persons whom a report of these queries singles out. The look must be on record before anybody sees
        it."""
        if self.own_only or not personal or not asked.reason:
            return ()
        persons = set().union(*(query.persons() for query in queries)) | _named(asked, viewer, directory)
        return tuple(sorted(persons))


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
