"""Seen: of whose calls a report is, in words for whoever asked for it."""

from typing import Protocol


class Seen(Protocol):
    """A report, as far as this goes."""

    @property
    def own_only(self) -> bool: ...

    @property
    def projects(self) -> tuple[str, ...]: ...


class SeenRows(Seen, Protocol):
    @property
    def folded(self) -> bool: ...


def scope(report: Seen) -> str:
    """'own', 'projects' (own calls, and those of projects that the viewer owns), 'all'."""
    if not report.own_only:
        return "all"
    return "projects" if report.projects else "own"


def seen(report: Seen, *, near: bool) -> list[str]:
    """What a reader must know of it. `near`: a filter comes near a person."""
    if not report.own_only:
        return []
    if not report.projects:
        return ["Your own calls only."]
    whose = "those of service accounts in" if near else "those of"
    return [f"Your own calls, and {whose} projects that you own: {', '.join(report.projects)}."]


def folded(report: SeenRows) -> list[str]:
    """What of other people's rows is told."""
    if not report.folded:
        return []
    why = "" if report.own_only else "; a reason shows them apart, on record for each of them to see"
    return [f"Other people's rows stand together{why}."]
