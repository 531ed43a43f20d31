"""`outlay run` and `outlay login` with a program of one's own: no agent CLI is needed."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.processes import ALICE_KEY, BOB_KEY, Deployment, StandIn, base_environ, serving, until

CALL = (
    "import openai, sys; c = openai.OpenAI(max_retries=0)\n"
    "print(c.chat.completions.create(model='gpt-4o', messages=[{'role': 'user', 'content': 'hi'}]).usage.total_tokens)"
)
WAIT_S = 120.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, provider: StandIn) -> Iterator[Deployment]:
    with serving(tmp_path_factory.mktemp("outlay-run"), provider.url) as running:
        yield running


class Shell:
    """A home and a work tree."""

    def __init__(self, folder: Path, server: Deployment) -> None:
        self.folder = folder
        self.server = server
        git = folder / ".git"
        git.mkdir()
        (git / "HEAD").write_text("ref: refs/heads/mine\n")
        (git / "config").write_text('[remote "origin"]\n\turl = https://bob:secret@github.com/Acme/Checkout.git\n')
        self.environ = {**base_environ(), "HOME": str(folder)}

    def begin(self, *words: str, **more: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "proxy", *words],
            cwd=self.folder,
            env={**self.environ, **more},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def outlay(self, *words: str, said: str = "", **more: str) -> tuple[int, str, str]:
        process = self.begin(*words, **more)
        out, error = process.communicate(said, timeout=WAIT_S)
        return process.returncode, out, error


@pytest.fixture
def shell(tmp_path: Path, server: Deployment) -> Shell:
    return Shell(tmp_path, server)


def test_after_a_login_any_sdk_calls_through_outlay_and_says_where_it_comes_from(shell: Shell) -> None:
    code, _, error = shell.outlay("login", shell.server.ledger_url, "--key-stdin", said=f"{ALICE_KEY}\n")
    assert code == 0, error
    code, out, error = shell.outlay("run", "--project", "checkout", "--", sys.executable, "-c", CALL)
    assert code == 0, error
    assert int(out) > 0
    rows = lambda: shell.server.report("repository,branch")["rows"]  # noqa: E731
    mine = ("github.com/acme/checkout", "mine")
    until("the call is loaded", lambda: mine in [(row["repository"], row["branch"]) for row in rows()])
    assert shell.outlay("login", "--logout")[0] == 0
    assert shell.outlay("run", "--", "true")[0] == 2


def test_a_run_is_one_session_that_its_calls_and_its_commits_name(shell: Shell) -> None:
    known = {"OUTLAY_URL": shell.server.ledger_url, "OUTLAY_KEY": BOB_KEY}
    code = f"import os; {CALL.replace(chr(10), '; ')}; print(os.environ['OUTLAY_SESSION'])"
    status, out, error = shell.outlay("run", "--", sys.executable, "-c", code, **known)
    assert status == 0, error
    session = out.split()[-1]
    mine = lambda: [row["session"] for row in shell.server.report("session", reason="test")["rows"]]  # noqa: E731
    until("the call is loaded", lambda: session in mine())
    words = ("run", "--", sys.executable, "-m", "proxy", "run", "--", "sh", "-c", "echo $OUTLAY_SESSION")
    first, second = (shell.outlay(*words, **known)[1].strip() for _ in range(2))
    assert len({session, first, second}) == 3
    assert shell.outlay(*words, OUTLAY_SESSION=session, **known)[1].strip() == session


def test_exit_code_output_and_signals_are_the_commands_own(shell: Shell) -> None:
    known = {"OUTLAY_URL": shell.server.ledger_url, "OUTLAY_KEY": BOB_KEY}
    assert shell.outlay("run", "--", "sh", "-c", "cat; echo two >&2; exit 7", said="one\n", **known) == (
        7,
        "one\n",
        "two\n",
    )
    process = shell.begin("run", "--", "sh", "-c", "echo $$; exec sleep 600", **known)
    assert process.stdout is not None
    assert int(process.stdout.readline()) == process.pid
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=WAIT_S)
    assert process.returncode == -signal.SIGTERM


def test_what_cant_be_started_is_said_in_words(shell: Shell) -> None:
    known = {"OUTLAY_URL": shell.server.ledger_url, "OUTLAY_KEY": BOB_KEY}
    assert shell.outlay("run", "--", "no-such-command", **known)[0] == 127
    code, _, error = shell.outlay("run", "--", "true", **(known | {"OUTLAY_PUBLIC_URL": "http://127.0.0.1:1"}))
    assert code == 2
    assert "no gateway answers at http://127.0.0.1:1" in error
    code, _, error = shell.outlay("setup", "claude", "--dry-run", **known)
    assert code == 0, error
    assert list(shell.folder.iterdir()) == [shell.folder / ".git"]
