"""Sockets work in folders that lie deeper than a socket's address has room for."""

import os
from pathlib import Path

import pytest

from proxy.ports.local_socket import ADDRESS_BYTES_MAX, SocketPathError, socket_address
from proxy.web.server import unix_socket


def test_a_short_path_is_the_address(tmp_path: Path) -> None:
    assert socket_address(Path("/srv/outlay/ledger.sock")) == "/srv/outlay/ledger.sock"


def test_a_deep_folder_is_addressed_from_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("ä" * ADDRESS_BYTES_MAX) / "data"
    deep.mkdir(parents=True)
    with pytest.raises(SocketPathError, match="put the data folder elsewhere"):
        unix_socket(deep / "ledger.sock")
    monkeypatch.chdir(deep.parent)
    with unix_socket(deep / "ledger.sock"):
        assert (deep / "ledger.sock").is_socket()
        assert socket_address(deep / "ledger.sock") == os.path.join("data", "ledger.sock")
