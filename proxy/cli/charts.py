"""Charts in the terminal: bars of block characters, readable without colours too."""

from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from proxy.cli.tables import console
from proxy.ledger.charts import Chart, decimals, shortened
from proxy.model.money import PICO_PER_USD

WIDTH_MAX: Final = 100
"""Beyond it a bar's length is hard to follow."""
NAME_CHARS_MAX: Final = 32
_COLOURS: Final = ("blue", "yellow", "green", "magenta", "cyan", "red", "bright_yellow", "white", "bright_black")
_FILLS: Final = "█▓▒░"
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_ASCII_FILLS: Final = "#=+-"
"""Where the terminal's encoding has no others."""


def draw(chart: Chart, out: Console | None = None) -> None:
    out = out or console()
    out.print(Text(chart.title, "bold"))
    out.print(Text(chart.subtitle, "dim"))
    if not any(value for series in chart.series for value in series.values):
        out.print("Nothing was spent in this period.")
        return
    if len(chart.series) > 1:
        out.print(_legend(out, chart))
    (_stacked if chart.over_time else _beside)(out, chart)
    for note in chart.notes:
        out.print(Text(f"- {note}"))


def _stacked(out: Console, chart: Chart) -> None:
    totals = [sum(values) for values in zip(*(series.values for series in chart.series), strict=True)]
    names, room, money = _names(chart), _room(out, chart), _amount_chars(chart)
    scale = room / max(totals)
    for place, (name, total) in enumerate(zip(names, totals, strict=True)):
        bar, drawn, exact = Text(), 0, 0.0
        for number, series in enumerate(chart.series):
            exact += series.values[place] * scale
            # Rounded by where a piece ends, so that pieces add up to the whole.
            bar.append(_fill(out, number) * (round(exact) - drawn), _colour(number))
            drawn = round(exact)
        out.print(Text(f"{name}  ") + bar + Text(" " * (room - drawn) + f"  {_usd(chart, total):>{money}}"))


def _beside(out: Console, chart: Chart) -> None:
    room, money = _room(out, chart), _amount_chars(chart)
    scale = room / max(value for series in chart.series for value in series.values)
    for place, name in enumerate(_names(chart)):
        for number, series in enumerate(chart.series):
            value = series.values[place]
            eighths = round(value * scale * 8)
            rest = _EIGHTHS[eighths % 8].strip() if number == 0 and not out.options.ascii_only else ""
            bar = (_fill(out, number) * (eighths // 8) + rest)[:room]
            label = name if number == 0 else " " * cell_len(name)
            line = Text(f"{label}  ") + Text(bar, _colour(number if number == 0 else -1))
            out.print(line + Text(" " * (room - len(bar)) + f"  {_usd(chart, value):>{money}}"))


def _legend(out: Console, chart: Chart) -> Text:
    legend = Text()
    for number, series in enumerate(chart.series):
        legend.append(f"{_fill(out, number)} ", _colour(number if chart.over_time else -min(number, 1)))
        legend.append(f"{_short(series.name)}   ")
    return legend


def _room(out: Console, chart: Chart) -> int:
    return max(10, min(out.width, WIDTH_MAX) - cell_len(_names(chart)[0]) - _amount_chars(chart) - 5)


def _amount_chars(chart: Chart) -> int:
    """Of the widest amount beside a bar."""
    if chart.over_time:
        amounts = list(map(sum, zip(*(each.values for each in chart.series), strict=True)))
    else:
        amounts = [value for each in chart.series for value in each.values]
    return max(len(_usd(chart, amount)) for amount in amounts)


def _names(chart: Chart) -> list[str]:
    names = [_short(label) for label in chart.labels]
    width = max(map(cell_len, names))
    return [set_cell_size(name, width) for name in names]


def _short(name: str) -> str:
    return shortened(name, NAME_CHARS_MAX)


def _usd(chart: Chart, value: int) -> str:
    return f"${value / PICO_PER_USD:,.{decimals(chart)}f}"


def _fill(out: Console, number: int) -> str:
    fills = _ASCII_FILLS if out.options.ascii_only else _FILLS
    return fills[number % len(fills)]


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]
