"""The bench of the gateway's path: every kind of call comes to its end at every server, and the report says so."""

import json
import shutil
from pathlib import Path
from statistics import mean

import pytest

from bench.gateway import main, measured, scenarios
from bench.gateway_bodies import SIZES, bodies
from bench.gateway_report import Cell, Figures, Scenario, chart, printed, table, write
from bench.gateway_servers import Server, nginx, outlay, provider
from proxy.dialects.openai_chat import read
from proxy.journal.codec import decode
from proxy.model.entry import Opened, Settled

SMALL = Scenario("small", "plain", 1)
PACED = Scenario("small", "paced", 16)
needs_nginx = pytest.mark.skipif(not (shutil.which("nginx") and shutil.which("openssl")), reason="needs nginx")


@pytest.mark.parametrize("size", SIZES)
def test_bodies_are_calls_of_their_size_and_each_is_another(size: str) -> None:
    made = bodies(size)
    sent = [made.next(connection) for _ in range(30) for connection in (1, 2)]
    assert len(set(sent)) == len(sent)
    assert mean(map(len, sent)) == pytest.approx(SIZES[size], rel=0.1)
    assert {read(each, {}).model for each in sent} == {"gpt-4o"}


def test_an_agents_call_is_the_one_before_it_and_a_turn_more() -> None:
    made = bodies("agent")
    one, other = (json.loads(made.next(1))["messages"] for _ in range(2))
    assert other[: len(one)] == one
    assert len(other) == len(one) + 2


def test_a_stream_asks_for_its_usage() -> None:
    asked = read(bodies("small", stream=True).next(1), {})
    assert asked.stream
    assert asked.usage_asked


def test_the_short_form_has_the_calls_of_the_aims() -> None:
    names = {each.name for each in scenarios(short=True)}
    assert names == {"small-plain-1", "small-plain-16", "agent-plain-1", "agent-plain-16", "paced-16", "burst-16"}
    assert names < {each.name for each in scenarios(short=False)}


@needs_nginx
def test_every_kind_of_call_comes_to_its_end(tmp_path: Path) -> None:
    """At nginx and at outlay with and without the detector; what outlay did is on its record."""
    kinds = [Scenario("small", way, 2) for way in ("plain", "secure", "burst")]
    kinds += [Scenario("agent", "plain", 2), Scenario("large", "secure", 1), Scenario("small", "paced", 2)]
    with provider(tmp_path / "upstream") as upstream:
        with nginx(tmp_path / "nginx", upstream) as yardstick:
            assert_cells(yardstick, kinds)
        with outlay(tmp_path / "with", upstream) as server:
            calls = assert_cells(server, kinds)
        assert_on_record(tmp_path / "with", calls)
        with outlay(tmp_path / "without", upstream, detector=False) as server:
            calls = assert_cells(server, kinds[:1])
        assert_on_record(tmp_path / "without", calls)
    assert list(tmp_path.glob("with/data/redundancy-*"))
    assert not list(tmp_path.glob("without/data/redundancy-*"))


def assert_cells(server: Server, kinds: list[Scenario]) -> int:
    cells = [measured(server, kind, bodies(kind.size, stream=kind.streamed), 0.05) for kind in kinds]
    assert all(cell.calls and cell.cpu_us > 0 for cell in cells)
    assert all(0 < cell.first_us <= cell.p50_us <= cell.p99_us for cell in cells)
    assert server.memory_mib() > 0
    return sum(cell.calls for cell in cells)


def assert_on_record(folder: Path, calls: int) -> None:
    """Each call was opened and settled, at what the provider reported."""
    lines = [decode(line) for each in folder.glob("data/journal/*/*.jsonl") for line in each.read_bytes().splitlines()]
    assert sum(isinstance(line, Opened) for line in lines) == calls
    settled = [line for line in lines if isinstance(line, Settled)]
    assert len(settled) == calls
    assert not any(line.estimated for line in settled)
    assert all(len(line.matched) == 10 for line in settled)


def test_a_ratio_is_taken_within_its_round() -> None:
    """A machine that is twice as slow in one round changes nothing."""
    figures = Figures(["nginx", "outlay"], [SMALL])
    for slow in (1, 2, 1):
        figures.add(SMALL, "nginx", Cell(10, 20.0 * slow, 100.0, 200.0, 90.0))
        figures.add(SMALL, "outlay", Cell(10, 100.0 * slow, 300.0, 500.0, 290.0))
    assert figures.ratios(SMALL, "outlay") == [5, 5, 5]
    assert "5.00 x nginx (5.00 to 5.00)" in printed(figures, SMALL)
    assert "**5.0 x** (100.0 µs), +0.20 ms, +0.30 ms" in table(figures, "")


def test_a_stream_is_counted_by_its_chunks() -> None:
    figures = Figures(["nginx", "outlay"], [PACED])
    figures.add(PACED, "nginx", Cell(10, 2000.0, 1e6, 1e6, 400.0))
    figures.add(PACED, "outlay", Cell(10, 4000.0, 1e6, 1e6, 900.0))
    assert "20.0 us CPU a chunk" in printed(figures, PACED)
    assert "**2.0 x** (20.0 µs), +0.50 ms" in table(figures, "")
    assert "2.0 x" in chart(figures)


def test_the_page_keeps_what_stands_around_the_table(tmp_path: Path) -> None:
    page, picture = tmp_path / "page.md", tmp_path / "chart.svg"
    end = "<!-- bench.gateway: end -->"
    page.write_text(f"before\n<!-- bench.gateway: begin -->\nold\n{end}\nafter\n")
    figures = Figures(["nginx", "outlay"], [SMALL])
    for server in figures.servers:
        figures.add(SMALL, server, Cell(10, 20.0, 100.0, 200.0, 90.0))
    write(figures, "Measured under load.", page, picture)
    said = page.read_text()
    assert said.startswith("before\n")
    assert said.endswith(f"{end}\nafter\n")
    assert "old" not in said
    assert "Measured under load." in said
    assert picture.read_text().startswith("<svg")


def test_without_nginx_there_is_nothing_to_compare_with(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("sys.argv", ["gateway"])
    assert main() == 2
    assert "apt install nginx openssl" in capsys.readouterr().err
