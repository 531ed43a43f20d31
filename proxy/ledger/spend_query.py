"""The statements of a spend report, with their parameters. Only whitelisted text and names made here get into SQL."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Final

from proxy.ledger.dimensions import Dimension
from proxy.ledger.kept import check_kept
from proxy.ledger.people import OTHER_PEOPLE, Viewer
from proxy.ledger.periods import SLOT_US, Bucket, PeriodError, buckets
from proxy.ledger.selection import Filter, ParameterError, Selection
from proxy.ledger.statements import statement
from proxy.ports.store import Row, Store

ROWS_MAX: Final = 50_000
EVER_US: Final = 2**62
"""After everything."""
OTHERS: Final = "owner_kind = 'person' AND NOT (owner = $viewer AND owner_kind = $viewer_kind)"
"""Of a row of `calls`: it is another person's."""
_NAMED: Final = re.compile(r"\$(\w+)")
_OWN: Final = "owner = $viewer AND owner_kind = $viewer_kind"


@dataclass(frozen=True, slots=True)
class Figures:
    """Columns of every row, in this order."""

    calls: int = 0
    """Forwarded and settled. Refused ones stand apart."""
    refused: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    estimated_calls: int = 0
    unpriced_calls: int = 0
    cost_pico: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*[getattr(self, name) + getattr(other, name) for name in FIGURES])


FIGURES: Final = tuple(field.name for field in fields(Figures))


@dataclass(frozen=True, slots=True)
class SpendRow:
    values: tuple[str, ...]
    """Of the dimensions, in the order asked for."""
    figures: Figures


class SpendQuery:
    """One report's readings, all of the same state of the ledger: everything up to one load."""

    def __init__(
        self,
        store: Store,
        asked: Selection,
        viewer: Viewer,
        timeout_s: float,
        source: str = "",
        known: Mapping[str, object] = MappingProxyType({}),
        *,
        single: bool = False,
        summed: bool = False,
    ) -> None:
        """`source`: what stands for `calls` where a report joins more to them, with its parameters (`known`).
        `single`: it needs calls one by one, and can't be made of the sums that are left of those that were dropped.
        `summed`: it can be made of the sums that are kept of all calls, where these tell what is asked for. A source
        that joins more to all of them says so: /*all*/."""
        self._source = source or "/*all*/"
        self._summed = summed and _told_by_sums(asked)
        self._single = single
        self._known = known
        self._store = store
        self._asked = asked
        self._viewer = viewer
        self._timeout_s = timeout_s
        ((self._horizon,),) = store.read("SELECT coalesce(max(load), 0) FROM positions", None, timeout_s)

    def rows(self, *, own_only: bool = False, fold: bool = False) -> list[SpendRow]:
        """Raises ParameterError beyond ROWS_MAX rows. `fold`: other people's rows stand together as one."""
        found = self.grouped(statement("spend"), len(FIGURES) - 1, own_only=own_only, fold=fold)
        return [SpendRow(values, Figures(*figures)) for values, figures in found]

    def grouped(self, sql: str, money: int, *, own_only: bool, fold: bool) -> list[tuple[tuple[str, ...], Row]]:
        """Rows of a statement by the dimensions asked for: their values, and the figures behind them. `money`: which
        figure's largest comes first, where nobody is ranked by it. Raises as `rows`."""
        by = self._asked.by
        values = self._span() | self._viewer_values() | {"rows_max": ROWS_MAX}
        spans = self._buckets(values)
        sql = (
            sql.replace("/*dimensions*/", "".join(f"{self._column(each, fold, values)}, " for each in by))
            .replace("/*buckets*/", "\n".join(statement("bucket").replace("/*unit*/", unit) for unit in spans))
            .replace("/*narrowed*/", self._narrowed(values, own_only))
            .replace("/*having*/", "HAVING sum(calls) > 0" if by else "")
        )
        found = self._read(sql, values)
        if len(found) > ROWS_MAX:
            raise ParameterError("by", f"more than {ROWS_MAX} rows; take fewer dimensions or narrow it down")
        width = len(by)
        return [
            (
                tuple(spans[each.unit][cell].label if each.unit else cell for each, cell in zip(by, row, strict=False)),
                row[width:],
            )
            for row in sorted(found, key=lambda row: _order(by, row[:width], row[width + money]))
        ]

    def persons(self) -> set[str]:
        """Other persons whose calls are in the report."""
        values = self._span() | self._viewer_values()
        narrowed = self._narrowed(values, own_only=False)
        return {owner for (owner,) in self._others(narrowed, values)}

    def has_others(self, narrowed: Filter) -> bool:
        """Whether any call ever that passes this one filter is another person's."""
        values = {**_span(0, EVER_US), "horizon": self._horizon, **self._viewer_values()}
        return bool(self._others(f" AND {_condition(narrowed, 0, values)}", values))

    def narrowed(self, sql: str, values: Mapping[str, object], *, own_only: bool) -> Sequence[Row]:
        """Rows of another report's statement over the calls that pass the filters (its mark: /*narrowed*/)."""
        known = {**self._span(), **self._viewer_values(), **values}
        return self._read(sql.replace("/*narrowed*/", self._narrowed(known, own_only)), known)

    def _others(self, narrowed: str, values: dict[str, object]) -> Sequence[Row]:
        sql = statement("persons").replace("/*others*/", OTHERS).replace("/*narrowed*/", narrowed)
        return self._read(sql, values)

    def _read(self, sql: str, values: Mapping[str, object]) -> Sequence[Row]:
        """With those of the values that the statement names."""
        everything = _summed(values) if self._summed else statement("spend_calls")
        sql = sql.replace("/*source*/", self._source).replace("/*all*/", everything)
        named = set(_NAMED.findall(sql))
        known = {**self._known, **values}
        found = self._store.read(sql, {name: value for name, value in known.items() if name in named}, self._timeout_s)
        # Afterwards: calls that are dropped meanwhile are then known to be.
        check_kept(self._store, self._asked, self._timeout_s, single=self._single)
        return found

    def _span(self) -> dict[str, object]:
        period = self._asked.period
        return {"horizon": self._horizon, **_span(period.since_us, period.until_us)}

    def _viewer_values(self) -> dict[str, object]:
        return {"viewer": self._viewer.name, "viewer_kind": str(self._viewer.kind)}

    def _buckets(self, values: dict[str, object]) -> dict[str, list[Bucket]]:
        spans: dict[str, list[Bucket]] = {}
        for each in self._asked.by:
            if each.unit:
                try:
                    span = spans[each.unit] = buckets(each.unit, self._asked.period)
                except PeriodError as error:
                    raise ParameterError("by", str(error)) from None
                values["slot_us"] = SLOT_US
                values[f"{each.unit}_starts"] = [bucket.start_us for bucket in span]
                values[f"{each.unit}_ends"] = [bucket.end_us for bucket in span]
        return spans

    def _column(self, each: Dimension, fold: bool, values: dict[str, object]) -> str:
        if each.unit:
            return f"{each.unit}_n"
        expression = _expression(each, values)
        if fold and (each.personal or (each.near and not self._viewer.sees_all)):
            return f"CASE WHEN {OTHERS} THEN '{OTHER_PEOPLE}' ELSE {expression} END"
        return expression

    def _narrowed(self, values: dict[str, object], own_only: bool) -> str:
        conditions = [_condition(each, number, values) for number, each in enumerate(self._asked.filters)]
        if own_only and self._viewer.projects:
            values["owned"] = list(self._viewer.projects)
            whose = " AND owner_kind <> 'person'" if self._asked.near else ""
            conditions.append(f"(({_OWN}) OR (project IN (SELECT unnest($owned)){whose}))")
        elif own_only:
            conditions.append(_OWN)
        return "".join(f" AND {condition}" for condition in conditions)


