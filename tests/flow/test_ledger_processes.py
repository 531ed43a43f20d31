"""The ledger as a process: real sockets, real signals, kills, and the commands that ask it."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingUnixStreamServer

import httpx
import pytest

from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_segments import FileSegments
from proxy.adapters.journal_whole import mark_first, mark_new
from proxy.model.usage import Usage
from tests.fakes import facts
from tests.flow.ledger_world import a_store, load, spent
from tests.servers.processes import (
    ADMIN_KEY,
    ALICE_KEY,
    BOB_KEY,
    Deployment,
    Running,
    answers,
    base_environ,
    fetch,
    free_port,
    until,
)

NOBODY = "http://127.0.0.1:9"
"""No provider: these tests write the journal themselves."""
PERIOD = {"since": "2026-12-01", "until": "2027-12-01"}


class Writer:
    """A gateway's journal, written by this test."""

    def __init__(self, deployment):
        self.journal = FileJournal(deployment.data / "journal", "test", SystemClock())
        self.journal.open()

    def append(self, *entries):
        for entry in entries:
            self.journal.append(entry)

    def close(self):
        self.journal.close()


@pytest.fixture
def outlay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("l")
    deployment = Deployment(folder, NOBODY)
    deployment.data.mkdir(mode=0o700)
    yield deployment
    deployment.stop()


@pytest.fixture
def writer(outlay):
    writer = Writer(outlay)
    yield writer
    writer.close()


def command(outlay, *arguments, say="", **environ):
    """Run `outlay …` in the deployment's folder, which is not the one of this test run."""
    return subprocess.run(
        [sys.executable, "-m", "proxy", *arguments],
        env={**base_environ(), "XDG_CONFIG_HOME": str(outlay.folder / "config"), **environ},
        cwd=outlay.folder,
        input=say,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_ledger_loads_answers_and_stops_when_told(outlay, writer):
    outlay.start_ledger()
    writer.append(facts.an_opened(), spent("call_1"), spent("call_2", owner="bob", key_id="k_bob"))
    until("the calls are loaded", lambda: outlay.report("", **PERIOD)["total"]["calls"] == 2, outlay.ledger, 5)

    with httpx.Client(transport=httpx.HTTPTransport(uds=str(outlay.data / "ledger.sock"))) as local:
        assert local.get("http://ledger/v1/whoami").json()["name"] == "operator"
    for name in ("ledger.sock", "outlay.duckdb", "outlay.duckdb.wal"):
        assert (outlay.data / name).stat().st_mode & 0o777 == 0o600
    assert fetch(f"{outlay.ledger_url}/v1/whoami", ALICE_KEY)["name"] == "alice"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        fetch(f"{outlay.ledger_url}/v1/whoami", "outlay_wrong")
    answer = httpx.get(f"{outlay.ledger_url}/healthz")
    assert not {"server", "date"} & set(answer.headers)

    reason = "invoice%2017"
    outlay.report("user", reason=reason, **PERIOD)
    views = f"{outlay.ledger_url}/v1/reports/views"
    until("bob sees who looked", lambda: fetch(views, BOB_KEY)["rows"] != [], outlay.ledger, 5)
    (row,) = fetch(views, BOB_KEY)["rows"]
    assert (row["actor"], row["reason"]) == ("admin", "invoice 17")

    writer.append(spent("call_3"))
    writer.journal.flush()
    assert outlay.ledger.stop() == 0
    assert not (outlay.data / "ledger.sock").exists()
    assert ADMIN_KEY not in outlay.ledger.said
    with a_store(outlay.data) as store:
        assert store.read("SELECT id FROM calls ORDER BY id") == [("call_1",), ("call_2",), ("call_3",)]


def test_what_is_written_while_it_stops_is_there_at_the_next_start(outlay, writer):
    outlay.start_ledger()
    outlay.ledger.process.send_signal(signal.SIGTERM)
    writer.append(*(spent(f"call_{n}") for n in range(50)))
    outlay.ledger.stop()
    outlay.start_ledger()
    until("all are loaded", lambda: outlay.report("", **PERIOD)["total"]["calls"] == 50, outlay.ledger, 5)


def test_segments_go_when_they_are_loaded_and_old_where_a_setting_says_so(outlay):
    journal = FileJournal(outlay.data / "journal", "test", SystemClock(), segment_bytes_max=20_000)
    journal.open()
    for number in range(60):
        journal.append(spent(f"call_{number}"))
    journal.close()
    node = outlay.data / "journal" / "test"
    assert len(list(node.glob("*.jsonl"))) > 3
    outlay.ledger.environ = {**outlay.ledger.environ, "OUTLAY_JOURNAL_DAYS": "0.0000001"}
    outlay.start_ledger()
    until("all but the last are gone", lambda: len(list(node.glob("*.jsonl"))) == 1, outlay.ledger)
    outlay.ledger.stop()
    with a_store(outlay.data) as store:
        assert store.read("SELECT count(*) FROM calls") == [(60,)]


def test_a_second_ledger_on_the_same_folder_names_the_first(outlay):
    outlay.start_ledger()
    second = Running("second", outlay.ledger.arguments, outlay.ledger.environ, outlay.folder / "second.log")
    second.start()
    assert second.process.wait(300) == 1
    assert str(outlay.ledger.pid) in second.said
    assert answers(f"{outlay.ledger_url}/healthz")


def test_a_second_gateway_of_the_same_node_names_the_first_which_goes_on(outlay):
    outlay.start_gateway()
    environ = {**outlay.gateway.environ, "OUTLAY_PORT": str(free_port())}
    second = Running("second", outlay.gateway.arguments, environ, outlay.folder / "second.log")
    second.start()
    assert second.process.wait(300) == 1
    assert f"journal/test is being written by process {outlay.gateway.pid}" in second.said
    assert answers(f"{outlay.url}/readyz")
    assert (outlay.data / "gateway-test.sock").exists()


def test_policies_that_are_wrong_stop_the_start_and_are_named(outlay):
    (outlay.folder / "policies" / "access.yaml").write_text("people: {alice: {taem: payments}}\n")
    outlay.ledger.start()
    assert outlay.ledger.process.wait(300) == 2
    assert "taem" in outlay.ledger.said


@pytest.mark.parametrize("plane", ["ledger", "gateway", "serve"])
def test_nothing_that_lies_where_a_plane_is_started_is_run(outlay, plane):
    (outlay.folder / "proxy.py").write_text("raise SystemExit('another program')")
    (outlay.folder / "policies" / "access.yaml").write_text("people: 7")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "proxy", plane, "--data", outlay.data, "--policies", outlay.folder / "policies"],
        env={**base_environ(), "OUTLAY_PORT": "0", "OUTLAY_LEDGER_PORT": "0"},
        cwd=outlay.folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, "another program" in done.stderr) == (2, False), done.stderr


