"""Qualifying: which changes are work of their own that a second person has looked at (Q1 to Q5)."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from proxy.outcomes.definition import CURRENT, Definition
from proxy.outcomes.entities import Change
from proxy.outcomes.people import UNRESOLVED
from proxy.outcomes.verdicts import Ruling, Who

CONFIG = "config"
SUBSTANTIVE = "substantive"
MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class Qualified:
    change: Change
    rulings: tuple[Ruling, ...]
    reapplies: tuple[str, ...] = ()
    """Changes that it brings back, by taking back what had taken them back."""
    undone: tuple[str, ...] = ()
    """Changes whose work it takes back."""

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


def qualified(
    changes: Mapping[str, Change], gatherers: Set[str] = frozenset(), definition: Definition = CURRENT
) -> dict[str, Qualified]:
    """`gatherers`: ids of those that only carry on what others are."""
    depths = _depths(changes)
    return {name: _qualified(each, changes, depths, name in gatherers, definition) for name, each in changes.items()}


def _depths(changes: Mapping[str, Change]) -> dict[str, int]:
    """0: takes nothing back; odd: takes work back; even: brings it back. A change takes back earlier ones only."""
    depths: dict[str, int] = {}
    for each in sorted(changes.values(), key=lambda change: change.merged_us):
        below = [depths.get(name, 0) for name in each.reverts if name in changes]
        work = [depth for depth in below if depth % 2 == 0]
        depths[each.id] = 1 + (max(work) if work else max(below)) if below else 0
    return depths


def _qualified(
    change: Change, changes: Mapping[str, Change], depths: Mapping[str, int], gathers: bool, definition: Definition
) -> Qualified:
    brings_back = depths[change.id] > 0 and depths[change.id] % 2 == 0
    reverted = [changes[name] for name in change.reverts if name in changes]
    brought_back = tuple(sorted({name for each in reverted for name in each.reverts})) if brings_back else ()
    rulings = (
        _substance(change),
        _human(change, definition),
        _reviewed(change, definition),
        _no_revert(change, brought_back),
        _own(change, gathers),
    )
    undone = tuple(each.id for each in reverted if depths[each.id] % 2 == 0)
    return Qualified(change, rulings, brought_back, undone)


def _substance(change: Change) -> Ruling:
    if change.substance is None:
        return Ruling("Q1", None, "its diff was not read: no mirror of the repository")
    holds = change.substance in (SUBSTANTIVE, CONFIG)
    what = "substantive" if holds else f"nothing of substance is left: {change.substance}"
    return Ruling("Q1", holds, "configuration alone" if change.substance == CONFIG else what)


def _human(change: Change, definition: Definition) -> Ruling:
    if not change.bot:
        return Ruling("Q2", True, ("by ", Who("author", change.author)))
    if change.sponsor:
        answers = not definition.sponsors_act or any(each.person == change.sponsor for each in change.approvals)
        silent = "" if answers else ", who has not approved it: anybody can write a name"
        return Ruling("Q2", answers, (f"by {change.author}, for ", Who("sponsor", change.sponsor), silent))
    return Ruling("Q2", False, f"by the bot {change.author}, whom no person answers for: maintenance")


def _reviewed(change: Change, definition: Definition) -> Ruling:
    """By somebody else, of what was merged, before it was merged.

    Of an author whom nobody knows one approver may be another name; then it takes two.
    """
    own = {change.author, *change.coauthors, change.sponsor}
    others = [each for each in change.approvals if each.person not in own]
    known = [each for each in others if not each.person.startswith(UNRESOLVED)]
    final = [each for each in known if each.commit == change.head]
    timely = [each for each in final if each.at_us <= change.merged_us + definition.review_us]
    answers = change.sponsor if change.bot else change.author
    needed = 2 if answers.startswith(UNRESOLVED) or not answers else 1
    if len(timely) >= needed:
        names = [part for each in timely for part in (", ", Who("reviewer", each.person))]
        return Ruling("Q3", True, ("approved by ", *names[1:]))
    if timely:
        alone = Who("sponsor" if change.bot else "author", answers) if answers else "its author"
        return Ruling("Q3", False, ("approved by one alone, and ", alone, " is nobody known to us"))
    if final:
        return Ruling("Q3", False, "approved after it was merged")
    if known:
        return Ruling("Q3", False, "approved before its last commit, and not again")
    if others:
        stranger = Who("reviewer", others[0].person)
        return Ruling("Q3", False, ("approved by ", stranger, " alone, whom access.yaml doesn't know"))
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
        return Ruling(
            "Q5",
            False,
            (
                "brings what was merged into ",
                Who("branch", change.branch) if change.branch else "other branches",
                " before, which counts for itself",
            ),
        )
    return Ruling("Q5", True, "work of its own")
