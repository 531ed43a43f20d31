"""Who and what keys name before access.yaml does."""

from proxy.model.identity import OwnerKind, Project
from proxy.policy.load import load
from proxy.policy.types import Access, Key, Person, PolicySet
from proxy.policy.unregistered import Unregistered, unregistered

ACCESS = Access(people={"alice": Person("alice")}, projects={"checkout": Project("checkout")})


def key(owner: str, *projects: str, kind: OwnerKind = OwnerKind.PERSON, revoked: bool = False) -> Key:
    return Key("k_1", "h", owner, kind, projects, revoked=revoked)


def test_what_access_knows_is_registered() -> None:
    assert not unregistered(ACCESS, [key("alice", "checkout")])


def test_what_keys_name_and_access_does_not_is_listed_once_and_sorted() -> None:
    keys = [key("bob", "search"), key("bob", "checkout", "ads"), key("bot", "ads", kind=OwnerKind.SERVICE)]
    assert unregistered(ACCESS, keys) == Unregistered(("bob",), ("bot",), ("ads", "search"))


def test_revoked_keys_ask_for_nothing() -> None:
    assert not unregistered(ACCESS, [key("bob", "search", revoked=True)])


def test_the_lines_to_add_are_valid_once_the_team_is_filled_in() -> None:
    lines = Unregistered(("bob",), ("bot",), ("ads",)).lines_to_add()
    policies = load({"access.yaml": "\n".join(lines).replace("…", "core")})
    assert isinstance(policies, PolicySet)
    assert set(policies.access.people) == {"bob"}
    assert policies.access.service_accounts["bot"].team == "core"
    assert set(policies.access.projects) == {"ads"}
