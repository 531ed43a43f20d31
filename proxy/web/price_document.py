"""The price report as a document and as a sheet."""

import json
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

from proxy.ledger.price_runs import Run
from proxy.ledger.prices import DEFINITION, PriceReport
from proxy.model.calendar import moment
from proxy.model.money import RATE_UNITS, pico_to_usd
from proxy.model.usage import KINDS, Usage
from proxy.policy.prices_yaml import KIND_NAMES, PIECES
from proxy.ports.sheets import Cell, Column, ColumnType, Sheet
from proxy.web.seen import scope, seen

TEXT_COLUMNS: Final = ("provider", "model", "asked_model", "variant", "price", "list", "first_used", "last_used")
FIGURE_COLUMNS: Final[Mapping[str, ColumnType]] = {
    "calls": ColumnType.WHOLE,
    "prompt_tokens": ColumnType.WHOLE,
    "output_tokens": ColumnType.WHOLE,
    "cost_usd": ColumnType.MONEY,
    "unpriced_calls": ColumnType.WHOLE,
    "unpriced_cost_usd": ColumnType.MONEY,
    "cost_at_previous_price_usd": ColumnType.MONEY,
    "cost_change_usd": ColumnType.MONEY,
}
"""Of what can be added up."""
LAST_COLUMNS: Final = ("previous_price", "not_compared", "add")
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_NAMES: Final = {kind: name for name, kind in KIND_NAMES.items()}
_LIST: Final = re.compile(r"litellm-.*")


def price_document(report: PriceReport, data_until: str | None) -> dict[str, Any]:
    period = report.selection.period
    total = {name: sum(_figures(run)[name] for run in report.runs) for name in FIGURE_COLUMNS}
    return {
        "report": "prices",
        "filters": {each.dimension.name: each.values for each in report.selection.filters},
        "since": period.since.isoformat(),
        "until": period.until.isoformat(),
        "tz": period.zone.key,
        "data_until": data_until,
        "definition": DEFINITION,
        "scope": scope(report),
        "price_lists": sorted({run.price.source for run in report.runs if _LIST.fullmatch(run.price.source)}),
        "notes": _notes(report),
        "rows": [{**_texts(report, run), **_shown(_figures(run)), **_last(run)} for run in report.runs],
        "total": _shown(total),
    }


def price_sheet(report: PriceReport, document: Mapping[str, Any]) -> Sheet:
    """Rows only, as with every report: a total among them would be counted twice."""
    columns = [*map(Column, TEXT_COLUMNS), *(Column(*each) for each in FIGURE_COLUMNS.items())]
    columns += map(Column, LAST_COLUMNS)
    rows: list[list[Cell]] = [
        [*_texts(report, run).values(), *_figures(run).values(), *_last(run).values()] for run in report.runs
    ]
    about = {name: str(document[name]) for name in ("since", "until", "tz", "data_until", "scope", "definition")}
    about["price_lists"] = ", ".join(document["price_lists"])
    about |= {f"note {number}": note for number, note in enumerate(document["notes"], start=1)}
    period = report.selection.period
    return Sheet(f"prices_{period.since:%Y-%m-%d}_{period.until:%Y-%m-%d}", columns, rows, about)


def _texts(report: PriceReport, run: Run) -> dict[str, str]:
    lane, zone = run.lane, report.selection.period.zone
    texts = (lane.provider, lane.model, lane.asked_model, lane.variant, run.price.text, run.price.source)
    return dict(zip(TEXT_COLUMNS, (*texts, _time(run.first_us, zone), _time(run.last_us, zone)), strict=True))


def _figures(run: Run) -> dict[str, int]:
    usage = Usage(**dict(zip(KINDS, run.quantities, strict=True)))
    numbers = (
        run.calls,
        usage.prompt_tokens,
        usage.output_tokens,
        run.cost_pico,
        run.unpriced_calls,
        run.unpriced_pico,
        run.cost_before_pico,
        run.cost_pico - run.cost_before_pico,
    )
    return dict(zip(FIGURE_COLUMNS, numbers, strict=True))


def _shown(figures: Mapping[str, int]) -> dict[str, str | int]:
    return {
        name: pico_to_usd(number) if FIGURE_COLUMNS[name] is ColumnType.MONEY else number
        for name, number in figures.items()
    }


def _last(run: Run) -> dict[str, str]:
    texts = (run.before.text if run.before else "", " ".join(run.not_compared), entry_to_add(run))
    return dict(zip(LAST_COLUMNS, texts, strict=True))


def entry_to_add(run: Run) -> str:
    """One item for `prices:` of prices.yaml, with the price that the model lacks, if it does. The numbers are
    those of the ceiling, to be replaced: as they stand they change no bill."""
    if not run.ceiling_rates:
        return ""
    model = run.lane.model
    parts = [f"provider: {_word(run.lane.provider)}", f"model: {_word(model)}"]
    tokens = [f"{_NAMES[kind]}: {_usd(rate)}" for kind, rate in run.ceiling_rates.items() if kind in _NAMES]
    if tokens:
        parts.append(f"usd_per_million: {{{', '.join(tokens)}}}")
    for name, (kind, times, _) in PIECES.items():
        if kind in run.ceiling_rates:
            parts.append(f"{name}: {_usd(run.ceiling_rates[kind] / times)}")
    return f"{{{', '.join(parts)}}}"


def _word(text: str) -> str:
    """As YAML takes it for this text, on one line."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def _usd(pico_each: Fraction) -> str:
    """Dollars for a million units of `pico_each`."""
    return pico_to_usd(round(pico_each * RATE_UNITS)).removesuffix(".00")


def _notes(report: PriceReport) -> list[str]:
    total = {name: sum(_figures(run)[name] for run in report.runs) for name in FIGURE_COLUMNS}
    changed = [run for run in report.runs if run.before]
    notes = seen(report, near=report.selection.near)
    if total["unpriced_calls"]:
        notes.append(
            f"{total['unpriced_calls']:,} of {total['calls']:,} calls had no price for all of their usage: "
            f"${pico_to_usd(total['unpriced_cost_usd'])} is billed at the ceiling. Entries for prices.yaml, with the "
            "ceiling's numbers to replace, stand in `add`."
        )
    if changed:
        change = total["cost_change_usd"]
        way = "more" if change >= 0 else "less"
        many = "One change" if len(changed) == 1 else f"{len(changed):,} changes"
        notes.append(f"{many} of price: ${pico_to_usd(abs(change))} {way} than at the prices before.")
    if any(run.not_compared for run in changed):
        notes.append("Kinds in `not_compared` were not used at the price before: they count as unchanged.")
    return notes


def _time(us: int, zone: ZoneInfo) -> str:
    return moment(us, zone).isoformat()
