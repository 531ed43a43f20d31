"""`outlay demo` as a newcomer starts it: two weeks played through real processes, then looked at."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from proxy.cli.demo.company import DAYS, plan
from proxy.cli.reachable import is_open
from tests.servers.processes import free_port

pytestmark = pytest.mark.e2e


def outlay(*arguments, folder, **environ):
    return subprocess.run(
        [sys.executable, "-m", "proxy", *arguments],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", "XDG_CONFIG_HOME": str(folder), **environ},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_two_weeks_are_played_and_every_call_is_on_record(tmp_path):
    ports = {name: str(free_port()) for name in ("--port", "--ledger-port", "--stand-in-port")}
    options = [each for pair in ports.items() for each in pair]
    done = outlay("demo", "--then-stop", "--seconds", "8", *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "calls were made" in done.stdout
    expected = len(plan(datetime.now().astimezone()))
    asked = ("report", "spend", "--since", "15d", "--by", "day", "--json", "--data", "outlay-demo/data")
    report = json.loads(outlay(*asked, folder=tmp_path, OUTLAY_POLICIES="outlay-demo/policies").stdout)
    # The plan depends on the minute it is made in: some calls of the first or the last minutes may differ.
    assert abs(report["total"]["calls"] + report["total"]["refused"] - expected) < 20
    # A machine that can't keep up makes calls late, on the later days.
    assert 3 <= len({row["day"] for row in report["rows"]}) <= DAYS + 1
    assert Decimal(report["total"]["cost_usd"]) > 30
    assert "deployments reached production" in done.stdout
    assert "Not yet known: The running week" in done.stdout
    here = ("--json", "--data", "outlay-demo/data")
    asked = ("report", "deployments", "--since", "15d", "--by", "service", "--reason", "test", *here)
    told = json.loads(outlay(*asked, folder=tmp_path, OUTLAY_POLICIES="outlay-demo/policies").stdout)
    assert {row["service"] for row in told["rows"]} == {"", "app", "checkout", "ranking"}
    assert told["total"]["voided"] + told["total"]["not_counted"] >= 2
    assert Decimal(told["total"]["credited"]) > 0
    last = max(row["day"] for row in report["rows"])
    assert last <= datetime.now(UTC).strftime("%Y-%m-%d")


BROKEN = """\
import os, sys
if "proxy.app.demo_gateway" in sys.orig_argv:
    with open("started", "a") as file:
        file.write("x")
    os.write(2, b"this machine has no room for a gateway\\n")
    os._exit(1)
"""
"""What Python runs before anything else where it lies on its path."""


def test_it_says_at_once_why_its_gateway_can_not_start_and_leaves_nothing_running(tmp_path):
    path = tmp_path / "path"
    path.mkdir()
    (path / "sitecustomize.py").write_text(BROKEN)
    ports = {name: free_port() for name in ("--port", "--ledger-port", "--stand-in-port")}
    options = [str(each) for pair in ports.items() for each in pair]
    searched = (str(path), os.environ.get("PYTHONPATH"))
    done = outlay("demo", *options, folder=tmp_path, PYTHONPATH=os.pathsep.join(filter(None, searched)))
    assert done.returncode == 1
    said = "this machine has no room for a gateway\noutlay: the gateway of the demo ended before the play could begin"
    assert said in done.stderr
    assert "calls were made" not in done.stdout
    assert (tmp_path / "started").read_text() == "x"
    assert not [port for port in ports.values() if is_open("127.0.0.1", port)]


def test_a_folder_with_other_things_stays_as_it_is(tmp_path):
    (tmp_path / "outlay-demo").mkdir()
    (tmp_path / "outlay-demo" / "thesis.txt").write_text("mine")
    done = outlay("demo", "--then-stop", "--port", str(free_port()), folder=tmp_path)
    assert done.returncode == 2
    assert "holds other things than a demo" in done.stderr
    assert [path.name for path in Path(tmp_path, "outlay-demo").iterdir()] == ["thesis.txt"]


def test_a_demo_that_runs_keeps_its_folder(tmp_path):
    data = tmp_path / "outlay-demo" / "data"
    data.mkdir(parents=True)
    (tmp_path / "outlay-demo" / "made-by-outlay-demo").write_text("")
    with socket.socket(socket.AF_UNIX) as ledger:
        # A socket's path has at most some hundred characters, and tmp_path can be long.
        os.symlink(data, short := Path(tempfile.mkdtemp()) / "data")
        ledger.bind(str(short / "ledger.sock"))
        ledger.listen()
        done = outlay("demo", "--then-stop", "--port", str(free_port()), folder=tmp_path)
    assert done.returncode == 2
    assert "a demo still runs in outlay-demo" in done.stderr
    assert data.is_dir()
