"""Real processes for tests and benches: the stand-in, and outlay's planes with policies of their own.

Every process is ended by its pid, whatever happens: SIGTERM, then SIGKILL.
"""

import contextlib
import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from proxy.policy.keys import digest, mint

ROOT = Path(__file__).resolve().parents[2]
READY_S = 60.0
STOP_S = 30.0
POLL_S = 0.02
LOOPBACK = "127.0.0.1"

ADMIN_KEY = mint(bytes(range(40)))
ALICE_KEY = mint(bytes(range(1, 41)))
BOB_KEY = mint(bytes(range(2, 42)))
OPENAI_SECRET = "sk-the-stand-in-takes-any-openai-key"
GEMINI_SECRET = "the-stand-in-takes-any-gemini-key"
ANTHROPIC_SECRET = "sk-the-stand-in-takes-any-anthropic-key"


class ProcessError(RuntimeError):
    """A process that did not come up; with what it wrote."""


@dataclass(slots=True)
class Running:
    """One process, with everything it says kept in a file beside."""

    name: str
    arguments: tuple[str, ...]
    environ: Mapping[str, str]
    output: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, *self.arguments],
                env=dict(self.environ),
                cwd=self.output.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def check(self) -> None:
        """Raises ProcessError where it has ended."""
        if self.process is None or self.process.poll() is not None:
            code = self.process.returncode if self.process else None
            raise ProcessError(f"{self.name} ended with {code}:\n{self.said[-4000:]}")

    def stop(self, wait_s: float = STOP_S) -> int:
        """SIGTERM, then SIGKILL where that is not obeyed. The exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """SIGKILL: what a crash looks like."""
        assert self.process is not None
        self.process.kill()
        return self.process.wait()


PORTS = range(10_000, 32_000)  # below those that Linux gives to whoever asks for any port, or connects
_ports = itertools.islice(itertools.cycle(PORTS), os.getpid() * 97 % len(PORTS), None)


def free_port() -> int:
    """A port that nobody uses, nor is given by chance before it is listened on; processes of tests begin apart."""
    for port in _ports:
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.bind((LOOPBACK, port))
            return port
    raise AssertionError("an endless row")


def until(what: str, happened: Callable[[], bool], process: Running | None = None, wait_s: float = READY_S) -> None:
    """Wait for a fact. Raises ProcessError when the time is over or the process has ended."""
    deadline = time.monotonic() + wait_s
    while not happened():
        if process is not None:
            process.check()
        if time.monotonic() > deadline:
            raise ProcessError(f"{what}: not within {wait_s} s\n{process.said[-4000:] if process else ''}")
        time.sleep(POLL_S)


def fetch(url: str, key: str = "", method: str = "GET") -> Any:
    """JSON of a URL."""
    request = urllib.request.Request(url, method=method, headers={"authorization": f"Bearer {key}"} if key else {})
    with _answer(request) as answer:
        return json.load(answer)


class Answer(NamedTuple):
    """Of HTTP, with its JSON."""

    status: int
    headers: dict[str, str]
    document: Any


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Whatever the status. Raises OSError where nobody answers, or not to the end."""
    try:
        with _answer(urllib.request.Request(url, body, dict(headers), method="POST")) as answer:
            return Answer(answer.status, dict(answer.headers), json.load(answer))
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(refused.code, dict(refused.headers), json.load(refused))


def answers(url: str) -> bool:
    """True once a URL answers with 200."""
    try:
        with _answer(url, 5) as answer:
            return answer.status == 200
    except OSError:
        return False


@contextlib.contextmanager
def _answer(request: str | urllib.request.Request, timeout_s: float = 300) -> Iterator[http.client.HTTPResponse]:
    """Without the machine's proxies. An answer that ends early, as a killed process leaves it, is an OSError too."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=timeout_s) as answer:
            yield answer
    except http.client.HTTPException as error:
        raise ConnectionError(f"no whole answer: {error!r}") from error


def base_environ() -> dict[str, str]:
    """Nothing of the machine's own settings: no proxies, no keys, no OUTLAY_ variables."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "NO_PROXY": "*"}


@dataclass(slots=True)
class StandIn:
    """The stand-in provider as a process."""

    running: Running
    url: str

    def counts(self) -> dict[str, Any]:
        """Its own count, once no call is open any more."""
        self._rests()
        counts: dict[str, Any] = fetch(f"{self.url}/stand-in/counts")
        return counts

    def _rests(self) -> None:
        until("the stand-in's calls end", lambda: fetch(f"{self.url}/stand-in/counts")["open"] == 0, self.running)

    def calls(self) -> list[dict[str, Any]]:
        """What it received, call by call, as far back as it remembers, once no call is open any more."""
        self._rests()
        calls: list[dict[str, Any]] = []
        after = 0
        while page := fetch(f"{self.url}/stand-in/calls?after={after}&limit=5000"):
            calls += page["calls"]
            after = page["next"]
            if not page["calls"]:
                break
        return calls

    def reset(self) -> None:
        fetch(f"{self.url}/stand-in/reset", method="POST")

    def hurry(self, marker: str) -> None:
        """Calls with this marker pause no more."""
        fetch(f"{self.url}/stand-in/hurry?marker={marker}", method="POST")


