"""The drill of slow clients, in short: callers beside them fail in nothing."""

import subprocess
import sys

from tests.servers.processes import ROOT, base_environ


def test_slow_clients_fail_no_call_of_others() -> None:
    asked = [sys.executable, "-m", "bench.overload", "--attackers", "60", "--seconds", "0.5", "--callers", "4"]
    asked += ["--events", "3000"]
    done = subprocess.run(asked, cwd=ROOT, env=base_environ(), capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    failed = {row[0]: int(row[2]) for row in rows if row[0] in {"writers", "readers", "alone"}}
    assert failed == {"writers": 0, "readers": 0, "alone": 0}
    assert "3,000 passed" in done.stdout
