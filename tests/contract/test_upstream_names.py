"""How the way to a provider finds its address."""

import asyncio
import socket
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from proxy.ports.upstream import Fault, Upstream, UpstreamError
from tests.contract.upstream_calls import call, exchanged
from tests.servers.raw_provider import answering, ok, provider

HANGING = 40


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names that hang, as where no name server answers for them, until the test is over."""
    names: list[str] = []
    over, real = Event(), socket.getaddrinfo

    def lookup(host: Any, *rest: Any, **more: Any) -> Any:
        if str(host).startswith("hangs"):
            names.append(host)
            over.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    yield names
    over.set()


async def test_names_that_hang_hold_up_no_other(upstream: Upstream, looked_up: list[str]) -> None:
    urls = [f"http://hangs-{number}.test" for number in range(HANGING)]
    hanging = [asyncio.create_task(exchanged(upstream, call(url, b"/v1/x"))) for url in urls]
    async with provider(answering(ok())) as running, asyncio.timeout(50):
        while len(looked_up) < HANGING:
            await asyncio.sleep(0.01)
        await exchanged(upstream, call(running.url.replace("127.0.0.1", "localhost"), b"/v1/x"))
    assert len(running.seen) == 1
    for each in hanging:
        each.cancel()
    await asyncio.wait(hanging)


async def test_what_is_no_name_is_not_found(upstream: Upstream) -> None:
    with pytest.raises(UpstreamError) as caught:
        await exchanged(upstream, call(f"http://{'x' * 70}.test", b"/v1/x"))
    assert caught.value.fault is Fault.DNS
