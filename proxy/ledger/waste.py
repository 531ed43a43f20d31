"""Waste: what calls that repeat earlier work cost, and what was avoided, by whatever was asked for.

The rows conserve money: each call counts once, and what is redundant and what is not sum to what was spent.
"""

from dataclasses import dataclass, fields
from typing import Final

from proxy.ledger.campaigns import Campaign, campaigns
from proxy.ledger.people import OTHER_PEOPLE, Directory, Viewer
from proxy.ledger.scope import Scope
from proxy.ledger.spend_query import SpendQuery
from proxy.ledger.statements import statement
from proxy.ledger.waste_asked import LOOK_BACK_US, WasteAsked
from proxy.model.waste import WASTE_CLASSES
from proxy.ports.store import Store

DEFINITION: Final = (
    "waste 1: calls by time of admission in [since, until) that were found to repeat earlier work, at their cost as "
    "recorded (net of prompt caching), those included that turned out later to be part of a run; avoided is what "
    "served, shared and refused calls would have cost, by the calls they repeat (an estimate)"
)
FOREVER_US: Final = 2**63 - 1
_CALLS: Final = (
    "(SELECT *, NULL::STRUCT(load BIGINT, at_us BIGINT, campaign VARCHAR, waste_class VARCHAR) AS said FROM calls)"
)
"""All of them, as `marked`, where what was said stands apart of every one."""


@dataclass(frozen=True, slots=True)
class WasteFigures:
    """Columns of every row, in this order."""

    calls: int = 0
    """Forwarded and settled, redundant or not."""
    cost_pico: int = 0
    """Of all of them."""
    attributed_calls: int = 0
    """Of the redundant ones, those that turned out to be only after they had ended."""
    attributed_cost_pico: int = 0
    exempted_calls: int = 0
    """They repeat earlier work, and are no waste for a reason: a retry, an evaluation, a justification."""
    exempted_cost_pico: int = 0
    served_calls: int = 0
    """Answered from what was kept."""
    served_saved_pico: int = 0
    coalesced_calls: int = 0
    """They shared the answer of a call under way."""
    coalesced_saved_pico: int = 0
    refused_calls: int = 0
    """Turned away by a redundancy rule, for good or for a while."""
    refused_saved_pico: int = 0
    redundant_calls: int = 0
    redundant_cost_pico: int = 0

    @property
    def other_cost_pico(self) -> int:
        """Spent on calls that are not redundant."""
        return self.cost_pico - self.redundant_cost_pico

    @property
    def avoided_pico(self) -> int:
        return self.served_saved_pico + self.coalesced_saved_pico + self.refused_saved_pico


WASTE_FIGURES: Final = tuple(field.name for field in fields(WasteFigures))


@dataclass(frozen=True, slots=True)
class WasteRow:
    values: tuple[str, ...]
    """Of the dimensions, in the order asked for."""
    figures: WasteFigures


@dataclass(frozen=True, slots=True)
class WasteReport:
    asked: WasteAsked
    rows: tuple[WasteRow, ...]
    total: WasteFigures
    """Of the rows, exactly."""
    campaigns: tuple[Campaign, ...]
    own_only: bool
    """True: the viewer's role sees own calls only, and those of `projects`, which he owns."""
    projects: tuple[str, ...]
    folded: bool
    """True: other people's rows stand together as one."""
    persons: tuple[str, ...]
    """Other persons whom the report singles out. The look must be on record before anybody sees it."""


def waste_query(store: Store, asked: WasteAsked, viewer: Viewer, timeout_s: float) -> SpendQuery:
    """Over calls with what became of them. As of a time every call must be looked at: whether it had ended then."""
    known = {
        "classes": list(WASTE_CLASSES),
        "look_back_us": LOOK_BACK_US,
        "as_of_us": FOREVER_US if asked.as_of_us is None else asked.as_of_us,
    }
    calls = statement("waste_calls")
    if asked.as_of_us is None:
        marked = calls.replace("/*calls*/", "marked").replace("/*named*/", "named_apart")
        source = statement("waste_marked").replace("/*marked*/", marked)
    else:
        source = calls.replace("/*calls*/", _CALLS).replace("/*named*/", "attributions")
    return SpendQuery(store, asked.selection, viewer, timeout_s, source, known, single=True, summed=True)


def waste(store: Store, asked: WasteAsked, viewer: Viewer, directory: Directory, timeout_s: float) -> WasteReport:
    """The report, for this viewer.

    Raises ForbiddenError, ReasonNeededError, ParameterError, QueryTimeoutError, StoreError.
    """
    query = waste_query(store, asked, viewer, timeout_s)
    scope = Scope.of(query, asked.selection, viewer, directory, personal=asked.personal)
    found = query.grouped(statement("waste"), len(WASTE_FIGURES) - 1, own_only=scope.own_only, fold=scope.fold)
    rows = tuple(WasteRow(values, WasteFigures(*figures)) for values, figures in found)
    persons = scope.looked_at([query], asked.selection, viewer, directory, personal=asked.personal)
    runs = campaigns(query, asked, scope, viewer, persons) if asked.campaigns else ()
    return WasteReport(
        asked=asked,
        rows=rows,
        total=WasteFigures(*map(sum, zip(*(figures for _, figures in found), strict=True))),
        campaigns=runs,
        own_only=scope.own_only,
        projects=scope.projects,
        folded=scope.fold and _folded(rows, runs),
        persons=persons,
    )


def _folded(rows: tuple[WasteRow, ...], runs: tuple[Campaign, ...]) -> bool:
    return any(OTHER_PEOPLE in row.values for row in rows) or any(run.campaign == OTHER_PEOPLE for run in runs)
