"""Budgets over kills of either plane: what was spent is never forgotten, and never counted twice."""

import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from proxy.policy.load import ENFORCED
from tests.servers.processes import ALICE_KEY, Deployment, StandIn, until

pytestmark = pytest.mark.skipif("budgets" not in ENFORCED, reason="this version takes no budgets")

CALLS = "budgets: [{{name: all, limit: {} calls, window: total}}]\n"
CHAT = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}


class Planes:
    def __init__(self, outlay: Deployment) -> None:
        self.outlay = outlay

    def call(self) -> int:
        """The status of one call."""
        headers = {"authorization": f"Bearer {ALICE_KEY}"}
        return httpx.post(f"{self.outlay.url}/v1/chat/completions", json=CHAT, headers=headers, timeout=300).status_code

    def passed(self, calls: int) -> int:
        """How many of so many calls go through; the others are refused, and by nothing else than a rule."""
        statuses = [self.call() for _ in range(calls)]
        assert set(statuses) <= {200, 400}
        return statuses.count(200)

    def details(self) -> dict[str, object]:
        transport = httpx.HTTPTransport(uds=str(self.outlay.data / "gateway-test.sock"))
        with httpx.Client(transport=transport) as client:
            answer: dict[str, object] = client.get("http://gateway/readyz").json()
            return answer

    def metric(self, name: str) -> float:
        transport = httpx.HTTPTransport(uds=str(self.outlay.data / "gateway-test.sock"))
        with httpx.Client(transport=transport) as client:
            lines = client.get("http://gateway/metrics").text.splitlines()
        return next(float(line.split(" ")[1]) for line in lines if line.startswith(f"{name} "))

    def set_budgets(self, text: str, *, in_force: bool = True) -> None:
        """Change the rules, and wait until they are in force, or until they wait for what was spent."""
        before = self.details()["policy"]
        (self.outlay.folder / "policies" / "budgets.yaml").write_text(text)
        if in_force:
            until("the rules are in force", lambda: self.details()["policy"] != before, self.outlay.gateway)
        else:
            until("the rules wait", lambda: self.details()["budgets_waiting"] != [], self.outlay.gateway)
            assert self.details()["policy"] == before


@pytest.fixture
def planes(tmp_path: Path, provider: StandIn) -> Iterator[Planes]:
    outlay = Deployment(tmp_path, provider.url)
    with outlay.running():
        yield Planes(outlay)


def test_a_budget_counts_from_before_it_was_written_through_kills_without_a_ledger(planes: Planes) -> None:
    outlay = planes.outlay
    assert planes.passed(3) == 3
    planes.set_budgets(CALLS.format(8))
    assert planes.passed(7) == 5

    outlay.ledger.kill()
    outlay.gateway.kill()
    outlay.start_gateway()
    assert planes.details()["budgets_waiting"] == []
    assert planes.passed(2) == 0

    planes.set_budgets(CALLS.format(10))
    assert planes.passed(4) == 2

    # As old segments go: from now on only the ledger tells of all that was spent.
    (outlay.data / "journal" / "test" / "first").unlink()
    more = CALLS.format(14) + "limits: []\n"
    more = more.replace("}]", "}, {name: alices, limit: 12 calls, window: total, applies_to: {user: alice}}]")
    planes.set_budgets(more, in_force=False)
    assert planes.details()["budgets_waiting"] == ["alices"]
    assert planes.metric("outlay_gateway_budgets_waiting") == 1
    assert planes.passed(1) == 0

    outlay.start_ledger()
    until("nothing waits", lambda: planes.details()["budgets_waiting"] == [], outlay.gateway)
    assert planes.passed(4) == 2
    assert planes.metric("outlay_gateway_counter_difference_usd") == 0


def test_kills_of_either_plane_at_any_moment_let_through_what_the_limit_says(planes: Planes) -> None:
    dice = random.Random(7)
    outlay = planes.outlay
    planes.set_budgets(CALLS.format(60))
    through = 0
    for _ in range(4):
        through += planes.passed(dice.randrange(4, 14))
        dice.choice((outlay.gateway, outlay.ledger)).kill()
        if dice.random() < 0.5:
            outlay.ledger.kill()
        outlay.gateway.kill()
        outlay.start_gateway()
        through += planes.passed(dice.randrange(3))
        if dice.random() < 0.7:
            outlay.ledger.kill()
            outlay.start_ledger()
    through += planes.passed(61 - min(60, through))
    assert through == 60
    assert planes.passed(3) == 0


@pytest.mark.parametrize("whole", [True, False], ids=["whole journal", "segments gone"])
def test_a_limit_nearly_spent_holds_over_a_kill_that_leaves_no_snapshot_and_no_ledger(
    planes: Planes, whole: bool
) -> None:
    outlay = planes.outlay
    planes.set_budgets(CALLS.format(5))
    assert planes.passed(4) == 4

    outlay.ledger.kill()
    outlay.gateway.kill()
    (outlay.data / "counters-test.json").unlink()
    if not whole:
        (outlay.data / "journal" / "test" / "first").unlink()
    outlay.start_gateway()
    if not whole:
        assert planes.details()["budgets_withheld"] == ["all"]
        assert [planes.call() for _ in range(5)] == [503] * 5
        assert planes.metric("outlay_gateway_budgets_withheld") == 1
        outlay.start_ledger()
        until("the ledger has told", lambda: planes.details()["budgets_withheld"] == [], outlay.gateway)
    assert planes.passed(3) == 1
