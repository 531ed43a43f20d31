"""Verdicts: what became of each deployment and each change, by which rule."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Literal

from proxy.outcomes.people import UNRESOLVED


class Standing(StrEnum):
    DELIVERED = "delivered"
    PENDING = "pending"
    """Everything holds so far; it has not run long enough."""
    UNVERIFIED = "unverified"
    """Nothing speaks against it, but what it brought is not known (no mirror)."""
    VOIDED = "voided"
    """It would have counted, and something undid it."""
    NOT_COUNTED = "not_counted"
    PAST = "past"
    """From before its service was registered: it makes a baseline, and counts nowhere."""


Role = Literal["author", "sponsor", "reviewer", "deployer", "branch"]


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody whom a ruling names, or something that may be named after somebody."""

    role: Role
    name: str
    """As folded: '?' before the name of whom nobody knows. Of a deployer, as the source names him."""


def plain(who: Who) -> str:
    return who.name.removeprefix(UNRESOLVED)


@dataclass(frozen=True, slots=True)
class Ruling:
    """One rule's verdict."""

    rule: str
    """'D1' … 'D7' of deployments, 'Q1' … of changes."""
    holds: bool | None
    """None: it can't be told (yet)."""
    words: str | tuple[str | Who, ...]
    """Why, in one sentence with the names and times behind it."""

    @property
    def says(self) -> str:
        return self.told(plain)

    def told(self, spell: Callable[[Who], str]) -> str:
        words = (self.words,) if isinstance(self.words, str) else self.words
        return "".join(each if isinstance(each, str) else spell(each) for each in words)


@dataclass(frozen=True, slots=True)
class DeploymentVerdict:
    deployment: str
    service: str
    at_us: int
    standing: Standing
    rulings: tuple[Ruling, ...]
    groups: tuple[str, ...] = ()
    """Change groups that it landed first."""
    until_us: int = 0
    """When its soak ends."""
    imported: bool = False
    """True: read from history, not told when it happened."""

    @property
    def in_production(self) -> bool:
        return any(each.rule == "D2" and each.holds for each in self.rulings)


@dataclass(frozen=True, slots=True)
class ChangeVerdict:
    change: str
    qualifies: bool | None
    rulings: tuple[Ruling, ...]
    group: str = ""
    line: str = ""
    """'maintenance' and 'config' changes have lines of their own in the report; '' for all others."""


@dataclass(frozen=True, slots=True)
class Landing:
    """Where a change group earned: once, in the cell of its first landing."""

    group: str
    service: str
    week_us: int
    """Where the ISO week begins, UTC."""
    deployment: str
    """That landed it first."""
    credited_by: str
    """That made it last: another one where the first did not."""
    credit: Fraction
    """1, 1/2, or 0 while pending or when it was undone."""
    standing: Standing
    changes: tuple[str, ...] = ()
    past: Fraction = Fraction(0)
    """What it would be credited, had its service been registered: for baselines alone."""
    line: str = ""
    """'config' where nothing but configuration changed; '' for all others."""
