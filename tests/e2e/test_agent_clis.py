"""Real agent CLIs, started by `outlay run` and set up by `outlay setup`, through real processes.

They are looked for in the folder OUTLAY_TEST_CLIS (an npm prefix or a folder of commands) and on the PATH; `.ci/run`
installs them. A CLI that isn't there is skipped by name.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.test_sdk_ledger import expected, reported
from tests.servers.processes import ALICE_KEY, ROOT, Deployment, StandIn, serving, stand_in, until

ANSWER: Final = "fake answer from a stand in provider"
UNPRICED: Final = "nobody-prices-this"
CLI_S: Final = 90.0
"""How long a CLI may take, on a machine without the internet that some of them ask first."""
LOADED_S: Final = 60.0
PLACES: Final = os.pathsep.join(
    str(Path(folder) / below)
    for folder in [os.environ.get("OUTLAY_TEST_CLIS", "")]
    if folder
    for below in ("node_modules/.bin", "bin", ".")
)
PATH: Final = os.pathsep.join(part for part in (PLACES, os.environ.get("PATH", "")) if part)

PRICES: Final = """unpriced: refuse
prices:
  - name: stand-in-small
    model: stand-in-small
    usd_per_million: {input: 0.15, cache_read: 0.075, cache_write: 0.1875, cache_write_1h: 0.30, output: 0.60}
    web_search_usd_per_thousand: 10
  - name: stand-in-spent
    model: stand-in-spent
    usd_per_million: {input: 1, output: 1}
    web_search_usd_per_thousand: 10
"""


SPENT: Final = "stand-in-spent"
BUDGETS: Final = f"""budgets:
  - {{name: nothing-left, limit: 0.00000001 USD, window: month, applies_to: {{model: {SPENT}}}, contact: bob}}
"""


@dataclass(frozen=True, slots=True)
class Cli:
    """An agent CLI asked one question without a terminal."""

    name: str
    ask: Callable[[str], list[str]]
    """The command, for a model."""
    model: str = "stand-in-small"
    settings: dict[str, str] = field(default_factory=dict)
    """Variables that keep it from asking the internet."""
    session: bool = True
    """It names its session."""
    tries: int = 1
    """Requests until it has understood a refusal."""
    over: str = ""
    """What the stand-in calls the way that it must have come."""
    first: bool = False
    """`outlay run` needs one `outlay setup` before."""


def _opencode_models(*models: str) -> str:
    return json.dumps({"provider": {"anthropic": {"models": {model: {} for model in models}}}})


AIDER: Final = (
    "--no-check-update --no-show-release-notes --no-show-model-warnings --yes-always --no-gitignore --no-pretty"
)
CLIS: Final = (
    Cli(
        "claude",
        lambda model: ["claude", "-p", "hi", "--model", model],
        settings={"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"},
    ),
    # Over a websocket: a warm-up without an answer first, and then the call.
    Cli("codex", lambda model: ["codex", "exec", "-m", model, "hi"], tries=2, over="responses_warmup"),
    Cli(
        "gemini",
        lambda model: ["gemini", "-p", "hi", "-m", model],
        model="gemini-2.5-flash",
        settings={"GEMINI_CLI_TRUST_WORKSPACE": "true", "GEMINI_TELEMETRY_ENABLED": "false"},
        session=False,
        first=True,
    ),
    Cli(
        "opencode",
        lambda model: ["opencode", "run", "--model", f"anthropic/{model}", "hi"],
        settings={
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_CONFIG_CONTENT": _opencode_models("stand-in-small", UNPRICED),
        },
    ),
    Cli(
        "aider",
        lambda model: ["aider", "--model", f"openai/{model}", *AIDER.split(), "--message", "hi"],
        settings={"AIDER_ANALYTICS": "false"},
        session=False,
    ),
)
each_cli: Final = pytest.mark.parametrize("cli", CLIS, ids=lambda cli: cli.name)


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with stand_in(tmp_path_factory.mktemp("stand-in-clis")) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: StandIn) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("outlay-clis")
    (folder / "policies").mkdir()
    (folder / "policies" / "prices.yaml").write_text(PRICES)
    (folder / "policies" / "budgets.yaml").write_text(BUDGETS)
    with serving(folder, upstream.url) as running:
        yield running


@dataclass(frozen=True, slots=True)
class Desk:
    """A developer's home and work tree, with outlay and one CLI in reach."""

    cli: Cli
    server: Deployment
    folder: Path
    branch: str

    def environ(self, key: str = ALICE_KEY) -> dict[str, str]:
        # No OUTLAY_PUBLIC_URL: the control plane says where the gateway is.
        known = {"OUTLAY_URL": self.server.ledger_url, "OUTLAY_KEY": key, "PYTHONPATH": str(ROOT)}
        return {"PATH": PATH, "HOME": str(self.folder / "home"), "LANG": "C.UTF-8", **self.cli.settings, **known}

    def outlay(self, *words: str, key: str = ALICE_KEY) -> "subprocess.CompletedProcess[str]":
        return self.start([sys.executable, "-m", "proxy", *words], self.environ(key))

    def start(self, command: list[str], environ: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            check=False,
            cwd=self.folder / "checkout",
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CLI_S,
        )

    def rows(self, by: str) -> list[dict[str, Any]]:
        return [row for row in self.server.report(by)["rows"] if row.get("branch", self.branch) == self.branch]


