"""Fallback and limits by real processes: `outlay serve`, two providers of which one is killed and comes back."""

import http.client
import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from proxy.policy.breaker import FAILURES_MAX
from tests.servers.processes import (
    ALICE_KEY,
    BOB_KEY,
    LOOPBACK,
    Deployment,
    Running,
    StandIn,
    answers,
    base_environ,
    free_port,
    until,
)

LOADED_S: Final = 60.0
CHAT: Final = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello there"}], "max_tokens": 50}
RULES: Final = {
    "models.yaml": "models:\n  - {name: spare, fallback: [second], applies_to: {tags: {kind: spare}}}\n",
    "budgets.yaml": "limits:\n  - {name: few-at-once, concurrent: 2, per: key, applies_to: {tags: {kind: burst}}}\n",
}


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Running]:
    """A provider on a port of its own, so that it can come back there."""
    port = str(free_port())
    arguments = ("-m", "proxy.standin", "--port", port)
    running = Running("first", arguments, {**base_environ(), "PORT": port}, tmp_path / "first.log")
    running.start()
    try:
        until("the first provider answers", lambda: answers(url_of(running)), running)
        yield running
    finally:
        running.stop()


def url_of(first: Running) -> str:
    return f"http://{LOOPBACK}:{first.environ['PORT']}"


@pytest.fixture
def served(tmp_path: Path, first: Running, provider: StandIn) -> Iterator[Deployment]:
    """The session's stand-in is the second provider."""
    (tmp_path / "outlay").mkdir()
    made = Deployment(tmp_path / "outlay", url_of(first))
    policies = made.folder / "policies"
    with (policies / "providers.yaml").open("a") as file:
        file.write(f'  second: {{dialect: openai, base_url: "{provider.url}", api_key: none, default_for: [no-*]}}\n')
    for name, text in RULES.items():
        (policies / name).write_text(text)
    try:
        made.start_server()
        yield made
    finally:
        made.stop()


def post(served: Deployment, kind: str, key: str = ALICE_KEY, **headers: str) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection(LOOPBACK, served.port, timeout=300)
    try:
        lines = {"authorization": f"Bearer {key}", "content-type": "application/json", "x-outlay-tags": f"kind={kind}"}
        connection.request("POST", "/v1/chat/completions", json.dumps(CHAT), {**lines, **headers})
        answer = connection.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def calls_of(served: Deployment) -> dict[str, int]:
    return {row["provider"]: row["calls"] for row in served.report("provider")["rows"]}


def test_a_killed_provider_is_replaced_left_out_and_taken_back(served: Deployment, first: Running) -> None:
    status, headers = post(served, "spare")
    assert (status, "x-outlay-edited" in headers) == (200, False)
    first.kill()
    told = [post(served, "spare") for _ in range(FAILURES_MAX + 1)]
    assert {status for status, _ in told} == {200}
    edits = [headers["x-outlay-edited"] for _, headers in told]
    assert edits == ["fallback openai connect"] * FAILURES_MAX + ["fallback openai open"]
    first.start()
    until("the first provider answers", lambda: answers(url_of(first)), first)
    elsewhere = len(told)

    def taken_back() -> bool:
        nonlocal elsewhere
        status, headers = post(served, "spare")
        assert status == 200
        elsewhere += "x-outlay-edited" in headers
        return "x-outlay-edited" not in headers

    until("the first provider is asked again", taken_back, served.server)
    until("the ledger has them", lambda: sum(calls_of(served).values()) == elsewhere + 2, served.server, LOADED_S)
    assert calls_of(served) == {"openai": 2, "second": elsewhere}


def test_calls_at_once_are_fair_to_each_key_and_the_wait_is_right(served: Deployment) -> None:
    def until_it_passes(key: str) -> int:
        """How often it was turned away; each time it waits as long as it is told."""
        for turned_away in range(40):
            status, headers = post(served, "burst", key, **{"x-standin-delay-ms": "50"})
            if status == 200:
                return turned_away
            assert status == 429
            assert int(headers["retry-after"]) >= 1
            time.sleep(int(headers["retry-after-ms"]) / 1000)
        raise AssertionError("never passed")

    with ThreadPoolExecutor(12) as pool:
        waits = list(pool.map(until_it_passes, [ALICE_KEY, BOB_KEY] * 6))
    assert len(waits) == 12
    assert Counter(status for status, _ in [post(served, "burst", ALICE_KEY)]) == {200: 1}
