"""`outlay doctor` says what is wrong, and what mends it."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from proxy.adapters.starter_files import write_starter
from proxy.cli.doctor import doctor
from tests.servers.certificates import certificate
from tests.servers.processes import free_port

app = typer.Typer()
app.command()(doctor)


class Machine:
    """A machine on which outlay is set up, but doesn't run."""

    def __init__(self, folder: Path) -> None:
        self.policies = folder / "policies"
        self.data = folder / "data"
        write_starter(self.policies)
        self.stand_in = f"http://127.0.0.1:{free_port()}"
        providers = self.policies / "providers.yaml"
        providers.write_text(providers.read_text().replace("http://127.0.0.1:4140", self.stand_in))
        self.data.mkdir(mode=0o700)
        self.environ = {
            "OUTLAY_POLICIES": str(self.policies),
            "OUTLAY_DATA": str(self.data),
            "OUTLAY_PORT": "1",
            "OUTLAY_LEDGER_PORT": "1",
            "XDG_CONFIG_HOME": str(folder / "config"),
            "OPENAI_API_KEY": "sk-any",
            "ANTHROPIC_API_KEY": "",
            "OUTLAY_URL": "",
            "OUTLAY_KEYS": "",
        }

    def doctor(self, *words: str) -> Result:
        return CliRunner(env=self.environ).invoke(app, list(words), catch_exceptions=False)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@contextmanager
def listener(answer: bytes) -> Iterator[int]:
    """Something that answers every GET with 200 and these bytes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def test_nothing_wrong_is_0_and_what_is_missing_is_noted(machine: Machine) -> None:
    result = machine.doctor()
    assert result.exit_code == 0
    assert "WRONG" not in result.stdout
    assert f"note  provider stand-in at {machine.stand_in} can't be reached" in result.stdout
    assert "export ANTHROPIC_API_KEY" in result.stdout
    assert "outlay keys create" in result.stdout
    assert "no gateway listens on http://127.0.0.1:1" in result.stdout


def test_mistakes_in_policies_are_wrong(machine: Machine) -> None:
    (machine.policies / "access.yaml").write_text("people: 3\n")
    result = machine.doctor()
    assert result.exit_code == 1
    assert "1 mistake\n" in result.stdout
    assert f"outlay policy check {machine.policies}" in result.stdout


def test_a_data_folder_for_all_to_read_is_wrong(machine: Machine) -> None:
    machine.data.chmod(0o755)
    result = machine.doctor()
    assert result.exit_code == 1
    assert f"chmod 700 {machine.data}" in result.stdout


def test_a_file_where_the_data_folder_should_be_is_wrong(machine: Machine) -> None:
    machine.data.rmdir()
    machine.data.write_text("")
    done = machine.doctor()
    assert done.exit_code == 1
    assert "is no folder" in done.output


def test_another_server_on_the_port_is_not_taken_for_outlay(machine: Machine) -> None:
    with listener(b"hello\n") as port:
        machine.environ["OUTLAY_PORT"] = str(port)
        result = machine.doctor()
    assert result.exit_code == 1
    assert f"what listens on http://127.0.0.1:{port} is no outlay gateway" in result.stdout


def test_a_gateway_that_is_ready_is_ok(machine: Machine) -> None:
    with listener(b"ready\n") as port:
        machine.environ["OUTLAY_PORT"] = str(port)
        result = machine.doctor()
    assert result.exit_code == 0
    assert f"ok    gateway on http://127.0.0.1:{port} is ready" in result.stdout


def test_a_server_named_for_commands_that_does_not_answer_is_wrong(machine: Machine) -> None:
    machine.environ["OUTLAY_URL"] = "http://127.0.0.1:1"
    result = machine.doctor()
    assert result.exit_code == 1
    assert "outlay login http://127.0.0.1:1" in result.stdout


def test_settings_that_make_no_sense_could_not_be_tried(machine: Machine) -> None:
    machine.environ["OUTLAY_PORT"] = "x"
    assert machine.doctor().exit_code == 2


def test_json_has_the_same_findings(machine: Machine) -> None:
    findings = json.loads(machine.doctor("--json").stdout)
    assert {finding["state"] for finding in findings} == {"ok", "note"}
    assert all(set(finding) == {"state", "what", "mend"} for finding in findings)


def test_a_provider_that_takes_connections_is_ok(machine: Machine) -> None:
    with listener(b"") as port:
        _providers(machine, port)
        assert f"ok    provider near at http://127.0.0.1:{port}" in machine.doctor().stdout
    assert "can't be reached: Connection refused" in machine.doctor().stdout


def _providers(machine: Machine, port: int) -> None:
    entry = f'near: {{dialect: openai, base_url: "http://127.0.0.1:{port}", api_key: none}}'
    (machine.policies / "providers.yaml").write_text(f"providers:\n  {entry}\n")


def test_a_certificate_is_looked_at(machine: Machine, tmp_path: Path) -> None:
    made = certificate(tmp_path)
    machine.environ |= {"OUTLAY_TLS_CERT": str(made.pem), "OUTLAY_TLS_KEY": str(made.key)}
    result = machine.doctor()
    assert f"certificate {made.pem} expires on 20" in result.stdout
    assert "no gateway listens on https://127.0.0.1:1" in result.stdout
    made.key.write_text("")
    result = machine.doctor()
    assert result.exit_code == 1
    assert f"WRONG certificate: {made.pem}" in result.stdout


def test_listening_to_others_without_tls_is_noted(machine: Machine) -> None:
    machine.environ["OUTLAY_HOST"] = "0.0.0.0"
    assert "callers' keys can be read on the way" in machine.doctor().stdout


def test_a_public_url_that_leads_elsewhere_is_wrong(machine: Machine) -> None:
    with listener(b"hello\n") as port:
        machine.environ["OUTLAY_PUBLIC_URL"] = f"http://127.0.0.1:{port}"
        result = machine.doctor()
    assert result.exit_code == 1
    assert "OUTLAY_PUBLIC_URL: what listens on" in result.stdout


def test_a_target_that_cannot_be_told_is_wrong_and_one_without_an_address_is_noted(machine: Machine) -> None:
    (machine.policies / "notify.yaml").write_text("targets: [{name: finance, url: {env: NOTIFY_TEST_FINANCE}}]\n")
    notices = {"finance": {"failing": "the service could not be reached"}, "other": {"failing": None}}
    ready = json.dumps({"ready": True, "lines_loaded": 0, "policy_mistakes": [], "notices": notices})
    with listener(ready.encode()) as port:
        machine.environ["OUTLAY_LEDGER_PORT"] = str(port)
        result = machine.doctor()
    assert result.exit_code == 1
    assert "note  notices to finance: no address here" in result.stdout
    assert f"WRONG ledger on http://127.0.0.1:{port} can't deliver notices to finance\n" in result.stdout
    assert "outlay notify test finance" in result.stdout
