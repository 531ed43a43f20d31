"""`outlay months` and `outlay export` as somebody types them, over the data of a server that was stopped."""

import hashlib
import json

import pytest
from typer.testing import CliRunner

from proxy.__main__ import app
from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_file import FileJournal
from proxy.cli.month_tables import draw
from proxy.model.usage import Usage
from proxy.settings import os_user
from tests.flow.ledger_world import spent
from tests.flow.month_world import at_us


@pytest.fixture
def outlay(tmp_path, monkeypatch):
    """Runs a command on a folder with a call of January 2020."""
    monkeypatch.chdir(tmp_path)
    journal = FileJournal(tmp_path / "data/journal", "gateway", SystemClock())
    journal.open()
    journal.append(spent("call_1", Usage(input_text=5), opened_us=at_us("2020-01-05")))
    journal.close()
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "home"), "COLUMNS": "200", "OUTLAY_URL": "", "OUTLAY_KEY": ""}

    def run(*words):
        return CliRunner(env=environ).invoke(app, [*words, "--data", str(tmp_path / "data")], catch_exceptions=False)

    return run


def test_a_month_is_listed_closed_exported_and_verified(outlay, tmp_path):
    listed = outlay("months")
    assert "2020-01 │ open" in listed.stdout, listed.output
    assert "it is not over: wait until" in listed.stdout
    assert "not loaded" not in listed.stdout
    closed = outlay("months", "close", "2020-01")
    assert closed.exit_code == 0, closed.output
    assert "2020-01 is closed: 1 call for $0.000005000015." in closed.stdout
    sha256 = closed.stdout.split()[-1]
    written = outlay("export", "json", "--month", "2020-01", "--out", str(tmp_path / "statement.json"))
    assert written.stdout.split()[0] == sha256
    assert hashlib.sha256((tmp_path / "statement.json").read_bytes()).hexdigest() == sha256
    verified = outlay("months", "verify")
    assert (verified.exit_code, verified.stdout) == (0, f"2020-01  {sha256}  holds\n")
    row = json.loads(outlay("months", "list", "--json").stdout)["rows"][0]
    assert (row["state"], row["closed_by"]) == ("closed", f"operator ({os_user()})")
    assert "Nothing came" in outlay("months", "corrections").stdout


def test_a_month_that_can_not_be_closed_says_why(outlay):
    refused = outlay("months", "close", "2999-01", "--reason", "x")
    assert refused.exit_code == 1
    assert "2999-01 can't be closed yet: " in refused.stderr
    assert outlay("export", "csv", "--month", "2020-01", "--out", "x.csv").exit_code == 1
    assert outlay("months", "close", "January").exit_code == 2


def test_what_a_check_could_not_verify_is_told(capsys):
    row = {"month": "2026-10", "sha256": "ab", "holds": True, "faults": [], "unverified": ["work of batches"]}
    draw({"report": "verify", "holds": True, "rows": [row]}, 80)
    assert capsys.readouterr().out == "2026-10  ab  holds\n- Not verified: work of batches\n"
