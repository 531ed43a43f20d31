"""Grouping: changes that are parts, copies or new beginnings of the same work, as one change group."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from proxy.outcomes.definition import CURRENT, Definition
from proxy.outcomes.entities import Change
from proxy.outcomes.qualifying import Qualified

BAND_BITS = 16
BANDS = 4
"""Of two hashes of 64 bits that differ in 3 at most, one of four bands is equal."""
_BAND = (1 << BAND_BITS) - 1


def grouped(changes: Mapping[str, Qualified], definition: Definition = CURRENT) -> dict[str, str]:
    """Change -> its group, named after the group's first change. Those that don't qualify are in none."""
    fit = [each for each in changes.values() if each.holds]
    fit.sort(key=lambda each: (each.change.merged_us, each.change.id))
    groups = _Groups(each.change.id for each in fit)
    for names in _sharing(fit):
        for name in names[1:]:
            groups.join(names[0], name)
    for first, second in (*_alike([each.change for each in fit], definition), *_stacked(fit), *_again(fit)):
        groups.join(first, second)
    return groups.named()


class _Groups:
    """Sets that only ever grow together; the earliest change names each."""

    def __init__(self, names: Iterable[str]) -> None:
        self._above = {name: name for name in names}
        self._rank = {name: at for at, name in enumerate(self._above)}

    def _top(self, name: str) -> str:
        while (above := self._above[name]) != name:
            self._above[name] = name = self._above[above]
        return name

    def join(self, first: str, second: str) -> None:
        if first in self._above and second in self._above:
            low, high = sorted((self._top(first), self._top(second)), key=self._rank.__getitem__)
            self._above[high] = low

    def named(self) -> dict[str, str]:
        return {name: self._top(name) for name in self._above}


def _sharing(fit: Iterable[Qualified]) -> Iterable[list[str]]:
    """Those of one work item, and those of one patch."""
    by_mark: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in fit:
        for item in each.change.work_items:
            by_mark["item", item].append(each.change.id)
        if each.change.patch_id:
            by_mark["patch", each.change.patch_id].append(each.change.id)
    return by_mark.values()


def _alike(changes: Iterable[Change], definition: Definition) -> Iterable[tuple[str, str]]:
    """Pairs whose normalised diffs are nearly the same, soon after one another, in any repository.

    Of equal hashes only the latest is kept: the earlier ones are joined to it, and a thousand copies make no million
    pairs.
    """
    bands: dict[tuple[int, int], dict[int, Change]] = defaultdict(dict)
    for later in changes:
        if not later.simhash:
            continue
        for band in range(BANDS):
            known = bands[band, later.simhash >> (band * BAND_BITS) & _BAND]
            for earlier in reversed(known.values()):
                if later.merged_us - earlier.merged_us > definition.alike_us:
                    break
                if (earlier.simhash ^ later.simhash).bit_count() <= definition.alike_bits:
                    yield earlier.id, later.id
            known.pop(later.simhash, None)
            known[later.simhash] = later


def _stacked(fit: Sequence[Qualified]) -> Iterable[tuple[str, str]]:
    """Pairs of which one went into the other's branch, or was to before that went in: a change in slices.

    A branch that gathers several people's work is no stack: its own change is in no group (Q5).
    """
    by_branch: dict[tuple[str, str], list[Qualified]] = defaultdict(list)
    for each in fit:
        if each.change.branch:
            by_branch[each.change.repository, each.change.branch].append(each)
    for each in fit:
        for base in each.change.bases:
            for under in by_branch.get((each.change.repository, base), ()):
                if base == each.change.base or under.change.author == each.change.author:
                    yield under.change.id, each.change.id


def _again(fit: Iterable[Qualified]) -> Iterable[tuple[str, str]]:
    """Pairs of which one brings the other back."""
    return ((name, each.change.id) for each in fit for name in each.reapplies)
