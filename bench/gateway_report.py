"""What `bench.gateway` found: in lines as it goes, and as a table and a chart in docs/benchmarks.md."""

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log10
from operator import attrgetter
from pathlib import Path
from statistics import median
from typing import Final

from bench.gateway_upstream import CHUNKS
from bench.page import put

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs/benchmarks.md"
CHART: Final = ROOT / "docs/benchmarks.svg"
YARDSTICK: Final = "nginx"
DIRECT: Final = "direct"
COLOURS: Final = {"outlay": "#0072B2", "outlay without detector": "#56B4E9", "litellm": "#D55E00", "portkey": "#E69F00"}
SIZES: Final = {"small": "1.5 KB", "agent": "70 KB", "large": "1 MB"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of call."""

    size: str
    way: str
    """'plain' or 'secure' (TLS to the provider) for whole answers, 'paced' or 'burst' for streams."""
    in_flight: int

    @property
    def streamed(self) -> bool:
        return self.way in ("paced", "burst")

    @property
    def name(self) -> str:
        return f"{self.way}-{self.in_flight}" if self.streamed else f"{self.size}-{self.way}-{self.in_flight}"

    @property
    def said(self) -> str:
        if self.streamed:
            return f"stream of {CHUNKS[f'/{self.way}/'.encode()]} chunks, {self.way}, {self.in_flight} in flight"
        tls = ", TLS to the provider" if self.way == "secure" else ""
        return f"{SIZES[self.size]}, {self.in_flight} in flight{tls}"

    @property
    def units(self) -> int:
        """What CPU is counted by: calls, or the chunks of a stream."""
        return CHUNKS[f"/{self.way}/".encode()] if self.streamed else 1


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of call at one server in one round."""

    calls: int
    cpu_us: float
    """A call; 0: it wasn't counted."""
    p50_us: float
    p99_us: float
    first_us: float


@dataclass(slots=True)
class Figures:
    servers: Sequence[str]
    scenarios: Sequence[Scenario]
    memory: dict[str, float] = field(default_factory=dict)
    """MiB after all rounds."""
    starts: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Seconds until ready, and MiB then (0: not looked at)."""
    cells: dict[tuple[Scenario, str], list[Cell]] = field(default_factory=dict)

    def add(self, scenario: Scenario, server: str, cell: Cell) -> None:
        self.cells.setdefault((scenario, server), []).append(cell)

    def of(self, scenario: Scenario, server: str) -> list[Cell]:
        return self.cells.get((scenario, server), [])

    def middle(self, scenario: Scenario, server: str, what: str) -> float:
        """The median of a field of Cell."""
        return float(median(map(attrgetter(what), self.of(scenario, server))))

    def ratios(self, scenario: Scenario, server: str) -> list[float]:
        """CPU beside nginx's, of each round."""
        pairs = zip(self.of(scenario, server), self.of(scenario, YARDSTICK), strict=True)
        return [mine.cpu_us / theirs.cpu_us for mine, theirs in pairs]

    def added_us(self, scenario: Scenario, server: str, what: str) -> float:
        """How much longer than through nginx, by a field of Cell; the median over the rounds."""
        took = attrgetter(what)
        pairs = zip(self.of(scenario, server), self.of(scenario, YARDSTICK), strict=True)
        return float(median([took(mine) - took(theirs) for mine, theirs in pairs]))

    def summary(self) -> str:
        lines = []
        for server in self.servers:
            ready_s, mib = self.starts.get(server, (0.0, 0.0))
            if server in self.memory:
                then = f", {mib:.1f} MiB then" if mib else ""
                lines.append(f"{server:24} ready after {ready_s:.2f} s{then}; {self.memory[server]:.1f} MiB at the end")
        return "\n".join(lines)


def printed(figures: Figures, scenario: Scenario) -> str:
    """All servers, of one kind of call."""
    unit = "a chunk" if scenario.streamed else "a call"
    lines = [f"\n{scenario.name}: {scenario.said}"]
    for server in figures.servers:
        if not figures.of(scenario, server):
            continue
        times = [figures.middle(scenario, server, "p50_us"), figures.middle(scenario, server, "p99_us")]
        line = f"  {server:24} p50 {times[0]:9.0f} us  p99 {times[1]:9.0f} us"
        if scenario.streamed:
            line = f"  {server:24} first byte after {figures.middle(scenario, server, 'first_us'):9.0f} us"
        if server != DIRECT:
            cpu_us = figures.middle(scenario, server, "cpu_us") / scenario.units
            ratios = figures.ratios(scenario, server)
            spread = f"{median(ratios):6.2f} x nginx ({min(ratios):.2f} to {max(ratios):.2f})"
            line += f"  {cpu_us:8.1f} us CPU {unit}  {spread}"
        lines.append(line)
    return "\n".join(lines)


def machine() -> str:
    """What it runs on, in one line."""
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    there = shutil.which("nginx")
    said = subprocess.run((there, "-v"), capture_output=True, text=True, check=False).stderr if there else "/none"
    return (
        f"{os.cpu_count()} cores ({cpu.partition(':')[2].strip()}), {memory_kib / 2**20:.0f} GiB, "
        f"Linux {platform.release()}, Python {platform.python_version()}, nginx {said.strip().rpartition('/')[2]}"
    )


def write(figures: Figures, note: str, page: Path = PAGE, picture: Path = CHART) -> None:
    """Into the page, between its two marks; all around them stays."""
    put(page, "bench.gateway", table(figures, note))
    picture.write_text(chart(figures))


def table(figures: Figures, note: str) -> str:
    compared = [server for server in figures.servers if server not in (DIRECT, YARDSTICK)]
    heads = [f"{server}: CPU, p50, p99" for server in compared]
    rows = [["calls", *heads, "nginx: CPU, p50"], ["---"] * (len(heads) + 2)]
    for scenario in figures.scenarios:
        cells = [_told(figures, scenario, server) for server in compared]
        cpu_us = figures.middle(scenario, YARDSTICK, "cpu_us") / scenario.units
        rows.append(
            [scenario.said, *cells, f"{cpu_us:.1f} µs, {_ms(figures.middle(scenario, YARDSTICK, _awaited(scenario)))}"]
        )
    lines = [f"| {' | '.join(row)} |" for row in rows]
    starts = [
        f"| {name} | {ready_s:.2f} s | {f'{mib:.0f} MiB' if mib else ''} | {figures.memory.get(name, 0):.0f} MiB |"
        for name, (ready_s, mib) in figures.starts.items()
    ]
    rounds = max(map(len, figures.cells.values()))
    return "\n".join(
        [
            f"On {machine()}; medians of {rounds} rounds. {note}".strip(),
            "",
            *lines,
            "",
            "| process | ready after | memory then | memory after all rounds |",
            "|---|---|---|---|",
            *starts,
        ]
    )


def _told(figures: Figures, scenario: Scenario, server: str) -> str:
    if not figures.of(scenario, server):
        return ""
    cpu_us = figures.middle(scenario, server, "cpu_us") / scenario.units
    added = _ms(figures.added_us(scenario, server, _awaited(scenario)))
    said = f"**{median(figures.ratios(scenario, server)):.1f} x** ({cpu_us:.1f} µs), +{added}"
    return said if scenario.streamed else f"{said}, +{_ms(figures.added_us(scenario, server, 'p99_us'))}"


def chart(figures: Figures) -> str:
    """CPU beside nginx's as bars, on a scale of powers of ten."""
    compared = [server for server in figures.servers if server not in (DIRECT, YARDSTICK)]
    rows = [(scenario, [each for each in compared if figures.of(scenario, each)]) for scenario in figures.scenarios]
    most = max(median(figures.ratios(scenario, server)) for scenario, servers in rows for server in servers)
    wide = 420 / log10(max(10.0, most) * 1.1)
    parts, y = [], 56
    for scenario, servers in rows:
        parts.append(f'<text x="300" y="{y + 6 + 7 * len(servers)}" text-anchor="end">{scenario.said}</text>')
        for server in servers:
            ratio = median(figures.ratios(scenario, server))
            length = max(1.0, wide * log10(max(1.0, ratio)))
            colour = COLOURS.get(server, "#999999")
            parts.append(f'<rect x="310" y="{y}" width="{length:.1f}" height="11" fill="{colour}"/>')
            parts.append(f'<text x="{316 + length:.1f}" y="{y + 10}">{ratio:.1f} x</text>')
            y += 14
        y += 10
    legend = "".join(
        f'<rect x="{12 + 190 * at}" y="30" width="11" height="11" fill="{COLOURS.get(server, "#999999")}"/>'
        f'<text x="{28 + 190 * at}" y="40">{server}</text>'
        for at, server in enumerate(compared)
    )
    size = f'width="800" height="{y + 10}"'
    title = "CPU of a call or chunk, in multiples of nginx as a plain proxy (logarithmic)"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
        f'<rect {size} fill="white"/><text x="12" y="20" font-size="14" font-weight="bold">{title}</text>'
        f"{legend}{''.join(parts)}</svg>\n"
    )


def _ms(us: float) -> str:
    return f"{us / 1000:.2f} ms"


def _awaited(scenario: Scenario) -> str:
    """What callers wait for: the answer, or the first byte of a stream."""
    return "first_us" if scenario.streamed else "p50_us"
