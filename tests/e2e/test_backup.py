"""A backup beside running servers under traffic; both planes killed; restored elsewhere: nothing settled is missing."""

import json
import shutil
import stat
import subprocess
import sys
import threading

import pytest
from typer.testing import CliRunner

from proxy.__main__ import app
from tests.servers.processes import (
    ADMIN_KEY,
    ALICE_KEY,
    BOB_KEY,
    ROOT,
    Deployment,
    base_environ,
    fetch,
    post,
    stand_in,
    until,
)

pytestmark = pytest.mark.e2e
CHAT = {"model": "stand-in-small", "messages": [{"role": "user", "content": "hello"}]}


def outlay(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "proxy", *map(str, arguments)],
        cwd=ROOT,
        env=base_environ(),
        capture_output=True,
        text=True,
        check=False,
    )


def here(*arguments):
    """A command in this process: a start takes longer than what most of them do."""
    return CliRunner().invoke(app, [*map(str, arguments)])


def ask(url, key):
    answer = post(f"{url}/v1/chat/completions", json.dumps(CHAT).encode(), {"authorization": f"Bearer {key}"})
    assert answer.status == 200, answer


class Traffic:
    """Calls in a thread for as long as the context; `answered` counts those whose whole answer is there."""

    def __init__(self, url):
        self.url, self.answered, self._over = url, 0, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _run(self):
        while not self._over.is_set():
            ask(self.url, (ALICE_KEY, BOB_KEY)[self.answered % 2])
            self.answered += 1


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory):
    """Two backups taken under traffic, what was answered before each began, and the folder of a killed server."""
    folder = tmp_path_factory.mktemp("backup")
    before, made = [], []
    with stand_in(folder) as provider:
        there = Deployment(folder / "there", provider.url)
        try:
            there.start_gateway()
            there.start_ledger()
            with Traffic(there.url) as traffic:
                for number in (1, 2):
                    until("calls", lambda number=number: traffic.answered >= 40 * number, wait_s=120)
                    before.append(traffic.answered)
                    done = outlay(
                        "backup",
                        folder / "backups",
                        "--data",
                        there.data,
                        "--policies",
                        there.folder / "policies",
                        "--json",
                    )
                    assert done.returncode == 0, done.stderr
                    made.append(json.loads(done.stdout))
            until("all is loaded", lambda: there.report("user")["total"]["calls"] == traffic.answered, wait_s=120)
            report = there.report("user,model,project", until="now")
        finally:
            for running in (there.gateway, there.ledger):
                running.kill()
        yield folder, before, made, report


def restored(backed_up, into, number, by=here):
    made = backed_up[2][number]["backup"]
    return by("restore", made, "--data", into / "data", "--policies", into / "policies", "--json")


@pytest.mark.parametrize(("number", "by"), [(0, outlay), (1, here)])
def test_all_that_was_settled_before_a_backup_began_is_in_it(backed_up, tmp_path, number, by):
    _, before, _, report = backed_up
    done = restored(backed_up, tmp_path, number, by)
    said = json.loads(done.stdout)
    assert before[number] <= int(said["calls"]) <= report["total"]["calls"]
    shown = here("report", "spend", "--by", "user", "--reason", "test", "--data", tmp_path / "data", "--json")
    assert shown.exit_code == 0, shown.stderr
    total = json.loads(shown.stdout)["total"]
    assert total["calls"] == int(said["calls"])
    assert total["cost_usd"] == said["cost_usd"]


def test_a_restored_folder_serves_and_its_keys_open_it(backed_up, tmp_path):
    assert restored(backed_up, tmp_path, 1).exit_code == 0
    with stand_in(tmp_path) as provider:
        elsewhere = Deployment(tmp_path, provider.url)
        with elsewhere.running():
            calls = elsewhere.report("user")["total"]["calls"]
            ask(elsewhere.url, ALICE_KEY)
            until("it is loaded", lambda: elsewhere.report("user")["total"]["calls"] == calls + 1)
            assert fetch(f"{elsewhere.ledger_url}/v1/whoami", ADMIN_KEY)["role"] == "admin"


def test_a_second_backup_links_what_never_changes_and_all_files_are_private(backed_up):
    folder, _, made, _ = backed_up
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (folder / "backups").rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert stat.S_IMODE((folder / "backups").stat().st_mode) == 0o700
    names = {path.name for path in (folder / "backups").iterdir()}
    assert names == {made[0]["backup"].rpartition("/")[2], made[1]["backup"].rpartition("/")[2]}


def test_where_no_server_runs_the_command_copies_by_itself_and_all_is_in_it(backed_up, tmp_path):
    """What the killed gateway left, too: calls in flight are held, and settled by the first start."""
    folder, *_, report = backed_up
    done = here("backup", tmp_path / "backups", "--data", folder / "there" / "data", "--policies", tmp_path, "--json")
    assert done.exit_code == 0, done.stderr
    back = here("restore", tmp_path / "backups", "--data", tmp_path / "data", "--policies", tmp_path / "p", "--json")
    assert int(json.loads(back.stdout)["calls"]) == report["total"]["calls"]
    assert json.loads(back.stdout)["cost_usd"] == report["total"]["cost_usd"]


def test_a_folder_of_backups_means_its_newest(backed_up, tmp_path):
    folder, _, made, _ = backed_up
    done = here("restore", folder / "backups", "--data", tmp_path / "data", "--policies", tmp_path / "p", "--json")
    assert json.loads(done.stdout)["backup"] == made[1]["backup"]


def test_nothing_is_restored_over_a_folder_that_holds_something(backed_up, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine").write_text("keep me")
    done = restored(backed_up, tmp_path, 1)
    assert (done.exit_code, (tmp_path / "data" / "mine").read_text()) == (1, "keep me")
    assert "not empty" in done.stderr
    assert not (tmp_path / "policies").exists()


@pytest.mark.parametrize("name", ["data/outlay.duckdb", "data/hash.key", "manifest.json"])
def test_a_damaged_backup_is_not_restored(backed_up, tmp_path, name):
    _, _, made, _ = backed_up
    shutil.copytree(made[1]["backup"], tmp_path / "damaged")
    damaged = tmp_path / "damaged" / name
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    done = here("restore", tmp_path / "damaged", "--data", tmp_path / "data", "--policies", tmp_path / "p")
    assert done.exit_code == 1, done.stderr
    assert "nothing was restored" in done.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "damaged"]


def test_policies_that_are_there_are_left_alone(backed_up, tmp_path):
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "access.yaml").write_text("people: {}\n")
    done = restored(backed_up, tmp_path, 1)
    assert json.loads(done.stdout)["left_as_it_was"] == [str(tmp_path / "policies")]
    assert (tmp_path / "policies" / "access.yaml").read_text() == "people: {}\n"


def test_without_data_there_is_nothing_to_back_up(tmp_path):
    done = here("backup", tmp_path / "backups", "--data", tmp_path / "none")
    assert done.exit_code == 2
    assert not (tmp_path / "backups").exists()
