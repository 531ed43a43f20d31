"""The gateways of `outlay serve` are renewed under load: no call fails, none is lost, and budgets go on."""

import asyncio
import json
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from proxy.model.entry import Settled
from tests.fakes.journal_folder import published_lines
from tests.servers.processes import ALICE_KEY, BOB_KEY, Deployment, StandIn, serving, stand_in, until

HEADERS = {"authorization": f"Bearer {ALICE_KEY}"}
BOBS = {"authorization": f"Bearer {BOB_KEY}"}
CHAT = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
PATH = "/v1/chat/completions"
CLIENTS = 8
LIMIT = 12


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[StandIn]:
    with stand_in(tmp_path) as running:
        yield running


def pid(outlay: Deployment, node: str) -> int:
    """Of the gateway that writes under this name; 0: none does, or it isn't ready."""
    try:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(60)
            asking.connect(str(outlay.data / f"gateway-{node}.sock"))
            asking.sendall(b"GET /readyz HTTP/1.1\r\nhost: gateway\r\n\r\n")
            ready = b" 200 " in asking.recv(100)
    except OSError:
        return 0
    return int((outlay.data / "journal" / node / "lock").read_text()) if ready else 0


async def renewed(outlay: Deployment, before: str, after: str) -> None:
    await asyncio.to_thread(until, f"{before} is there", lambda: bool(pid(outlay, before)), outlay.server)
    old = pid(outlay, before)
    assert outlay.server.process is not None
    outlay.server.process.send_signal(signal.SIGUSR2)
    await asyncio.to_thread(until, f"{after} has taken over", lambda: bool(pid(outlay, after)), outlay.server)
    await asyncio.to_thread(until, f"{before} has ended", lambda: not Path(f"/proc/{old}").exists(), outlay.server)


def settled(outlay: Deployment, count: int) -> list[Settled]:
    """All of them, once so many are published."""

    def found() -> list[Settled]:
        return [line for line in published_lines(outlay.data / "journal") if isinstance(line, Settled)]

    until(f"{count} calls are settled", lambda: len(found()) >= count, outlay.server)
    return found()


async def calling(client: httpx.AsyncClient, stop: asyncio.Event, number: int, told: list[str]) -> None:
    """Call after call on connections that are kept, every other one a stream of half a second."""
    while not stop.is_set():
        stream = (number + len(told)) % 2 == 0
        more = {"x-standin-chunk-ms": "20", "x-standin-tokens": "20"} if stream else {}
        answer = await client.post(PATH, json={**CHAT, "stream": stream}, headers=more)
        whole = b"[DONE]" in answer.content if stream else bool(json.loads(answer.content)["usage"])
        told.append("ok" if answer.status_code == 200 and whole else f"{answer.status_code}: {answer.text[-200:]}")


async def test_gateways_are_renewed_without_a_failed_call(tmp_path: Path, provider: StandIn) -> None:
    folder = tmp_path / "outlay"
    (folder / "policies").mkdir(parents=True)
    (folder / "policies" / "budgets.yaml").write_text(
        f"budgets: [{{name: bobs, applies_to: {{user: bob}}, limit: {LIMIT} calls, window: total}}]\n"
    )
    with serving(folder, provider.url) as outlay:
        ledgers = {""}
        another_ledger(outlay, ledgers)
        await under_load(outlay, provider)
        another_ledger(outlay, ledgers)
        await within_a_budget(outlay)
        another_ledger(outlay, ledgers)
        await what_does_not_come_up_changes_nothing(outlay)
        await who_comes_while_a_killed_one_is_started_again_waits(outlay)


def another_ledger(outlay: Deployment, known: set[str]) -> None:
    """Writes its journal: one is started with each renewal, which waits for the gateways alone."""
    lock = outlay.data / "journal" / "ledger" / "lock"
    until("another ledger writes", lambda: lock.read_text() not in known, outlay.server)
    known.add(lock.read_text())


async def under_load(outlay: Deployment, provider: StandIn) -> None:
    """No call fails, and the journal has exactly those that the provider counted."""
    stop, told = asyncio.Event(), list[str]()
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=outlay.url, headers=HEADERS, timeout=300, limits=limits) as client:
        tasks = [asyncio.create_task(calling(client, stop, number, told)) for number in range(CLIENTS)]
        await renewed(outlay, "test-0", "test-0b")
        stop.set()
        await asyncio.gather(*tasks)
    assert set(told) == {"ok"}
    assert "counters saved for who takes over" in outlay.server.said
    entries = settled(outlay, len(told))
    assert len(entries) == len({entry.call.id for entry in entries}) == len(told) == len(provider.calls())
    assert not any(entry.estimated for entry in entries)
    tokens = sum(entry.usage.output_tokens for entry in entries)
    assert tokens == sum(counts["output_text"] for counts in provider.counts()["models"].values())


async def within_a_budget(outlay: Deployment) -> None:
    """It goes on from what the one before had counted."""
    async with httpx.AsyncClient(base_url=outlay.url, headers=BOBS, timeout=300) as client:

        async def passed(calls: int) -> list[int]:
            return [(await client.post(PATH, json=CHAT)).status_code for _ in range(calls)]

        statuses = await passed(4)
        running = asyncio.create_task(renewed(outlay, "test-0b", "test-0"))
        while not running.done():
            if len(statuses) < LIMIT - 2:
                statuses += await passed(1)
            await asyncio.sleep(0.05)
        await running
        statuses += await passed(LIMIT + 3 - len(statuses))
    assert statuses == [200] * LIMIT + [400] * 3


async def what_does_not_come_up_changes_nothing(outlay: Deployment) -> None:
    old = pid(outlay, "test-0")
    shutil.rmtree(outlay.data / "journal" / "test-0b")
    (outlay.data / "journal" / "test-0b").write_text("no folder can be made here")
    assert outlay.server.process is not None
    outlay.server.process.send_signal(signal.SIGUSR2)
    await asyncio.to_thread(until, "it is told", lambda: "not renewed" in outlay.server.said, outlay.server)
    assert pid(outlay, "test-0") == old
    assert await fresh_call(outlay) == 200


async def who_comes_while_a_killed_one_is_started_again_waits(outlay: Deployment) -> None:
    killed = pid(outlay, "test-0")
    os.kill(killed, signal.SIGKILL)
    await asyncio.to_thread(until, "it is dead", lambda: not Path(f"/proc/{killed}").exists(), outlay.server)
    assert await asyncio.gather(*(fresh_call(outlay) for _ in range(5))) == [200] * 5


async def fresh_call(outlay: Deployment) -> int:
    """Of somebody whom no budget is for, on a connection of its own."""
    async with httpx.AsyncClient(base_url=outlay.url, headers=HEADERS, timeout=300) as client:
        return (await client.post(PATH, json=CHAT)).status_code
