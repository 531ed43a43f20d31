"""Prices: at which price each model was billed in a period, what had none, and what each change of price did."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from proxy.ledger.people import Viewer
from proxy.ledger.price_id import price_id
from proxy.ledger.price_runs import Lane, Run, Use, runs
from proxy.ledger.selection import ParameterError, Selection
from proxy.ledger.spend_query import SpendQuery
from proxy.ledger.statements import statement
from proxy.model.usage import KINDS
from proxy.ports.store import Row, Store

DEFINITION: Final = (
    "prices 1: forwarded calls by time of admission in [since, until), by model and price; a price follows another of "
    "the same provider, model, variant, tier, threshold, region and speed; its effect is the cost of the calls at it "
    "less what the same usage costs at the price before, whose rates are cost divided by usage of calls on record"
)
HOUR_US: Final = 3_600_000_000
SLOTS_MAX: Final = 500
"""A period is looked at in so many pieces at most, none shorter than an hour. Within one, a price that comes back
is one with its first use."""
LOOK_BACK_US: Final = 366 * 24 * HOUR_US
"""How far before the period the price before its first one is looked for."""
USES_MAX: Final = 100_000
_FIXED: Final = 10
"""Columns of the statement before the kinds'."""


@dataclass(frozen=True, slots=True)
class PriceReport:
    selection: Selection
    runs: tuple[Run, ...]
    """By provider, model and time."""
    own_only: bool
    projects: tuple[str, ...]
    """Whose calls the viewer sees as their owner, too."""


def prices(store: Store, asked: Selection, viewer: Viewer, timeout_s: float) -> PriceReport:
    """Nobody is named in it, so it needs no reason.

    Raises ParameterError (a breakdown, or a filter that singles out persons), QueryTimeoutError, StoreError.
    """
    if asked.by:
        raise ParameterError("by", "this report has its own rows: provider, model and price")
    for each in asked.filters:
        if each.dimension.personal:
            raise ParameterError(each.dimension.name, "this report is not about persons; ask for spend")
    if asked.compare:
        raise ParameterError("compare", "this report compares each price with the one before it")
    period = asked.period
    slot_us = max(HOUR_US, -(-(period.until_us - period.since_us) // SLOTS_MAX))
    query = SpendQuery(store, asked, viewer, timeout_s, single=True)
    own_only = not viewer.sees_all
    now = _uses(query, own_only, period.since_us, period.until_us, slot_us)
    lanes = {use.lane for use in now}
    earlier = _uses(query, own_only, period.since_us - LOOK_BACK_US, period.since_us, LOOK_BACK_US) if now else []
    found = runs([use for use in earlier if use.lane in lanes], now)
    return PriceReport(asked, tuple(sorted(found, key=_order)), own_only, viewer.projects)


def _order(run: Run) -> tuple[object, ...]:
    lane = run.lane
    return (lane.provider, lane.model, lane.asked_model, lane.variant, lane.marks, run.first_us)


def _uses(query: SpendQuery, own_only: bool, since_us: int, until_us: int, slot_us: int) -> list[Use]:
    values = {"since_us": since_us, "until_us": until_us, "slot_us": slot_us, "rows_max": USES_MAX}
    most = statement("price_kinds").replace("/*kinds*/", ", ".join(f"max({kind})" for kind in KINDS))
    ((*found,),) = query.narrowed(most, values, own_only=own_only)
    used = [kind for kind, many in zip(KINDS, found, strict=True) if many]
    sums = "".join(f", sum({kind}), sum(cost_{kind}), max({kind}), max(cost_{kind})" for kind in used)
    rows = query.narrowed(statement("price_uses").replace("/*kinds*/", sums), values, own_only=own_only)
    if len(rows) > USES_MAX:
        raise ParameterError("since/until", f"more than {USES_MAX} uses of prices; take a shorter period")
    return [_use(row, used) for row in rows]


def _use(row: Row, used: Sequence[str]) -> Use:
    provider, model, asked, variant, text, slot, first_us, last_us, calls, unpriced = row[:_FIXED]
    price = price_id(text)
    numbers = {kind: row[place : place + 4] for kind, place in zip(used, range(_FIXED, len(row), 4), strict=True)}
    told = [numbers.get(kind, (0, 0, 0, 0)) for kind in KINDS]
    return Use(
        lane=Lane(provider, model, asked, variant, price.lane),
        price=price,
        slot=slot,
        first_us=first_us,
        last_us=last_us,
        calls=calls,
        unpriced_calls=unpriced,
        quantities=tuple(quantity for quantity, _, _, _ in told),
        costs=tuple(cost for _, cost, _, _ in told),
        samples=tuple((most, most_cost) for _, _, most, most_cost in told),
    )
