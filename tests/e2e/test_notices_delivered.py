"""Notices of a real server at a real webhook: once, over kills, and with their address in no file, log or answer."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import httpx
import pytest

from proxy.adapters.gateway_sockets import gateway_states
from tests.servers.processes import ALICE_KEY, Deployment, StandIn, fetch, until
from tests.servers.webhook import webhook

TOLD_S = 150.0
"""The ledger looks at most a twentieth of its time, and at least once a minute, however slow the machine."""
CANARY = "canary0000000000000token"
CHAT = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
BUDGETS = """budgets:
  - {name: all, limit: 10 calls, window: total, warn_at: [80%], contact: "#platform"}
  - {name: each, limit: 10 calls, per: [user], window: total, warn_at: [80%]}
"""
TARGETS = """targets:
  - {name: hook, url: {env: HOOK}, on: [budget_level, policy_mistakes]}
  - {name: dead, url: {file: dead-address}, on: [budget_level]}
"""


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "budgets.yaml").write_text(BUDGETS)
    (folder / "notify.yaml").write_text(TARGETS)
    (folder / "dead-address").write_text(f"json://127.0.0.1:1/{CANARY}\n")
    return folder


def call(outlay: Deployment) -> None:
    """One call that passes. After a start it may have to wait until it is known what was spent (a 503)."""

    def passes() -> bool:
        headers = {"authorization": f"Bearer {ALICE_KEY}"}
        url = f"{outlay.url}/v1/chat/completions"
        answer = httpx.post(url, json=CHAT, headers=headers, timeout=300, trust_env=False)
        assert answer.status_code in (200, 503), answer.text
        return answer.status_code == 200

    until("a call passes", passes, outlay.server)


def details(outlay: Deployment, target: str) -> dict[str, object]:
    """What the ledger says of a target; it has said nothing of it before its first look."""
    try:
        found: dict[str, object] = fetch(f"{outlay.ledger_url}/readyz")["notices"].get(target, {})
    except OSError:
        return {}
    return found


def on_record(outlay: Deployment) -> int:
    """Deliveries that stand on the ledger's journal."""
    files = (outlay.data / "journal" / "ledger").glob("*.jsonl")
    return sum(line.count(b'"noticed"') for file in files for line in file.read_bytes().splitlines())


def test_a_level_reaches_the_webhook_once_though_the_server_is_killed(
    tmp_path: Path, policies: Path, provider: StandIn
) -> None:
    with webhook() as hook:
        address, got = hook.address(CANARY), hook.got
        outlay = Deployment(tmp_path, provider.url, {"HOOK": address})
        try:
            outlay.start_server()
            for _ in range(7):
                call(outlay)
            until("a look finds nothing", lambda: details(outlay, "hook") != {}, outlay.server, TOLD_S)
            assert got == []
            call(outlay)
            until("the webhook is told", lambda: len(got) == 2, outlay.server, TOLD_S)
            until("it is on record", lambda: on_record(outlay) == 2, outlay.server, TOLD_S)
            until("the dead one is seen", lambda: bool(details(outlay, "dead").get("failing")), outlay.server, TOLD_S)

            (state,) = asyncio.run(gateway_states(outlay.data))
            assert state.accepting
            assert state.providers["openai"]
            assert state.difference is None

            killed = ledger_pid(outlay)
            os.kill(killed, signal.SIGKILL)
            until("another ledger runs", lambda: ledger_pid(outlay) not in (0, killed), outlay.server)
            until("it looks again", lambda: details(outlay, "dead").get("waiting") == 2, outlay.server, TOLD_S)
            call(outlay)
            call(outlay)
            until("the next level is told", lambda: len(got) >= 4, outlay.server, TOLD_S)
            assert CANARY not in str(fetch(f"{outlay.ledger_url}/readyz"))
        finally:
            outlay.stop()
        assert sorted(each["title"] for each in got) == [
            "Budget all at 100 %",
            "Budget all at 80 %",
            "Budget each at 100 % for somebody",
            "Budget each at 80 % for somebody",
        ]
        text = next(each["message"] for each in got if each["title"] == "Budget all at 80 %")
        assert text.startswith("Spent: 8 calls of 10 calls. Left: 2 calls. It does not reset. Once")
        assert "budgets.yaml:2" in text
        assert "#platform" in text
        assert not [each for each in got if "alice" in str(each)]
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) > 10
    assert [file for file in files if CANARY.encode() in file.read_bytes()] == [policies / "dead-address"]


def ledger_pid(outlay: Deployment) -> int:
    """Of the ledger under the supervisor; 0 while there is none."""
    for pid in Path(f"/proc/{outlay.server.pid}/task/{outlay.server.pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            if b"proxy.app.ledger" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
    return 0
