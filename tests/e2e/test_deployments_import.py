"""`outlay deployments import` against a real ledger, and without one: files and git history, and nothing twice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.git_repository import GitRepository
from tests.servers.processes import ALICE_KEY, Deployment, base_environ

SERVICES = """
services:
  pay:
    repositories: [github.com/acme/pay]
    environments: [production]
    registered: 2026-01-01
"""
AT = "2025-03-01T10:00:00Z"


@pytest.fixture
def outlay(tmp_path: Path) -> Deployment:
    made = Deployment(tmp_path, "http://127.0.0.1:9")
    (made.data / "journal").mkdir(mode=0o700, parents=True)
    made.data.chmod(0o700)
    (made.folder / "policies/services.yaml").write_text(SERVICES)
    return made


def deployments(outlay: Deployment, *words: str, given: str = "", **more: str) -> "subprocess.CompletedProcess[str]":
    here = {"OUTLAY_DATA": str(outlay.data), "OUTLAY_POLICIES": str(outlay.folder / "policies")}
    return subprocess.run(
        [sys.executable, "-m", "proxy", "deployments", *words],
        env={**base_environ(), "HOME": str(outlay.folder), **here, **more},
        cwd=outlay.folder,
        input=given,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def a_deployment(number: int) -> str:
    facts = {"repository": "github.com/acme/pay", "environment": "production", "deployment": f"d{number}"}
    return json.dumps({**facts, "sha": f"{number:040x}", "occurred_at": AT})


def test_good_lines_are_taken_and_bad_ones_named_by_their_numbers(outlay: Deployment) -> None:
    lines = [a_deployment(number) for number in range(1, 1201)]
    lines[6], lines[899] = "{", json.dumps({"environment": "production", "occurred_at": AT})
    lines.insert(3, "")
    outlay.folder.joinpath("past.jsonl").write_text("\n".join(lines))
    try:
        outlay.start_ledger()
        ran = deployments(outlay, "import", "past.jsonl")
        assert (ran.returncode, ran.stdout) == (1, "1,198 facts are on record, labelled imported.\n"), ran.stderr
        named = [line.split(":")[1] for line in ran.stderr.splitlines()]
        assert named == [" line 8", " line 901"]
        refused = deployments(outlay, "import", "past.jsonl", OUTLAY_URL=outlay.ledger_url, OUTLAY_KEY=ALICE_KEY)
        assert (refused.returncode, "by admins" in refused.stderr) == (2, True)
    finally:
        outlay.stop()
    again = deployments(outlay, "import", "-", "--json", given=a_deployment(1))
    assert (again.returncode, json.loads(again.stdout)) == (0, {"told": 1, "bad": []}), again.stderr
    told = json.loads(deployments(outlay, "explain", "d1", "--json").stdout)
    assert told["deployment"]["imported"] is True
    assert told["deployment"]["at_us"] == 1_740_823_200_000_000


def test_git_history_is_brought_in_without_a_server(outlay: Deployment) -> None:
    made = GitRepository(outlay.folder / "pay")
    made.commit({"a.py": "a = 1\n"}, "First")
    made.branch("topic-1")
    made.commit({"b.py": "b = 1\n"}, "Work", author="bob@acme.example")
    made.merge("topic-1", message="Merge pull request #1 from acme/topic-1\n\nReviewed-by: Alice <alice@acme.example>")
    made.git("tag", "v1")
    words = ("import", "--git", str(made.folder), "--repository", "github.com/acme/pay", "--json")
    first, second = (deployments(outlay, *words) for _ in range(2))
    assert first.returncode == second.returncode == 0, first.stderr
    assert json.loads(first.stdout) == json.loads(second.stdout)
    story = json.loads(deployments(outlay, "explain", "v1", "--json").stdout)
    assert (story["deployment"]["sha"], story["deployment"]["imported"]) == (made.head("v1"), True)


def test_what_is_no_file_and_no_repository_says_so(outlay: Deployment) -> None:
    for words in ((), ("nothing.jsonl",), ("x", "--git", "."), ("--git", str(outlay.data))):
        ran = deployments(outlay, "import", *words)
        assert (ran.returncode, ran.stdout) == (2, ""), words
