"""What ails the policies of a running gateway is seen in its readiness, its figures, and by `outlay doctor`."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers.processes import ALICE_KEY, Deployment, StandIn, until

BUDGETS = "budgets: [{name: all, limit: 5 calls, window: total}]\n"
CHAT = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}


class Machine:
    def __init__(self, outlay: Deployment) -> None:
        self.outlay = outlay
        self.budgets = outlay.folder / "policies" / "budgets.yaml"

    def wrong(self) -> list[str]:
        """What the doctor finds wrong with gateway and ledger, mends included."""
        environ = {**self.outlay.gateway.environ, "XDG_CONFIG_HOME": str(self.outlay.folder)}
        arguments = [sys.executable, "-m", "proxy", "doctor", "--json"]
        done = subprocess.run(arguments, check=False, env=environ, capture_output=True, text=True, timeout=300)
        found = [f"{each['what']} | {each['mend']}" for each in json.loads(done.stdout) if each["state"] == "wrong"]
        assert done.returncode == bool(found), done.stderr
        return [each for each in found if each.startswith(("gateway", "ledger"))]

    def details(self) -> dict[str, Any]:
        details: dict[str, Any] = json.loads(self._told("readyz"))
        return details

    def metric(self, name: str) -> float:
        lines = self._told("metrics").splitlines()
        return next(float(line.split(" ")[1]) for line in lines if line.startswith(f"{name} "))

    def call(self) -> int:
        headers = {"authorization": f"Bearer {ALICE_KEY}"}
        return httpx.post(f"{self.outlay.url}/v1/chat/completions", json=CHAT, headers=headers, timeout=300).status_code

    def _told(self, path: str) -> str:
        transport = httpx.HTTPTransport(uds=str(self.outlay.data / "gateway-test.sock"))
        with httpx.Client(transport=transport) as client:
            return client.get(f"http://gateway/{path}").text


@pytest.fixture
def machine(tmp_path: Path, provider: StandIn) -> Iterator[Machine]:
    outlay = Deployment(tmp_path, provider.url)
    machine = Machine(outlay)
    machine.budgets.write_text(BUDGETS)
    with outlay.running():
        yield machine


def test_mistakes_in_policy_files_show_wherever_one_looks_until_they_are_mended(machine: Machine) -> None:
    assert machine.wrong() == []
    before = machine.details()["policy"]
    machine.budgets.write_text("budgets: [{name: all, limit: 5 cals, window: mont}]\n")
    until("it is seen", lambda: machine.details()["policy_mistakes"] != [], machine.outlay.gateway)
    mistakes = machine.details()["policy_mistakes"]
    assert all(f"{machine.budgets}:1:" in mistake for mistake in mistakes)
    assert machine.details()["policy"] == before
    assert machine.metric("outlay_gateway_policy_mistakes") == len(mistakes) == 2
    until("the ledger sees it", lambda: len(machine.wrong()) == 2, machine.outlay.ledger)
    for found in machine.wrong():
        assert "goes by the last good policies: the files have 2 mistakes | outlay policy check" in found
    assert machine.call() == 200

    machine.budgets.write_text(BUDGETS)
    until("it is mended", lambda: machine.details()["policy_mistakes"] == [], machine.outlay.gateway)
    assert machine.metric("outlay_gateway_policy_mistakes") == 0
    until("the doctor is content", lambda: machine.wrong() == [], machine.outlay.ledger)


def test_budgets_of_which_nobody_knows_what_was_spent_are_named_until_the_ledger_tells(machine: Machine) -> None:
    outlay = machine.outlay
    assert machine.call() == 200
    outlay.ledger.kill()
    outlay.gateway.kill()
    # As old segments go: only the ledger can tell what was spent.
    (outlay.data / "counters-test.json").unlink(missing_ok=True)
    (outlay.data / "journal" / "test" / "first").unlink()
    outlay.start_gateway()
    assert machine.call() == 503
    # A gateway of a busy machine may not answer the doctor in time.
    found: list[str] = []
    until("the doctor names it", lambda: bool(found.extend(machine.wrong()) or found), outlay.gateway)
    [withheld] = found
    assert "gateway test refuses the calls of the budget all: what was spent there isn't known yet | " in withheld
    assert withheld.endswith("outlay ledger")

    machine.budgets.write_text(BUDGETS.replace("}]", "}, {name: more, limit: 9 calls, window: total}]"))
    until("it waits", lambda: "more" in machine.details()["budgets_waiting"], outlay.gateway)
    counted = "until it has counted the budget more"
    until("the doctor names both", lambda: any(counted in each for each in machine.wrong()), outlay.gateway)

    outlay.start_ledger()
    until("the ledger has told", lambda: machine.details()["budgets_waiting"] == [], outlay.gateway)
    until("the doctor is content", lambda: machine.wrong() == [], outlay.ledger)
    assert machine.call() == 200
