"""Both planes in the open: TLS by files, a certificate renewed under load, behind a load balancer, traced."""

import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

from tests.servers.certificates import Certificate, certificate
from tests.servers.processes import ADMIN_KEY, ALICE_KEY, Deployment, StandIn, stand_in, until

ADDED = ("x-forwarded-for", "x-forwarded-proto", "x-real-ip")
FORWARDED = {**dict.fromkeys(ADDED, "203.0.113.9"), "x-own": "kept"}
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def made(tmp_path: Path) -> Certificate:
    return certificate(tmp_path)


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[StandIn]:
    """Of one's own: another test's calls would be among those it lists."""
    with stand_in(tmp_path) as running:
        yield running


@pytest.fixture
def outlay(tmp_path: Path, made: Certificate, provider: StandIn) -> Iterator[Deployment]:
    folder = tmp_path / "outlay"
    folder.mkdir()
    settings = {
        "OUTLAY_TLS_CERT": str(made.pem),
        "OUTLAY_TLS_KEY": str(made.key),
        "OUTLAY_TRUSTED_PROXIES": "127.0.0.0/8",
        "OUTLAY_PUBLIC_URL": "https://llm.example.com",
    }
    deployment = Deployment(folder, provider.url, settings)
    deployment.server.start()
    try:
        with httpx.Client(verify=made.trusting(), trust_env=False) as client:
            for port in (deployment.port, deployment.ledger_port):
                until(f"{port} is ready", lambda port=port: ready(client, port), deployment.server)
        yield deployment
    finally:
        deployment.stop()


def ready(client: httpx.Client, port: int) -> bool:
    try:
        return client.get(f"https://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.HTTPError:
        return False


def https(port: int, trusting: ssl.SSLContext) -> httpx.Client:
    return httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trusting, trust_env=False)


def test_calls_and_reports_go_over_tls_and_the_load_balancer_leaves_no_trace(
    outlay: Deployment, made: Certificate, provider: StandIn
) -> None:
    with (
        httpx.Client(verify=made.trusting(), trust_env=False, headers=FORWARDED) as http,
        openai.OpenAI(base_url=f"https://127.0.0.1:{outlay.port}/v1", api_key=ALICE_KEY, http_client=http) as client,
    ):
        said = client.chat.completions.create(**CHAT)  # type: ignore[call-overload]
    (call,) = provider.calls()
    names = {name for name, _ in call["headers"]}
    assert "x-own" in names
    assert not names & {"x-forwarded-for", "x-forwarded-proto", "x-real-ip", "forwarded"}
    with https(outlay.ledger_port, made.trusting()) as ledger:
        who = ledger.get("/v1/whoami", headers={"authorization": f"Bearer {ADMIN_KEY}"}).json()
    assert who["gateway"] == "https://llm.example.com"
    assert said.usage is not None

    def reported() -> bool:
        asked = [sys.executable, "-m", "proxy", "report", "spend", "--format", "csv"]
        environ = {
            **outlay.server.environ,
            "OUTLAY_URL": f"https://127.0.0.1:{outlay.ledger_port}",
            "OUTLAY_KEY": ADMIN_KEY,
            "SSL_CERT_FILE": str(made.pem),
            "XDG_CONFIG_HOME": str(outlay.folder),
        }
        done = subprocess.run(asked, env=environ, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        return "checkout,1,0," in done.stdout

    until("the call is in the report", reported, outlay.server)


def test_plain_http_is_not_spoken(outlay: Deployment) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{outlay.port}/healthz", trust_env=False)


def test_a_renewed_certificate_is_taken_up_while_calls_run(
    outlay: Deployment, made: Certificate, tmp_path: Path
) -> None:
    renewed = tmp_path / "renewed"
    renewed.mkdir()
    new = certificate(renewed)
    before = made.trusting()
    headers = {"authorization": f"Bearer {ALICE_KEY}", "x-standin-tokens": "60", "x-standin-chunk-ms": "50"}
    with (
        https(outlay.port, before) as client,
        client.stream("POST", "/v1/chat/completions", json={**CHAT, "stream": True}, headers=headers) as stream,
    ):
        pieces = stream.iter_raw()
        next(pieces)
        shutil.copyfile(new.key, made.key)
        shutil.copyfile(new.pem, made.pem)
        with httpx.Client(verify=new.trusting(), trust_env=False) as trusting:
            for port in (outlay.port, outlay.ledger_port):
                until("the new one is presented", lambda port=port: ready(trusting, port), outlay.server)
        assert b"[DONE]" in b"".join(pieces)
    with pytest.raises(httpx.ConnectError), https(outlay.port, before) as old:
        old.get("/healthz")


def test_a_certificate_that_can_not_be_used_is_said_before_anything_starts(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, "http://127.0.0.1:1", {"OUTLAY_TLS_CERT": str(tmp_path / "none.pem")})
    environ = {**os.environ, **deployment.server.environ}
    asked = [sys.executable, "-m", "proxy", "serve"]
    done = subprocess.run(asked, env=environ, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2
    assert "none.pem: No such file or directory (OUTLAY_TLS_CERT, OUTLAY_TLS_KEY)" in done.stderr
