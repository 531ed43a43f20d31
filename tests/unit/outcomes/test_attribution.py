"""Which work each dollar went into: one method a row, nothing lost, nothing put on another one's work."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.model.told import CommitTold
from proxy.outcomes.attribution import Method, Share, Spend, attribute
from tests.fakes.telling import ALIASES, PAY, SHOP, Organisation, a_service, at, services_of


def spent(day: float = 0.0, **given: Any) -> Spend:
    plain: dict[str, Any] = {"owner": "alice", "owner_kind": "person", "team": "money", "project": "checkout"}
    empty = dict.fromkeys(("repository", "branch", "commit", "work_item", "session"), "")
    return Spend(at_us=at(day), **(plain | empty | {"cost_pico": 1000, "calls": 1} | given))


def an_organisation(**service: Any) -> Organisation:
    """Changes 1 and 2, by alice and by carol, land on day 3."""
    org = Organisation(services_of(a_service(**service)))
    org.change("1", day=1, branch="fix", head="a" * 40)
    org.change("2", day=2, branch="feature", author="carol")
    org.deploy("d1", day=3)
    return org


def shares(org: Organisation, *spends: Spend, day: float = 30) -> list[Share]:
    history = org.history()
    return list(attribute(spends, history, org.verdicts(day), org.services, ALIASES))


def found(org: Organisation, **given: Any) -> tuple[str, str, str]:
    [share] = shares(org, spent(**given))
    return share.method, share.service, share.group.rpartition("/")[2]


def test_a_branch_that_is_merged_later_proves_it() -> None:
    org = an_organisation()
    assert found(org, repository=PAY, branch="fix") == (Method.HEADER, "pay", "pay#1")
    assert found(org, repository=PAY, branch="fix", day=0.99) == (Method.HEADER, "pay", "pay#1")


def test_a_commit_that_is_merged_later_proves_it() -> None:
    assert found(an_organisation(), repository=PAY, commit="a" * 40) == (Method.HEADER, "pay", "pay#1")


def test_a_commit_of_what_was_merged_before_proves_nothing() -> None:
    assert found(an_organisation(), repository=PAY, commit="a" * 40, day=3.5)[0] == Method.CLAIMED


def test_a_reviewer_may_have_spent_on_it_and_anybody_else_has_not() -> None:
    org = an_organisation()
    assert found(org, repository=PAY, branch="fix", owner="bob")[0] == Method.HEADER
    assert found(org, repository=PAY, branch="fix", owner="dave") == (Method.CLAIMED, "", "")
    robots = shares(org, spent(repository=PAY, branch="fix", owner="alice", owner_kind="service"))
    assert {each.method for each in robots} == {Method.ESTIMATED}


def test_a_branch_of_a_name_that_comes_again_is_the_next_one_merged() -> None:
    org = an_organisation()
    org.change("9", day=10, branch="fix")
    assert found(org, repository=PAY, branch="fix", day=5) == (Method.HEADER, "pay", "pay#9")
    assert found(org, repository=PAY, branch="fix", day=-100)[0] == Method.CLAIMED


def test_the_branch_of_a_fork_is_known_without_its_owner() -> None:
    org = Organisation()
    org.change("1", day=1, branch="alice:fix")
    assert found(org, repository=PAY, branch="fix")[0] == Method.HEADER


def test_a_session_in_a_commit_of_the_change_proves_it() -> None:
    org = an_organisation()
    org.tell(CommitTold(PAY, "a" * 40, sessions=("s1",)), 1)
    assert found(org, session="s1") == (Method.SESSION, "pay", "pay#1")


def test_a_session_that_was_somebody_elses_first_proves_nothing() -> None:
    org = an_organisation()
    org.tell(CommitTold(PAY, "a" * 40, sessions=("s1",)), 1)
    first, later = shares(org, spent(session="s1", owner="dave", day=0), spent(session="s1", day=0.5))
    assert (first.method, later.method) == (Method.UNATTRIBUTED, Method.UNATTRIBUTED)


def test_a_session_of_two_changes_is_split_between_them() -> None:
    org = an_organisation()
    org.change("3", day=2.5)
    org.deploy("d2", day=4)
    for commit, number in (("a" * 40, "1"), ("h-pay-3", "3")):
        org.tell(CommitTold(PAY, commit, sessions=("s1",)), float(number) / 10)
    parts = shares(org, spent(session="s1", cost_pico=1001, calls=3))
    assert [(each.method, each.cost_pico, each.calls) for each in parts] == [
        (Method.SESSION, 501, 2), (Method.SESSION, 500, 1),
    ]  # fmt: skip


def test_the_project_of_one_service_is_that_services() -> None:
    assert found(an_organisation(projects=("checkout",))) == (Method.PROJECT, "pay", "")
    org = an_organisation(projects=("checkout",))
    org.services = services_of(a_service(projects=("checkout",)), a_service("shop", SHOP, projects=("checkout",)))
    assert found(org)[0] == Method.UNATTRIBUTED


def test_spend_before_the_persons_next_landing_is_estimated_to_be_its() -> None:
    org = an_organisation()
    assert found(org, repository=PAY, day=0.5) == (Method.ESTIMATED, "pay", "pay#1")
    assert found(org, repository=PAY, day=0.5, owner="carol") == (Method.ESTIMATED, "pay", "pay#2")
    assert found(org, repository=PAY, day=0.5, owner="dave")[0] == Method.UNATTRIBUTED
    assert found(org, repository=SHOP, day=0.5)[0] == Method.UNATTRIBUTED


def test_the_estimate_reaches_back_to_the_landing_before_and_14_days_at_most() -> None:
    org = an_organisation()
    org.change("5", day=20)
    org.deploy("d2", day=21)
    assert found(org, repository=PAY, day=3.5)[0] == Method.UNATTRIBUTED
    assert found(org, repository=PAY, day=7.5) == (Method.ESTIMATED, "pay", "pay#5")
    assert found(org, repository=PAY, day=3) == (Method.ESTIMATED, "pay", "pay#1")
    assert found(org, repository=PAY, day=21.5)[0] == Method.UNATTRIBUTED


def test_a_service_accounts_spend_goes_to_whatever_lands_next_in_equal_parts() -> None:
    parts = shares(an_organisation(), spent(repository=PAY, owner="ci", owner_kind="service", cost_pico=7))
    assert [(each.group.rpartition("/")[2], each.cost_pico) for each in parts] == [("pay#1", 4), ("pay#2", 3)]


def test_a_change_that_never_landed_still_is_its_services() -> None:
    org = an_organisation()
    org.change("4", day=5, branch="later", substance="white_space")
    assert found(org, repository=PAY, branch="later", day=4) == (Method.HEADER, "pay", "")


SPENDS = st.lists(
    st.builds(
        spent,
        day=st.floats(-20, 30),
        owner=st.sampled_from(["alice", "bob", "carol", "dave", "ci"]),
        owner_kind=st.sampled_from(["person", "service"]),
        project=st.sampled_from(["checkout", "shared", ""]),
        repository=st.sampled_from([PAY, SHOP, ""]),
        branch=st.sampled_from(["fix", "feature", "main", ""]),
        commit=st.sampled_from(["a" * 40, "h-pay-2", ""]),
        session=st.sampled_from(["s1", "s2", ""]),
        cost_pico=st.integers(0, 10**15),
        calls=st.integers(1, 1000),
    ),
    max_size=30,
)


def busy() -> Organisation:
    org = Organisation(services_of(a_service(), a_service("shop", SHOP, projects=("checkout",))))
    for number in range(1, 7):
        author = ("alice", "carol", "bob")[number % 3]
        org.change(str(number), day=number, author=author, approvers=["erin"], branch=("fix", "feature")[number % 2])
        org.tell(CommitTold(PAY, f"h-pay-{number}", sessions=("s1", "s2")[: 1 + number % 2]), number - 0.5)
    org.deploy("d1", day=3.5)
    org.deploy("d2", day=8)
    return org


BUSY = busy()
HISTORY, VERDICTS = BUSY.history(), BUSY.verdicts(40)


def of(spends: Sequence[Spend]) -> list[Share]:
    return list(attribute(spends, HISTORY, VERDICTS, BUSY.services, ALIASES))


@given(SPENDS)
def test_shares_sum_to_the_rows_under_every_filter(spends: list[Spend]) -> None:
    """P18, P14."""
    parts = of(spends)
    for name in ("owner", "project", "repository", "session", "at_us"):
        for value in {getattr(each, name) for each in spends}:
            mine = [each for each in spends if getattr(each, name) == value]
            theirs = [each for each in parts if getattr(each.spend, name) == value]
            assert sum(each.cost_pico for each in mine) == sum(each.cost_pico for each in theirs)
            assert sum(each.calls for each in mine) == sum(each.calls for each in theirs)


@given(SPENDS)
def test_a_row_has_one_method_and_its_parts_differ_by_a_unit_at_most(spends: list[Spend]) -> None:
    parts = of(spends)
    for spend in spends:
        mine = [each for each in parts if each.spend is spend]
        assert len({each.method for each in mine}) == 1
        assert max(each.cost_pico for each in mine) - min(each.cost_pico for each in mine) <= 1


@given(SPENDS, st.randoms())
def test_the_order_of_the_rows_changes_nothing(spends: list[Spend], chance: Any) -> None:
    again = list(spends)
    chance.shuffle(again)
    assert sorted(map(repr, of(spends))) == sorted(map(repr, of(again)))


@given(SPENDS)
def test_work_is_put_on_nobody_who_took_no_part_in_it(spends: list[Spend]) -> None:
    for share in of(spends):
        if share.method in (Method.HEADER, Method.SESSION):
            assert share.spend.owner in ("alice", "bob", "carol", "erin")
            assert share.spend.owner_kind == "person"
