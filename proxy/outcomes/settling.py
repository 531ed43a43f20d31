"""Settling: what may be told of one month, whatever is asked about it.

A field is one service in one week; a figure is a sum of fields. First, services are told of by blocks with enough
persons each (outcomes.blocks). To these are added, from the finest up, weeks of a block, of a team, project or tier,
and of everything; at last teams, projects and tiers which blocks cut across. Each is added only where every combination
of figures that it makes possible has enough persons behind it (outcomes.cuts): so in the end all have. Where both can't
be, weeks of a team are told of rather than of its services, and those of everything rather than of teams.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from proxy.outcomes.blocks import blocks
from proxy.outcomes.cuts import People, tells_of_enough

Field = tuple[str, int]
"""A service, and where the ISO week begins."""
Fields = int
"""As bits."""
Kin = Mapping[str, Mapping[str, str]]
"""By service: its value of each of KIN."""
KIN: Final = {"team": 3, "project": 2, "tier": 2}
"""What a service has one value of, and how much rather it is told of than a single service."""
ACROSS_MAX: Final = 8
"""Values that blocks cut across: of more it would take long to try each cut, and none of them is told of."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What may be shown of a month."""

    bits: Mapping[Field, Fields]
    told: "_Told | None"
    """None: of all together too few persons are known."""
    across: tuple[tuple[Fields, ...], ...] = ()
    """Further partitions of all fields."""

    def shows(self, fields: Iterable[Field]) -> bool:
        """Whether their sum may be shown. Where nothing was done nobody stands behind it, and it may."""
        asked = _union(self.bits.get(each, 0) for each in fields)
        return not asked or (self.told is not None and _shown(asked, self.told, self.across))


def settled(persons: Mapping[Field, Collection[str]], kin: Kin, persons_min: int) -> Settled:
    """`persons`: who stands behind each field of one month. It doesn't depend on their order."""
    month = _Month(persons, kin, persons_min)
    people = {1 << at: month.people(fields) for at, fields in enumerate(month.services)}
    found = blocks(people, month.figures(), persons_min)
    if found is None:
        return Settled(month.bits, None)
    told = _everything(month, [_union(month.services[at] for at in _places(each)) for each in found])
    return Settled(month.bits, told, _across(month, told))


class _Month:
    def __init__(self, persons: Mapping[Field, Collection[str]], kin: Kin, persons_min: int) -> None:
        self.persons_min = persons_min
        ordered = sorted(persons)
        self.bits: dict[Field, Fields] = {each: 1 << at for at, each in enumerate(ordered)}
        names = sorted({name for each in persons.values() for name in each})
        people = {name: 1 << at for at, name in enumerate(names)}
        self._people = [_union(people[name] for name in persons[each]) for each in ordered]
        self.services = self._summed(lambda service, _: service)
        self.weeks = self._summed(lambda _, week_us: week_us)
        self._by_value = {name: self._by(name, kin) for name in KIN}
        self.values = sorted(self._by_value.values(), key=len, reverse=True)
        """Of each of KIN: what belongs to each value. The finest first."""

    def _by(self, name: str, kin: Kin) -> list[Fields]:
        return self._summed(lambda service, _: kin[service][name])

    def figures(self) -> dict[int, int]:
        """Sums of services (their places, as bits) that may be asked about, and what each is worth."""
        found = {1 << at: 1 for at in range(len(self.services))}
        for name, values in self._by_value.items():
            for value in values:
                services = _union(1 << at for at, each in enumerate(self.services) if each & value)
                found[services] = max(found.get(services, 0), KIN[name])
        return found

    def _summed(self, of: Callable[[str, int], str | int]) -> list[Fields]:
        found: dict[str | int, Fields] = {}
        for field, bit in self.bits.items():
            found[of(*field)] = found.get(of(*field), 0) | bit
        return [found[each] for each in sorted(found)]

    def people(self, fields: Fields) -> People:
        return _union(self._people[at] for at in _places(fields))

    def tells(self, rows: Iterable[Fields], columns: Sequence[Fields], known: Callable[[Fields], bool]) -> bool:
        """Whether columns can be told of besides what is the same for the whole of each row."""
        parted = ([row & column for column in columns] for row in rows)
        # Of most rows all is in one column: they make no difference.
        table = [[self.people(each) for each in row] for row in parted if sum(map(bool, row)) > 1]
        whole = lambda cut: known(_union(columns[at] for at in _places(cut)))  # noqa: E731
        return tells_of_enough(table, len(columns), self.persons_min, whole)


