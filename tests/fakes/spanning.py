"""Spanning: what follows from published sums, by linear algebra and by brute force.

A sum is a set of fields, as bits. Whoever has some sums can work out every combination of them, and no more.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations

_PRIME = (1 << 61) - 1
"""Larger than any determinant of noughts and ones with up to 20 rows: the rank is that of fractions."""


def fewest_behind(sums: Iterable[int], persons: Sequence[frozenset[str]], persons_min: int) -> frozenset[str] | None:
    """Fewer than `persons_min` persons behind all that some combination of the sums is about; None: there are none.

    `persons`: of each field.
    """
    basis = _basis(sums, len(persons))
    names = sorted(frozenset().union(*persons))
    for few in combinations(names, min(persons_min - 1, len(names))):
        # A combination of which nothing is left outside of these persons' fields is one about them.
        outside = sum(1 << at for at, each in enumerate(persons) if not each <= set(few))
        if len(_basis((each & outside for each in basis), len(persons))) < len(basis):
            return frozenset(few)
    return None


def _basis(sums: Iterable[int], fields: int) -> list[int]:
    """Of the sums, as many as are independent."""
    found, reduced = [], list[tuple[int, list[int]]]()
    for each in sums:
        row = [each >> at & 1 for at in range(fields)]
        for pivot, other in reduced:
            if row[pivot]:
                factor = row[pivot]
                row = [(mine - factor * theirs) % _PRIME for mine, theirs in zip(row, other, strict=True)]
        pivot = next((at for at, value in enumerate(row) if value), -1)
        if pivot >= 0:
            inverse = pow(row[pivot], -1, _PRIME)
            reduced.append((pivot, [value * inverse % _PRIME for value in row]))
            found.append(each)
    return found
