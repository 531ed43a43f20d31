"""Writes that fail under running planes, those of their logs too (EFBIG, by a limit on the size of files): what callers
and operators see, and what is on record once the disk is mended."""

import json
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from tests.servers.processes import ALICE_KEY, Answer, Deployment, Running, StandIn, answers, fetch, post, until

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@pytest.fixture
def planes(provider: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    made = Deployment(tmp_path_factory.mktemp("o"), provider.url)
    made.start_ledger()
    made.start_gateway()
    yield made
    made.stop()


@contextmanager
def failing(process: Running, beyond: int = 0) -> Iterator[None]:
    """Each write of its fails that lies beyond so many bytes of a file: its log's, too."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (beyond, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, UNLIMITED)


def call(planes: Deployment, **told: str) -> Answer:
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}).encode()
    headers = {"authorization": f"Bearer {ALICE_KEY}", "content-type": "application/json"}
    named = {f"x-standin-{name.replace('_', '-')}": value for name, value in told.items()}
    return post(f"{planes.url}/v1/chat/completions", body, {**headers, **named})


def calls_in_reports(planes: Deployment) -> int:
    total: dict[str, int] = planes.report("")["total"]
    return total["calls"]


@pytest.mark.parametrize("file", ["what is to be loaded", "outlay.duckdb.wal"])
def test_a_ledger_whose_disk_fails_says_so_and_loads_what_it_missed_once_it_is_mended(
    planes: Deployment, file: str
) -> None:
    assert call(planes).status == 200
    until("the call is loaded", lambda: calls_in_reports(planes) == 1, planes.ledger)
    its = planes.data / file
    with failing(planes.ledger, beyond=its.stat().st_size if its.exists() else 0):
        assert [call(planes).status for _ in range(5)] == [200] * 5
        until("it is seen to fail", lambda: not answers(f"{planes.ledger_url}/readyz"), planes.ledger)
        details = httpx.get(f"{planes.ledger_url}/readyz", trust_env=False, timeout=300).json()
        assert details["ready"] is False
        assert "File too large" in details["loading"]
        assert calls_in_reports(planes) == 1
    until("all are loaded", lambda: calls_in_reports(planes) == 6, planes.ledger)
    until("it is ready again", lambda: answers(f"{planes.ledger_url}/readyz"), planes.ledger)
    assert "Traceback" not in planes.ledger.said


def test_a_gateway_whose_disk_fails_refuses_calls_and_settles_those_in_flight_once_it_is_mended(
    planes: Deployment, provider: StandIn
) -> None:
    assert call(planes).status == 200
    with ThreadPoolExecutor() as pool:
        in_flight = pool.submit(call, planes, delay_ms="3000")
        until("a call is in flight", lambda: fetch(f"{provider.url}/stand-in/counts")["open"] == 1, planes.gateway)
        with failing(planes.gateway):
            until("calls are refused", lambda: call(planes).status == 503, planes.gateway)
            assert call(planes).document["error"]["code"] == "metering_unavailable"
            assert not answers(f"{planes.url}/readyz")
            assert in_flight.result().status == 200
        until("calls are taken again", lambda: answers(f"{planes.url}/readyz"), planes.gateway)
    assert call(planes).status == 200
    until("all that passed are loaded", lambda: calls_in_reports(planes) == 3, planes.ledger)
    assert planes.report("")["total"]["estimated_calls"] == 0
    assert "Traceback" not in planes.gateway.said