@pytest.fixture
def desk(cli: Cli, server: Deployment, tmp_path: Path, request: pytest.FixtureRequest) -> Desk:
    if shutil.which(cli.name, path=PATH) is None:
        pytest.skip(f"{cli.name} isn't installed: put it on the PATH or into OUTLAY_TEST_CLIS")
    branch = f"{cli.name}/{request.node.originalname}"
    (tmp_path / "home").mkdir()
    tree = tmp_path / "checkout"
    tree.mkdir()
    (tree / "README.md").write_text("hello\n")
    who = ("-c", "user.name=alice", "-c", "user.email=alice@example.com")
    for words in (
        ("init", "-q", "-b", branch),
        ("remote", "add", "origin", "git@github.com:Acme/Checkout.git"),
        ("add", "README.md"),
        (*who, "commit", "-q", "-m", "first"),
    ):
        subprocess.run(["git", *words], cwd=tree, check=True, timeout=300)
    made = Desk(cli, server, tmp_path, branch)
    if cli.first:
        assert made.outlay("setup", cli.name).returncode == 0
    return made


def _answered(said: "subprocess.CompletedProcess[str]") -> None:
    assert said.returncode == 0, said.stdout + said.stderr
    assert ANSWER in " ".join((said.stdout + said.stderr).split()), said.stdout + said.stderr


@each_cli
def test_a_cli_runs_through_outlay_and_the_ledger_has_it_to_the_token(desk: Desk, upstream: StandIn) -> None:
    upstream.reset()
    _answered(desk.outlay("run", "--", *desk.cli.ask(desk.cli.model)))
    counted = upstream.counts()
    assert not desk.cli.over or desk.cli.over in {call["operation"] for call in upstream.calls()}
    calls = counted["total"]["complete"]
    assert calls >= 1
    by = "repository,branch,model"
    until("the calls are loaded", lambda: sum(row["calls"] for row in desk.rows(by)) >= calls, wait_s=LOADED_S)
    assert reported({"rows": desk.rows(by)}) == expected(counted)
    assert {row["repository"] for row in desk.rows(by)} == {"github.com/acme/checkout"}
    if desk.cli.session:
        assert all(row["session"] for row in desk.rows("branch,session"))


@each_cli
def test_a_refusal_is_shown_and_not_tried_again(desk: Desk, upstream: StandIn) -> None:
    upstream.reset()
    said = desk.outlay("run", "--", *desk.cli.ask(UNPRICED))
    words = " ".join((said.stdout + said.stderr).split())
    assert UNPRICED in words
    assert "has no known price" in words, words
    assert UNPRICED not in upstream.counts()["models"]
    by = "branch,model"
    refused = lambda: sum(row["refused"] for row in desk.rows(by) if row["model"] == UNPRICED)  # noqa: E731
    until("the refusal is loaded", lambda: refused() >= 1, wait_s=LOADED_S)
    assert refused() <= desk.cli.tries, words


