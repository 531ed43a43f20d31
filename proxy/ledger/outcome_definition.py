"""The definition report: all that is past by another definition, beside the one in force. Nothing of it is kept."""

from collections.abc import Mapping
from dataclasses import dataclass

from proxy.ledger.outcome_cells import keys_of
from proxy.ledger.outcome_facts import told_lines
from proxy.model.service import Services
from proxy.outcomes.crediting import judge
from proxy.outcomes.definition import CURRENT, Definition
from proxy.outcomes.folding import fold_ordered
from proxy.outcomes.people import Named
from proxy.outcomes.publishing import published
from proxy.outcomes.quarantine import decided
from proxy.outcomes.redefining import Difference, differences
from proxy.outcomes.service_weeks import Weeks, service_weeks
from proxy.ports.store import Store


@dataclass(frozen=True, slots=True)
class DefinitionReport:
    definition: str
    other: str
    rows: Mapping[str, Difference]
    """By service: those that may be told of."""
    withheld: int
    """Services that are left out."""
    persons: tuple[str, ...]
    """Other persons whom it singles out, for a reason. The look must be on record before anybody sees it."""


def definition_report(
    store: Store,
    other: Definition,
    services: Services,
    aliases: Named,
    now_us: int,
    *,
    reason: str = "",
    viewer: str = "",
) -> DefinitionReport:
    """Takes as long as a rebuild, twice. `reason`: shows every service; `viewer`: who is no other person to himself.

    Raises QueryTimeoutError, StoreError.
    """
    judged, weeks = [], []
    with told_lines(store) as lines:
        for definition in (CURRENT, other):
            history = fold_ordered(decided(lines(), services), services, aliases, definition)
            judged.append(judge(history, services, now_us, definition))
            weeks.append(service_weeks(history, judged[-1], services))
    found = differences(*judged)
    open_ = set(found).intersection(*(_open(each, services) for each in weeks))
    shown = found if reason else {name: each for name, each in found.items() if name in open_}
    persons = _persons(weeks, shown.keys() - open_) - {viewer}
    return DefinitionReport(
        CURRENT.version, other.version, shown, len(found) - len(shown), tuple(sorted(persons)) if reason else ()
    )


def _open(weeks: Weeks, services: Services) -> set[str]:
    """Services that the report on deployments tells of in all their months, by this definition."""
    known = {place: week for place, week in weeks.items() if place[0] in services.services}
    kin = {each.name: keys_of(each) for each in services.services.values()}
    persons = {place: frozenset(week.persons) for place, week in known.items()}
    told = published(persons, kin, services.persons_min)
    names = {service for service, _ in known}
    return {name for name in names if told.shows(place for place in known if place[0] == name)}


def _persons(weeks: list[Weeks], services: set[str]) -> set[str]:
    """Who stand behind them, by either definition."""
    return {
        name for each in weeks for (service, _), week in each.items() if service in services for name in week.persons
    }
