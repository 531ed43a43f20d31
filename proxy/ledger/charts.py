"""Charts: the money of a report as bars, before anybody draws them.

Over time where the report has a dimension of time, stacked by the rest; else one bar a row, with the period before
beside it where the report compares. What doesn't fit is summed into one part, so that a chart always shows all money.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from proxy.ledger.dimensions import WASTE_DIMENSIONS
from proxy.ledger.periods import buckets, restored
from proxy.model.calendar import UNITS, Unit
from proxy.model.money import PICO_PER_USD

SERIES_MAX: Final = 8
"""Colours that can still be told apart."""
BARS_MAX: Final = 30
COLUMNS_MAX: Final = 400
"""Hours, days, … side by side."""
NONE: Final = "(none)"


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    values: tuple[int, ...]
    """Pico-dollars, one for each label."""


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    subtitle: str
    labels: tuple[str, ...]
    """Of the bars, in order."""
    series: tuple[Series, ...]
    over_time: bool
    """True: bars follow one another in time and the series are stacked. False: series stand beside one another."""
    notes: tuple[str, ...] = ()


class NoChartError(ValueError):
    """What was asked for can't be drawn; the message says what would."""


def spend_chart(document: Mapping[str, Any]) -> Chart:
    """The chart of a spend report, from its JSON document. Raises NoChartError."""
    return _chart(document, "Spend", "cost_usd")


def waste_chart(document: Mapping[str, Any]) -> Chart:
    """The chart of a waste report: what redundant calls cost. Raises NoChartError."""
    return _chart(document, "Waste", "redundant_cost_usd")


def report_chart(document: Mapping[str, Any]) -> Chart:
    """The chart of whichever of these the document is. Raises NoChartError."""
    return waste_chart(document) if document["report"] == "waste" else spend_chart(document)


def _chart(document: Mapping[str, Any], title: str, column: str) -> Chart:
    by: list[str] = document["by"]
    times = [name for name in by if name in UNITS]
    if len(times) > 1:
        raise NoChartError(f"a chart has one axis of time; leave out one of {', '.join(times)}")
    rest = [name for name in by if name not in UNITS]
    # Nobody is ranked: where a bar is a person's, bars stand by name.
    personal = any(name in WASTE_DIMENSIONS and WASTE_DIMENSIONS[name].personal for name in rest)
    if times:
        labels, series = _over_time(document, times[0], rest, personal, (title.lower(), column))
    else:
        labels, series = _side_by_side(document, rest, personal, (title.lower(), column))
    return Chart(
        title=f"{title} by {', '.join(by)}" if by else title,
        subtitle=f"{_day(document['since'])} to {_day(document['until'])} ({document['tz']}), US dollars",
        labels=labels,
        series=series,
        over_time=bool(times),
        notes=tuple(document["notes"]),
    )


def shortened(name: str, most: int) -> str:
    """At most so many characters, of both ends: names of one house often begin alike."""
    if len(name) <= most:
        return name
    tail = (most - 1) // 2
    return f"{name[: most - 1 - tail]}…{name[-tail:]}"


def decimals(chart: Chart, *, cents: bool = True) -> int:
    """Of dollars beside the chart's bars, so that the largest still says something."""
    top = max((sum(values) for values in zip(*(each.values for each in chart.series), strict=True)), default=0)
    if top >= 100 * PICO_PER_USD and not cents:
        return 0
    return 2 if top >= PICO_PER_USD else 4 if top >= PICO_PER_USD // 100 else 6


def _over_time(
    document: Mapping[str, Any], time: str, rest: Sequence[str], personal: bool, money: tuple[str, str]
) -> tuple[tuple[str, ...], tuple[Series, ...]]:
    labels = _labels(document, time)
    if len(labels) > COLUMNS_MAX:
        raise NoChartError(f"{len(labels)} {time}s are more than a chart shows ({COLUMNS_MAX}); take a longer unit")
    place = {label: number for number, label in enumerate(labels)}
    sums: dict[str, list[int]] = {}
    for row in document["rows"]:
        values = sums.setdefault(_name(row, rest), [0] * len(labels))
        values[place[row[time]]] += _pico(row[money[1]])
    totals = {name: sum(values) for name, values in sums.items()}
    kept = _first(totals, SERIES_MAX, personal)
    series = [Series(name or money[0], tuple(sums[name])) for name in kept]
    others = [values for name, values in sums.items() if name not in kept]
    if others:
        series.append(Series(_others(len(others)), tuple(map(sum, zip(*others, strict=True)))))
    return labels, tuple(series)


def _side_by_side(
    document: Mapping[str, Any], rest: Sequence[str], personal: bool, money: tuple[str, str]
) -> tuple[tuple[str, ...], tuple[Series, ...]]:
    rows = document["rows"]
    now = _sums(rows, rest, money[1])
    before = _sums(rows, rest, "previous_cost_usd")
    kept = _first(now, BARS_MAX, personal)
    left = [name for name in now if name not in kept]
    labels = (*kept, _others(len(left))) if left else tuple(kept)
    series = [Series(money[0], _values(now, kept, left))]
    if before:
        series.append(Series("period before", _values(before, kept, left)))
    return labels, tuple(series)


def _sums(rows: Sequence[Mapping[str, Any]], rest: Sequence[str], column: str) -> dict[str, int]:
    """Two rows can read the same (a branch named '(none)' beside calls without one): then they are one bar."""
    sums: dict[str, int] = {}
    for row in rows:
        if column in row:
            name = _name(row, rest) or "all"
            sums[name] = sums.get(name, 0) + _pico(row[column])
    return sums


def _values(amounts: Mapping[str, int], kept: Sequence[str], left: Sequence[str]) -> tuple[int, ...]:
    values = [amounts[name] for name in kept]
    return (*values, sum(amounts[name] for name in left)) if left else tuple(values)


def _first(totals: Mapping[str, int], most: int, personal: bool) -> list[str]:
    """Names in the order they stand in the chart: the dearest first, persons by name."""
    ordered = sorted(totals, key=(lambda name: (0, name)) if personal else (lambda name: (-totals[name], name)))
    return ordered if len(ordered) <= most else ordered[: most - 1]


def _labels(document: Mapping[str, Any], time: str) -> tuple[str, ...]:
    unit: Unit = next(unit for unit in UNITS if unit == time)
    span = restored(document["since"], document["until"], document["tz"])
    return tuple(bucket.label for bucket in buckets(unit, span))


def _name(row: Mapping[str, Any], names: Sequence[str]) -> str:
    return " / ".join(row[name] or NONE for name in names)


def _others(count: int) -> str:
    return f"(others: {count})"


def _pico(usd: str) -> int:
    return int(Decimal(usd) * PICO_PER_USD)


def _day(text: str) -> str:
    return text[:16].replace("T", " ")
