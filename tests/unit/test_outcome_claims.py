"""docs/outcomes.md names the test of each of its laws, and of each fault that is planted; the tests are there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROOF = (ROOT / "docs/outcomes.md").read_text().partition("## How it is proved")[2].partition("\n## ")[0]
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))


def test_each_law_from_1_to_21_is_in_the_table() -> None:
    rows = [row for row in PROOF.splitlines() if re.match(r"\| P\d", row)]
    named = {int(number) for row in rows for number in re.findall(r"P(\d+)", row.split("|")[1])}
    assert named == set(range(1, 22))
    assert all("`test_" in row for row in rows)


def test_each_test_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PROOF))
    assert len(named) > 50
    assert named - set(re.findall(r"def (test_\w+)\(", TESTS)) == set()