@dataclass(frozen=True, slots=True)
class _Told:
    """Fields that are told of: together, by parts, and by columns of weeks."""

    fields: Fields
    parts: tuple[Self, ...] = ()
    columns: tuple[Fields, ...] = ()
    """None where its weeks are not told of."""

    def shows(self, asked: Fields) -> bool:
        mine = asked & self.fields
        if mine in (0, self.fields) or (self.columns and _whole(mine, self.columns)):
            return True
        return bool(self.parts) and all(each.shows(mine) for each in self.parts)

    def rows(self) -> Iterator[Fields]:
        """Fields of which nothing that is told of holds some and leaves others."""
        for row in (row for each in self.parts for row in each.rows()) if self.parts else (self.fields,):
            yield from (row & column for column in self.columns or (self.fields,) if row & column)

    @property
    def by_week(self) -> bool:
        return bool(self.columns) or any(each.by_week for each in self.parts)

    def without_weeks(self) -> "_Told":
        return _Told(self.fields, tuple(each.without_weeks() for each in self.parts))


def _everything(month: _Month, found: Iterable[Fields]) -> _Told:
    """Blocks, under the teams, projects and tiers that are whole blocks, under everything."""
    parts = [_by_week(month, each, ()) for each in found]
    for figure in (each for values in month.values for each in values):
        inside = [each for each in parts if each.fields & figure]
        if 1 < len(inside) < len(parts) and _union(each.fields for each in inside) == figure:
            parts = [*(each for each in parts if not each.fields & figure), _by_week(month, figure, inside)]
    return parts[0] if len(parts) == 1 else _by_week(month, _union(each.fields for each in parts), parts)


def _by_week(month: _Month, fields: Fields, parts: Sequence[_Told]) -> _Told:
    """With its weeks where that can be: rather than those of its parts, and rather several together than none."""
    parts, columns = list(parts), [fields & week for week in month.weeks if fields & week]
    while len(columns) > 1:
        rows = [row for each in parts for row in each.rows()] or [fields]
        if month.tells(rows, columns, lambda cut: bool(parts) and all(each.shows(cut) for each in parts)):
            return _Told(fields, tuple(parts), tuple(columns))
        fine = [at for at, each in enumerate(parts) if each.by_week]
        if fine:
            fewest = min(fine, key=lambda at: (month.people(parts[at].fields).bit_count(), at))
            parts[fewest] = parts[fewest].without_weeks()
        else:
            columns = _fewer(month, columns)
    return _Told(fields, tuple(parts))


def _fewer(month: _Month, columns: Sequence[Fields]) -> list[Fields]:
    """The one with the fewest persons, and the one beside it that has the fewer, as one."""
    count = [month.people(each).bit_count() for each in columns]
    least = min(range(len(columns)), key=lambda at: (count[at], at))
    beside = min((at for at in (least - 1, least + 1) if 0 <= at < len(columns)), key=lambda at: (count[at], at))
    first, second = sorted((least, beside))
    return [*columns[:first], columns[first] | columns[second], *columns[second + 1 :]]


def _across(month: _Month, told: _Told) -> tuple[tuple[Fields, ...], ...]:
    """Teams, projects and tiers that blocks cut across: by week, else in the whole month, else not."""
    found: list[tuple[Fields, ...]] = []
    rows = list(told.rows())
    for values in month.values:
        for spans in (told.columns or (told.fields,), (told.fields,)):
            classes = [[each & span for each in values if each & span] for span in spans]
            # What is known anyway makes no difference to the rest.
            unknown = [[each for each in those if not _shown(each, told, found)] for those in classes]
            if all(_tells_across(month, told, found, rows, those) for those in unknown):
                if any(unknown):
                    found.append(tuple(each for those in classes for each in those))
                    rows = [row & each for row in rows for each in found[-1] if row & each]
                break
    return tuple(found)


def _tells_across(
    month: _Month, told: _Told, found: Sequence[tuple[Fields, ...]], rows: Sequence[Fields], columns: Sequence[Fields]
) -> bool:
    if len(columns) > ACROSS_MAX:
        return False
    return not columns or month.tells(rows, columns, lambda cut: _shown(cut, told, found))


def _shown(asked: Fields, told: _Told, across: Iterable[tuple[Fields, ...]]) -> bool:
    return told.shows(asked) or any(_whole(asked, each) for each in across)


def _whole(asked: Fields, columns: Iterable[Fields]) -> bool:
    """Whether it is some of these columns and no part of another."""
    return all(asked & each in (0, each) for each in columns)


def _union(fields: Iterable[int]) -> int:
    found = 0
    for each in fields:
        found |= each
    return found


def _places(bits: int) -> Iterator[int]:
    while bits:
        last = bits & -bits
        yield last.bit_length() - 1
        bits ^= last
