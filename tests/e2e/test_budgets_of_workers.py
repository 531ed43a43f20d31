"""Several gateways on one data folder: each learns within seconds what the others spent."""

import time
from pathlib import Path

import httpx
import pytest

from proxy.cli.connection import listening
from proxy.policy.load import ENFORCED
from tests.servers.processes import ALICE_KEY, StandIn, serving, until

pytestmark = pytest.mark.skipif("budgets" not in ENFORCED, reason="this version takes no budgets")

WORKERS = 2
LIMIT = 20
CHAT = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}


def test_what_one_worker_let_through_the_others_count_seconds_later(tmp_path: Path, provider: StandIn) -> None:
    with serving(tmp_path, provider.url, workers=str(WORKERS)) as outlay:
        headers = {"authorization": f"Bearer {ALICE_KEY}"}

        def call() -> int:
            # A connection of its own, so that the kernel gives it to any worker.
            answer = httpx.post(f"{outlay.url}/v1/chat/completions", json=CHAT, headers=headers, timeout=300)
            return answer.status_code

        def details(worker: int) -> dict[str, object]:
            transport = httpx.HTTPTransport(uds=str(outlay.data / f"gateway-test-{worker}.sock"))
            with httpx.Client(transport=transport) as client:
                found: dict[str, object] = client.get("http://gateway/readyz").json()
                return found

        sockets = [outlay.data / f"gateway-test-{worker}.sock" for worker in range(WORKERS)]
        until("all workers are there", lambda: all(map(listening, sockets)), outlay.server)
        policies = [details(worker)["policy"] for worker in range(WORKERS)]
        (outlay.folder / "policies" / "budgets.yaml").write_text(
            f"budgets: [{{name: all, limit: {LIMIT} calls, window: total}}]\n"
        )
        until(
            "all workers enforce it",
            lambda: all(details(worker)["policy"] != policies[worker] for worker in range(WORKERS)),
            outlay.server,
        )
        with httpx.Client(headers=headers, timeout=300) as one_worker:
            url = f"{outlay.url}/v1/chat/completions"
            statuses = [one_worker.post(url, json=CHAT).status_code for _ in range(LIMIT + 3)]
        assert statuses == [200] * LIMIT + [400] * 3
        until("the ledger has them", lambda: outlay.report("model")["total"]["calls"] >= LIMIT, outlay.server)
        loaded_us = time.time_ns() // 1000
        until(
            "all workers have asked the ledger since",
            lambda: all(int(str(details(worker)["counters_compared_us"])) > loaded_us for worker in range(WORKERS)),
            outlay.server,
        )
        assert [call() for _ in range(8 * WORKERS)] == [400] * 8 * WORKERS