def test_a_new_key_opens_the_control_plane_within_two_seconds_and_is_on_record(outlay):
    outlay.start_ledger()
    keys = outlay.folder / "policies" / "keys.yaml"
    text = keys.read_text()
    keys.write_text(text.replace("k_bob", "k_bob2").replace("user: bob", "user: bob, role: finance"))
    whoami = f"{outlay.ledger_url}/v1/whoami"
    until("bob is finance", lambda: fetch(whoami, BOB_KEY)["role"] == "finance", outlay.ledger, 5)
    acts = f"{outlay.ledger_url}/v1/reports/acts?kind=key_created&kind=key_removed"

    def said():
        return {(row["kind"], row["subject"]) for row in fetch(acts, ADMIN_KEY)["rows"]}

    until(
        "that is on record", lambda: {("key_removed", "k_bob"), ("key_created", "k_bob2")} <= said(), outlay.ledger, 20
    )


def test_kills_at_any_moment_lose_nothing_and_double_nothing(outlay):
    """kill -9 while the journal grows; in the end the database says what the journal says."""
    dice = random.Random(5)
    writer = Writer(outlay)
    stop = threading.Event()
    written = []

    def write():
        while not stop.is_set():
            number = len(written)
            usage = Usage(input_text=number + 1)
            writer.append(facts.an_opened(f"call_{number}"), spent(f"call_{number}", usage))
            written.append(number)
            if number % 50 == 0:
                stop.wait(0.01)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(4):
            outlay.ledger.start()
            positions = outlay.data / "outlay.duckdb"
            until("it has begun", positions.exists, outlay.ledger)
            stop.wait(dice.uniform(0.2, 1.6))
            outlay.ledger.kill()
    finally:
        stop.set()
        thread.join()
        writer.close()
    outlay.start_ledger()
    until("all is loaded", lambda: _current(outlay) >= len(written), outlay.ledger)
    outlay.ledger.stop()
    with a_store(outlay.data) as store:
        assert store.read("SELECT count(*), count(DISTINCT id), sum(input_text) FROM calls") == [
            (len(written), len(written), sum(number + 1 for number in written))
        ]
        assert store.read("SELECT count(*) FROM open_calls UNION ALL SELECT count(*) FROM quarantine") == [(0,), (0,)]
        segments = {segment.name: segment.synced for segment in FileSegments(outlay.data / "journal").list()}
        positions = store.read("SELECT node, boot, number, loaded_bytes FROM positions WHERE node = 'test'")
        assert {f"{node}/{boot:08d}-{number:08d}": loaded for node, boot, number, loaded in positions} == {
            name: synced for name, synced in segments.items() if name.startswith("test/")
        }


