"""Waste from the call to the report: real processes find it, record it, and each reader sees what is theirs."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers.processes import ADMIN_KEY, ALICE_KEY, Deployment, StandIn, base_environ, until

REPEATS = 14
PROMPT = "Please summarise the payments repository for the weekly meeting, module by module, in plain words."
RULES = """redundancy:
  - name: no-repeats
    applies_to: {model: gpt-4.1}
    classes: [exact_repeat]
    action: refuse
"""


@dataclass
class Shell:
    outlay: Deployment
    repeated: list[str]
    """Ids of the calls with one prompt, in order."""
    refused: str
    """Id of the first call that was turned away."""

    def run(self, *words: str, key: str = ADMIN_KEY) -> subprocess.CompletedProcess[str]:
        environ = {**base_environ(), "XDG_CONFIG_HOME": str(self.outlay.folder), "COLUMNS": "200"}
        environ |= {"OUTLAY_URL": self.outlay.ledger_url, "OUTLAY_KEY": key}
        arguments = [sys.executable, "-m", "proxy", *words]
        return subprocess.run(arguments, check=False, env=environ, capture_output=True, text=True, timeout=300)

    def asked(self, *words: str, key: str = ADMIN_KEY) -> Any:
        done = self.run(*words, "--json", key=key)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, provider: StandIn) -> Iterator[Shell]:
    outlay = Deployment(tmp_path_factory.mktemp("waste"), provider.url)
    (outlay.folder / "policies" / "redundancy.yaml").write_text(RULES)
    with outlay.running():
        headers = {"authorization": f"Bearer {ALICE_KEY}"}

        def ask(model: str, text: str) -> httpx.Response:
            body = {"model": model, "messages": [{"role": "user", "content": text}]}
            return httpx.post(f"{outlay.url}/v1/chat/completions", json=body, headers=headers, timeout=300)

        repeated = [ask("gpt-5", PROMPT).headers["x-outlay-call-id"] for _ in range(REPEATS)]
        ask("gpt-5", "What does the meter do when a stream is cut?")
        refused = next(
            answer for _ in range(REPEATS) if (answer := ask("gpt-4.1", f"{PROMPT} Briefly.")).status_code == 400
        ).headers["x-outlay-call-id"]

        def loaded() -> bool:
            answer = httpx.get(f"{outlay.ledger_url}/v1/calls/{refused}", headers=headers)
            return answer.status_code == 200 and answer.json()["state"] == "refused"

        until("the calls are in the ledger", loaded, outlay.ledger)
        yield Shell(outlay, repeated, refused)


def test_money_is_redundant_or_not_and_sums_to_what_was_spent(shell: Shell) -> None:
    waste = shell.asked("report", "waste", "--by", "class,model")
    spend = shell.asked("report", "spend", "--by", "model")
    total = waste["total"]
    assert (total["cost_usd"], total["calls"]) == (spend["total"]["cost_usd"], spend["total"]["calls"])
    assert Decimal(total["redundant_cost_usd"]) + Decimal(total["other_cost_usd"]) == Decimal(total["cost_usd"])
    [found] = [row for row in waste["rows"] if row["class"] == "exact_repeat" and row["model"].startswith("gpt-5")]
    # The first few at once are samples, which pass; of the others some were named when it was clear.
    assert 0 < found["attributed_calls"] < found["redundant_calls"] < REPEATS
    [sampled] = shell.asked("report", "waste", "--by", "exemption", "--where", "exemption=samples")["rows"]
    assert Decimal(sampled["exempted_cost_usd"]) > 0
    assert total["refused_calls"] == 1
    assert Decimal(total["refused_saved_usd"]) > 0


def test_runs_name_calls_and_what_they_repeat_to_whoever_may_know(shell: Shell) -> None:
    own = shell.asked("report", "waste", "--examples", "2", key=ALICE_KEY)
    run = max(own["campaigns"], key=lambda run: run["calls"])
    assert run["examples"][0]["call"] == shell.repeated[-1]
    assert set(run["examples"][0]["repeats"]) <= set(shell.repeated)
    assert run["examples"][0]["repeats"]
    folded = shell.asked("report", "waste", "--examples", "2")
    assert {each["campaign"] for each in folded["campaigns"]} == {"(other people)"}
    table = shell.run("report", "waste", "--by", "class,project", "--campaigns", "--reason", "e2e").stdout
    assert run["campaign"] in table
    [view] = shell.asked("report", "views", key=ALICE_KEY)["rows"]
    assert (view["report"], view["reason"]) == ("waste", "e2e")


def test_a_person_is_told_what_to_mend_and_nobody_else_is(shell: Shell) -> None:
    shown = shell.run("report", "hints", key=ALICE_KEY).stdout
    assert "You sent the same prompt " in shown
    assert "Keep the answer." in shown
    assert shell.asked("report", "hints")["rows"] == []


def test_a_call_is_explained_by_what_it_repeats_and_what_became_of_it(shell: Shell) -> None:
    last = shell.run("policy", "explain", shell.repeated[-1], key=ALICE_KEY).stdout
    assert "Redundancy" in last
    assert "exact_repeat" in last
    assert shell.repeated[-2] in last.replace("\n", "")
    turned_away = shell.asked("policy", "explain", shell.refused, key=ALICE_KEY)["redundancy"]
    assert (turned_away["action"], turned_away["flagged"]) == ("refused", True)
    assert Decimal(turned_away["saved_usd"]) > 0


@pytest.mark.parametrize(("form", "begin"), [("csv", b"class,"), ("xlsx", b"PK"), ("svg", b"<?xml")])
def test_it_is_kept_as_a_file(shell: Shell, form: str, begin: bytes, tmp_path: Path) -> None:
    file = tmp_path / f"waste.{form}"
    done = shell.run("report", "waste", "--format", form, "--out", str(file))
    assert (done.returncode, file.read_bytes()[: len(begin)]) == (0, begin), done.stderr
    assert PROMPT[:20].encode() not in file.read_bytes()
