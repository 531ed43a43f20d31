"""The deployments report: what was delivered for the money, by service, team, project, tier and week.

Money is always whole: the rows' spend sums to that of the calls. What was delivered is shown where enough persons stand
behind it (outcomes.publishing), or for a reason that goes on record.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from statistics import median
from typing import Final

from proxy.ledger.outcome_asked import WEEK, whole_months
from proxy.ledger.outcome_cells import Cells, SpendCell, WeekCell, cells, keys_of, keys_of_spend
from proxy.ledger.outcome_figures import RUN, Delivered, Money, OutcomeRow
from proxy.ledger.people import ForbiddenError, Viewer
from proxy.ledger.periods import Bucket, buckets
from proxy.ledger.selection import Selection
from proxy.model.service import Services
from proxy.outcomes.association import Association, association
from proxy.outcomes.attribution import Method
from proxy.outcomes.index import Cell, credited
from proxy.outcomes.publishing import Published, published
from proxy.outcomes.quarters import WEEK_US, quarter_us
from proxy.outcomes.unit_cost import unit_cost
from proxy.ports.store import Store

DEFINITION: Final = (
    "deployments {version}: to production of the services in services.yaml, by ISO week (UTC); credited: change groups "
    "that landed and lasted, of which each beyond a normal week counts less; cost: spend on building in the same "
    "weeks, what is attributed to nothing included"
)
_NARROWING: Final = ("service", "tier")
"""Dimensions by which spend that is attributed to no service has no value."""
_HOUR_US: Final = 3_600_000_000
_NO_AMOUNTS: Final[Mapping[str, int]] = {}
_NO_MONEY: Final[dict[str, int]] = dict.fromkeys((*Method, RUN), 0)


@dataclass(frozen=True, slots=True)
class OutcomeReport:
    asked: Selection
    rows: tuple[OutcomeRow, ...]
    total: OutcomeRow
    cells: Cells
    moneyed: bool
    """False: the viewer sees no money of it."""
    owned: tuple[str, ...]
    """Projects whose money the viewer sees as their owner, where it is narrowed to them."""
    persons: tuple[str, ...]
    """Other persons whom the report singles out. The look must be on record before anybody sees it."""
    aligned: bool
    """False: it cuts months, and what was delivered is withheld for it."""
    association: Association | None
    now_us: int
    services: Services
    """Registered, and within the filters."""


def outcome_report(
    store: Store, asked: Selection, services: Services, viewer: Viewer, now_us: int, timeout_s: float
) -> OutcomeReport:
    """The report, for this viewer. Raises ForbiddenError, ParameterError, QueryTimeoutError, StoreError."""
    if asked.reason and not viewer.sees_all:
        raise ForbiddenError("A reason opens what is withheld for finance and admin keys only.")
    weekly = any(each.name == WEEK for each in (*asked.by, *(each.dimension for each in asked.filters)))
    period, fine = asked.period, bool(asked.filters)
    found = cells(store, period.since_us, period.until_us, timeout_s, weekly=weekly, fine=fine)
    table = _Table(asked, services, found, now_us)
    aligned = whole_months(asked, now_us)
    closed = frozenset() if asked.reason else table.closed(aligned=aligned)
    keys = sorted(table.rows, key=table.order) if asked.by else []
    return OutcomeReport(
        asked=asked,
        rows=tuple(table.row(key, closed) for key in keys),
        total=table.total(closed),
        cells=found,
        moneyed=viewer.sees_all or _is_owned(asked, viewer),
        owned=viewer.projects,
        persons=tuple(sorted(table.persons(aligned=aligned) - {viewer.name})) if asked.reason else (),
        aligned=aligned or bool(asked.reason),
        association=table.association() if asked.reason or table.tells_of_weeks(aligned=aligned) else None,
        now_us=now_us,
        services=table.services,
    )


def _is_owned(asked: Selection, viewer: Viewer) -> bool:
    """Whether it is of nothing but projects that the viewer owns."""
    return any(
        each.dimension.name == "project" and frozenset(each.values) <= frozenset(viewer.projects)
        for each in asked.filters
    )


Key = tuple[str, ...]


@dataclass(slots=True)
class _Part:
    """Of one key of the finest table: its cells."""

    weeks: list[WeekCell] = field(default_factory=list)
    spend: list[SpendCell] = field(default_factory=list)
    normal: list[Cell] = field(default_factory=list)
    """Each service and week of it, empty ones too."""


class _Table:
    """Cells by the dimensions asked for and filtered by."""

    def __init__(self, asked: Selection, services: Services, found: Cells, now_us: int) -> None:
        self._asked, self._all, self._found, self._now_us = asked, services, found, now_us
        self._by = tuple(each.name for each in asked.by)
        filtered = (each.dimension.name for each in asked.filters)
        self._dimensions = tuple(dict.fromkeys((*self._by, *filtered)))
        self._filters = {each.dimension.name: frozenset(each.values) for each in asked.filters}
        self._keys = {each.name: keys_of(each) for each in services.services.values()}
        self._buckets = _weeks(asked, now_us)
        self._labels = {each.start_us: each.label for each in self._buckets}
        self._parts: dict[Key, _Part] = defaultdict(_Part)
        self._near: dict[Key, tuple[frozenset[str], frozenset[str]]] = {}
        self._put(found)
        self.fine = {key: part for key, part in self._parts.items() if not self._filters or self._passes(key)}
        self.rows: dict[Key, list[Key]] = defaultdict(list)
        for key in self.fine:
            self.rows[key[: len(self._by)]].append(key)
        self._open = self._unattributed()
        names = {cell.service for part in self.fine.values() for cell in part.weeks}
        names |= {service for part in self.fine.values() for service, _ in part.normal}
        self.services = replace(services, services={each: services.services[each] for each in sorted(names)})

    def _put(self, found: Cells) -> None:
        for week in found.weeks:
            if week.service in self._keys:
                self._parts[self._key(self._keys[week.service], week.week_us)].weeks.append(week)
        for spent in found.spend:
            self._parts[self._key(keys_of_spend(spent, self._all), spent.week_us)].spend.append(spent)
        for service in self._all.services.values():
            from_us = found.counts_from_us.get(service.name, service.registered_us)
            for each in self._buckets:
                if each.start_us + WEEK_US > from_us:
                    part = self._parts[self._key(self._keys[service.name], each.start_us)]
                    part.normal.append((service.name, each.start_us))

    def _key(self, keys: Mapping[str, str], week_us: int) -> Key:
        return tuple(self._labels.get(week_us, "") if name == WEEK else keys[name] for name in self._dimensions)

    def _passes(self, key: Key) -> bool:
        values = dict(zip(self._dimensions, key, strict=True))
        return all(values[name] in wanted for name, wanted in self._filters.items())

    def order(self, row: Key) -> tuple[object, ...]:
        """Time first, then names; what belongs to no service last."""
        values = list(zip(self._by, row, strict=True))
        return (*(value for name, value in values if name == WEEK), *((not value, value) for _, value in values))

    def closed(self, *, aligned: bool) -> frozenset[Key]:
        """Rows of which what was delivered may not be shown; (): the total."""
        rows = {key: [cell for each in parts for cell in self.fine[each].weeks] for key, parts in self.rows.items()}
        found = {key for key, weeks in rows.items() if not self._shown(weeks, aligned=aligned)}
        if found and not self._shown([cell for weeks in rows.values() for cell in weeks], aligned=aligned):
            found.add(())
        return frozenset(found)

    def tells_of_weeks(self, *, aligned: bool) -> bool:
        """Whether the sum of each week may be shown."""
        weeks: dict[int, list[WeekCell]] = defaultdict(list)
        for part in self.fine.values():
            for cell in part.weeks:
                weeks[cell.week_us].append(cell)
        return all(self._shown(each, aligned=aligned) for each in weeks.values())

    def _shown(self, weeks: Sequence[WeekCell], *, aligned: bool) -> bool:
        return not weeks or (aligned and self._published.shows((each.service, each.week_us) for each in weeks))

    @cached_property
    def _published(self) -> Published:
        """Of everything, whatever is asked for."""
        known = (cell for cell in self._found.weeks if cell.service in self._keys)
        persons = {(cell.service, cell.week_us): cell.persons for cell in known}
        return published(persons, self._keys, self._all.persons_min)

    def row(self, row: Key, closed: frozenset[Key]) -> OutcomeRow:
        return self._row(row, self.rows[row], closed, self._reach(dict(zip(self._by, row, strict=True))))

    def total(self, closed: frozenset[Key]) -> OutcomeRow:
        """It may be shown with some of its rows withheld: those have enough persons together."""
        return self._row((), list(self.fine), closed, self._reach({}))

    def _row(self, values: Key, keys: Sequence[Key], closed: frozenset[Key], reach: int) -> OutcomeRow:
        parts = [self.fine[key] for key in keys]
        money = Money(_by_method(cell for part in parts for cell in part.spend), reach)
        if values in closed:
            return OutcomeRow(values, money, None, None)
        weeks, normal = (
            [cell for part in parts for cell in part.weeks],
            [cell for part in parts for cell in part.normal],
        )
        # Most rows of a fine report are of money alone.
        delivered = self._delivered(weeks, normal) if weeks or normal else self._nothing
        return OutcomeRow(values, money, delivered, unit_cost(money.attributed, money.open, delivered.earned))

    def _reach(self, values: Mapping[str, str]) -> int:
        """Where services or tiers are asked for, as rows or by filters: what is attributed to no service, and was spent
        by their teams or projects. Elsewhere it is in the row itself."""
        teams, projects = self._spenders(values)
        if not (teams or projects):
            return 0
        amounts = self._open[values.get(WEEK, "")]
        return sum(
            amount
            for project in ((values["project"],) if "project" in values else amounts)
            for team, amount in amounts.get(project, _NO_AMOUNTS).items()
            if (team in teams or project in projects) and values.get("team", team) == team
        )

    def _spenders(self, values: Mapping[str, str]) -> tuple[frozenset[str], frozenset[str]]:
        """Teams and projects of the services that a row is of; none where it holds what is attributed to no service."""
        key = tuple(values.get(name, "") for name in _NARROWING)
        if key not in self._near:
            wanted = {
                name: frozenset((values[name],)) if name in values else self._filters[name]
                for name in _NARROWING
                if name in values or name in self._filters
            }
            found = [
                each
                for each in self._all.services.values()
                if all(self._keys[each.name][name] in few for name, few in wanted.items())
            ]
            teams = frozenset(each.owner for each in found) - {""}
            projects = frozenset(project for each in found for project in each.projects)
            self._near[key] = (
                (frozenset(), frozenset()) if all("" in few for few in wanted.values()) else (teams, projects)
            )
        return self._near[key]

    def _unattributed(self) -> dict[str, dict[str, Counter[str]]]:
        """What is attributed to no service, by week ('' where weeks are no rows), project and team; of those asked for,
        where it is narrowed to some."""
        found: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        teams, projects = self._filters.get("team"), self._filters.get("project")
        for cell in self._found.spend:
            wanted = (teams is None or cell.team in teams) and (projects is None or cell.project in projects)
            if wanted and not cell.service and cell.method != RUN:
                label = self._labels.get(cell.week_us, "") if WEEK in self._by else ""
                found[label][cell.project][cell.team] += cell.cost_pico
        return found

    @cached_property
    def _nothing(self) -> Delivered:
        return self._delivered([], [])

    def _delivered(self, weeks: Sequence[WeekCell], normal: Sequence[Cell]) -> Delivered:
        standings: Counter[str] = Counter()
        reasons: Counter[tuple[str, str, str]] = Counter()
        earned: dict[Cell, Fraction] = {}
        for cell in weeks:
            standings.update(cell.standings)
            reasons.update({(standing, rule, why): count for standing, rule, why, count in cell.reasons})
            earned[cell.service, cell.week_us] = cell.credits
        succeeded, changes = sum(cell.succeeded for cell in weeks), sum(cell.changes for cell in weeks)
        deployments = sum(cell.deployments for cell in weeks)
        leads = [each for cell in weeks for each in cell.leads_us]
        told = deployments - sum(cell.imported for cell in weeks)
        return Delivered(
            standings=standings,
            deployments=deployments,
            reasons=reasons,
            earned=credited(earned, self._baselines(normal), [*normal, *earned]),
            config=sum((cell.config for cell in weeks), Fraction(0)),
            change_fail_rate=_share(sum(cell.failed for cell in weeks), succeeded),
            rework_rate=_share(sum(cell.rework for cell in weeks), succeeded),
            lead_h=median(leads) / _HOUR_US if leads else None,
            maintenance_share=_share(sum(cell.maintenance for cell in weeks), changes),
            review_load=_share(sum(cell.approvals for cell in weeks), changes),
            weak_share=_share(sum(cell.weak for cell in weeks), told),
            imported=sum(cell.imported for cell in weeks),
            unknown=sum(cell.unknown for cell in weeks),
        )

    def _baselines(self, normal: Iterable[Cell]) -> dict[Cell, float]:
        found = {}
        for service, week_us in normal:
            known = self._found.baselines.get(quarter_us(week_us), {}).get(service)
            if known is not None:
                found[service, week_us] = known.baseline.credits_a_week
        return found

    def persons(self, *, aligned: bool) -> frozenset[str]:
        """Who stand behind what nobody would see without a reason."""
        keys = (key for row in self.closed(aligned=aligned) for key in self.rows.get(row, ()))
        return frozenset().union(*(cell.persons for key in keys for cell in self.fine[key].weeks))

    def association(self) -> Association | None:
        """Of the weeks that are over."""
        spend: Counter[int] = Counter()
        earned: dict[int, list[WeekCell]] = defaultdict(list)
        for cell in self._found.by_week:
            keys = keys_of_spend(cell, self._all)
            if cell.method != RUN and (not self._filters or self._passes(self._key(keys, cell.week_us))):
                spend[cell.week_us] += cell.cost_pico
        for part in self.fine.values():
            for week in part.weeks:
                earned[week.week_us].append(week)
        starts = [each.start_us for each in self._buckets if each.end_us <= self._asked.period.until_us]
        credits_ = [float(sum(week.credits for week in earned[start_us])) for start_us in starts]
        return association([float(spend[start_us]) for start_us in starts], credits_)


def _weeks(asked: Selection, now_us: int) -> list[Bucket]:
    """Those that begin within the period, and have begun."""
    period = asked.period
    return [each for each in buckets("week", period) if period.since_us <= each.start_us < min(period.until_us, now_us)]


def _by_method(spend: Iterable[SpendCell]) -> dict[str, int]:
    found = _NO_MONEY.copy()
    for cell in spend:
        found[cell.method] += cell.cost_pico
    return found


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
