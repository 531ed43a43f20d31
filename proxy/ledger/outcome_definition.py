"""The definition report: all that is past by another definition, beside the one in force. Nothing of it is kept."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from proxy.ledger.outcome_facts import told_lines
from proxy.model.service import Services
from proxy.outcomes.crediting import judge
from proxy.outcomes.definition import CURRENT, Definition
from proxy.outcomes.folding import fold_ordered
from proxy.outcomes.people import Named
from proxy.outcomes.publishing import Figure, withheld
from proxy.outcomes.quarantine import decided
from proxy.outcomes.redefining import Difference, differences
from proxy.outcomes.service_weeks import service_weeks
from proxy.ports.store import Store


@dataclass(frozen=True, slots=True)
class DefinitionReport:
    definition: str
    other: str
    rows: Mapping[str, Difference]
    """By service: those behind which enough persons stand."""
    withheld: int
    """Services that are left out."""


def definition_report(
    store: Store, other: Definition, services: Services, aliases: Named, now_us: int
) -> DefinitionReport:
    """Takes as long as a rebuild, twice. Raises QueryTimeoutError, StoreError."""
    persons: dict[str, set[str]] = defaultdict(set)
    judged = []
    with told_lines(store) as lines:
        for definition in (CURRENT, other):
            history = fold_ordered(decided(lines(), services), services, aliases, definition)
            judged.append(judge(history, services, now_us, definition))
            for (service, _), week in service_weeks(history, judged[-1], services).items():
                persons[service] |= week.persons
    found = differences(*judged)
    names = list(found)
    figures = [Figure({"service": name}, {"all": frozenset(persons[name])}) for name in names]
    hidden = {names[number] for number in withheld(figures, ("service",), services.persons_min)}
    return DefinitionReport(
        CURRENT.version, other.version, {name: found[name] for name in names if name not in hidden}, len(hidden)
    )
