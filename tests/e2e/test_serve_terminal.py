"""`outlay serve` as a newcomer meets it: a key that works at once, a taken port, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest

from tests.servers.processes import STOP_S, Deployment, StandIn, answers, base_environ, fetch, serving, until


def outlay(deployment: Deployment, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {
        **base_environ(),
        "OUTLAY_POLICIES": str(deployment.folder / "policies"),
        "OUTLAY_DATA": str(deployment.data),
        "OUTLAY_PORT": str(deployment.port),
        "OUTLAY_LEDGER_PORT": str(deployment.ledger_port),
        "XDG_CONFIG_HOME": str(deployment.folder / "config"),
    }
    command = [sys.executable, "-m", "proxy", *words]
    return subprocess.run(
        command, check=False, env=environ, cwd=deployment.folder, capture_output=True, text=True, timeout=300
    )


def test_a_key_works_from_the_moment_it_is_shown_and_not_after_it_was_revoked(
    tmp_path: Path, provider: StandIn
) -> None:
    with serving(tmp_path, provider.url) as deployment:
        made = outlay(deployment, "keys", "create", "--user", "alice", "--project", "checkout", "--json")
        key = json.loads(made.stdout)
        assert fetch(f"{deployment.url}/v1/models", key["key"])["object"] == "list"
        assert fetch(f"{deployment.ledger_url}/v1/whoami", key["key"])["name"] == "alice"
        assert outlay(deployment, "keys", "revoke", key["id"]).returncode == 0
        with pytest.raises(urllib.error.HTTPError, match="401"):
            fetch(f"{deployment.url}/v1/models", key["key"])


def test_a_second_server_on_the_same_ports_says_so_and_starts_nothing(tmp_path: Path, provider: StandIn) -> None:
    with serving(tmp_path, provider.url) as deployment:
        second = outlay(deployment, "serve", "--data", "other")
        assert second.returncode == 2
        assert str(deployment.port) in second.stderr
        assert not (tmp_path / "other").exists()


def test_ctrl_c_in_a_terminal_stops_everything_in_order_and_quietly(tmp_path: Path, provider: StandIn) -> None:
    """A terminal sends SIGINT to the whole foreground group; planes must not each take it for themselves."""
    with serving(tmp_path, provider.url) as deployment:
        deployment.server.stop()
        with deployment.server.output.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *deployment.server.arguments],
                env=dict(deployment.server.environ),
                cwd=tmp_path,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            for url in (deployment.url, deployment.ledger_url):
                until(f"{url} is ready", lambda url=url: answers(f"{url}/readyz"))  # type: ignore[misc]
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(STOP_S) == 0
        finally:
            process.kill()
            process.wait()
        assert "Traceback" not in deployment.server.said
        assert not answers(f"{deployment.url}/healthz")
