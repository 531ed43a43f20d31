"""More of a budget for a while, through `outlay serve`: live soon, exact afterwards."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.servers.processes import ADMIN_KEY, ALICE_KEY, BOB_KEY, Deployment, StandIn, serving, until

CHAT = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
KINDS = ("given", "revoked", "over")
BUDGETS = "budgets:\n" + "".join(
    f"  - {{name: {kind}, limit: 2 calls, window: total, per: user, applies_to: {{tags: {{kind: {kind}}}}}}}\n"
    for kind in KINDS
)
ADMIN = {"authorization": f"Bearer {ADMIN_KEY}"}


class Office:
    def __init__(self, outlay: Deployment, kind: str) -> None:
        self.outlay, self.kind = outlay, kind

    def grant(self, calls: int, ends: datetime) -> str:
        body = {"amount": f"{calls} calls", "until": ends.isoformat(), "reason": "a release", "instance": ["alice"]}
        answer = httpx.post(self._grants, json=body, headers=ADMIN, timeout=300)
        assert answer.status_code == 201, answer.text
        id_: str = answer.json()["id"]
        return id_

    def revoke(self, id_: str) -> None:
        answer = httpx.delete(f"{self._grants}/{id_}?reason=typed+wrong", headers=ADMIN, timeout=300)
        assert answer.status_code == 200, answer.text

    def call(self, key: str = ALICE_KEY, marker: str = "") -> int:
        """With a marker: one that the provider answers when it's told to hurry."""
        headers = {"authorization": f"Bearer {key}"}
        if marker:
            headers |= {"x-standin-marker": marker, "x-standin-delay-ms": "600000"}
        headers["x-outlay-tags"] = f"kind={self.kind}"
        return httpx.post(f"{self.outlay.url}/v1/chat/completions", json=CHAT, headers=headers, timeout=300).status_code

    @property
    def _grants(self) -> str:
        return f"{self.outlay.ledger_url}/v1/budgets/{self.kind}/grants"

    def passed(self, key: str, calls: int) -> int:
        statuses = [self.call(key) for _ in range(calls)]
        assert set(statuses) <= {200, 400}
        return statuses.count(200)

    def metric(self, name: str) -> float:
        (socket,) = self.outlay.data.glob("gateway-*.sock")
        transport = httpx.HTTPTransport(uds=str(socket))
        with httpx.Client(transport=transport) as client:
            lines = client.get("http://gateway/metrics").text.splitlines()
        return next(float(line.split(" ")[1]) for line in lines if line.startswith(f"{name} "))


@pytest.fixture(scope="module")
def outlay_served(tmp_path_factory: pytest.TempPathFactory, provider: StandIn) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("grants")
    (folder / "policies").mkdir()
    (folder / "policies" / "budgets.yaml").write_text(BUDGETS)
    with serving(folder, provider.url) as running:
        yield running


@pytest.fixture
def office(outlay_served: Deployment, request: pytest.FixtureRequest) -> Office:
    return Office(outlay_served, request.param)


@pytest.mark.parametrize("office", ["given"], indirect=True)
def test_more_for_one_person_is_live_at_once_counts_exactly_and_is_for_nobody_else(office: Office) -> None:
    assert (office.passed(ALICE_KEY, 3), office.passed(BOB_KEY, 3)) == (2, 2)
    office.grant(3, datetime.now(UTC) + timedelta(days=1))
    until("alice may call again", lambda: office.call() == 200, office.outlay.server)
    assert office.passed(ALICE_KEY, 5) == 2
    assert office.passed(BOB_KEY, 2) == 0


@pytest.mark.parametrize("office", ["revoked"], indirect=True)
def test_more_that_is_revoked_is_gone_at_once_and_what_it_paid_for_stays_spent(office: Office) -> None:
    assert office.passed(ALICE_KEY, 3) == 2
    id_ = office.grant(50, datetime.now(UTC) + timedelta(days=1))
    until("alice may call again", lambda: office.call() == 200, office.outlay.server)
    office.revoke(id_)
    statuses: list[int] = []
    until("alice may not any more", lambda: _last(office, statuses) == 400, office.outlay.server)
    assert office.passed(ALICE_KEY, 3) == 0
    # What of the first grant was used takes from the next one's room.
    office.grant(2 + statuses.count(200), datetime.now(UTC) + timedelta(days=1))
    until("alice may call again", lambda: office.call() == 200, office.outlay.server)
    assert office.passed(ALICE_KEY, 2) == 0


@pytest.mark.parametrize("office", ["over"], indirect=True)
def test_a_call_whose_increase_ends_while_it_runs_comes_to_its_end_and_counts(
    office: Office, provider: StandIn
) -> None:
    assert office.passed(ALICE_KEY, 3) == 2
    ends = datetime.now(UTC) + timedelta(seconds=8)
    office.grant(2, ends)
    until("alice may call again", lambda: office.call() == 200, office.outlay.server)
    statuses: list[int] = []
    slow = threading.Thread(target=lambda: statuses.append(office.call(marker="slow")))
    slow.start()
    until("the call is on its way", lambda: office.metric("outlay_gateway_calls_in_flight") == 1, office.outlay.server)
    until("the increase is over", lambda: datetime.now(UTC) > ends, office.outlay.server)
    assert office.metric("outlay_gateway_calls_in_flight") == 1
    assert office.passed(ALICE_KEY, 2) == 0
    provider.hurry("slow")
    slow.join()
    assert statuses == [200]
    assert office.passed(ALICE_KEY, 2) == 0
    # 4 are spent, two more than the limit: of 4 more two are left.
    office.grant(4, datetime.now(UTC) + timedelta(days=1))
    until("alice may call again", lambda: office.call() == 200, office.outlay.server)
    assert office.passed(ALICE_KEY, 3) == 1
    until("no hold is left", lambda: office.metric("outlay_gateway_calls_in_flight") == 0, office.outlay.server)


def _last(office: Office, statuses: list[int]) -> int:
    statuses.append(office.call())
    return statuses[-1]
