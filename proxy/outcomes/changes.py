"""Changes: what was told of pull requests, their reviews, commits and diffs, as one merged change each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from proxy.model.told import ChangeTold, CommitTold, DiffTold, ReviewTold, Told
from proxy.outcomes.entities import Approval, Change
from proxy.outcomes.people import People


@dataclass(slots=True)
class ChangeLines:
    """In the order in which things happened."""

    stands: dict[tuple[str, str], ChangeTold] = field(default_factory=dict)
    """As each was last told of."""
    reviews: dict[tuple[str, str], list[tuple[Told, ReviewTold]]] = field(default_factory=dict)
    commits: dict[str, CommitTold] = field(default_factory=dict)
    diffs: dict[tuple[str, str, str], DiffTold] = field(default_factory=dict)
    """By repository, number and commit."""


def folded_changes(lines: ChangeLines, people: People) -> dict[str, Change]:
    """Merged changes by id."""
    folding = _Folding(lines, people)
    found = {change_id(told): folding.change(told) for told in folding.merged}
    return {name: _later_only(change, found) for name, change in found.items()}


def change_id(told: ChangeTold | DiffTold) -> str:
    return f"{told.repository}#{told.number}"


def _later_only(change: Change, changes: Mapping[str, Change]) -> Change:
    """A change takes back only what came before it: of two that undo one another the later is the revert."""
    before = tuple(each for each in change.reverts if each in changes and changes[each].merged_us < change.merged_us)
    return change if before == change.reverts else replace(change, reverts=before)


class _Folding:
    def __init__(self, lines: ChangeLines, people: People) -> None:
        self._lines = lines
        self._people = people
        self.merged = [told for told in lines.stands.values() if told.merge and told.merged_us]
        self._diffs: dict[str, DiffTold] = {}
        self._landed: dict[str, set[str]] = {}
        self._by_patch: dict[str, list[str]] = {}
        for diff in lines.diffs.values():
            self._read(diff)
        self._by_commit = {commit: change_id(told) for told in self.merged for commit in self._commits(told)}

    def _read(self, diff: DiffTold) -> None:
        if not diff.number:
            return
        change = change_id(diff)
        self._diffs[change] = diff
        self._landed.setdefault(change, set()).add(diff.sha)
        if diff.patch_id:
            self._by_patch.setdefault(diff.patch_id, []).append(change)

    def change(self, told: ChangeTold) -> Change:
        diff = self._diffs.get(change_id(told))
        commits = [self._lines.commits[sha] for sha in self._commits(told) if sha in self._lines.commits]
        return Change(
            id=change_id(told),
            repository=told.repository,
            author=self._people.person(told.author),
            coauthors=self._people.persons([*told.coauthors, *(name for each in commits for name in each.coauthors)]),
            approvals=_approvals(self._lines.reviews.get((told.repository, told.number), ()), self._people),
            head=told.head,
            base=told.base,
            branch=told.branch,
            merge=told.merge,
            merged_us=told.merged_us,
            commits=self._commits(told),
            work_items=_together(told.work_items, (each.work_items for each in commits)),
            patch_id=diff.patch_id if diff else "",
            simhash=int(diff.simhash, 16) if diff and diff.simhash else 0,
            substance=diff.substance if diff else None,
            bot=told.bot,
            sponsor=self._people.person(told.sponsor),
            reverts=self._reverted(told, commits, diff),
            sessions=_together((), (each.sessions for each in commits)),
        )

    def _commits(self, told: ChangeTold) -> tuple[str, ...]:
        """By which a deployment is known to bring it."""
        return tuple(sorted({told.merge, told.head, *self._landed.get(change_id(told), ())} - {""}))

    def _reverted(self, told: ChangeTold, commits: Iterable[CommitTold], diff: DiffTold | None) -> tuple[str, ...]:
        """Named by number, by a commit's trailer, or found by the same diff turned round."""
        by_number = f"{told.repository}#{told.reverts}"
        named = {by_number if told.reverts.isdecimal() else self._by_commit.get(told.reverts, "")}
        named |= {self._by_commit.get(sha, "") for each in commits for sha in each.reverts}
        if diff is not None and diff.inverse:
            named.update(self._by_patch.get(diff.inverse, ()))
        return tuple(sorted(named - {"", change_id(told)}))


def _together(names: Iterable[str], more: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(sorted({*names, *(name for each in more for name in each)}))


def _approvals(reviews: Iterable[tuple[Told, ReviewTold]], people: People) -> tuple[Approval, ...]:
    """Each reviewer's last word counts; one that is only a comment leaves the word before as it was."""
    last: dict[str, tuple[Told, ReviewTold]] = {}
    for line, review in reviews:
        if review.state != "commented":
            last[people.person(review.reviewer)] = (line, review)
    return tuple(
        Approval(person, review.commit, line.occurred_us)
        for person, (line, review) in sorted(last.items())
        if review.state == "approved"
    )