def _current(outlay):
    return outlay.report("", **PERIOD)["total"]["calls"]


def _asked(outlay):
    """Ask for a report; never enough."""
    with suppress(OSError):
        _current(outlay)
    return False


class GatewayMetricsStandIn(BaseHTTPRequestHandler):
    """What a gateway's socket answers."""

    def do_GET(self):
        body = b"# TYPE outlay_gateway_calls counter\noutlay_gateway_calls_total 7.0\n"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

    def address_string(self):
        return "unix"


def test_metrics_of_the_gateways_beside_it_are_shown_and_silent_ones_counted(outlay):
    outlay.start_ledger()
    with (
        ThreadingUnixStreamServer(str(outlay.data / "gateway-a.sock"), GatewayMetricsStandIn) as gateway,
        socket.socket(socket.AF_UNIX) as silent,
    ):
        silent.bind(str(outlay.data / "gateway-b.sock"))
        silent.listen()
        (outlay.data / "gateway-c.sock").touch()
        thread = threading.Thread(target=gateway.serve_forever)
        thread.start()
        try:
            for _ in range(2):
                text = httpx.get(f"{outlay.ledger_url}/metrics").text
        finally:
            gateway.shutdown()
            thread.join()
    assert 'outlay_gateway_calls_total{node="a"} 7.0' in text
    for node in ("b", "c"):
        assert f'outlay_ledger_gateway_scrape_failures_total{{node="{node}"}} 2.0' in text


# --- commands


def test_commands_work_with_a_server_and_without_one(outlay, writer):
    writer.append(facts.an_opened(), spent("call_1"), spent("call_2", owner="bob", key_id="k_bob"))
    writer.close()
    asked = ("report", "spend", "--by", "user", "--since", "2026-12", "--until", "2027-12", "--json")

    offline = command(outlay, *asked)
    assert (offline.returncode, offline.stderr) == (0, "")
    assert json.loads(offline.stdout)["rows"][0]["user"] == "(other people)"
    assert not (outlay.data / "journal" / "ledger").exists()

    looked = command(outlay, *asked, "--reason", "invoice 17")
    assert [row["user"] for row in json.loads(looked.stdout)["rows"]] == ["alice", "bob"]
    views = command(outlay, "report", "views")
    assert views.stdout.count("invoice 17") == 2

    outlay.start_ledger()
    online = command(outlay, *asked)
    assert json.loads(online.stdout)["rows"] == json.loads(offline.stdout)["rows"]

    remote = {"OUTLAY_URL": outlay.ledger_url, "OUTLAY_KEY": ALICE_KEY}
    table = command(outlay, *asked[:-1], **remote)
    assert "alice" in table.stdout
    assert "Your own calls only." in table.stdout
    csv = command(outlay, *asked[:-1], "--format", "csv", **remote)
    assert csv.stdout.splitlines()[1].startswith("alice,1,0,")
    denied = command(outlay, "report", "spend", "--user", "bob", **remote)
    assert (denied.returncode, denied.stdout) == (1, "")

    explained = command(outlay, "policy", "explain", "call_1", **remote)
    assert explained.returncode == 0
    assert "payments-month" in explained.stdout
    assert command(outlay, "policy", "explain", "call_2", **remote).returncode == 1


