"""`outlay keys`, `outlay init`, `outlay policy check`, as somebody types them."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from proxy.adapters.keys_editors import editor
from proxy.adapters.keys_file import KeysFile
from proxy.cli import keys, policy
from proxy.cli.init import init
from proxy.policy.keys import digest
from proxy.policy.load import load
from proxy.policy.types import Key, PolicySet

KEY = re.compile(r"outlay_[0-9A-Za-z]{38}")

app = typer.Typer()
app.add_typer(keys.app, name="keys")
app.add_typer(policy.app, name="policy")
app.command()(init)


class Shell:
    """A shell in a folder, with starter policies."""

    def __init__(self, folder: Path) -> None:
        self.policies = folder / "policies"
        self.environ = {"OUTLAY_POLICIES": str(self.policies), "COLUMNS": "200"}
        assert self.run("init").exit_code == 0

    def run(self, *words: str) -> Result:
        return CliRunner(env=self.environ).invoke(app, list(words), catch_exceptions=False)

    def create(self, *words: str) -> dict[str, str]:
        result = self.run("keys", "create", *words, "--json")
        assert result.exit_code == 0, result.output
        created: dict[str, str] = json.loads(result.stdout)
        return created

    def keys(self) -> dict[str, Key]:
        loaded = load({"keys.yaml": (self.policies / "keys.yaml").read_text()})
        assert isinstance(loaded, PolicySet)
        return {key.id: key for key in loaded.keys.values()}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_a_key_is_printed_once_and_kept_as_a_hash(shell: Shell) -> None:
    created = shell.create("--user", "alice", "--project", "checkout", "--project", "search")
    assert set(created) == {"id", "key"}
    assert KEY.fullmatch(created["key"])
    entry = shell.keys()[created["id"]]
    assert entry.hash == digest(created["key"].encode())
    assert (entry.owner, entry.projects, str(entry.role)) == ("alice", ("checkout", "search"), "developer")
    text = (shell.policies / "keys.yaml").read_text()
    assert created["key"] not in text
    assert "\n# keys.yaml: " in text  # the starter's own comments stay


def test_for_people_the_key_stands_alone_on_stdout(shell: Shell) -> None:
    result = shell.run("keys", "create", "--user", "alice", "--project", "checkout")
    assert KEY.fullmatch(result.stdout.strip())
    assert "shown this once" in result.stderr


def test_every_option_reaches_the_entry(shell: Shell) -> None:
    words = ["--project", "p", "--role", "finance", "--team", "core", "--expires", "2100-01-01"]
    created = shell.create("--service-account", "bot", *words)
    entry = shell.keys()[created["id"]]
    assert (entry.owner, str(entry.owner_kind), str(entry.role), entry.team) == ("bot", "service", "finance", "core")
    assert entry.expires is not None
    assert entry.expires.isoformat() == "2100-01-01T00:00:00+00:00"


def test_an_unknown_owner_is_allowed_and_the_lines_to_add_are_shown(shell: Shell) -> None:
    result = shell.run("keys", "create", "--user", "alice", "--project", "checkout")
    assert "    alice: {team: …}" in result.stderr
    assert "    checkout: {team: …, cost_center: …}" in result.stderr


def test_print_writes_nothing_and_keeps_the_key_out_of_what_is_redirected(shell: Shell) -> None:
    before = (shell.policies / "keys.yaml").read_bytes()
    result = shell.run("keys", "create", "--user", "alice", "--project", "checkout", "--print")
    assert (shell.policies / "keys.yaml").read_bytes() == before
    printed = load({"keys.yaml": f"keys:\n{result.stdout}"})
    assert isinstance(printed, PolicySet)
    key = result.stderr.partition("this once:\n\n")[2].partition("\n")[0]
    assert set(printed.keys) == {digest(key.encode())}
    assert key not in result.stdout
    as_json = shell.create("--user", "alice", "--project", "checkout", "--print")
    assert set(as_json) == {"id", "key", "entry"}


WRONG = {
    "no owner": (["--project", "p"], 2, "one owner"),
    "two owners": (["--user", "a", "--service-account", "b", "--project", "p"], 2, "one owner"),
    "no project": (["--user", "a"], 2, "--project"),
    "a name that is none": (["--user", "a b", "--project", "p"], 2, "can't be a name"),
    "a moment that is none": (["--user", "a", "--project", "p", "--expires", "soon"], 2, "no time"),
    "a moment that is over": (["--user", "a", "--project", "p", "--expires", "2020-01-01"], 2, "over already"),
    "a role that is none": (["--user", "a", "--project", "p", "--role", "boss"], 2, "boss"),
}


@pytest.mark.parametrize(("words", "code", "message"), WRONG.values(), ids=WRONG)
def test_wrong_words_write_nothing_and_say_what_is_right(
    shell: Shell, words: list[str], code: int, message: str
) -> None:
    result = shell.run("keys", "create", *words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert shell.keys() == {}


def test_a_role_that_access_does_not_give_is_refused(shell: Shell) -> None:
    (shell.policies / "access.yaml").write_text("people: {alice: {roles: [developer]}}\n")
    result = shell.run("keys", "create", "--user", "alice", "--project", "p", "--role", "admin")
    assert result.exit_code == 1
    assert "doesn't give alice the role admin" in result.stderr
    assert shell.keys() == {}


def test_a_service_account_is_no_person(shell: Shell) -> None:
    (shell.policies / "access.yaml").write_text("service_accounts: {bot: {team: core}}\n")
    result = shell.run("keys", "create", "--user", "bot", "--project", "p")
    assert result.exit_code == 2
    assert shell.keys() == {}


def test_a_list_shows_whose_keys_there_are_and_whether_they_work(shell: Shell) -> None:
    assert "no keys" in shell.run("keys", "list").stdout
    first = shell.create("--user", "alice", "--project", "checkout")
    shell.create("--service-account", "bot", "--project", "checkout", "--expires", "90d")
    assert shell.run("keys", "revoke", first["id"]).exit_code == 0
    rows = json.loads(shell.run("keys", "list", "--json").stdout)
    assert [(row["owner"], row["state"]) for row in rows] == [("alice", "revoked"), ("bot", "active")]
    table = shell.run("keys", "list").stdout
    assert "revoked" in table
    assert "hash" not in table
    assert "sha256" not in table


def test_rotating_ends_the_old_key_and_makes_one_like_it(shell: Shell) -> None:
    old = shell.create("--user", "alice", "--project", "a", "--project", "b", "--role", "finance", "--team", "t")
    new = json.loads(shell.run("keys", "rotate", old["id"], "--json").stdout)
    assert set(new) == {"id", "key"}
    keys = shell.keys()
    assert keys[old["id"]].revoked
    made, before = keys[new["id"]], keys[old["id"]]
    assert (made.owner, made.projects, made.role, made.team) == (
        before.owner,
        before.projects,
        before.role,
        before.team,
    )
    assert made.hash == digest(new["key"].encode())


def test_an_old_key_may_be_kept_for_a_while_but_never_longer_than_it_had(shell: Shell) -> None:
    old = shell.create("--user", "alice", "--project", "a", "--expires", "12h")
    until = shell.keys()[old["id"]].expires
    assert until is not None
    shell.run("keys", "rotate", old["id"], "--keep-old", "1h")
    shortened = shell.keys()[old["id"]].expires
    assert shortened is not None
    assert shortened < until
    other = shell.create("--user", "alice", "--project", "a", "--expires", "12h")
    until = shell.keys()[other["id"]].expires
    shell.run("keys", "rotate", other["id"], "--keep-old", "7d")
    assert shell.keys()[other["id"]].expires == until
    assert not shell.keys()[other["id"]].revoked


def test_an_old_key_without_an_end_gets_one(shell: Shell) -> None:
    old = shell.create("--user", "alice", "--project", "a")
    assert shell.keys()[old["id"]].expires is None
    result = shell.run("keys", "rotate", old["id"], "--keep-old", "2100-01-01", "--expires", "2200-01-01")
    assert "works until 2100-01-01 00:00 UTC" in result.stderr
    keys = list(shell.keys().values())
    assert [key.expires.year for key in keys if key.expires] == [2100, 2200]


@pytest.mark.parametrize("command", ["revoke", "rotate"])
def test_an_unknown_id_is_named(shell: Shell, command: str) -> None:
    result = shell.run("keys", command, "k_nope")
    assert result.exit_code == 1
    assert "k_nope" in result.stderr


def test_a_key_that_works_no_more_is_not_rotated(shell: Shell) -> None:
    created = shell.create("--user", "alice", "--project", "a")
    shell.run("keys", "revoke", created["id"])
    assert shell.run("keys", "rotate", created["id"]).exit_code == 1
    assert len(shell.keys()) == 1


def test_a_broken_keys_file_is_shown_and_left_alone(shell: Shell) -> None:
    path = shell.policies / "keys.yaml"
    path.write_text("keys: [{id: 1}]\n")
    result = shell.run("keys", "create", "--user", "alice", "--project", "a")
    assert result.exit_code == 1
    assert "keys.yaml:1:8" in result.stderr
    assert path.read_text() == "keys: [{id: 1}]\n"


def test_keys_may_live_elsewhere(shell: Shell, tmp_path: Path) -> None:
    shell.environ["OUTLAY_KEYS"] = str(tmp_path / "people.yaml")
    shell.create("--user", "alice", "--project", "a")
    assert "alice" in (tmp_path / "people.yaml").read_text()
    assert "k_" not in (shell.policies / "keys.yaml").read_text()


def test_init_never_writes_over_anything(shell: Shell) -> None:
    result = shell.run("init")
    assert result.exit_code == 1
    assert "left as it is" in result.stderr


def test_check_says_what_is_there(shell: Shell) -> None:
    shell.create("--user", "alice", "--project", "checkout")
    result = shell.run("policy", "check")
    assert result.exit_code == 0
    assert "6 providers" in result.stdout
    assert "  alice: {team: …}" in result.stdout
    document = json.loads(shell.run("policy", "check", str(shell.policies), "--json").stdout)
    assert document["ok"] is True
    assert document["keys"] == 1
    assert document["unregistered"]["people"] == ["alice"]


def test_check_prints_every_mistake_with_its_place(shell: Shell) -> None:
    (shell.policies / "access.yaml").write_text("people: {alice: {teem: a}}\n")
    (shell.policies / "prices.yaml").write_text("unpriced: maybe\n")
    result = shell.run("policy", "check")
    assert result.exit_code == 1
    assert f"{shell.policies}/access.yaml:1:18: 'teem'" in result.stderr
    assert f"{shell.policies}/prices.yaml:1:11: unpriced" in result.stderr
    assert "2 mistakes" in result.stderr
    document = json.loads(shell.run("policy", "check", "--json").stdout)
    assert document["ok"] is False
    assert [mistake["line"] for mistake in document["mistakes"]] == [1, 1]


def test_check_of_no_folder_could_not_be_tried(shell: Shell, tmp_path: Path) -> None:
    assert shell.run("policy", "check", str(tmp_path / "none")).exit_code == 2


def test_check_of_an_empty_folder_is_a_mistake(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = shell.run("policy", "check", str(tmp_path / "empty"))
    assert result.exit_code == 1
    assert "outlay init" in result.stderr


def test_who_gives_the_command_is_noted_for_the_record_of_each_entry_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "bob")
    shell = Shell(tmp_path)
    file = shell.policies / "keys.yaml"
    first = shell.create("--user", "alice", "--project", "default")
    second = json.loads(shell.run("keys", "rotate", first["id"], "--keep-old", "24h", "--json").stdout)
    found = {key.id: editor(file, key) for key in KeysFile(file).keys().values()}
    assert found == {first["id"]: "bob", second["id"]: "bob"}
    shell.run("keys", "revoke", second["id"])
    [revoked] = [key for key in KeysFile(file).keys().values() if key.id == second["id"]]
    assert (revoked.revoked, editor(file, revoked)) == (True, "bob")
    assert editor(file, replace(revoked, revoked=False)) == ""
