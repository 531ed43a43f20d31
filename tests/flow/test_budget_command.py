"""`outlay budget` as somebody types it, against a control plane over HTTP."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from click.testing import Result
from typer.testing import CliRunner

from proxy.cli import budget
from tests.flow.ledger_world import a_store
from tests.flow.test_budget_increases import USD, World

MORE = ("--amount", "50 USD", "--until", "7d", "--reason", "a release")


class Shell:
    def __init__(self, world: World, url: str, home: Path) -> None:
        self.world = world
        self.environ = {"OUTLAY_URL": url, "XDG_CONFIG_HOME": str(home), "COLUMNS": "200"}

    def run(self, as_: str, *words: str) -> Result:
        environ = {**self.environ, "OUTLAY_KEY": f"outlay_{as_}"}
        return CliRunner(env=environ).invoke(budget.app, list(words), catch_exceptions=False)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with a_store(tmp_path) as store, socket.create_server(("127.0.0.1", 0)) as listening:
        world = World(tmp_path, store)
        server = uvicorn.Server(uvicorn.Config(world.application, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Shell(world, f"http://127.0.0.1:{listening.getsockname()[1]}", tmp_path / "home")
        finally:
            server.should_exit = True
            thread.join()


def test_somebody_asks_and_an_admin_grants(shell: Shell) -> None:
    asked = shell.run("alice", "request", "each", *MORE)
    assert asked.exit_code == 0, asked.output
    assert "Asked for 50.00 USD more of each for alice until " in asked.stdout
    assert max(map(len, asked.stdout.splitlines())) <= 80
    (row,) = json.loads(shell.run("admin", "list", "--json").stdout)["rows"]
    granted = shell.run("admin", "grant", "each", *MORE, "--request", row["id"])
    assert granted.exit_code == 0, granted.output
    assert granted.stdout.rstrip().endswith(": in force.")
    assert shell.world.extra("each", "alice") == 50 * USD


def test_a_name_with_a_slash_and_whose_it_is(shell: Shell) -> None:
    assert shell.run("admin", "grant", "team/payments", *MORE).exit_code == 0
    assert shell.run("admin", "grant", "each", *MORE, "--for", "bob").exit_code == 0
    assert (shell.world.extra("team/payments"), shell.world.extra("each", "bob")) == (50 * USD, 50 * USD)


def test_a_grant_is_revoked(shell: Shell) -> None:
    id_ = json.loads(shell.run("admin", "grant", "team/payments", *MORE, "--json").stdout)["id"]
    ended = shell.run("admin", "revoke", "team/payments", id_, "--reason", "typed wrong")
    assert ended.stdout == f"{id_} is revoked.\n"
    assert shell.world.extra("team/payments") == 0
    assert "revoked by admin: typed wrong" in shell.run("admin", "list", "--all").stdout


def test_the_list_shows_what_runs_to_whom_it_concerns(shell: Shell) -> None:
    assert shell.run("alice", "list").stdout == "Nothing is asked for or granted.\n"
    shell.run("alice", "request", "each", "--amount", "5", "--until", "7d", "--reason", "a release")
    shown = shell.run("admin", "list").output
    assert "alice" in shown
    assert "open" in shown
    assert shell.run("bob", "list").stdout == "Nothing is asked for or granted.\n"


@pytest.mark.parametrize(
    ("as_", "words", "code", "said"),
    [
        ("alice", ("grant", "each", *MORE), 1, "needs an admin key"),
        ("alice", ("request", "eech", *MORE), 1, "did you mean 'each'?"),
        ("bob", ("request", "team/payments", *MORE), 1, "No budget of yours"),
        ("alice", ("request", "each", *MORE[:4], "--reason", ""), 2, "say why"),
        ("nobody", ("list",), 2, ""),
        ("alice", ("request", "each", *MORE[:4]), 2, "--reason"),
    ],
)
def test_a_no_is_said_in_words_with_its_exit_code(
    shell: Shell, as_: str, words: tuple[str, ...], code: int, said: str
) -> None:
    result = shell.run(as_, *words)
    assert result.exit_code == code, result.output
    assert said in result.output
    assert not shell.world.journal.entries
