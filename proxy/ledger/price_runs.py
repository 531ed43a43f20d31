"""Price runs: which price followed which, and what the change did to the bill. Pure.

The ledger keeps usage and cost of each call by kind, and the id of the price, but no rates. A rate is their quotient: a
cost is quantity times rate, rounded to a pico-dollar, so the call with the most of a kind tells its rate to within half
a pico-dollar divided by that quantity.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from proxy.ledger.price_id import PriceId
from proxy.model.usage import KINDS


@dataclass(frozen=True, slots=True)
class Lane:
    """Calls whose prices follow each other."""

    provider: str
    model: str
    """As served, else as asked for."""
    asked_model: str
    variant: str
    marks: str = ""
    """Of the price id: tier, threshold, region, speed."""


@dataclass(frozen=True, slots=True)
class Use:
    """The calls of one lane at one price within one slot of time."""

    lane: Lane
    price: PriceId
    slot: int
    first_us: int
    last_us: int
    calls: int
    unpriced_calls: int
    quantities: tuple[int, ...]
    """In the order of KINDS, as all that follow."""
    costs: tuple[int, ...]
    samples: tuple[tuple[int, int], ...]
    """(quantity, cost) of the call with the most of each kind; (0, 0): none had any."""


@dataclass(slots=True)
class _Building:
    uses: list[Use] = field(default_factory=list)
    before: PriceId | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One price of one lane, from its first use to its last before another one followed."""

    lane: Lane
    price: PriceId
    first_us: int
    last_us: int
    calls: int
    unpriced_calls: int
    quantities: tuple[int, ...]
    cost_pico: int
    unpriced_pico: int
    """Of the cost, what is at the ceiling."""
    ceiling_rates: Mapping[str, Fraction]
    """Kinds at the ceiling -> pico-dollars a unit, as they were billed."""
    before: PriceId | None
    """The price it followed; None: no other was seen."""
    cost_before_pico: int
    """What the same calls would have cost at that price."""
    not_compared: tuple[str, ...]
    """Kinds of which no call at the price before had any: its rate is not known, and they stand at their own cost."""


Rates = dict[tuple[Lane, str], dict[str, tuple[int, int]]]


def runs(earlier: Iterable[Use], uses: Iterable[Use]) -> list[Run]:
    """The runs of `uses`, lane by lane and in order. `earlier`: what was in use before, to compare the first with."""
    past = sorted(earlier, key=lambda use: use.last_us)
    now = sorted(uses, key=lambda use: (use.slot, use.first_us))
    rates = _rates([*past, *now])
    latest = {use.lane: use.price for use in past}
    found: dict[Lane, list[_Building]] = {}
    for use in now:
        building = found.setdefault(use.lane, [])
        before = building[-1].uses[0].price if building else latest.get(use.lane)
        if not building or before is None or before.rates != use.price.rates:
            changed = before if before is not None and before.rates != use.price.rates else None
            building.append(_Building(before=changed))
        building[-1].uses.append(use)
    return [_run(lane, each, rates) for lane, building in found.items() for each in building]


def _rates(uses: Iterable[Use]) -> Rates:
    """By lane and rates: for each kind the (quantity, cost) that tells the rate best."""
    rates: Rates = {}
    for use in uses:
        known = rates.setdefault((use.lane, use.price.rates), {})
        for kind, sample in zip(KINDS, use.samples, strict=True):
            if sample[0] > known.get(kind, (0, 0))[0]:
                known[kind] = sample
    return rates


def _run(lane: Lane, built: _Building, rates: Rates) -> Run:
    uses = built.uses
    quantities = _sums([use.quantities for use in uses])
    costs = _sums([use.costs for use in uses])
    now = _by_kind(rates.get((lane, uses[0].price.rates), {}))
    unknown = frozenset[str]().union(*(use.price.unknown for use in uses))
    old = _by_kind(rates.get((lane, built.before.rates), {})) if built.before else {}
    used = [(kind, many, cost) for kind, many, cost in zip(KINDS, quantities, costs, strict=True) if many > 0]
    cost_before = sum((many * old[kind] if kind in old else Fraction(cost) for kind, many, cost in used), Fraction())
    return Run(
        lane=lane,
        price=uses[0].price,
        first_us=min(use.first_us for use in uses),
        last_us=max(use.last_us for use in uses),
        calls=sum(use.calls for use in uses),
        unpriced_calls=sum(use.unpriced_calls for use in uses),
        quantities=quantities,
        cost_pico=sum(costs),
        unpriced_pico=sum(_unpriced(use) for use in uses),
        ceiling_rates={kind: now[kind] for kind, _, _ in used if kind in unknown and kind in now},
        before=built.before,
        cost_before_pico=round(cost_before) if built.before else sum(costs),
        not_compared=tuple(kind for kind, _, _ in used if kind not in old) if built.before else (),
    )


def _unpriced(use: Use) -> int:
    return sum(cost for kind, cost in zip(KINDS, use.costs, strict=True) if kind in use.price.unknown)


def _by_kind(samples: Mapping[str, tuple[int, int]]) -> dict[str, Fraction]:
    """Pico-dollars a unit."""
    return {kind: Fraction(cost, many) for kind, (many, cost) in samples.items()}


def _sums(rows: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*rows, strict=True)))
