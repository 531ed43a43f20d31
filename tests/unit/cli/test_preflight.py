"""What keeps a server from starting is said before any process of it runs."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from proxy.adapters.policy_archive import PolicyArchive
from proxy.adapters.policy_snapshot import take_snapshot
from proxy.adapters.starter_files import write_starter
from proxy.cli.policy_files import read_policies
from proxy.cli.preflight import check_apart, check_policies, check_ports
from proxy.policy.types import PolicySet
from proxy.settings import Settings

LOOPBACK = "127.0.0.1"


def test_a_taken_port_is_named_with_the_setting_that_moves_it(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(typer.Exit) as stopped:
            check_ports(LOOPBACK, [(0, "--port"), (port, "--ledger-port")])
    assert stopped.value.exit_code == 2
    said = capsys.readouterr().err
    assert f"{LOOPBACK}:{port}" in said
    assert "--ledger-port" in said
    assert "--port takes" not in said.replace("--ledger-port takes", "")


def test_two_servers_with_one_port_are_told_before_either_starts(capsys: pytest.CaptureFixture[str]) -> None:
    check_apart([(0, "--port"), (0, "--ledger-port"), (4140, "OUTLAY_STAND_IN_PORT")])
    with pytest.raises(typer.Exit) as stopped:
        check_apart([(4141, "--port"), (4142, "--ledger-port"), (4141, "OUTLAY_STAND_IN_PORT")])
    assert stopped.value.exit_code == 2
    assert "--port and OUTLAY_STAND_IN_PORT are both 4141; each needs a port of its own" in capsys.readouterr().err


def test_a_free_port_stays_free() -> None:
    with socket.create_server((LOOPBACK, 0)) as once:
        port = once.getsockname()[1]
    check_ports(LOOPBACK, [(port, "--port")])
    with socket.create_server((LOOPBACK, port)):
        pass


def test_mistakes_stop_a_first_start_and_all_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(policies=tmp_path, data=tmp_path / "data")
    (tmp_path / "access.yaml").write_text("people: 3\nprojects: 4\n")
    with pytest.raises(typer.Exit) as stopped:
        check_policies(settings)
    assert stopped.value.exit_code == 2
    said = capsys.readouterr().err
    assert "access.yaml:1:" in said
    assert "access.yaml:2:" in said


def test_mistakes_do_not_stop_a_start_where_a_set_was_in_force(tmp_path: Path) -> None:
    settings = Settings(policies=tmp_path / "policies", data=tmp_path / "data")
    settings.data.mkdir()
    write_starter(settings.policies)
    read = read_policies(settings)
    assert isinstance(read, PolicySet)
    PolicyArchive(settings.data).keep(read, take_snapshot(settings.policies, settings.keys_file).files)
    (settings.policies / "access.yaml").write_text("people: 3\n")
    check_policies(settings)
    with pytest.raises(typer.Exit):
        check_policies(replace(settings, data=tmp_path / "other"))
