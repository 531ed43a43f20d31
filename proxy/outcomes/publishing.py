"""Publishing: which figures of deployments may be shown so that none can be read as one person's.

A figure needs as many distinct persons behind it as services.yaml says (`persons_min`), in each month that it spans.
Where figures are withheld, others that add up with them to something known are withheld too, until what could be had
by subtraction has as many persons behind it. Service accounts are no persons, nor are names that access.yaml doesn't
know: one person may have many of them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import combinations

Part = str
"""A month: what is told of it can be had by subtracting one period from another."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of a table, by whose work it is."""

    keys: Mapping[str, str]
    """Its value of each dimension that it is summed by here or elsewhere."""
    persons: Mapping[Part, frozenset[str]] = field(default_factory=dict)
    """Of each month that it has anything of."""


def together(figures: Iterable[Figure]) -> dict[Part, frozenset[str]]:
    found: dict[Part, frozenset[str]] = defaultdict(frozenset)
    for each in figures:
        for part, persons in each.persons.items():
            found[part] |= persons
    return dict(found)


def shown(persons: Mapping[Part, Collection[str]], persons_min: int) -> bool:
    """Whether as many stand behind each month. Nothing at all may be shown."""
    return all(len(each) >= persons_min for each in persons.values())


def withheld(figures: Sequence[Figure], dimensions: Sequence[str], persons_min: int) -> frozenset[int]:
    """Which of the rows may not be shown. `dimensions`: by which they may be summed, in this table or another.

    Each month is settled by itself, whatever period it is asked for in: else one of two periods would show what the
    other one withholds beside a small row, and their difference would tell of that.
    """
    months: dict[Part, list[int]] = defaultdict(list)
    for number, each in enumerate(figures):
        for month in each.persons:
            months[month].append(number)
    hidden: set[int] = set()
    for month, numbers in months.items():
        numbers.sort(key=lambda number: sorted(figures[number].keys.items()))
        of_month = [Figure(figures[number].keys, {month: figures[number].persons[month]}) for number in numbers]
        hidden.update(numbers[at] for at in _withheld_in_month(of_month, dimensions, persons_min))
    return frozenset(hidden)


def _withheld_in_month(figures: Sequence[Figure], dimensions: Sequence[str], persons_min: int) -> set[int]:
    hidden = {number for number, each in enumerate(figures) if not shown(each.persons, persons_min)}
    groups = _groups(figures, dimensions)
    of_row: dict[int, list[int]] = defaultdict(list)
    for place, group in enumerate(groups):
        for number in group:
            of_row[number].append(place)
    rests: dict[int, Rest] = defaultdict(lambda: defaultdict(set))
    for number in hidden:
        _withhold(figures[number], [rests[place] for place in of_row[number]])
    # The narrowest first: what is withheld for it is often enough for the wider ones.
    waiting = sorted(rests)
    while waiting:
        place = heappop(waiting)
        if shown(rests[place], persons_min):
            continue
        more = _fewest(figures, [number for number in groups[place] if number not in hidden])
        if more is not None:
            hidden.add(more)
            _withhold(figures[more], [rests[each] for each in of_row[more]])
            for each in of_row[more]:
                heappush(waiting, each)
    return hidden


Rest = dict[Part, set[str]]
"""What of a sum is withheld: whose it is, by month."""


def _withhold(figure: Figure, rests: Iterable[Rest]) -> None:
    for rest in rests:
        for part, persons in figure.persons.items():
            rest[part] |= persons


def _groups(figures: Sequence[Figure], dimensions: Sequence[str]) -> Sequence[tuple[int, ...]]:
    """Rows that add up to something, each such set once, the narrowest first."""
    found: dict[tuple[int, ...], None] = {}
    for size in range(len(dimensions), -1, -1):
        for names in combinations(dimensions, size):
            rows: dict[tuple[str, ...], list[int]] = defaultdict(list)
            for number, each in enumerate(figures):
                rows[tuple(each.keys[name] for name in names)].append(number)
            found |= {tuple(group): None for group in rows.values() if len(group) > 1}
    return sorted(found, key=lambda group: (len(group), group))


def _fewest(figures: Sequence[Figure], left: Iterable[int]) -> int | None:
    """Of rows still shown, the one with the fewest persons; None: nothing is left."""
    of_somebody = (number for number in left if figures[number].persons)
    return min(of_somebody, key=lambda number: (_count(figures[number]), number), default=None)


def _count(figure: Figure) -> int:
    return len(frozenset().union(*figure.persons.values()))