@contextlib.contextmanager
def stand_in(folder: Path) -> Iterator[StandIn]:
    running = Running("stand-in", ("-m", "proxy.standin", "--port", "0"), base_environ(), folder / "stand-in.log")
    running.start()
    try:
        until("the stand-in's address", lambda: running.said.endswith("\n"), running)
        found = StandIn(running, running.said.splitlines()[0])
        until("the stand-in answers", lambda: answers(found.url), running)
        yield found
    finally:
        running.stop()


@dataclass(slots=True)
class Deployment:
    """outlay on this machine: a folder with policies and data, and the planes as processes."""

    folder: Path
    upstream: str
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    ledger_port: int = field(default_factory=free_port)
    gateway: Running = field(init=False)
    ledger: Running = field(init=False)
    server: Running = field(init=False)

    def __post_init__(self) -> None:
        write_policies(self.folder / "policies", self.upstream)
        environ = {
            **base_environ(),
            "OPENAI_API_KEY": OPENAI_SECRET,
            "ANTHROPIC_API_KEY": ANTHROPIC_SECRET,
            "GEMINI_API_KEY": GEMINI_SECRET,
            "OUTLAY_PORT": str(self.port),
            "OUTLAY_LEDGER_PORT": str(self.ledger_port),
            "OUTLAY_POLICIES": str(self.folder / "policies"),
            "OUTLAY_DATA": str(self.data),
            "OUTLAY_ADMIN_KEY": ADMIN_KEY,
            "OUTLAY_NODE": "test",
            "OUTLAY_STOP_S": "5",
            **self.settings,
        }
        self.gateway = Running("gateway", ("-m", "proxy.app.gateway"), environ, self.folder / "gateway.log")
        self.ledger = Running("ledger", ("-m", "proxy.app.ledger"), environ, self.folder / "ledger.log")
        self.server = Running("serve", ("-m", "proxy", "serve"), environ, self.folder / "serve.log")

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def ledger_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ledger_port}"

    def start_gateway(self) -> None:
        self.gateway.start()
        until("the gateway is ready", lambda: answers(f"{self.url}/readyz"), self.gateway)

    def start_ledger(self) -> None:
        self.ledger.start()
        until("the ledger is ready", lambda: answers(f"{self.ledger_url}/readyz"), self.ledger)

    def start_server(self) -> None:
        """Both planes under the supervisor."""
        self.server.start()
        for plane in (self.url, self.ledger_url):
            until(f"{plane} is ready", lambda plane=plane: answers(f"{plane}/readyz"), self.server)  # type: ignore[misc]

    def report(self, by: str, **parameters: str) -> dict[str, Any]:
        """The spend report, over HTTP, by the admin key."""
        more = "".join(f"&{name}={value}" for name, value in parameters.items())
        document: dict[str, Any] = fetch(f"{self.ledger_url}/v1/reports/spend?format=json&by={by}{more}", ADMIN_KEY)
        return document

    def stop(self) -> None:
        for running in (self.server, self.gateway, self.ledger):
            running.stop()

    @contextlib.contextmanager
    def running(self, *, ledger: bool = True) -> Iterator["Deployment"]:
        """The gateway, and the ledger unless told otherwise, ready."""
        try:
            self.start_gateway()
            if ledger:
                self.start_ledger()
            yield self
        finally:
            self.stop()


@contextlib.contextmanager
def deployment(folder: Path, upstream: str, *, ledger: bool = True, **settings: str) -> Iterator[Deployment]:
    """A gateway, and a ledger unless told otherwise, ready. `settings`: OUTLAY_ variables without prefix, in small."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Deployment(folder, upstream, {f"OUTLAY_{name.upper()}": value for name, value in settings.items()})
    with made.running(ledger=ledger):
        yield made


@contextlib.contextmanager
def serving(folder: Path, upstream: str, **settings: str) -> Iterator[Deployment]:
    """Both planes by `outlay serve`, ready. `settings` as above."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Deployment(folder, upstream, {f"OUTLAY_{name.upper()}": value for name, value in settings.items()})
    try:
        made.start_server()
        yield made
    finally:
        made.stop()


def write_policies(folder: Path, upstream: str) -> None:
    """Two providers, both the stand-in; alice, bob and one project."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "providers.yaml").write_text(
        f"""providers:
  openai: {{dialect: openai, base_url: "{upstream}", api_key: {{env: OPENAI_API_KEY}}}}
  anthropic: {{dialect: anthropic, base_url: "{upstream}", api_key: {{env: ANTHROPIC_API_KEY}}}}
  gemini: {{dialect: gemini, base_url: "{upstream}", api_key: {{env: GEMINI_API_KEY}}}}
  azure:
    {{dialect: azure, base_url: "{upstream}", api_key: {{env: OPENAI_API_KEY}}, deployments: {{my-gpt: gpt-5-mini}}}}
"""
    )
    (folder / "access.yaml").write_text(
        """people:
  alice: {team: payments}
  bob: {team: payments}
projects:
  checkout: {team: payments, cost_center: CC-42, members: [alice, bob]}
"""
    )
    (folder / "keys.yaml").write_text(
        f"""keys:
  - {{id: k_alice, hash: "{digest(ALICE_KEY.encode())}", user: alice, projects: [checkout]}}
  - {{id: k_bob, hash: "{digest(BOB_KEY.encode())}", user: bob, projects: [checkout]}}
"""
    )
