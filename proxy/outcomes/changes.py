"""Changes: what was told of pull requests, their reviews, commits and diffs, as one merged change each."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from proxy.model.told import ChangeTold, CommitTold, DiffTold, ReviewTold, Trust
from proxy.outcomes.definition import CURRENT, Definition
from proxy.outcomes.entities import Approval, Change, Word
from proxy.outcomes.owning import Owned, Owners
from proxy.outcomes.people import People


@dataclass(slots=True)
class ChangeLines:
    """In the order in which things happened."""

    stands: dict[tuple[str, str], list[tuple[Word, ChangeTold]]] = field(default_factory=dict)
    """All that was told of each."""
    reviews: dict[tuple[str, str], list[tuple[Word, ReviewTold]]] = field(default_factory=dict)
    commits: dict[str, CommitTold] = field(default_factory=dict)
    diffs: dict[tuple[str, str, str], DiffTold] = field(default_factory=dict)
    """By repository, number and commit."""


def folded_changes(
    lines: ChangeLines, people: People, since_us: Mapping[str, int], definition: Definition = CURRENT
) -> dict[str, Change]:
    """Merged changes by id. `since_us`: by repository, from when on reviews count only if told as they happened."""
    folding = _Folding(lines, people, since_us, definition)
    found = {change_id(told): folding.change(told) for told in folding.merged}
    return {name: _later_only(change, found) for name, change in found.items()}


def change_id(told: ChangeTold | DiffTold) -> str:
    return f"{told.repository}#{told.number}"


def _later_only(change: Change, changes: Mapping[str, Change]) -> Change:
    """A change takes back only what came before it: of two that undo one another the later is the revert."""
    before = tuple(each for each in change.reverts if each in changes and changes[each].merged_us < change.merged_us)
    return change if before == change.reverts else replace(change, reverts=before)


def _as_merged(told: Iterable[tuple[Word, ChangeTold]]) -> ChangeTold | None:
    """As it was merged, by the best word on it: what is edited afterwards changes nothing. None: it was not."""
    merged = [(line, change) for line, change in told if change.merge and change.merged_us]
    return min(merged, key=_worth)[1] if merged else None


def _worth(told: tuple[Word, ChangeTold]) -> tuple[bool, bool, bool, int, str]:
    """Less is better."""
    line, change = told
    return line.trust == Trust.CLAIMED, line.imported, not change.author, line.occurred_us, line.id


class _Folding:
    def __init__(self, lines: ChangeLines, people: People, since_us: Mapping[str, int], definition: Definition) -> None:
        self._lines = lines
        self._people = people
        self._since_us = since_us
        self._definition = definition
        self.merged = [change for told in lines.stands.values() if (change := _as_merged(told))]
        self._told = {change_id(told): told for told in self.merged}
        self._diffs: dict[str, DiffTold] = {}
        self._landed: dict[str, set[str]] = {}
        self._by_patch: dict[str, list[str]] = {}
        for diff in lines.diffs.values():
            self._read(diff)
        self._owners = Owners(
            Owned(change_id(told), told.repository, told.merge, told.head, told.merged_us, self._commits(told))
            for told in self.merged
        )

    def _read(self, diff: DiffTold) -> None:
        if not diff.number:
            return
        change = change_id(diff)
        self._landed.setdefault(change, set()).add(diff.sha)
        if diff.patch_id:
            self._by_patch.setdefault(diff.patch_id, []).append(change)
        known = self._diffs.get(change)
        if known is None or self._nearness(change, diff) <= self._nearness(change, known):
            self._diffs[change] = diff

    def _nearness(self, change: str, diff: DiffTold) -> tuple[bool, int]:
        """Of what was read of a change, its merge tells best what it was, then its tip; less is better."""
        told = self._told.get(change)
        near = 2 if told is None else 0 if diff.sha == told.merge else 1 if diff.sha == told.head else 2
        return not diff.substance, near

    def change(self, told: ChangeTold) -> Change:
        name = change_id(told)
        diff = self._diffs.get(name)
        shas = self._commits(told)
        commits = [self._lines.commits[sha] for sha in shas if sha in self._lines.commits]
        return Change(
            id=name,
            repository=told.repository,
            author=self._people.person(told.author, told.merged_us),
            coauthors=self._people.persons(
                [*told.coauthors, *(name for each in commits for name in each.coauthors)], told.merged_us
            ),
            approvals=self._approvals(told),
            head=told.head,
            base=told.base,
            branch=told.branch,
            merge=told.merge,
            merged_us=told.merged_us,
            bases=_together([stand.base for _, stand in self._lines.stands[told.repository, told.number]], ()),
            commits=shas,
            work_items=_together(told.work_items, (each.work_items for each in commits)),
            patch_id=diff.patch_id if diff else "",
            simhash=_number(diff.simhash) if diff else 0,
            substance=(diff.substance or None) if diff else None,
            bot=told.bot,
            sponsor=self._people.person(told.sponsor, told.merged_us),
            reverts=self._reverted(told, commits, diff),
            sessions=_together((), (each.sessions for each in commits)),
        )

    def _reviews(self, told: ChangeTold) -> Iterable[tuple[Word, ReviewTold]]:
        """History's approvals are lines of messages, which anybody can write: they are of the past alone."""
        reviews = self._lines.reviews.get((told.repository, told.number), ())
        past = told.merged_us < self._since_us.get(told.repository, told.merged_us + 1)
        return reviews if past else [each for each in reviews if not each[0].imported]

    def _approvals(self, told: ChangeTold) -> tuple[Approval, ...]:
        """Names are those of when it was merged, of all who took part: nobody is two by having left in between."""
        until_us = told.merged_us + self._definition.review_us
        return _approvals(self._reviews(told), lambda name: self._people.person(name, told.merged_us), until_us)

    def _commits(self, told: ChangeTold) -> tuple[str, ...]:
        """By which a deployment is known to bring it."""
        return tuple(sorted({told.merge, told.head, *self._landed.get(change_id(told), ())} - {""}))

    def _reverted(self, told: ChangeTold, commits: Iterable[CommitTold], diff: DiffTold | None) -> tuple[str, ...]:
        """Named by number, by a commit's trailer, or found by the same diff turned round."""
        by_number = f"{told.repository}#{told.reverts}"
        named = {by_number if told.reverts.isdecimal() else self._owners.of(told.repository, told.reverts)}
        named |= {self._owners.of(told.repository, sha) for each in commits for sha in each.reverts}
        if diff is not None and diff.inverse:
            named.update(self._by_patch.get(diff.inverse, ()))
        return tuple(sorted(named - {"", change_id(told)}))


def _number(simhash: str) -> int:
    """0 where it is none."""
    try:
        return int(simhash, 16) if simhash else 0
    except ValueError:
        return 0


def _together(names: Iterable[str], more: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(sorted({*names, *(name for each in more for name in each)}))


def _approvals(
    reviews: Iterable[tuple[Word, ReviewTold]], person_of: Callable[[str], str], until_us: int
) -> tuple[Approval, ...]:
    """Each reviewer's last word counts; one that is only a comment leaves the word before as it was.

    A dismissal takes back the review of the same id, whenever it is told. Words after `until_us` say nothing of what
    was merged; where they are all that there is, they stand, for the ruling to say so.
    """
    told = list(reviews)
    dismissed = {review.review for _, review in told if review.state == "dismissed" and review.review}
    last: dict[str, tuple[Word, ReviewTold]] = {}
    for line, review in told:
        person = person_of(review.reviewer)
        if review.state == "commented" or (review.review and review.review in dismissed):
            continue
        if person not in last or line.occurred_us <= until_us:
            last[person] = (line, review)
    return tuple(
        Approval(person, review.commit, line.occurred_us)
        for person, (line, review) in sorted(last.items())
        if review.state == "approved"
    )
