import sys
from pathlib import Path

from proxy.cli.on_path import exported


def test_nothing_is_said_where_a_shell_finds_this_command(monkeypatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert exported() == ""


def test_the_line_that_lets_a_shell_find_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert exported() == f'export PATH="{Path(sys.executable).parent}:$PATH"'
    (tmp_path / "outlay").write_text("#!/bin/sh\n")
    (tmp_path / "outlay").chmod(0o755)
    assert exported(), "another outlay is found first"
