"""SDKs that others built on the providers' own: through the gateway they give what they give directly, and the ledger
equals the provider's own count, kind by kind, to the token."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.servers.processes import (
    ALICE_KEY,
    OPENAI_SECRET,
    Deployment,
    StandIn,
    base_environ,
    deployment,
    stand_in,
    until,
)
from tests.servers.spend import expected, reported

SCRIPTS: Final = Path(__file__).parent / "sdks"
CALLS: Final[Mapping[str, tuple[int, set[str]]]] = {
    "litellm": (
        12,
        {
            *("lite-chat", "lite-details", "lite-tool", "lite-stream", "lite-usage", "claude-lite"),
            *("lite-vectors", "lite-async", "lite-async-stream"),
        },
    ),
    "langchain": (
        11,
        {
            *("chain-chat", "chain-stream", "chain-usage", "chain-tool", "chain-responses", "chain-vectors"),
            *("chain-async", "chain-async-stream"),
        },
    ),
    "pydantic_ai": (
        8,
        {f"agent-{kind}{what}" for kind in ("chat", "responses") for what in ("", "-stream", "-tool")},
    ),
}
"""Of each SDK: how many calls its script makes, at least, and the models that it names."""


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Behind the gateway alone, so that its count is that of these calls."""
    with stand_in(tmp_path_factory.mktemp("third-party-stand-in")) as running:
        yield running


@pytest.fixture(scope="module")
def planes(tmp_path_factory: pytest.TempPathFactory, behind: StandIn) -> Iterator[Deployment]:
    with deployment(tmp_path_factory.mktemp("third-party"), behind.url) as running:
        yield running


@pytest.mark.parametrize("sdk", CALLS)
def test_an_sdk_gets_the_same_as_directly_and_every_token_is_on_record(
    sdk: str, provider: StandIn, behind: StandIn, planes: Deployment
) -> None:
    behind.reset()
    direct, through = run(sdk, (provider.url, OPENAI_SECRET), (planes.url, ALICE_KEY))
    assert through == direct
    counted = behind.counts()
    at_least, models = CALLS[sdk]
    assert counted["total"]["calls"] >= at_least
    assert set(counted["models"]) == models
    until("the ledger has them", lambda: calls(planes, models) >= counted["total"]["calls"], planes.ledger)
    assert rows(planes, models) == expected(counted)
    assert planes.report("estimated")["total"]["estimated_calls"] == 0


def run(sdk: str, *addresses: tuple[str, str]) -> list[dict[str, Any]]:
    """What the SDK gave at each address."""
    given = [word for address in addresses for word in address]
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / f"{sdk}_calls.py"), *given],
        env={**base_environ(), "LITELLM_LOCAL_MODEL_COST_MAP": "True", "OPENAI_API_KEY": "unused"},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-4000:]
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def rows(planes: Deployment, models: set[str]) -> dict[str, dict[str, int]]:
    return {model: row for model, row in reported(planes.report("model")).items() if model in models}


def calls(planes: Deployment, models: set[str]) -> int:
    return sum(row["calls"] for row in rows(planes, models).values())
