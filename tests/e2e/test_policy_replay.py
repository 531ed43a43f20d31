"""`outlay policy replay` and `outlay policy explain` as an admin runs them: beside a server, through its socket, over
HTTP, and on the closed files."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.policy.load import ENFORCED
from tests.servers.processes import ADMIN_KEY, ALICE_KEY, Deployment, StandIn, base_environ, fetch, until

pytestmark = pytest.mark.skipif(not {"budgets", "models"} <= ENFORCED, reason="this version takes no rules")

BUDGETS = """budgets:
  - name: everybody
    limit: 8 calls
    window: total
    contact: "#platform"
"""
MODELS = """models:
  - {name: no-o3, deny: ["o3*"]}
  - {name: smaller, applies_to: {model: gpt-5}, downgrade: {to: gpt-5-mini}}
  - {name: perhaps-no-4.1, deny: ["gpt-4.1*"], mode: shadow}
"""
CANDIDATE = MODELS.replace("  - {name: no-o3", "  - {name: no-4o, deny: [gpt-4o]}\n  - {name: no-o3")
ASKED = ("gpt-5", "gpt-4.1", "o3", "gpt-4o", "gpt-5-mini")


@dataclass
class Shell:
    outlay: Deployment
    ids: dict[str, str]
    """Model asked for -> the id of its call."""

    def run(self, *words: str, key: str = ADMIN_KEY, over_http: bool = True) -> subprocess.CompletedProcess[str]:
        environ = {**base_environ(), "OUTLAY_DATA": str(self.outlay.data), "XDG_CONFIG_HOME": str(self.outlay.folder)}
        if over_http:
            environ |= {"OUTLAY_URL": self.outlay.ledger_url, "OUTLAY_KEY": key}
        arguments = [sys.executable, "-m", "proxy", "policy", *words]
        return subprocess.run(arguments, check=False, env=environ, capture_output=True, text=True, timeout=300)

    def replay(self, *words: str, over_http: bool = True, **given: Any) -> subprocess.CompletedProcess[str]:
        folder = str(self.outlay.folder / "candidate")
        return self.run("replay", "--policies", folder, *words, over_http=over_http, **given)

    def explained(self, model: str) -> list[dict[str, Any]]:
        answer = self.run("explain", self.ids[model], "--json", key=ALICE_KEY)
        rules: list[dict[str, Any]] = json.loads(answer.stdout)["rules"]
        return rules


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, provider: StandIn) -> Iterator[Shell]:
    outlay = Deployment(tmp_path_factory.mktemp("replay"), provider.url)
    for folder, models in (("policies", MODELS), ("candidate", CANDIDATE)):
        place = outlay.folder / folder
        place.mkdir(exist_ok=True)
        for name in ("providers.yaml", "access.yaml"):
            (place / name).write_bytes((outlay.folder / "policies" / name).read_bytes())
        (place / "budgets.yaml").write_text(BUDGETS)
        (place / "models.yaml").write_text(models)
    with outlay.running():
        ready = f"{outlay.url}/v1/chat/completions"
        headers = {"authorization": f"Bearer {ALICE_KEY}"}
        chat = {"messages": [{"role": "user", "content": "hello"}], "max_completion_tokens": 50}

        def ask(model: str) -> httpx.Response:
            return httpx.post(ready, json={"model": model, **chat}, headers=headers, timeout=300)

        until("the budgets are known", lambda: ask("gpt-4o").status_code != 503, outlay.gateway)
        ids = {model: ask(model).headers["x-outlay-call-id"] for model in ASKED}
        for _ in range(6):
            last = ask("gpt-5-mini")
        ids["above"] = last.headers["x-outlay-call-id"]

        def loaded() -> bool:
            answer = httpx.get(f"{outlay.ledger_url}/v1/calls/{ids['above']}", headers=headers)
            return answer.status_code == 200 and answer.json()["state"] != "in_flight"

        until("the calls are in the ledger", loaded, outlay.ledger)
        yield Shell(outlay, ids)


def test_a_refused_call_is_explained_by_the_rule_that_refused_it(shell: Shell) -> None:
    first, *_ = shell.explained("o3")
    assert (first["name"], first["where"], first["kind"]) == ("no-o3", "models.yaml:2", "model rule")
    assert (first["did"], first["decided"], first["says"]) == ("refuse", True, "denies o3*")
    budget, *_ = shell.explained("above")
    assert (budget["name"], budget["did"], budget["contact"]) == ("everybody", "refuse", "#platform")
    assert budget["says"] == "8 calls in total"


def test_a_downgraded_call_is_explained_by_the_rule_and_the_value_that_fit_it(shell: Shell) -> None:
    rules = {rule["name"]: rule for rule in shell.explained("gpt-5")}
    assert rules["smaller"]["did"] == "downgrade"
    assert rules["smaller"]["because"] == [{"dimension": "model", "value": "gpt-5", "fits": "gpt-5"}]
    assert (rules["everybody"]["did"], rules["everybody"]["account"]["charged"]) == ("count", "1 calls")
    assert rules["no-o3"]["did"] == ""


def test_a_call_that_shadow_mode_let_through_says_what_it_would_have_been(shell: Shell) -> None:
    rules = {rule["name"]: rule for rule in shell.explained("gpt-4.1")}
    assert (rules["perhaps-no-4.1"]["did"], rules["perhaps-no-4.1"]["mode"]) == ("shadow: refuse", "shadow")
    said = shell.run("explain", shell.ids["gpt-4.1"], key=ALICE_KEY).stdout
    assert "Rule perhaps-no-4.1" in said
    assert "in force it would have been: refuse" in said


def test_a_replay_says_what_the_candidate_changes(shell: Shell) -> None:
    answer = shell.replay("--json")
    assert answer.returncode == 0, answer.stderr
    document = json.loads(answer.stdout)
    by_rule = {(row["rule"], row["did"]): row["change"]["calls"] for row in document["by_rule"]}
    assert by_rule["no-4o", "refuse"] == 2
    assert by_rule["no-o3", "refuse"] == 0
    # Two calls fewer count in the budget, so two that it refused fit again.
    assert by_rule["everybody", "refuse"] == -2
    said = shell.replay()
    assert "What changes" in said.stdout
    assert "no-4o" in said.stdout


def test_a_candidate_that_is_in_force_is_said_to_be(shell: Shell) -> None:
    answer = shell.run("replay", "--policies", str(shell.outlay.folder / "policies"))
    assert answer.returncode == 0, answer.stderr
    assert "These are the policies in force" in answer.stdout


def test_a_developer_is_told_that_it_needs_an_admin_key(shell: Shell) -> None:
    answer = shell.replay(key=ALICE_KEY)
    assert answer.returncode == 2
    assert "A replay needs an admin key" in answer.stderr


def test_who_replayed_is_on_record_for_everybody_to_see(shell: Shell) -> None:
    shell.replay("--json")

    def looks() -> list[dict[str, str]]:
        rows = fetch(f"{shell.outlay.ledger_url}/v1/reports/views", ALICE_KEY)["rows"]
        return [row for row in rows if row["report"] == "replay"]

    until("the act is in the ledger", lambda: bool(looks()), shell.outlay.ledger)
    assert {row["subject"] for row in looks()} == {"(everybody)"}


def test_a_candidate_with_mistakes_prints_them_as_check_does(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "budgets.yaml").write_text("budgets: [{name: all, limt: 3 calls}]\n")
    answer = shell.run("replay", "--policies", str(tmp_path))
    checked = shell.run("check", str(tmp_path))
    assert (answer.returncode, checked.returncode) == (1, 1)
    assert answer.stderr == checked.stderr
    assert "did you mean 'limit'" in answer.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--since", "soon"), "is no time"),
        (("--since", "2020-01", "--until", "2020-02"), "no call that a rule could decide is on record"),
        (("--since", "2020-02", "--until", "2020-01"), "the time is empty"),
    ],
)
def test_a_time_that_cannot_be_replayed_is_said_with_exit_code_2(
    shell: Shell, words: tuple[str, ...], said: str
) -> None:
    answer = shell.replay(*words)
    assert answer.returncode == 2
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_same_facts_give_the_same_bytes_over_http_by_the_socket_and_from_the_closed_files(shell: Shell) -> None:
    over_http = [shell.replay("--json").stdout for _ in range(2)]
    by_socket = shell.replay("--json", over_http=False).stdout
    shell.outlay.stop()
    closed = shell.replay("--json", over_http=False)
    assert closed.returncode == 0, closed.stderr
    assert over_http[0].startswith("{")
    assert {*over_http, by_socket, closed.stdout} == {over_http[0]}
    nobody = shell.replay("--json")
    assert nobody.returncode == 2
    assert "no answer from" in nobody.stderr
