"""The report of budgets from real calls: what it says is what gateways count and what the provider counted."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import pytest

from proxy.model.usage import KINDS
from tests.servers.processes import ADMIN_KEY, ALICE_KEY, BOB_KEY, Deployment, StandIn, base_environ, stand_in, until

MODEL = "gpt-5-mini"
RULES = """budgets:
  - {name: person-tokens, limit: 60k tokens, window: month, per: user}
  - {name: money, limit: 50 USD, window: month, timezone: Europe/Berlin}
  - {name: bob-calls, limit: 3 calls, window: day, applies_to: {user: bob}}
  - {name: trial, limit: 2 calls, window: 30d, mode: shadow, applies_to: {project: checkout}}
"""


@dataclass
class Shop:
    outlay: Deployment
    provider: StandIn

    def call(self, key: str, output_max: int = 50) -> httpx.Response:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], "max_completion_tokens": output_max}
        headers = {"authorization": f"Bearer {key}"}
        return httpx.post(f"{self.outlay.url}/v1/chat/completions", json=body, headers=headers, timeout=300)

    def run(self, *words: str, key: str = ADMIN_KEY) -> subprocess.CompletedProcess[str]:
        environ = {**base_environ(), "XDG_CONFIG_HOME": str(self.outlay.folder), "COLUMNS": "80"}
        environ |= {"OUTLAY_URL": self.outlay.ledger_url, "OUTLAY_KEY": key}
        arguments = [sys.executable, "-m", "proxy", "report", "budgets", *words]
        return subprocess.run(arguments, check=False, env=environ, capture_output=True, text=True, timeout=300)

    def rows(self, key: str = ADMIN_KEY, **asked: str) -> dict[tuple[str, str], dict[str, Any]]:
        headers = {"authorization": f"Bearer {key}"}
        answer = httpx.get(f"{self.outlay.ledger_url}/v1/reports/budgets", params=asked, headers=headers, timeout=300)
        assert answer.status_code == 200, answer.text
        return {(row["budget"], ",".join(row["instance"].values())): row for row in answer.json()["rows"]}

    def loaded(self, answer: httpx.Response, key: str) -> dict[str, Any]:
        """The call as the ledger has it once it has ended there."""
        url = f"{self.outlay.ledger_url}/v1/calls/{answer.headers['x-outlay-call-id']}"
        headers = {"authorization": f"Bearer {key}"}

        def ended() -> bool:
            found = httpx.get(url, headers=headers)
            return found.status_code == 200 and found.json()["state"] != "in_flight"

        until("the call is in the ledger", ended, self.outlay.ledger)
        document: dict[str, Any] = httpx.get(url, headers=headers).json()
        return document

    def metric(self, name: str) -> str:
        (socket,) = self.outlay.data.glob("gateway-*.sock")
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket))) as client:
            lines = client.get("http://gateway/metrics").text.splitlines()
        return next(line.split(" ")[1] for line in lines if line.startswith(f"{name} "))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("budget-report")
    with stand_in(folder) as provider:
        outlay = Deployment(folder, provider.url)
        (outlay.folder / "policies" / "budgets.yaml").write_text(RULES)
        with outlay.running():
            yield Shop(outlay, provider)


def squeezed(explained: dict[str, Any], budget: str) -> dict[str, Any]:
    [rule] = [rule for rule in explained["rules"] if rule["name"] == budget]
    found: dict[str, Any] = rule["squeezed"][-1]
    return found


def test_spent_is_what_the_provider_counted_and_what_the_gateway_enforces(shop: Shop) -> None:
    assert [shop.call(ALICE_KEY).status_code for _ in range(4)] == [200] * 4
    assert [shop.call(BOB_KEY).status_code for _ in range(3)] == [200] * 3
    refused = shop.call(BOB_KEY)
    assert refused.status_code == 400
    at_cap = squeezed(shop.loaded(refused, BOB_KEY), "bob-calls")
    rows = shop.rows(reason="e2e")

    counted = shop.provider.counts()["total"]
    tokens = [int(rows["person-tokens", name]["spent"]) for name in ("alice", "bob")]
    assert sum(tokens) == sum(counted[kind] for kind in KINDS if kind in counted and kind != "web_search")
    assert Decimal(rows["money", ""]["spent"]) == Decimal(shop.outlay.report("")["total"]["cost_usd"]) > 0
    bobs = rows["bob-calls", ""]
    assert (bobs["spent"], bobs["left"], bobs["share"], bobs["refused"]) == (at_cap["spent"], "0", "1.000000", 1)
    trial = rows["trial", ""]
    assert (trial["spent"], trial["shadow_refused"], trial["mode"]) == ("7", 5, "shadow")
    assert Decimal(trial["shadow_cost_usd"]) > 0

    # More than is left is asked for, so that the gateway tells what it has counted.
    limited = shop.call(ALICE_KEY, output_max=100_000)
    assert limited.status_code == 200
    told = squeezed(shop.loaded(limited, ALICE_KEY), "person-tokens")
    assert (told["spent"], told["limit"]) == (rows["person-tokens", "alice"]["spent"], "60000")
    assert told["held"] == rows["person-tokens", "alice"]["held"] == "0"


def test_held_is_what_the_gateway_holds_while_a_stream_runs(shop: Shop) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
    body |= {"stream": True, "max_completion_tokens": 500}
    headers = {"authorization": f"Bearer {ALICE_KEY}", "x-standin-tokens": "40", "x-standin-stall-after": "2"}
    with httpx.stream(
        "POST", f"{shop.outlay.url}/v1/chat/completions", json=body, headers=headers, timeout=300
    ) as answer:
        assert answer.status_code == 200
        pieces = answer.iter_raw()  # kept: an iterator that is dropped closes the connection
        next(pieces)
        until("it is held in the report", lambda: shop.rows()["money", ""]["held"] != "0.00", shop.outlay.ledger)
        rows = shop.rows(ALICE_KEY)
        assert float(rows["money", ""]["held"]) == pytest.approx(float(shop.metric("outlay_gateway_held_usd")))
        tokens = rows["person-tokens", "alice"]
        assert int(tokens["left"]) == 60_000 - int(tokens["spent"]) - int(tokens["held"])
        assert rows["trial", ""]["held"] == "1"
    until("nothing is held", lambda: shop.rows()["money", ""]["held"] == "0.00", shop.outlay.ledger)


def test_each_reader_sees_what_is_theirs_in_a_narrow_terminal(shop: Shop) -> None:
    shown = shop.run("--reason", "e2e").stdout
    assert max(map(len, shown.splitlines())) <= 400
    assert "bob-calls" in shown
    assert "person-tokens" in shown
    assert "bob-calls" not in shop.run().stdout
    own = json.loads(shop.run("--json", key=ALICE_KEY).stdout)
    assert {(row["budget"], *row["instance"].values()) for row in own["rows"]} == {
        ("person-tokens", "alice"),
        ("money",),
        ("trial",),
    }
    done = shop.run("--budget", "moneys", key=ALICE_KEY)
    assert done.returncode != 0
    assert "did you mean 'money'" in done.stderr
    assert shop.run("--format", "csv", "--since", "last-month").stdout.startswith("budget,instance,window,from,to,unit")
