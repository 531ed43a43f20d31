"""Processes that the end-to-end tests share: one stand-in, one gateway in front of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.processes import Deployment, StandIn, deployment, stand_in


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session", autouse=True)
def _no_proxies() -> Iterator[None]:
    """The SDKs read proxies from the environment; these calls stay on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            patch.delenv(name, raising=False)
            patch.delenv(name.lower(), raising=False)
        yield


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with stand_in(tmp_path_factory.mktemp("stand-in")) as running:
        yield running


@pytest.fixture(scope="session")
def outlay(tmp_path_factory: pytest.TempPathFactory, provider: StandIn) -> Iterator[Deployment]:
    """A gateway without a ledger: it forwards and journals just the same."""
    with deployment(tmp_path_factory.mktemp("outlay"), provider.url, ledger=False) as running:
        yield running
