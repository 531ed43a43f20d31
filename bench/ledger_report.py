"""What `bench.ledger` found, as lines and as a table in docs/benchmarks.md."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.gateway_report import PAGE, machine
from bench.page import put


@dataclass(slots=True)
class Size:
    """A ledger of so many calls."""

    calls: int
    lines_s: float = 0.0
    """Of the journal, loaded in a second."""
    line_us: float = 0.0
    """CPU; a call has two lines."""
    call_us: float = 0.0
    database_bytes: float = 0.0
    """A call, on disk."""
    journal_bytes: float = 0.0
    """A call, in the journal."""
    sums: int = 0
    """Rows that reports of spend read."""
    reports_ms: dict[str, float] = field(default_factory=dict)
    """Medians."""
    behind_s: tuple[float, float] = (0.0, 0.0)
    """How far what is loaded is behind what is written, live: median and worst."""
    behind_beside_s: tuple[float, float] = (0.0, 0.0)
    """The same while the largest report runs all the time."""
    page_ms: tuple[float, float] = (0.0, 0.0)
    """A small report, alone and beside that one; medians."""
    backlog_lines_s: float = 0.0
    """Loading a backlog beside it."""
    opened_s: float = 0.0
    """Opening the database after a kill."""


ROWS: Final[Mapping[str, Callable[[Size], str]]] = {
    "journal lines loaded a second": lambda each: f"{each.lines_s:,.0f}",
    "CPU a line (a call has two), a call": lambda each: f"{each.line_us:.1f} µs, {each.call_us:.1f} µs",
    "disk a call: database, journal": lambda each: f"{each.database_bytes:,.0f}, {each.journal_bytes:,.0f} bytes",
    "rows of sums, calls to a row": lambda each: f"{each.sums:,}, {each.calls / max(1, each.sums):.0f}",
    "opened after a kill within": lambda each: f"{each.opened_s:.2f} s",
    "behind live, median and worst": lambda each: _two(each.behind_s),
    "the same beside the largest report": lambda each: _two(each.behind_beside_s),
    "backlog beside it, lines a second": lambda each: f"{each.backlog_lines_s:,.0f}",
    "a small report alone, beside it": lambda each: f"{each.page_ms[0]:.0f} ms, {each.page_ms[1]:.0f} ms",
}


def _two(found: tuple[float, float]) -> str:
    return f"{found[0]:.2f} s, {found[1]:.2f} s"


def table(sizes: list[Size]) -> str:
    heads = ["", *(f"{each.calls:,} calls" for each in sizes)]
    lines = [heads, ["---"] * len(heads)]
    lines += [[name, *(told(each) for each in sizes)] for name, told in ROWS.items()]
    names = dict.fromkeys(name for each in sizes for name in each.reports_ms)
    lines += [[f"report: {name}", *(f"{each.reports_ms[name]:.0f} ms" for each in sizes)] for name in names]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(sizes: list[Size], note: str, page: Path = PAGE) -> None:
    """Into the page, between its two marks."""
    put(page, "bench.ledger", f"On {machine().partition(', nginx')[0]}. {note}".strip() + f"\n\n{table(sizes)}")
