"""`outlay deployments record` against a real ledger: what a pipeline tells is on record, and never breaks it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.processes import ADMIN_KEY, Deployment, base_environ, fetch, free_port, until

SECRET = "the pipelines' own secret"
SERVICES = """
sources:
  pipelines: {kind: generic, secrets: [{env: OUTLAY_EVENTS_SECRET}]}
services:
  checkout:
    repositories: [github.com/acme/checkout]
    environments: [production]
    registered: 2026-01-01
    trust: claimed
"""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("r"), "http://127.0.0.1:9", {"OUTLAY_EVENTS_SECRET": SECRET})
    deployment.data.mkdir(mode=0o700)
    (deployment.folder / "policies/services.yaml").write_text(SERVICES)
    try:
        deployment.start_ledger()
        yield deployment
    finally:
        deployment.stop()


@pytest.fixture
def work_tree(tmp_path: Path) -> Path:
    """One commit, and a remote."""
    who = ("-c", "user.name=alice", "-c", "user.email=alice@example.com")
    for words in (
        ("init", "-q", "-b", "main"),
        ("remote", "add", "origin", "https://alice:token@github.com/Acme/Checkout.git"),
        (*who, "commit", "-q", "--allow-empty", "-m", "one"),
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def record(folder: Path, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return deployments(folder, "record", *words, **environ)


def deployments(folder: Path, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "proxy", "deployments", *words],
        cwd=folder,
        env={**base_environ(), "HOME": str(folder), "OUTLAY_EVENTS_SECRET": SECRET, **environ},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_one_line_in_a_work_tree_is_enough(work_tree: Path, ledger: Deployment) -> None:
    ran = record(work_tree, "--environment", "production", "--json", OUTLAY_URL=ledger.ledger_url)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=work_tree, text=True).strip()
    assert (said["recorded"], said["event"]["sha"]) == (True, head)
    assert said["event"]["repository"] == "github.com/acme/checkout"
    assert said["answer"] == {
        **{"source": "pipelines", "delivery": said["event"]["event_id"], "duplicate": False, "told": 1},
        **{"ids": [f"pipelines:{said['event']['event_id']}:0"], "quarantine": []},
    }
    assert "token" not in ran.stdout


def test_a_ci_step_run_twice_is_told_once(tmp_path: Path, ledger: Deployment) -> None:
    known = {"GITLAB_CI": "true", "CI_PROJECT_URL": "https://github.com/acme/checkout", "CI_COMMIT_SHA": "cd" * 20}
    known |= {"CI_JOB_ID": "77", "CI_ENVIRONMENT_NAME": "production", "OUTLAY_URL": ledger.ledger_url}
    first = record(tmp_path, "--service", "checkout", **known)
    assert (first.returncode, first.stdout) == (0, "Recorded: checkout in production, success, cdcdcdcdcd.\n")
    again = json.loads(record(tmp_path, "--service", "checkout", "--json", **known).stdout)
    assert again["answer"]["duplicate"] is True


def test_what_nobody_registered_is_kept_and_listed(tmp_path: Path, ledger: Deployment) -> None:
    words = ("--environment", "production", "--repository", "github.com/acme/unknown", "--sha", "ef" * 20)
    ran = record(tmp_path, *words, OUTLAY_URL=ledger.ledger_url)
    assert ran.returncode == 0
    assert "counts nothing yet: no service in services.yaml has the repository github.com/acme/unknown" in ran.stderr

    def listed() -> bool:
        rows = fetch(f"{ledger.ledger_url}/v1/events/quarantine", ADMIN_KEY)["rows"]
        return [row["repository"] for row in rows] == ["github.com/acme/unknown"]

    until("it is listed", listed)


@pytest.mark.parametrize("trouble", ["nobody there", "no secret", "another secret", "no URL"])
def test_a_pipeline_goes_on_where_it_cannot_be_recorded(tmp_path: Path, ledger: Deployment, trouble: str) -> None:
    environ = {
        "nobody there": {"OUTLAY_URL": f"http://127.0.0.1:{free_port()}"},
        "no secret": {"OUTLAY_URL": ledger.ledger_url, "OUTLAY_EVENTS_SECRET": ""},
        "another secret": {"OUTLAY_URL": ledger.ledger_url, "OUTLAY_EVENTS_SECRET": "of bob's"},
        "no URL": {"OUTLAY_URL": "ledger:4142"},
    }[trouble]
    words = ("--environment", "production", "--service", "checkout")
    ran = record(tmp_path, *words, **environ)
    assert (ran.returncode, ran.stdout) == (0, "")
    assert ran.stderr.startswith("outlay: WARNING: this deployment was not recorded: ")
    assert SECRET not in ran.stderr
    if trouble == "no secret":
        assert record(tmp_path, *words, "--strict", **environ).returncode == 1


@pytest.mark.parametrize(
    "words",
    [
        ("--service", "checkout"),
        ("--environment", "production"),
        ("--environment", "production", "--service", "checkout", "--state", "done"),
        ("--environment", "production", "--repository", "checkout"),
    ],
)
def test_a_wrong_command_line_says_so(tmp_path: Path, words: tuple[str, ...]) -> None:
    ran = record(tmp_path, *words, OUTLAY_URL="http://127.0.0.1:9")
    assert (ran.returncode, ran.stdout) == (2, "")


def test_what_was_told_is_explained_beside_the_server_and_without_one(tmp_path: Path) -> None:
    outlay = Deployment(tmp_path, "http://127.0.0.1:9", {"OUTLAY_EVENTS_SECRET": SECRET})
    outlay.data.mkdir(mode=0o700)
    (outlay.folder / "policies/services.yaml").write_text(SERVICES)
    here = {"OUTLAY_DATA": str(outlay.data), "OUTLAY_POLICIES": str(outlay.folder / "policies")}
    words = ("--environment", "production", "--repository", "github.com/acme/checkout", "--sha", "ab" * 20)
    try:
        outlay.start_ledger()
        assert record(tmp_path, *words, "--deployment", "d7", "--strict", OUTLAY_URL=outlay.ledger_url).returncode == 0
        until("it is loaded", lambda: deployments(tmp_path, "explain", "d7", **here).returncode == 0)
        report = fetch(f"{outlay.ledger_url}/v1/reports/deployments?by=service&since=7d&reason=test", ADMIN_KEY)
        assert [(row["service"], row["deployments"]) for row in report["rows"]] == [("checkout", 1)]
    finally:
        outlay.stop()
    ran = deployments(tmp_path, "explain", "abababab", **here)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("Deployment pipelines/github.com/acme/checkout/d7\n")
    for part in ("not_counted", "pipelines, claimed", "not known: its repository has no mirror"):
        assert part in ran.stdout, ran.stdout
    unknown = deployments(tmp_path, "explain", "d8", **here)
    assert (unknown.returncode, unknown.stdout) == (1, "")
