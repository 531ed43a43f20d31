"""For all tests: hypothesis judges what is true, not how fast this machine is at the moment; and the log tells no test
less because another one, in the same process, ran a command."""

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

SPEED = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example)
SHARED = HealthCheck.function_scoped_fixture  # such tests give each example something new within the test's folder

# The same examples each time, for a change to be judged by itself; new ones by `--hypothesis-profile=searching`.
settings.register_profile("searching", deadline=None, print_blob=True, suppress_health_check=[*SPEED, SHARED])
settings.register_profile("steady", settings.get_profile("searching"), derandomize=True)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
