"""Outcome cells: what the tables of outcomes hold of a period, as a report sums it."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from proxy.ledger.statements import statement
from proxy.model.service import Service, Services
from proxy.outcomes.baselines import Baseline
from proxy.outcomes.quarters import Frozen
from proxy.ports.store import Row, Store

Keys = Mapping[str, str]
"""Of each dimension but the week: the cell's value."""


@dataclass(frozen=True, slots=True)
class WeekCell:
    """Of one service and week, as ServiceWeek."""

    service: str
    week_us: int
    deployments: int
    standings: Mapping[str, int]
    reasons: tuple[tuple[str, str, str, int], ...]
    """Standing, rule, why in short, deployments."""
    credits: Fraction
    config: Fraction
    groups: int
    succeeded: int
    failed: int
    rework: int
    weak: int
    leads_us: tuple[int, ...]
    changes: int
    maintenance: int
    approvals: int
    imported: int
    persons: frozenset[str]
    unknown: int


@dataclass(frozen=True, slots=True)
class SpendCell:
    """What was spent in one week; `service`: the one whose work it went into, '' where that isn't known."""

    service: str
    team: str
    project: str
    week_us: int
    """0 where weeks stand together."""
    method: str
    cost_pico: int
    calls: int


@dataclass(frozen=True, slots=True)
class Cells:
    weeks: tuple[WeekCell, ...]
    spend: tuple[SpendCell, ...]
    by_week: tuple[SpendCell, ...]
    """The same, of each week; by nothing else where that was not asked for."""
    baselines: Mapping[int, Mapping[str, Frozen]]
    """By quarter and service."""
    counts_from_us: Mapping[str, int]
    """By service: registered, and out of probation."""
    built_us: int
    """0: the tables were never made."""
    definition: str
    began_us: int
    """Week of the first deployment known; 0: none is."""


def cells(
    store: Store, since_us: int, until_us: int, timeout_s: float, *, weekly: bool = True, fine: bool = True
) -> Cells:
    """`weekly`: spend stands week by week; `fine`: it does by service, team and project in `by_week` too.

    Raises QueryTimeoutError, StoreError.
    """
    span = {"since_us": since_us, "until_us": until_us}
    spend = _spend(store, span | {"fine": True, "weekly": weekly}, timeout_s)
    state = store.read("SELECT built_us, definition, began_us FROM outcome_state", None, timeout_s)
    built_us, definition, began_us = state[0] if state else (0, "", 0)
    return Cells(
        weeks=tuple(_week(row) for row in store.read(statement("outcome_weeks"), span, timeout_s)),
        spend=spend,
        by_week=spend if weekly else _spend(store, span | {"fine": fine, "weekly": True}, timeout_s),
        baselines=_baselines(store, timeout_s),
        counts_from_us=dict(store.read("SELECT service, counts_from_us FROM outcome_services", None, timeout_s)),
        built_us=built_us,
        definition=definition,
        began_us=began_us,
    )


def _spend(store: Store, values: Mapping[str, object], timeout_s: float) -> tuple[SpendCell, ...]:
    return tuple(SpendCell(*row) for row in store.read(statement("outcome_spent"), values, timeout_s))


_fraction = lru_cache(4096)(Fraction)
"""Of the same few texts."""


def _week(row: Row) -> WeekCell:
    service, start_us, deployments, standings, reasons, credits_, config, *counts, persons, unknown = row
    known = tuple((each["standing"], each["rule"], each["why"], each["deployments"]) for each in reasons)
    groups, succeeded, failed, rework, weak, leads, changes, maintenance, approvals, imported = counts
    return WeekCell(
        service,
        start_us,
        deployments,
        dict(standings),
        known,
        _fraction(credits_),
        _fraction(config),
        groups,
        succeeded,
        failed,
        rework,
        weak,
        tuple(leads),
        changes,
        maintenance,
        approvals,
        imported,
        frozenset(persons),
        unknown,
    )


def _baselines(store: Store, timeout_s: float) -> dict[int, dict[str, Frozen]]:
    found: dict[int, dict[str, Frozen]] = {}
    rows = store.read(
        "SELECT quarter_us, frozen_us, * EXCLUDE (quarter_us, frozen_us) FROM outcome_baselines", None, timeout_s
    )
    for start_us, frozen_us, *known in rows:
        found.setdefault(start_us, {})[known[0]] = Frozen(Baseline(*known), frozen_us)
    return found


def keys_of(service: Service) -> dict[str, str]:
    """What follows from a service."""
    project = service.projects[0] if len(service.projects) == 1 else ""
    return {"service": service.name, "team": service.owner, "project": project, "tier": service.tier}


def keys_of_spend(cell: SpendCell, services: Services) -> dict[str, str]:
    """Team and project are those of the calls, whatever they went into: as in the spend report."""
    known = services.services.get(cell.service)
    tier = known.tier if known else ""
    return {"service": cell.service, "team": cell.team, "project": cell.project, "tier": tier}