def test_login_checks_the_key_and_remembers_it(outlay):
    outlay.start_ledger()
    remembered = outlay.folder / "config" / "outlay" / "login.json"
    wrong = command(outlay, "login", outlay.ledger_url, "--key-stdin", say="outlay_wrong\n")
    assert (wrong.returncode, remembered.exists()) == (1, False)
    right = command(outlay, "login", outlay.ledger_url, "--key-stdin", say=f"{ALICE_KEY}\n")
    assert right.returncode == 0
    assert "as alice (developer)" in right.stdout
    assert ALICE_KEY not in right.stdout + right.stderr
    assert remembered.stat().st_mode & 0o777 == 0o600
    elsewhere = outlay.folder / "elsewhere"
    elsewhere.mkdir()
    asked = command(outlay, "report", "spend", "--json", OUTLAY_DATA=str(elsewhere))
    assert json.loads(asked.stdout)["scope"] == "own"
    assert command(outlay, "login", "--logout").returncode == 0
    assert not remembered.exists()


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        (("report", "spend"), {}, "no data in"),
        (("report", "spend"), {"OUTLAY_URL": "http://127.0.0.1:9", "OUTLAY_KEY": "outlay_x"}, "no answer from"),
        (("report", "spend"), {"OUTLAY_URL": "http://127.0.0.1:9"}, "there is no key"),
        (("login", "127.0.0.1:4142"), {}, "no URL of a control plane"),
    ],
)
def test_a_command_that_cannot_be_tried_says_why_and_exits_with_2(tmp_path, arguments, environ, said):
    outcome = subprocess.run(
        [sys.executable, "-m", "proxy", *arguments],
        env={**base_environ(), "XDG_CONFIG_HOME": str(tmp_path), **environ},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (outcome.returncode, outcome.stdout) == (2, "")
    assert said in outcome.stderr


def test_a_database_that_another_process_holds_is_named_with_its_pid(outlay, writer):
    writer.append(spent("call_1"))
    writer.close()
    with a_store(outlay.data) as store:
        load(store, [])
        outcome = command(outlay, "report", "spend")
    assert outcome.returncode == 2
    assert f"process {os.getpid()}" in outcome.stderr


def test_damage_met_while_it_runs_is_told_and_mended_by_the_next_start(outlay):
    """A block of the file rots: the report that needs it fails, readiness says why, and the process ends, to be
    started again by its supervisor; that start loads everything anew."""
    mark_new(outlay.data, ["test", "ledger"])
    writer = Writer(outlay)
    mark_first(outlay.data / "journal" / "test", writer.journal.place)
    writer.append(*(spent(f"call_{number}") for number in range(3000)))
    writer.close()
    outlay.start_ledger()
    until("all is loaded", lambda: _current(outlay) == 3000, outlay.ledger)
    assert outlay.ledger.stop() == 0
    path = outlay.data / "outlay.duckdb"
    rotten = bytearray(path.read_bytes())
    for block in range(12288 + 262144, len(rotten), 262144):
        rotten[block + 100] ^= 0xFF
    path.write_bytes(rotten)

    outlay.ledger.start()
    until("it has met the damage", lambda: _asked(outlay) or outlay.ledger.process.poll() is not None)
    assert outlay.ledger.process.wait(300) == 1
    assert "database damaged: it is made anew at the next start" in outlay.ledger.said
    outlay.start_ledger()
    until("all is loaded anew", lambda: _current(outlay) == 3000, outlay.ledger)
    assert "database damaged: loading it anew from the journal" in outlay.ledger.said
    assert len(list(outlay.data.glob("outlay.duckdb.damaged-*"))) == 1


def test_a_database_that_is_removed_while_it_runs_is_missed_and_loaded_anew_by_the_next_start(outlay):
    mark_new(outlay.data, ["test", "ledger"])
    writer = Writer(outlay)
    mark_first(outlay.data / "journal" / "test", writer.journal.place)
    writer.append(*(spent(f"call_{number}") for number in range(5)))
    outlay.start_ledger()
    until("all is loaded", lambda: _current(outlay) == 5, outlay.ledger)
    (outlay.data / "outlay.duckdb").unlink()
    assert outlay.ledger.process.wait(60) == 1
    assert "outlay.duckdb was removed while it was open" in outlay.ledger.said
    writer.append(spent("call_5"))
    outlay.start_ledger()
    until("all is loaded anew", lambda: _current(outlay) == 6, outlay.ledger)
    writer.close()


def test_where_the_journal_can_not_replace_a_database_that_was_removed_it_goes_on_and_says_so(outlay):
    writer = Writer(outlay)
    writer.append(spent("call_1"))
    outlay.start_ledger()
    until("it is loaded", lambda: _current(outlay) == 1, outlay.ledger)
    (outlay.data / "outlay.duckdb").unlink()
    until("it is missed", lambda: "the journal can't replace it" in outlay.ledger.said, outlay.ledger)
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(outlay.data / "ledger.sock"))) as local:
        ready = local.get("http://ledger/readyz")
    assert (ready.status_code, "was removed" in ready.json()["database"]) == (503, True)
    saved = command(outlay, "backup", str(outlay.folder / "backups"), OUTLAY_DATA=str(outlay.data))
    assert saved.returncode == 0, saved.stderr
    assert _current(outlay) == 1
    writer.close()
