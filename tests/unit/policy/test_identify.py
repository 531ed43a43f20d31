"""Who pays: the credential alone decides, headers only narrow."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.decision import Reason, Refusal
from proxy.model.identity import Identity, OwnerKind, Project, Role
from proxy.policy.identify import INVALID_KEY, choose_project, identify
from proxy.policy.keys import digest
from proxy.policy.types import Access, Key, Person, PolicySet, ServiceAccount

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CHECKOUT = Project("checkout", team="payments", repositories=("github.com/acme/checkout",))
SEARCH = Project("search", repositories=("github.com/acme/search", "gitlab.com/acme/search"))


def key(secret: bytes, **changes: object) -> Key:
    fields: dict[str, object] = {
        "id": "k_1",
        "hash": digest(secret),
        "owner": "alice",
        "owner_kind": OwnerKind.PERSON,
        "projects": ("checkout", "search"),
        **changes,
    }
    return Key(**fields)  # type: ignore[arg-type]


def policies(*keys: Key) -> PolicySet:
    access = Access(
        people={"alice": Person("alice", "core")},
        service_accounts={"bot": ServiceAccount("bot", "platform")},
        projects={"checkout": CHECKOUT, "search": SEARCH},
    )
    return PolicySet(version="v", access=access, keys={each.hash: each for each in keys})


def whoever(secret: bytes, *keys: Key, now: datetime = NOW) -> Identity:
    found = identify(policies(*keys), digest(secret), now)
    assert isinstance(found, Identity)
    return found


def test_a_key_is_its_owner_with_the_owners_team_and_the_keys_projects() -> None:
    assert whoever(b"one", key(b"one", role=Role.FINANCE, team="other")) == Identity(
        key_id="k_1",
        owner="alice",
        owner_kind=OwnerKind.PERSON,
        role=Role.FINANCE,
        team="core",
        projects=(CHECKOUT, SEARCH),
    )


def test_a_service_account_is_looked_up_among_service_accounts() -> None:
    found = whoever(b"one", key(b"one", owner="bot", owner_kind=OwnerKind.SERVICE))
    assert (found.team, found.registered) == ("platform", True)
    assert not whoever(b"one", key(b"one", owner="bot")).registered


def test_whom_and_what_access_does_not_know_is_allowed_and_marked() -> None:
    found = whoever(b"one", key(b"one", owner="bob", projects=("new",), team="core"))
    assert found.registered is False
    assert found.team == "core"
    assert found.projects == (Project("new", registered=False),)


REFUSED = {
    "no key": (None, key(b"one")),
    "an empty key": (digest(b""), key(b"one")),
    "a wrong key": (digest(b"two"), key(b"one")),
    "a revoked key": (digest(b"one"), key(b"one", revoked=True)),
    "an expired key": (digest(b"one"), key(b"one", expires=NOW)),
    "something else than a digest": ("one", key(b"one")),
}


@pytest.mark.parametrize(("presented", "entry"), REFUSED.values(), ids=REFUSED)
def test_every_key_that_does_not_work_gets_one_and_the_same_answer(presented: str | None, entry: Key) -> None:
    found = identify(policies(entry), presented, NOW)
    assert found is INVALID_KEY
    assert (found.status, found.reason, found.retryable) == (401, Reason.INVALID_KEY, False)


def test_a_key_works_until_the_moment_it_expires() -> None:
    entry = key(b"one", expires=NOW)
    assert whoever(b"one", entry, now=NOW - timedelta(microseconds=1)).owner == "alice"
    assert identify(policies(entry), digest(b"one"), NOW) is INVALID_KEY


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_only_the_very_key_identifies(secret: bytes, presented: bytes) -> None:
    found = identify(policies(key(secret)), digest(presented), NOW)
    assert isinstance(found, Identity) is (secret == presented)


def project(requested: str = "", repository: str = "", projects: tuple[Project, ...] = (CHECKOUT, SEARCH)) -> object:
    found = choose_project(
        Identity("k_1", "alice", OwnerKind.PERSON, Role.DEVELOPER, "", projects), requested, repository
    )
    return found.name if isinstance(found, Project) else found


def test_the_first_project_of_a_key_is_its_default() -> None:
    assert project() == "checkout"


def test_a_repository_chooses_among_the_keys_projects_however_it_is_written() -> None:
    assert project(repository="github.com/acme/search") == "search"
    assert project(repository="git@GitLab.com:Acme/Search.git") == "search"


@pytest.mark.parametrize("repository", ["github.com/acme/unknown", "not a repository", "acme/search"])
def test_an_unknown_repository_leaves_the_default(repository: str) -> None:
    assert project(repository=repository) == "checkout"


def test_a_project_asked_for_wins_over_the_repository() -> None:
    assert project("checkout", "github.com/acme/search") == "checkout"


def test_a_project_outside_the_list_is_refused_never_replaced() -> None:
    refusal = project("payroll")
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.reason) == (403, Reason.PROJECT_FORBIDDEN)
    assert "'payroll'" in refusal.message
    assert "checkout, search" in refusal.message


def test_a_key_for_no_project_is_for_no_call() -> None:
    refusal = project(projects=())
    assert isinstance(refusal, Refusal)
    assert refusal.status == 403


@given(st.text(), st.text())
def test_no_header_leads_outside_the_keys_projects(requested: str, repository: str) -> None:
    found = choose_project(
        Identity("k_1", "alice", OwnerKind.PERSON, Role.DEVELOPER, "", (CHECKOUT, SEARCH)), requested, repository
    )
    assert found in (CHECKOUT, SEARCH) or (isinstance(found, Refusal) and requested not in ("checkout", "search", ""))
