"""The servers of `bench.gateway`: the provider, nginx in front of it as a plain proxy, outlay, and other gateways.

All on loopback, in one folder, and each ended by who started it.
"""

import os
import shlex
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.gateway_bodies import ANSWER, MODEL
from bench.process_figures import cpu_s, family, memory_mib
from tests.servers.processes import ALICE_KEY, Deployment, Running, answers, base_environ, free_port, until

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Server:
    """What calls are sent to."""

    name: str
    port: int
    pid: int
    """Of the first of its processes; 0: its work is not counted."""
    headers: Headers = ()
    prefix: str = ""
    """Before every path."""
    ways: frozenset[str] = frozenset(("plain", "secure", "paced", "burst"))
    """Which of them it can be asked for."""
    ready_s: float = 0.0
    """From its start to its first answer."""

    def cpu_s(self) -> float:
        """CPU (user and system) that the process and those below it have used."""
        return sum(cpu_s(pid) for pid in family(self.pid))

    def memory_mib(self) -> float:
        return sum(memory_mib(pid) for pid in family(self.pid))

    def path(self, way: str) -> str:
        return f"{self.prefix}/v1/chat/completions" if way == "plain" else f"/{way}{self.prefix}/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Provider:
    """Where calls end: a port for whole answers, one for the same over TLS, and one for streams."""

    json: int
    secure: int
    streams: int
    certificate: Path
    pid: int


@contextmanager
def provider(folder: Path) -> Iterator[Provider]:
    """nginx for whole answers (some 10 us a call), and a small server of ours for streams."""
    folder.mkdir()
    certificate, key = _certificate(folder)
    json, secure, streams = free_port(), free_port(), free_port()
    listens = f"""
      server {{
        listen 127.0.0.1:{json}; listen 127.0.0.1:{secure} ssl;
        ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_session_cache shared:s:1m;
        location / {{ default_type application/json; return 200 '{ANSWER}'; }}
      }}"""
    streaming = Running(
        "streams", ("-m", "bench.gateway_upstream", str(streams)), base_environ(), folder / "streams.log"
    )
    with ExitStack() as stack:
        server = stack.enter_context(_nginx(folder / "provider", listens, json))
        streaming.start()
        stack.callback(streaming.stop)
        until("the streams' server listens", lambda: _listening(streams), streaming)
        yield Provider(json, secure, streams, certificate, server.pid)


@contextmanager
def direct(upstream: Provider) -> Iterator[Server]:
    """The provider itself: what calls take without anything in between."""
    yield Server("direct", upstream.json, 0, ways=frozenset(("plain",)))


@contextmanager
def nginx(folder: Path, upstream: Provider) -> Iterator[Server]:
    """As a plain proxy: kept connections both ways, bodies in memory, streams unbuffered, no log."""
    port = free_port()

    def location(path: str, to: str, more: str = "") -> str:
        return f"location {path} {{ proxy_pass {to}; {more} }}"

    secure = f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {upstream.certificate}; proxy_ssl_name localhost;"
    kept = "keepalive 128; keepalive_requests 1000000000;"
    config = f"""
      upstream plain {{ server 127.0.0.1:{upstream.json}; {kept} }}
      upstream secure {{ server 127.0.0.1:{upstream.secure}; {kept} }}
      upstream streams {{ server 127.0.0.1:{upstream.streams}; {kept} }}
      server {{
        listen 127.0.0.1:{port};
        proxy_http_version 1.1; proxy_set_header Connection ""; proxy_read_timeout 300s;
        {location("/", "http://plain")}
        {location("/secure/", "https://secure/", secure)}
        {location("/paced/", "http://streams", "proxy_buffering off;")}
        {location("/burst/", "http://streams", "proxy_buffering off;")}
      }}"""
    with _nginx(folder, config, port) as server:
        yield Server("nginx", port, server.pid, ready_s=server.ready_s)


