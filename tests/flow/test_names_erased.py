"""Erasing a person takes every name that access.yaml knows or knew, says so before, and asks."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from proxy.__main__ import app
from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.policy_archive import PolicyArchive
from proxy.app.erasing import PENDING_FILE
from proxy.app.ledger_local import local_ledger
from proxy.app.names_of_person import names_of_person
from proxy.policy.load import version
from proxy.policy.types import PolicySet
from proxy.settings import Settings
from tests.flow.ledger_world import spent

MAIL, LOGIN = "alice@example.com", "al-77"


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """Calls of alice and bob; alice is in no policy file any more."""
    made = at(tmp_path_factory.mktemp("left"))
    made.policies.mkdir()
    (made.policies / "access.yaml").write_text("people: {bob: {}}\n")
    journal = FileJournal(made.data / "journal", "gateway", SystemClock())
    journal.open()
    for number in range(4):
        owner = ("alice", "bob")[number % 2]
        journal.append(spent(f"call_{number}", owner=owner, branch=f"{LOGIN}/fix", justification=f"for {MAIL}"))
    journal.close()
    was_in_force(made, f"people: {{alice: {{aliases: [{MAIL}]}}, bob: {{}}}}\n")
    was_in_force(made, f"people: {{alice: {{aliases: [{LOGIN}]}}, bob: {{}}}}\n")
    with local_ledger(made):
        pass
    return made


@pytest.fixture
def settings(left, tmp_path):
    made = at(tmp_path)
    shutil.copytree(left.data, made.data)
    shutil.copytree(left.policies, made.policies)
    return made


def at(folder):
    return Settings(data=folder / "data", policies=folder / "policies")


def was_in_force(settings, access):
    files = {"access.yaml": access.encode()}
    PolicyArchive(settings.data).keep(PolicySet(version(files)), files)


def erase(settings, name, *more, says=None):
    where = ("--data", settings.data, "--policies", settings.policies, "--reason", "alice asked")
    return CliRunner().invoke(app, ["erase", "person", name, *map(str, where), *more], input=says)


def strewn(settings):
    files = [path for path in settings.data.rglob("*") if path.is_file()]
    words = (b"alice", MAIL.encode(), LOGIN.encode())
    return {word.decode() for word in words if any(word in path.read_bytes().lower() for path in files)}


def test_names_of_every_set_that_was_in_force_are_listed_and_erased(settings):
    assert names_of_person(settings, ["alice"]).names == (LOGIN, MAIL)
    assert strewn(settings) == {"alice", MAIL, LOGIN}

    done = erase(settings, "alice", "--json", "--yes")

    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["calls"] == 2
    assert "  alice  (as given; 2 calls on record under it)" in done.stderr
    for name in (MAIL, LOGIN):
        assert f"  {name}  (an access.yaml has it for the person; 0 calls on record under it)" in done.stderr
    assert "2 earlier access.yaml" in done.stderr
    assert "Erase them?" not in done.stderr
    assert strewn(settings) == set()


def test_by_another_of_the_names_only_what_is_clear_is_taken(settings):
    by_login = names_of_person(settings, [LOGIN])
    assert (by_login.names, dict(by_login.unclear)) == ((), {"alice": (MAIL,)})
    assert names_of_person(settings, [LOGIN, "alice"]).names == (MAIL,)
    assert names_of_person(settings, ["nobody"]).names == ()


def test_nothing_is_erased_without_a_yes(settings):
    for says in ("n\n", ""):
        done = erase(settings, "alice", says=says)
        assert (done.exit_code, "nothing was erased" in done.stderr) == (1, True)
        assert MAIL in done.stderr
        assert strewn(settings) == {"alice", MAIL, LOGIN}
        assert not (settings.data / PENDING_FILE).exists()
    done = erase(settings, "alice", says="y\n")
    assert (done.exit_code, "Erased: 2 calls" in done.stdout) == (0, True)
    assert strewn(settings) == set()


def test_a_name_that_may_be_somebody_elses_too_is_left_and_named(settings):
    """The login went to somebody else, who left as well."""
    was_in_force(settings, f"people: {{carol: {{aliases: [{LOGIN}, carol-c]}}}}\n")
    found = names_of_person(settings, ["alice"])
    assert (found.names, dict(found.unclear)) == ((MAIL,), {LOGIN: ("carol", "carol-c")})
    done = erase(settings, "alice", says="n\n")
    assert f"Not erased: {LOGIN}. An access.yaml has it with carol, carol-c." in done.stderr


def test_a_person_who_went_by_another_name_before_is_one(settings):
    was_in_force(settings, f"people: {{alice-b: {{aliases: [alice, {MAIL}, {LOGIN}]}}}}\n")
    found = names_of_person(settings, ["alice-b"])
    assert (found.names, dict(found.unclear)) == ((LOGIN, "alice", MAIL), {})


def test_a_known_name_that_a_policy_file_still_has_is_in_the_way(settings):
    (settings.policies / "budgets.yaml").write_text(f"# ask {LOGIN}\n")
    done = erase(settings, "alice", "--yes")
    assert (done.exit_code, f"budgets.yaml:1 still names {LOGIN}" in done.stderr) == (1, True)


def test_a_run_that_was_cut_off_goes_on_with_the_names_that_it_began_with(settings):
    began = {"person": "alice", "pseudonyms": {"alice": "zzzz-", MAIL: "y" * 16 + "-"}, "reason": "alice asked"}
    (settings.data / PENDING_FILE).write_text(json.dumps(began))
    other = erase(settings, "bob", "--yes")
    assert (other.exit_code, "somebody else was cut off" in other.stderr) == (1, True)
    done = erase(settings, "alice", "--yes", "--json")
    assert json.loads(done.stdout)["pseudonym"] == "zzzz-"
    assert "An earlier run was cut off" in done.stderr
    assert strewn(settings) == {LOGIN}
