"""Qualifying: which changes are work of their own that a second person has looked at (Q1 to Q5)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from proxy.outcomes.entities import Change
from proxy.outcomes.people import UNRESOLVED
from proxy.outcomes.verdicts import Ruling

CONFIG = "config"
SUBSTANTIVE = "substantive"
MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class Qualified:
    change: Change
    rulings: tuple[Ruling, ...]
    reapplies: tuple[str, ...] = ()
    """Changes that it brings back, by taking back what had taken them back."""

    @property
    def holds(self) -> bool | None:
        """None: it can't be told."""
        said = [each.holds for each in self.rulings]
        return False if False in said else None if None in said else True

    @property
    def line(self) -> str:
        """Of the report: '' for most."""
        if self.change.bot and not self.change.sponsor:
            return MAINTENANCE
        return CONFIG if self.change.substance == CONFIG else ""


def qualified(changes: Mapping[str, Change]) -> dict[str, Qualified]:
    heads = Counter((each.repository, each.branch) for each in changes.values() if each.branch)
    bases = {(each.repository, each.base) for each in changes.values()}
    gathering = {branch for branch, merged in heads.items() if merged > 1 and branch in bases}
    return {
        name: _qualified(change, changes, (change.repository, change.branch) in gathering)
        for name, change in changes.items()
    }


def _qualified(change: Change, changes: Mapping[str, Change], gathers: bool) -> Qualified:
    reverted = [changes[name] for name in change.reverts if name in changes]
    brought_back = tuple(sorted({name for each in reverted for name in each.reverts}))
    rulings = (
        _substance(change),
        _human(change),
        _reviewed(change),
        _no_revert(change, brought_back),
        _own(change, gathers),
    )
    return Qualified(change, rulings, brought_back)


def _substance(change: Change) -> Ruling:
    if change.substance is None:
        return Ruling("Q1", None, "its diff was not read: no mirror of the repository")
    holds = change.substance in (SUBSTANTIVE, CONFIG)
    what = "substantive" if holds else f"nothing of substance is left: {change.substance}"
    return Ruling("Q1", holds, "configuration alone" if change.substance == CONFIG else what)


def _human(change: Change) -> Ruling:
    if not change.bot:
        return Ruling("Q2", True, f"by {change.author}")
    if change.sponsor:
        return Ruling("Q2", True, f"by {change.author}, for {change.sponsor}")
    return Ruling("Q2", False, f"by the bot {change.author}, whom no person answers for: maintenance")


def _reviewed(change: Change) -> Ruling:
    """By somebody else, of what was merged."""
    own = {change.author, *change.coauthors, change.sponsor}
    others = [each for each in change.approvals if each.person not in own]
    known = [each for each in others if not each.person.startswith(UNRESOLVED)]
    final = [each for each in known if each.commit == change.head]
    if final:
        return Ruling("Q3", True, f"approved by {', '.join(each.person for each in final)}")
    if known:
        return Ruling("Q3", False, "approved before its last commit, and not again")
    if others:
        return Ruling("Q3", False, f"approved by {others[0].person[1:]} alone, whom access.yaml doesn't know")
    return Ruling("Q3", False, "approved by nobody but its authors" if change.approvals else "approved by nobody")


def _no_revert(change: Change, brought_back: tuple[str, ...]) -> Ruling:
    if not change.reverts:
        return Ruling("Q4", True, "takes nothing back")
    if brought_back:
        return Ruling("Q4", True, f"brings back {', '.join(brought_back)}")
    return Ruling("Q4", False, f"takes back {', '.join(change.reverts)}")


def _own(change: Change, gathers: bool) -> Ruling:
    """A release branch that goes into another brings changes that each count for themselves."""
    if gathers:
        return Ruling("Q5", False, f"brings what was merged into {change.branch}, which counts for itself")
    return Ruling("Q5", True, "work of its own")
