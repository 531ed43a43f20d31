"""Quarters: a normal week of each service, quarter by quarter, frozen from the quarter's begin on."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from functools import lru_cache
from hashlib import sha256
from typing import Final
from zoneinfo import ZoneInfo

from proxy.model.calendar import floor, microseconds, moment, months_later
from proxy.model.service import Services
from proxy.outcomes.baselines import Baseline, Past, baselines
from proxy.outcomes.crediting import Verdicts
from proxy.outcomes.definition import CURRENT, DAY_US, HOUR_US, Definition
from proxy.outcomes.entities import Deployment, History
from proxy.outcomes.service_weeks import Weeks
from proxy.outcomes.verdicts import Standing

WEEK_US: Final = 7 * DAY_US
_UTC: Final = ZoneInfo("UTC")
EARLIEST_QUARTERS: Final = 40
"""Further back than so many nothing is worked out."""
NEVER_US: Final = 2**63 - 1
IMPORTED_US: Final = HOUR_US
"""After an import more of it may come, and its commits are still to be read."""
UNREAD_US: Final = 7 * DAY_US
"""How long the record waits for what mirrors can't read."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A baseline of one quarter, and when it was put on record."""

    baseline: Baseline
    at_us: int = 0
    """0: it is on no record; worked out from what is known today."""


Quarters = Mapping[int, Mapping[str, Frozen]]
"""By where the quarter begins (microseconds, UTC), by service."""


@lru_cache(4096)
def quarter_us(at_us: int) -> int:
    return microseconds(floor("quarter", moment(at_us, _UTC)))


def quarter_name(start_us: int) -> str:
    begin = datetime.fromtimestamp(start_us / 1e6, UTC)
    return f"{begin.year}-Q{(begin.month + 2) // 3}"


def counts_from(verdicts: Verdicts, services: Services) -> dict[str, int]:
    """When each service's probation was over, by the first deployment that was told so (D5), or by its time."""
    found = {each.name: each.registered_us + services.probation_us for each in services.services.values()}
    for verdict in verdicts.deployments:
        if verdict.at_us < found[verdict.service] and any(r.rule == "D5" and r.holds for r in verdict.rulings):
            found[verdict.service] = verdict.at_us
    return found


def quarters(
    weeks: Weeks,
    services: Services,
    counting: Mapping[str, int],
    recorded: Quarters,
    now_us: int,
    definition: Definition = CURRENT,
) -> dict[int, dict[str, Frozen]]:
    """Of every quarter in which a service counts, up to the running one. What is on record stays; the rest follows from
    what is known, each quarter from the one before. `counting`: from when on each service counts."""
    found: dict[int, dict[str, Frozen]] = {}
    before: dict[str, float] = {}
    seen = _seen(weeks)
    for start_us in _starts(services, now_us):
        worked = baselines([*_pasts(seen, services, counting, start_us, definition)], before, definition)
        own = {name: Frozen(each) for name, each in worked.items()} | dict(recorded.get(start_us, {}))
        found[start_us] = {name: each for name, each in own.items() if name in services.services}
        before |= {name: each.baseline.credits_a_week for name, each in found[start_us].items()}
    return found


def _starts(services: Services, now_us: int) -> Iterator[int]:
    first_us = min((each.registered_us for each in services.services.values()), default=now_us)
    last = floor("quarter", moment(now_us, _UTC))
    start = max(floor("quarter", moment(min(first_us, now_us), _UTC)), months_later(last, -3 * EARLIEST_QUARTERS))
    while start <= last:
        yield microseconds(start)
        start = months_later(start, 3)


@dataclass(slots=True)
class _Seen:
    """Of one service."""

    first_us: int
    earned_us: int
    """The first week with credits."""
    by_week: dict[int, tuple[Fraction, int]]
    """Credits of each week, before it was registered and since, and how many deployments were read from history."""


def _seen(weeks: Weeks) -> dict[str, _Seen]:
    found: dict[str, dict[int, tuple[Fraction, int]]] = defaultdict(dict)
    for (service, start_us), week in weeks.items():
        found[service][start_us] = (week.credits + week.past, week.imported)
    return {
        service: _Seen(min(by_week), min((at for at, (x, _) in by_week.items() if x), default=NEVER_US), by_week)
        for service, by_week in found.items()
    }


def _pasts(
    seen: Mapping[str, _Seen], services: Services, counting: Mapping[str, int], start_us: int, definition: Definition
) -> Iterator[Past]:
    """Whole weeks before the quarter, from the first that anything is known of; without those of probation, in which
    nothing could count. What came before the registration begins with its first credit: an old deployment of nothing
    would make every week since an empty one."""
    for service in services.services.values():
        known = seen.get(service.name)
        if known is None:
            yield Past(service.name, service.tier, ())
            continue
        starts = range(known.first_us, start_us - WEEK_US + 1, WEEK_US)
        until_us = counting[service.name]
        earned_us = known.earned_us if definition.baseline_worked else 0
        tried = (each for each in starts if each >= until_us or earned_us <= each <= service.registered_us - WEEK_US)
        found = [known.by_week.get(each, (Fraction(0), 0)) for each in tried]
        imported = any(count for _, count in found)
        yield Past(service.name, service.tier, tuple(credit for credit, _ in found), imported)


def is_settled(imported_us: int, history: History, verdicts: Verdicts, services: Services, now_us: int) -> bool:
    """Whether what came before the running quarter is told, read from the mirrors, and has lasted, so that baselines
    made of it may go on record. `imported_us`: when history was brought in last. What can't be read for a week holds
    nothing up."""
    start_us = quarter_us(now_us)
    if now_us < imported_us + IMPORTED_US:
        return False
    return now_us >= max(imported_us, start_us) + UNREAD_US or not (
        any(_is_unread(each, services) for each in history.deployments if each.at_us < start_us)
        or any(
            each.substance is None and each.repository in services.mirrors
            for each in history.changes.values()
            if each.merged_us < start_us
        )
        or any(each.at_us < start_us and each.standing == Standing.PENDING for each in verdicts.deployments)
    )


def _is_unread(each: Deployment, services: Services) -> bool:
    return (
        each.commits is None
        and each.succeeded
        and each.heard
        and bool(each.sha)
        and each.repository in services.mirrors
    )


def fingerprint(quarter: Mapping[str, Frozen]) -> str:
    """Of the baselines of one quarter: the version that stands on figures."""
    said = "\n".join(f"{name} {each.baseline.credits_a_week!r}" for name, each in sorted(quarter.items()))
    return sha256(said.encode()).hexdigest()[:12]


def written(baseline: Baseline) -> str:
    """As it stands in the record: 'credits a week, weeks observed, imported, limited'."""
    return f"{baseline.credits_a_week!r} {baseline.weeks} {int(baseline.imported)} {int(baseline.limited)}"


def read(service: str, text: str) -> Baseline:
    """Raises ValueError."""
    credits_a_week, weeks, imported, limited = text.split()
    return Baseline(service, float(credits_a_week), int(weeks), imported == "1", limited == "1")
