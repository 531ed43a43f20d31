"""Benches that measure time, in short: each comes to its end and says what it is to say. How long it took is no test.

Those that show a behaviour have tests of their own: bench.crash, soak, overload, budgets and reload in tests/e2e,
bench.fuzz in tests/fuzz, bench.upgrade in test_upgrade.py, bench.gateway and gaming in tests/unit/bench. Of
bench.mutations it is tested that its faults can be planted; bench.before wants an older version, which CI doesn't have.
"""

import argparse
import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.ledger import LARGEST, REPORTS, WASTE_REPORTS, measured
from bench.ledger_report import table, write
from bench.mutations import FAULTS
from bench.mutations import ROOT as TREE
from bench.traffic.plan import made
from bench.traffic.writing import Spool
from tests.servers.processes import ROOT, base_environ

SHORT = {
    "policies": (("--people", "20", "--rules", "8", "--services", "4"), "services.yaml"),
    "outcomes": (("--calls", "200", "--deployments", "20"), "a delivery of"),
    "replay": (("--calls", "100", "--mix", "usual"), "both runs gave the same bytes"),
    "looking": (("--calls", "5"), "agent"),
    "journal": (("--lines", "200", "--paced-s", "0.05"), "401 lines, 1 open"),
    "metering": (("--repeats", "1"), "body of 1.5 KB: read"),
    "policy": (("--rounds", "1", "--calls", "20"), "index 1,000 rules"),
    "upstream": (("--rounds", "1", "--share", "0.02"), "stream  socket"),
}


@pytest.mark.parametrize("name", SHORT)
def test_a_bench_comes_to_its_end(name: str) -> None:
    given, says = SHORT[name]
    assert says in said_by(name, *given)


def said_by(name: str, *given: str) -> str:
    asked = [sys.executable, "-m", f"bench.{name}", *given]
    done = subprocess.run(asked, cwd=ROOT, env=base_environ(), capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_detectors_bench_scores_every_pattern_of_labelled_traffic(tmp_path: Path) -> None:
    with Spool() as spool:
        company = made(spool, seed=1, waste=0.3, users=4, days=1)
        spool.write(tmp_path / "set", company.kept)
        calls = len(spool)
    said = said_by("redundancy", str(tmp_path / "set"))
    assert f"== set: {calls} calls" in said
    assert "  precision " in said
    for label in ("waste", "legit"):
        found = patterns(tmp_path / "set.labels.jsonl.gz", label)
        assert found
        assert all(f"\n    {each} " in said for each in found)


def patterns(labels: Path, label: str) -> set[str]:
    rows = map(json.loads, gzip.decompress(labels.read_bytes()).splitlines())
    return {row["pattern"] for row in rows if row["label"] == label}


def test_each_fault_of_the_bench_of_mutations_can_still_be_planted() -> None:
    """In one place: else the code that it breaks has changed, and nobody knows any more what would find it."""
    found = {each.name: (TREE / f"proxy/outcomes/{each.file}.py").read_text().count(each.old) for each in FAULTS}
    assert found == dict.fromkeys(found, 1)


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
