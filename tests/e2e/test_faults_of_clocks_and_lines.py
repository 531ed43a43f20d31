"""Clocks that jump and journal lines that rot, under real processes."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.journal.codec import LineError, decode
from proxy.journal.lines import Head
from proxy.model.entry import Opened, Settled
from tests.servers.processes import ADMIN_KEY, ALICE_KEY, Deployment, StandIn, fetch, post, until

HOUR_S = 3600
GATEWAY = """
import sys, time
from pathlib import Path
from proxy.adapters.clock import SystemClock
from proxy.app.gateway import main

set_by_s = Path(sys.argv[1])
sys.exit(main(SystemClock(lambda: time.time_ns() + int(set_by_s.read_text()) * 10**9)))
"""


class Machine:
    """outlay on a machine whose clock can be set, as far as the gateway sees."""

    def __init__(self, outlay: Deployment) -> None:
        self.outlay = outlay
        self._file = outlay.folder / "set_by_s"
        self.set_clock(0)
        outlay.gateway.arguments = ("-c", GATEWAY, str(self._file))

    def set_clock(self, by_s: int) -> None:
        beside = self._file.with_suffix(".new")
        beside.write_text(str(by_s))
        os.replace(beside, self._file)

    def call(self, times: int = 1) -> None:
        for _ in range(times):
            answer = post(
                f"{self.outlay.url}/v1/chat/completions",
                json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}).encode(),
                {"authorization": f"Bearer {ALICE_KEY}", "content-type": "application/json"},
            )
            # With its last byte the call is on record, not before.
            assert answer.document["usage"]

    def details(self) -> dict[str, Any]:
        socket = str(self.outlay.data / "gateway-test.sock")
        with httpx.Client(transport=httpx.HTTPTransport(uds=socket)) as client:
            said: dict[str, Any] = client.get("http://gateway/readyz").json()
        return said

    @property
    def segments(self) -> list[Path]:
        return sorted((self.outlay.data / "journal" / "test").glob("*.jsonl"))

    def lines(self) -> list[Any]:
        found = []
        for path in self.segments:
            for line in path.read_bytes().split(b"\n"):
                try:
                    found.append(decode(line))
                except LineError:
                    continue
        return found

    def settled(self) -> Counter[str]:
        return Counter(line.call.id for line in self.lines() if isinstance(line, Settled))


@pytest.fixture
def machine(tmp_path: Path, provider: StandIn) -> Iterator[Machine]:
    outlay = Deployment(tmp_path, provider.url)
    yield Machine(outlay)
    outlay.stop()


def test_jumping_clocks_and_rotten_lines_cost_no_call_its_order_or_its_settlement(machine: Machine) -> None:
    """The clock is set back and forward; the gateway is killed, a line in the middle of its segment rots, another
    becomes NUL bytes, the last one is torn; and it starts on a day before."""
    outlay = machine.outlay
    outlay.start_gateway()
    machine.call(2)
    machine.set_clock(-HOUR_S)
    machine.call(2)
    assert machine.details()["clock_ahead_s"] > HOUR_S - 60
    assert '"by_s": -3' in outlay.gateway.said
    machine.set_clock(2 * HOUR_S)
    machine.call(2)
    assert machine.details()["clock_ahead_s"] == 0
    opened = [line.call.opened_us for line in machine.lines() if isinstance(line, Opened)]
    assert opened == sorted(opened)
    assert opened[-1] - opened[0] >= 2 * HOUR_S * 1_000_000

    outlay.gateway.kill()
    _rot(*machine.segments)
    machine.set_clock(-30 * HOUR_S)
    outlay.start_gateway()
    boots = [line.boot for line in machine.lines() if isinstance(line, Head)]
    assert len(boots) == 2
    assert boots[1] > boots[0], "a boot has a number of its own whatever the clock says"
    said = outlay.gateway.said
    assert said.count("journal line unreadable") == 2
    assert "torn line cut" in said
    assert '"calls": 2, "bad_lines": 2, "event": "calls of a crash settled at their holds"' in said
    machine.call(1)
    assert list(machine.settled().values()) == [1] * 7

    outlay.start_ledger()
    until("all are loaded", lambda: _total(outlay)["calls"] == 7, outlay.ledger)
    assert _total(outlay)["estimated_calls"] == 2
    details = fetch(f"{outlay.ledger_url}/readyz")
    assert (details["ready"], details["quarantined_lines"]) == (True, 2)
    shown = httpx.get(f"{outlay.ledger_url}/metrics", timeout=300, trust_env=False).text
    assert 'outlay_ledger_quarantined_lines{node="ledger"} 2.0' in shown
    assert outlay.ledger.said.count("journal line quarantined") == 2


def _rot(segment: Path) -> None:
    lines = segment.read_bytes().splitlines(keepends=True)
    settled = [at for at, line in enumerate(lines) if b'"t":"settled"' in line[:40]]
    lines[settled[1]] = lines[settled[1]].replace(b'"outcome"', b'"out\xff\xfe"')
    lines[settled[2]] = bytes(len(lines[settled[2]]) - 1) + b"\n"
    segment.write_bytes(b"".join(lines) + lines[-1][:100])


def _total(outlay: Deployment) -> dict[str, Any]:
    period = "since=2020-01-01&until=2100-01-01"
    document = fetch(f"{outlay.ledger_url}/v1/reports/spend?format=json&by=&{period}", ADMIN_KEY)
    found: dict[str, Any] = document["total"]
    return found