def _told_by_sums(asked: Selection) -> bool:
    """Tags are all that single calls are kept by for good and that sums of all calls have not: too few calls share."""
    used = [*asked.by, *(each.dimension for each in asked.filters)]
    return all(each.kept and not each.tag for each in used)


def _span(since_us: int, until_us: int) -> dict[str, object]:
    """With the first and last of the borders of quarters of an hour that lie within."""
    first_us = min(-(-since_us // SLOT_US) * SLOT_US, until_us)
    last_us = max(until_us // SLOT_US * SLOT_US, first_us)
    return {"since_us": since_us, "until_us": until_us, "first_us": first_us, "last_us": last_us}


def _summed(values: Mapping[str, object]) -> str:
    """What stands for `calls` where sums do."""
    borders = [("since_us", "first_us"), ("last_us", "until_us")]
    edges = [
        statement("spend_edge").replace("/*from*/", f"${begin}").replace("/*to*/", f"${end}")
        for begin, end in borders
        if values[begin] != values[end]
    ]
    return statement("spend_summed").replace("/*edges*/", "".join(edges))


def in_order(by: Sequence[Dimension], rows: Sequence[SpendRow]) -> list[SpendRow]:
    """The dearest first; but where persons stand in the rows, by name. For rows without a dimension of time."""
    return sorted(rows, key=lambda row: _order(by, row.values, row.figures.cost_pico))


def _condition(narrowed: Filter, number: int, values: dict[str, object]) -> str:
    values[f"filter_{number}"] = list(narrowed.values)
    return f"{_expression(narrowed.dimension, values)} IN (SELECT unnest($filter_{number}))"


def _expression(each: Dimension, values: dict[str, object]) -> str:
    if not each.tag:
        return each.expression
    name = f"tag_{len(values)}"
    values[name] = each.tag
    # As tags[$name], at two thirds of the CPU.
    return f"coalesce(list_extract(map_values(tags), list_position(map_keys(tags), ${name})), '')"


def _order(by: Sequence[Dimension], values: Sequence[object], money: int) -> tuple[object, ...]:
    """Time first, then the dearest; but where persons stand in the rows, by name: nobody is ranked."""
    cells = list(zip(by, values, strict=True))
    times = [cell for each, cell in cells if each.unit]
    names = [cell for each, cell in cells if not each.unit]
    if any(each.personal for each in by):
        return (*times, *names)
    return (*times, -money, *names)
