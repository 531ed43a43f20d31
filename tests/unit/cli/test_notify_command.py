"""`outlay notify test` reaches the targets, and says of each that takes nothing why, never where it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from proxy.__main__ import app
from proxy.adapters.starter_files import write_starter
from tests.servers.webhook import Webhook, webhook

# Apprise imports modules of Python that later versions take away, and says so in warnings.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SECRET = "canary0000000000000token"
TARGETS = """targets:
  - {name: finance, url: {env: NOTIFY_TEST_FINANCE}}
  - {name: checkout, url: {file: checkout-address}}
"""


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as server:
        yield server


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    write_starter(folder)
    (folder / "notify.yaml").write_text(TARGETS)
    return folder


def run(policies: Path, *words: str, address: str = "") -> tuple[int, str]:
    environ = {
        "OUTLAY_POLICIES": str(policies),
        "OUTLAY_DATA": str(policies.parent / "data"),
        "OUTLAY_KEYS": "",
        "NOTIFY_TEST_FINANCE": address,
    }
    result = CliRunner(env=environ).invoke(app, ["notify", "test", *words], catch_exceptions=False)
    assert SECRET not in result.output
    return result.exit_code, result.output


def test_each_target_gets_a_message(policies: Path, hook: Webhook) -> None:
    there = hook.address(SECRET)
    (policies / "checkout-address").write_text(f"{there}\n")
    code, said = run(policies, address=there)
    assert code == 0
    assert [got["title"] for got in hook.got] == ["A test by outlay"] * 2
    assert "finance: the service took the message" in said


def test_one_that_takes_nothing_is_told_beside_those_that_do(policies: Path, hook: Webhook) -> None:
    (policies / "checkout-address").write_text(f"json://127.0.0.1:1/{SECRET}")
    code, said = run(policies, address=hook.address(SECRET))
    assert code == 1
    assert "finance: the service took the message" in said
    assert "checkout: not sent: the service could not be reached, or refused it" in said


def test_one_without_an_address_says_where_it_should_be(policies: Path) -> None:
    assert run(policies, "finance")[1].startswith(
        "finance: no address here: the variable NOTIFY_TEST_FINANCE holds none"
    )
    assert "the file checkout-address holds none" in run(policies, "checkout")[1]


def test_a_misspelt_target_gets_the_right_word(policies: Path) -> None:
    code, said = run(policies, "finanse")
    assert code == 2
    assert "did you mean 'finance'?" in said


def test_no_targets_are_nothing_to_try(policies: Path) -> None:
    (policies / "notify.yaml").write_text("targets: []\n")
    assert run(policies) == (2, "outlay: notify.yaml has no targets\n")


def test_files_with_mistakes_are_not_tried(policies: Path) -> None:
    (policies / "notify.yaml").write_text("targets: 7\n")
    code, said = run(policies)
    assert code == 2
    assert "outlay policy check" in said
