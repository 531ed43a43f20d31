"""Blocks: services told of together, so that enough persons stand behind each block.

A service behind which too few persons stand is joined to another one, whole, and neither is told of alone from then on.
The other one is chosen so that the least is lost by it: of the same team, project and tier where there is one.
"""

from collections.abc import Mapping
from functools import reduce
from operator import or_

Services = int
"""As bits."""
People = int
"""As bits."""


def blocks(
    people: Mapping[Services, People], figures: Mapping[Services, int], persons_min: int
) -> tuple[Services, ...] | None:
    """A partition of the services. `people`: of each single one; `figures`: what is asked about, and what it is worth.

    None: all services together have too few.
    """
    joining = _Joining(people, figures, persons_min)
    while small := [each for each in joining.parts if joining.behind(each) < persons_min]:
        if len(joining.parts) < 2:
            return None
        joining.join(min(small, key=lambda each: (joining.behind(each), each)))
    return tuple(sorted(joining.parts))


class _Joining:
    def __init__(self, people: Mapping[Services, People], figures: Mapping[Services, int], persons_min: int) -> None:
        self._people = dict(people)
        self._worth = figures
        self.parts: set[Services] = set(people)
        self._figures: dict[Services, frozenset[Services]] = dict.fromkeys(people, frozenset())
        """Those that a part is in, while no block holds a part of them: whose persons are enough."""
        for each in figures:
            inside = [part for part in people if part & each]
            if reduce(or_, (people[part] for part in inside), 0).bit_count() >= persons_min:
                self._figures |= {part: self._figures[part] | {each} for part in inside}

    def behind(self, part: Services) -> int:
        return self._people[part].bit_count()

    def join(self, part: Services) -> None:
        """With whom the least is lost by it; of those, whom the fewest persons stand behind then."""
        other = min(self.parts - {part}, key=lambda each: self._price(part, each))
        lost, joined = self._lost(part, other), part | other
        self._people[joined] = self._people[part] | self._people[other]
        self._figures[joined] = self._figures[part] | self._figures[other]
        self.parts = self.parts - {part, other} | {joined}
        self._figures = {each: self._figures[each] - lost for each in self.parts}

    def _price(self, part: Services, other: Services) -> tuple[int, int, Services]:
        together = (self._people[part] | self._people[other]).bit_count()
        return sum(self._worth[each] for each in self._lost(part, other)), together, other

    def _lost(self, part: Services, other: Services) -> frozenset[Services]:
        joined = part | other
        return frozenset(each for each in self._figures[part] | self._figures[other] if joined & ~each)
