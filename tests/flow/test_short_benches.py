"""Benches that measure time, in short: each comes to its end and says what it is to say. How long it took is no test.

Those that show a behaviour have tests of their own: bench.crash, soak, overload, budgets and reload in tests/e2e,
bench.fuzz in tests/fuzz, bench.upgrade in test_upgrade.py, bench.gateway and gaming in tests/unit/bench.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from bench.ledger import LARGEST, REPORTS, WASTE_REPORTS, measured
from bench.ledger_report import table, write
from tests.servers.processes import ROOT, base_environ

SHORT = {
    "policies": (("--people", "20", "--rules", "8", "--services", "4"), "services.yaml"),
    "outcomes": (("--calls", "200", "--deployments", "20"), "a delivery of"),
    "replay": (("--calls", "100", "--mix", "usual"), "both runs gave the same bytes"),
    "looking": (("--calls", "5"), "agent"),
}


@pytest.mark.parametrize("name", SHORT)
def test_a_bench_comes_to_its_end(name: str) -> None:
    given, says = SHORT[name]
    asked = [sys.executable, "-m", f"bench.{name}", *given]
    done = subprocess.run(asked, cwd=ROOT, env=base_environ(), capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert says in done.stdout


def test_the_ledgers_bench_makes_a_ledger_of_the_size_and_its_table(tmp_path: Path) -> None:
    asked = argparse.Namespace(journal=500, live_rate=100, live_s=0.2)
    size = measured(tmp_path, asked, 2000)
    assert 0 < size.sums <= 2000
    assert set(size.reports_ms) == {*REPORTS, LARGEST, *WASTE_REPORTS, "one call explained"}
    assert min(size.reports_ms.values()) > 0
    assert size.behind_s[0] > 0
    assert size.database_bytes > 0
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- bench.ledger: begin -->\nlast time\n<!-- bench.ledger: end -->\nafter\n")
    write([size], "In short.", page)
    said = page.read_text()
    assert said.startswith("before\n")
    assert said.endswith("<!-- bench.ledger: end -->\nafter\n")
    assert table([size]) in said
    assert "last time" not in said
