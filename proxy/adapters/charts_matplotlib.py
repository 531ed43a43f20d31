"""Charts as pictures: SVG for pages and documents, PNG for chats and slides."""

import io
import threading
from functools import cache
from types import ModuleType
from typing import Any, Final

from proxy.ledger.charts import Chart, Series, decimals, shortened
from proxy.model.money import PICO_PER_USD

COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
"""Okabe and Ito's, which people with any kind of colour vision tell apart (https://jfly.uni-koeln.de/color/); and a
grey for what is left, or was before."""
NAME_CHARS_MAX: Final = 40
TICKS_MAX: Final = 16
DPI: Final = 144
_SETTINGS: Final = {"svg.fonttype": "none", "svg.hashsalt": "outlay", "text.parse_math": False}
_LOCK: Final = threading.Lock()
"""matplotlib's settings are the process's own, and drawing reads them."""


def picture(chart: Chart, form: str) -> bytes:
    """The chart as 'svg' or 'png'. Takes a second the first time: call it in a thread."""
    matplotlib = _matplotlib()
    with _LOCK, matplotlib.rc_context(_SETTINGS):
        out = io.BytesIO()
        metadata = {"Title": chart.title, **({"Date": None} if form == "svg" else {})}
        _figure(chart).savefig(out, format=form, dpi=DPI, metadata=metadata)
        return out.getvalue()


@cache
def _matplotlib() -> ModuleType:
    # Imported at the first picture: it takes half a second and some 40 MiB, and most ledgers never draw.
    import matplotlib  # noqa: PLC0415

    matplotlib.use("agg")
    return matplotlib


def _figure(chart: Chart) -> Any:
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.ticker import FuncFormatter  # noqa: PLC0415

    tall = 4.8 if chart.over_time else max(2.4, 1.4 + 0.34 * len(chart.labels) * max(1, len(chart.series) * 0.7))
    figure = Figure(figsize=(10, tall), layout="constrained")
    axes = figure.add_subplot()
    (_stacked if chart.over_time else _beside)(axes, chart)
    axes.set_title(chart.title, loc="left", fontweight="bold", pad=22)
    axes.annotate(chart.subtitle, (0, 1), (0, 6), "axes fraction", "offset points", fontsize=9, color="#555555")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    money = axes.yaxis if chart.over_time else axes.xaxis
    money.set_major_formatter(FuncFormatter(lambda value, _: f"${value:,.{decimals(chart, cents=False)}f}"))
    money.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    if len(chart.series) > 1:
        axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
    if not any(value for series in chart.series for value in series.values):
        (axes.set_ylim if chart.over_time else axes.set_xlim)(0, 1)
        axes.text(0.5, 0.5, "Nothing was spent in this period", ha="center", transform=axes.transAxes, color="#555555")
    if chart.notes:
        figure.supxlabel("\n".join(chart.notes), x=0.01, ha="left", fontsize=8, color="#555555")
    return figure


def _stacked(axes: Any, chart: Chart) -> None:
    base = [0.0] * len(chart.labels)
    for number, series in enumerate(chart.series):
        heights = _usd(series)
        axes.bar(
            range(len(heights)), heights, bottom=base, color=_colour(number), label=_short(series.name), width=0.85
        )
        base = [below + height for below, height in zip(base, heights, strict=True)]
    step = -(-len(chart.labels) // TICKS_MAX) or 1
    axes.set_xticks(range(0, len(chart.labels), step))
    axes.set_xticklabels(
        list(map(_short, chart.labels[::step])), rotation=35 if len(chart.labels) > 6 else 0, ha="right", fontsize=9
    )
    axes.margins(x=0.01)


def _beside(axes: Any, chart: Chart) -> None:
    """Horizontal, the first label on top, so that long names can be read."""
    thick = 0.8 / max(1, len(chart.series))
    for number, series in enumerate(chart.series):
        places = [place + (number - (len(chart.series) - 1) / 2) * thick for place in range(len(chart.labels))]
        colour = COLOURS[0] if number == 0 else COLOURS[-1]
        bars = axes.barh(places, _usd(series), height=thick * 0.92, color=colour, label=_short(series.name))
        axes.bar_label(
            bars, [f"${value:,.{decimals(chart, cents=False)}f}" for value in _usd(series)], padding=3, fontsize=8
        )
    axes.set_yticks(range(len(chart.labels)))
    axes.set_yticklabels(map(_short, chart.labels), fontsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.12)


def _usd(series: Series) -> list[float]:
    return [value / PICO_PER_USD for value in series.values]


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _short(name: str) -> str:
    """Names can be a person's own words; a leading underscore would hide one from the legend."""
    shown = shortened(name, NAME_CHARS_MAX)
    return f" {shown}" if shown.startswith("_") else shown