@dataclass(slots=True)
class _Child:
    """A process that isn't Python."""

    command: Sequence[str]
    output: Path
    environ: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    ready_s: float = 0.0

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @contextmanager
    def running(self, ready: Callable[[], bool], wait_s: float = 120.0) -> Iterator["_Child"]:
        begun = time.monotonic()
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=base_environ() | self.environ
            )
        try:
            while not ready():
                if self.process.poll() is not None or time.monotonic() > begun + wait_s:
                    raise RuntimeError(f"{self.command[0]} did not come up:\n{self.output.read_text()[-2000:]}")
                time.sleep(0.005)
            self.ready_s = time.monotonic() - begun
            yield self
        finally:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def _nginx(folder: Path, servers: str, port: int) -> AbstractContextManager[_Child]:
    folder.mkdir()
    temporary = "\n".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"""daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log crit;
    {"user root;" if os.geteuid() == 0 else ""}
    events {{ worker_connections 4096; }}
    http {{
      access_log off; {temporary}
      client_max_body_size 0; client_body_buffer_size 2m;
      keepalive_timeout 300s; keepalive_requests 1000000000;
      {servers}
    }}"""
    )
    child = _Child(("nginx", "-p", str(folder), "-c", str(config)), folder / "output.log")
    return child.running(lambda: _listening(port))


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Of localhost and 127.0.0.1, signed by itself."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    subprocess.run(
        (
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-keyout", str(key), "-out", str(certificate), *subject),
        ),
        check=True,
        capture_output=True,
    )
    return certificate, key


@contextmanager
def outlay(folder: Path, upstream: Provider, *, name: str = "outlay", detector: bool = True) -> Iterator[Server]:
    """The gateway process with everything on: keys, 20 rules, fingerprints, reservation, a durable journal, and the
    redundancy detector unless told otherwise."""
    folder.mkdir()
    settings = {"OUTLAY_DETECTOR": "on" if detector else "off", "SSL_CERT_FILE": str(upstream.certificate)}
    deployment = Deployment(folder, f"http://127.0.0.1:{upstream.json}", settings)
    _write_policies(folder / "policies", upstream)
    begun = time.monotonic()
    try:
        deployment.gateway.start()
        while not answers(f"{deployment.url}/readyz"):
            deployment.gateway.check()
            time.sleep(0.005)
        ready_s = time.monotonic() - begun
        headers = (*CLIENT_HEADERS, ("authorization", f"Bearer {ALICE_KEY}"))
        yield Server(name, deployment.port, deployment.gateway.pid, headers, ready_s=ready_s)
    finally:
        deployment.stop()


CLIENT_HEADERS: Final = (
    ("accept", "application/json"),
    ("accept-encoding", "gzip, deflate"),
    ("user-agent", "OpenAI/Python 2.54.0"),
    ("x-stainless-arch", "x64"),
    ("x-stainless-async", "false"),
    ("x-stainless-lang", "python"),
    ("x-stainless-os", "Linux"),
    ("x-stainless-package-version", "2.54.0"),
    ("x-stainless-retry-count", "0"),
    ("x-stainless-runtime", "CPython"),
    ("x-stainless-runtime-version", "3.11.7"),
)
"""What OpenAI's SDK sends."""


def _write_policies(folder: Path, upstream: Provider) -> None:
    streams = f"http://127.0.0.1:{upstream.streams}"
    (folder / "providers.yaml").write_text(
        f"""providers:
  openai: {{dialect: openai, base_url: "http://127.0.0.1:{upstream.json}", api_key: {{env: OPENAI_API_KEY}}}}
  secure: {{dialect: openai, base_url: "https://127.0.0.1:{upstream.secure}", api_key: {{env: OPENAI_API_KEY}}}}
  paced: {{dialect: openai, base_url: "{streams}/paced", api_key: {{env: OPENAI_API_KEY}}}}
  burst: {{dialect: openai, base_url: "{streams}/burst", api_key: {{env: OPENAI_API_KEY}}}}
"""
    )
    (folder / "budgets.yaml").write_text(BUDGETS)
    (folder / "models.yaml").write_text(MODELS)


