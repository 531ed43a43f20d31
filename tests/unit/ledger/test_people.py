import pytest

from proxy.ledger.people import OPERATOR, Directory, Viewer
from proxy.model.identity import Identity, OwnerKind, Project, Role
from proxy.policy.types import Access, Key, Person, PolicySet

PERSON, SERVICE = OwnerKind.PERSON, OwnerKind.SERVICE


@pytest.mark.parametrize(
    ("viewer", "owner", "kind", "other"),
    [
        (Viewer("alice", PERSON, Role.FINANCE), "alice", PERSON, False),
        (Viewer("alice", PERSON, Role.FINANCE), "bob", PERSON, True),
        (Viewer("alice", PERSON, Role.FINANCE), "checkout-api", SERVICE, False),
        (Viewer("alice", SERVICE, Role.ADMIN), "alice", PERSON, True),
        (OPERATOR, "alice", PERSON, True),
        (OPERATOR, "operator", PERSON, True),
    ],
)
def test_another_person_is_a_person_and_not_oneself(viewer, owner, kind, other):
    assert viewer.is_other_person(owner, kind) is other


@pytest.mark.parametrize(("role", "sees_all"), [(Role.DEVELOPER, False), (Role.FINANCE, True), (Role.ADMIN, True)])
def test_a_developer_sees_own_calls_only(role, sees_all):
    identity = Identity("k_1", "alice", PERSON, role, "payments", ())
    assert Viewer.of(identity, Access()).sees_all is sees_all


@pytest.mark.parametrize(
    ("owner", "kind", "role", "owned"),
    [
        ("alice", PERSON, Role.DEVELOPER, ("checkout", "search")),
        ("bob", PERSON, Role.DEVELOPER, ("search",)),
        ("carol", PERSON, Role.DEVELOPER, ()),
        ("alice", SERVICE, Role.DEVELOPER, ()),
        ("alice", PERSON, Role.FINANCE, ()),
    ],
)
def test_a_person_owns_what_access_yaml_says_and_who_sees_all_owns_nothing(owner, kind, role, owned):
    projects = {
        "search": Project("search", owners=("bob", "alice")),
        "checkout": Project("checkout", owners=("alice",)),
    }
    viewer = Viewer.of(Identity("k_1", owner, kind, role, "", ()), Access(projects=projects))
    assert viewer.projects == owned


def test_a_directory_knows_persons_by_access_and_by_keys():
    keys = {
        "sha256:1": Key("k_1", "sha256:1", "bob", PERSON, ()),
        "sha256:2": Key("k_2", "sha256:2", "checkout-api", SERVICE, ()),
    }
    access = Access(people={"alice": Person("alice")}, names={"alice@example.com": "alice"})
    directory = Directory.of(PolicySet("v", access=access, keys=keys))
    assert directory.persons == {"alice", "bob"}
    assert directory.key_persons == {"k_1": "bob"}
    assert directory.aliases == {"alice@example.com": "alice"}
