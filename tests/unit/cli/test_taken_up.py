"""Commands that write keys come back when the servers here know them."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from proxy.adapters.starter_files import write_starter
from proxy.cli.policy_files import read_policies
from proxy.cli.taken_up import wait_until_taken_up
from proxy.policy.types import PolicySet
from proxy.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_starter(tmp_path / "policies")
    (tmp_path / "data").mkdir()
    return Settings(policies=tmp_path / "policies", data=tmp_path / "data")


@contextmanager
def plane(path: Path, *versions: str) -> Iterator[list[str]]:
    """Something that answers /readyz on a socket: with each version once, then with the last. Gives what it said."""
    said: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said.append(versions[min(len(said), len(versions) - 1)])
            body = json.dumps({"keys": said[-1]}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

        def address_string(self) -> str:
            return ""

    with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        try:
            yield said
        finally:
            server.shutdown()


def in_files(settings: Settings) -> str:
    read = read_policies(settings)
    assert isinstance(read, PolicySet)
    return read.keys_version


def test_it_waits_until_every_plane_goes_by_the_keys_in_the_file(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    now = in_files(settings)
    with (
        plane(settings.data / "gateway-a.sock", "old", "old", now) as gateway,
        plane(settings.data / "ledger.sock", "old", now) as ledger,
    ):
        wait_until_taken_up(settings)
    assert gateway[-1] == ledger[-1] == now
    assert capsys.readouterr().err == ""


def test_a_socket_that_a_killed_process_left_is_nobody_to_wait_for(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with plane(settings.data / "gateway-a.sock", "old"):
        pass
    wait_until_taken_up(settings)
    assert capsys.readouterr().err == ""


def test_a_server_that_refuses_the_files_is_told_of_at_once(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    (settings.policies / "access.yaml").write_text("people: 3\n")
    with plane(settings.data / "ledger.sock", "old") as said:
        wait_until_taken_up(settings)
    assert len(said) == 1
    assert "outlay policy check" in capsys.readouterr().err