@pytest.mark.parametrize("cli", [cli for cli in CLIS if cli.name in ("claude", "codex")], ids=lambda cli: cli.name)
def test_a_budget_with_nothing_left_is_named_on_screen_and_not_asked_again(desk: Desk, upstream: StandIn) -> None:
    upstream.reset()
    said = desk.outlay("run", "--", *desk.cli.ask(SPENT))
    words = " ".join((said.stdout + said.stderr).split())
    for word in ("The budget 'nothing-left' (budgets.yaml:2) has no room", "outlay budget request nothing-left", "bob"):
        assert word in words, words
    assert SPENT not in upstream.counts()["models"]
    refused = lambda: sum(row["refused"] for row in desk.rows("branch,model") if row["model"] == SPENT)  # noqa: E731
    until("the refusal is loaded", lambda: refused() >= 1, wait_s=LOADED_S)
    assert refused() <= desk.cli.tries, words


@each_cli
def test_a_revoked_key_is_named_before_the_cli_starts(desk: Desk, upstream: StandIn) -> None:
    upstream.reset()
    said = desk.outlay("run", "--", *desk.cli.ask(desk.cli.model), key=ALICE_KEY[:-1] + "x")
    assert said.returncode == 1
    assert said.stderr.count("does not take this key") == 1
    assert said.stdout == ""
    assert upstream.counts()["total"]["calls"] == 0


@each_cli
def test_a_cli_that_is_set_up_calls_outlay_by_itself_until_the_undo(desk: Desk, upstream: StandIn) -> None:
    upstream.reset()
    said = desk.outlay("setup", desk.cli.name)
    assert said.returncode == 0, said.stderr
    alone = {name: value for name, value in desk.environ().items() if not name.startswith("OUTLAY_")}
    _answered(desk.start(desk.cli.ask(desk.cli.model), alone))
    assert upstream.counts()["total"]["complete"] >= 1
    undone = desk.outlay("setup", desk.cli.name, "--undo")
    assert undone.returncode == 0, undone.stderr
    home = desk.folder / "home"
    left = [path for path in home.rglob("*") if path.is_file() and path.suffix in (".json", ".toml", ".yml", ".env")]
    assert not [path for path in left if desk.server.url in path.read_text(errors="replace")]
    assert not (home / ".config" / "outlay" / "key").exists()


OWN_LOGINS: Final = {
    "claude": ("CLAUDE_CODE_OAUTH_TOKEN", "authorization", "Bearer "),
    "codex": ("", "authorization", "Bearer "),
    "gemini": ("GEMINI_API_KEY", "x-goog-api-key", ""),
}
"""The variable of a tool's own credential, the header that carries it, and what stands before it there."""
OWN: Final = "my-own-credential"


@pytest.mark.parametrize("cli", [cli for cli in CLIS if cli.name in OWN_LOGINS], ids=lambda cli: cli.name)
def test_an_own_login_reaches_the_provider_untouched_and_outlay_still_knows_the_caller(
    desk: Desk, upstream: StandIn
) -> None:
    upstream.reset()
    variable, header, before = OWN_LOGINS[desk.cli.name]
    environ = desk.environ()
    if variable:
        environ[variable] = OWN
    else:
        folder = desk.folder / "home" / ".codex"
        folder.mkdir()
        (folder / "auth.json").write_text(json.dumps({"auth_mode": "apikey", "OPENAI_API_KEY": OWN}))
    command = [sys.executable, "-m", "proxy", "run", "--own-login", "--", *desk.cli.ask(desk.cli.model)]
    _answered(desk.start(command, environ))
    sent = [dict(call["headers"]) for call in upstream.calls() if call["usage"]]
    assert sent
    assert {headers[header] for headers in sent} == {hashlib.sha256(f"{before}{OWN}".encode()).hexdigest()}
    assert not any(name.startswith("x-outlay") for headers in sent for name in headers)
    until("the calls are loaded", lambda: bool(desk.rows("branch,user")), wait_s=LOADED_S)
