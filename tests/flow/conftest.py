"""Fixtures of the flow tests."""

from collections.abc import Iterator

import pytest
import respx

from tests.flow.world import World


@pytest.fixture
def router() -> Iterator[respx.MockRouter]:
    with respx.MockRouter(assert_all_called=False) as router:
        yield router


@pytest.fixture
def world(router: respx.MockRouter) -> World:
    return World(router)
