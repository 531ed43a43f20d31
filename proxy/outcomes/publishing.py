"""Publishing: which figures of deployments may be shown so that none can be read as one person's, nor by subtraction.

A figure is a sum over services and weeks. What may be shown is settled once for each month (outcomes.settling), by
whatever dimensions, narrowed to whatever, and in whatever period it is asked for: so no two reports tell together what
neither tells alone. Service accounts are no persons, nor are names that access.yaml doesn't know: one person may have
many of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from proxy.model.calendar import moment
from proxy.outcomes.settling import Field, Kin, Settled, settled


@dataclass(frozen=True, slots=True)
class Published:
    """By month: what may be shown of it."""

    months: Mapping[str, Settled]

    def shows(self, fields: Iterable[Field]) -> bool:
        """Whether their sum may be shown: in each month. Where nothing was done nobody stands behind it, and it may."""
        asked: dict[str, list[Field]] = defaultdict(list)
        for service, week_us in fields:
            asked[_month(week_us)].append((service, week_us))
        return all(self.months[month].shows(each) for month, each in asked.items())


def published(persons: Mapping[Field, frozenset[str]], kin: Kin, persons_min: int) -> Published:
    """`persons`: who stands behind each field of each month; `kin`: of each service its team, project and tier."""
    months: dict[str, dict[Field, frozenset[str]]] = defaultdict(dict)
    for (service, week_us), names in persons.items():
        months[_month(week_us)][service, week_us] = names
    return Published({month: settled(each, kin, persons_min) for month, each in months.items()})


@lru_cache(1024)
def _month(week_us: int) -> str:
    """That the week begins in: months are of UTC, as the weeks are."""
    return f"{moment(week_us, ZoneInfo('UTC')):%Y-%m}"