BUDGETS: Final = """budgets:
  - {name: all-year, limit: 100000000 USD, window: year}
  - {name: checkout-month, applies_to: {project: checkout}, limit: 10000000 USD, window: month, warn_at: [50%, 80%]}
  - {name: person-day, per: user, limit: 1000000 USD, window: day}
  - {name: key-hour, per: key, limit: 900000000M tokens, window: hour}
  - {name: team-rolling, applies_to: {team: payments}, limit: 10000000 USD, window: 30d}
  - {name: search-month, applies_to: {project: search}, limit: 500 USD, window: month}
  - {name: data-month, applies_to: {team: data}, limit: 500 USD, window: month}
  - {name: embeddings-day, applies_to: {model: text-embedding-*}, limit: 100 USD, window: day}
limits:
  - {name: key-rate, per: key, requests_per_minute: 100000000, tokens_per_minute: 900000000M}
  - {name: person-at-once, per: user, concurrent: 2000}
  - {name: data-rate, applies_to: {team: data}, requests_per_minute: 60}
  - {name: images-rate, applies_to: {model: gpt-image-*}, requests_per_minute: 60}
"""
MODELS: Final = """models:
  - {name: no-runaways, cost_max: 50 USD, output_tokens_max: 32k}
  - {name: checkout-models, applies_to: {project: checkout}, allow: [gpt-4o, gpt-5*]}
  - {name: nothing-old, deny: [gpt-3.5*, gpt-4-*]}
  - {name: search-models, applies_to: {project: search}, allow: [gpt-5-mini]}
  - {name: data-models, applies_to: {team: data}, allow: [gpt-5-mini]}
  - {name: bob-models, applies_to: {user: bob}, deny: [o3-*]}
  - {name: tight-drafts, applies_to: {user: bob}, output_tokens_max: 4k}
  - {name: trial, applies_to: {project: search}, mode: shadow, output_tokens_max: 8k}
"""
"""Together 20 rules, of which ten are for the calls."""


@contextmanager
def litellm(folder: Path, upstream: Provider, command: str) -> Iterator[Server]:
    """LiteLLM's proxy, with a master key and no database. `command`: its `litellm`."""
    folder.mkdir()
    port, key = free_port(), "sk-bench"
    config = folder / "config.yaml"
    config.write_text(
        f"""model_list:
  - model_name: {MODEL}
    litellm_params: {{model: openai/{MODEL}, api_base: "http://127.0.0.1:{upstream.json}/v1", api_key: sk-any}}
general_settings: {{master_key: {key}}}
"""
    )
    arguments = (*shlex.split(command), "--config", str(config), "--port", str(port), "--host", "127.0.0.1")
    child = _Child(arguments, folder / "output.log", {"LITELLM_LOCAL_MODEL_COST_MAP": "True"})
    headers = (*CLIENT_HEADERS, ("authorization", f"Bearer {key}"))
    with child.running(lambda: answers(f"http://127.0.0.1:{port}/health/liveliness")):
        yield Server("litellm", port, child.pid, headers, ways=frozenset(("plain",)), ready_s=child.ready_s)


@contextmanager
def portkey(folder: Path, upstream: Provider, command: str) -> Iterator[Server]:
    """Portkey's gateway. `command`: what starts it, as in `node …/build/start-server.js --headless`."""
    folder.mkdir()
    port = free_port()
    child = _Child((*shlex.split(command), f"--port={port}"), folder / "output.log")
    host = f"http://127.0.0.1:{upstream.json}/v1"
    own = (("x-portkey-provider", "openai"), ("x-portkey-custom-host", host), ("authorization", "Bearer sk-any"))
    with child.running(lambda: answers(f"http://127.0.0.1:{port}/")):
        headers = (*CLIENT_HEADERS, *own)
        yield Server("portkey", port, child.pid, headers, ways=frozenset(("plain",)), ready_s=child.ready_s)
