"""For all tests: hypothesis judges what is true, not how fast this machine is at the moment; and the log tells no test
less because another one, in the same process, ran a command."""

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

settings.register_profile("outlay", deadline=None)
settings.load_profile("outlay")


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
