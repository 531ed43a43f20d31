"""Cuts: how many persons stand behind whatever follows from figures of columns and of rows, taken together.

Whatever was published before gives each row one number for the whole of it, in any one combination of figures. Now
columns are published too. A combination then gives each field r + c, r of its row and c of its column. If it gives two
columns different numbers, let a cut part those to which it gives one of these numbers from the others. In each row the
fields of one side of the cut, all of them, are not nought then: r + c can't be nought on both sides. So whoever works
on both sides in one row stands behind the combination, and of each row the persons of one of its sides at least do.
"""

from collections.abc import Callable, Sequence

People = int
"""As bits: together is |, how many is bit_count."""
Cut = int
"""Places of the columns on one side, as bits."""


def tells_of_enough(
    rows: Sequence[Sequence[People]], columns: int, persons_min: int, known: Callable[[Cut], bool]
) -> bool:
    """Whether columns can be published: whatever they tell that isn't `known` without them is of enough persons.

    `rows`: who is in each column of a row. `known`: whether the sum of one side is published in any case.
    """
    # A cut is the same as its other side: the last column is in neither.
    cuts = sorted(range(1, 1 << (columns - 1)), key=lambda cut: (cut.bit_count(), cut)) if columns else ()
    return all(behind([_sides(row, cut) for row in rows]) >= persons_min or known(cut) for cut in cuts)


def behind(sides: Sequence[tuple[People, People]]) -> int:
    """At least so many persons are in any choice of one side of each row.

    Who is on both sides of a row is in every choice. Of the others, each is counted in one row at most.
    """
    counted = 0
    for one, other in sides:
        counted |= one & other
    found = counted.bit_count()
    for one, other in sides:
        fewest = min((one & ~counted).bit_count(), (other & ~counted).bit_count())
        if fewest:
            found += fewest
            counted |= one | other
    return found


def _sides(row: Sequence[People], cut: Cut) -> tuple[People, People]:
    one = other = 0
    for at, persons in enumerate(row):
        if cut >> at & 1:
            one |= persons
        else:
            other |= persons
    return one, other
