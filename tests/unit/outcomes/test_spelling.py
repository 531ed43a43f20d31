"""How people are called in a deployment's story."""

import pytest

from proxy.outcomes.people import EVER_US, Aliases, People
from proxy.outcomes.spelling import Spelling
from proxy.outcomes.verdicts import Role, Ruling, Who

ALIASES = Aliases({"alice-work": "alice", "bob": "bob"}, {"gone": (EVER_US - 1, "dave")})


def spelled(*, reader: str = "", openly: bool = False) -> Spelling:
    return Spelling(People(ALIASES), ("deploy-bot", "bob"), reader, openly=openly)


@pytest.mark.parametrize(("role", "name", "role_alone", "by_name"), [
    ("author", "bob", "author 1", "bob"),
    ("reviewer", "?stranger", "reviewer 1", "stranger"),
    ("branch", "bob:topic", "branch 1", "bob:topic"),
    ("deployer", "bob", "deployer 1", "bob"),
    ("deployer", "gone", "deployer 1", "gone"),
    ("deployer", "stranger", "deployer 1", "stranger"),
    ("deployer", "deploy-bot", "deploy-bot", "deploy-bot"),
    ("deployer", "renovate[bot]", "renovate[bot]", "renovate[bot]"),
])  # fmt: skip
def test_people_go_by_what_they_did_and_machines_by_name(role: Role, name: str, role_alone: str, by_name: str) -> None:
    assert spelled()(Who(role, name)) == role_alone
    assert spelled(openly=True)(Who(role, name)) == by_name


def test_the_same_one_is_called_the_same_and_others_differently() -> None:
    spell = spelled()
    names = [spell(Who("author", name)) for name in ("bob", "alice", "bob")]
    assert names == ["author 1", "author 2", "author 1"]
    assert spell(Who("reviewer", "carol")) == "reviewer 1"
    assert spell.persons == {"alice", "bob", "carol"}


def test_whoever_reads_it_goes_by_name_under_any_name_and_is_no_other() -> None:
    spell = spelled(reader="alice")
    assert [spell(Who("author", "alice")), spell(Who("deployer", "alice-work"))] == ["alice", "alice-work"]
    assert spell(Who("author", "bob")) == "author 1"
    assert spell.persons == {"bob"}


def test_strangers_and_branches_are_nobody_to_tell() -> None:
    spell = spelled(openly=True)
    assert [spell(each) for each in (Who("author", "?stranger"), Who("branch", "bob"))] == ["stranger", "bob"]
    assert spell.persons == set()


def test_a_ruling_says_names_unless_it_is_told_otherwise() -> None:
    ruling = Ruling("Q2", True, ("by ", Who("author", "?stranger"), ", for ", Who("sponsor", "bob")))
    assert ruling.says == "by stranger, for bob"
    assert ruling.told(spelled()) == "by author 1, for sponsor 1"
