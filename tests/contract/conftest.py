"""Every Upstream adapter, on both event loops: uvloop is what the gateway runs on, asyncio what a debugger does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import uvloop

from proxy.adapters.lean_httpx import httpx
from proxy.adapters.transport_aiohttp import AiohttpTransport
from proxy.adapters.upstream_httpx import HttpxUpstream
from proxy.ports.upstream import Upstream
from tests.servers.certificates import Certificate, certificate


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.name.startswith("test_upstream"):
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The seam differs from the direct way only before the first byte: one event loop will do for it."""
    items[:] = [item for item in items if "[asyncio-seam" not in item.nodeid]


class Seam(httpx.AsyncBaseTransport):
    """An AiohttpTransport that is known only as an httpx transport."""

    def __init__(self, inner: AiohttpTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._inner.handle_async_request(request)


Connect = Callable[..., Upstream]
"""Makes an Upstream; keyword arguments as AiohttpTransport's."""


@pytest.fixture(params=["direct", "seam"])
async def connect(request: pytest.FixtureRequest) -> AsyncIterator[Connect]:
    made: list[AiohttpTransport] = []

    def make(**options: Any) -> Upstream:
        transport = AiohttpTransport(**options)
        made.append(transport)
        return HttpxUpstream(transport if request.param == "direct" else Seam(transport))

    yield make
    for transport in made:
        await transport.aclose()


@pytest.fixture
def upstream(connect: Connect) -> Upstream:
    return connect()


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))
