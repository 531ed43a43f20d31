"""Which changes are work of their own that a second person has looked at: Q1 to Q5."""

import pytest

from proxy.model.told import ChangeTold, CommitTold, ReviewTold
from proxy.outcomes.definition import DEFINITIONS
from proxy.outcomes.verdicts import ChangeVerdict
from tests.fakes.telling import PAY, SHOP, Organisation, a_service, at, landing, services_of, total


def said_of(org: Organisation, change: str = "pay#1") -> ChangeVerdict:
    return next(each for name, each in org.verdicts(30).changes.items() if name.endswith(change))


def says(org: Organisation, rule: str, change: str = "pay#1") -> tuple[bool | None, str]:
    return next((each.holds, each.says) for each in said_of(org, change).rulings if each.rule == rule)


def changed(**given: object) -> Organisation:
    org = Organisation()
    org.change("1", 0, **given)  # type: ignore[arg-type]
    org.deploy("d1", 0.5)
    return org


def reviewed(*words: tuple[float, str, str, str, str], **given: object) -> Organisation:
    """Words: day, reviewer, state, commit, id."""
    org = changed(approvers=(), **given)
    for day, reviewer, state, commit, name in words:
        org.tell(ReviewTold(PAY, "1", reviewer, state, commit, name), day)
    return org


@pytest.mark.parametrize(
    "substance", ["empty", "white_space", "comments", "generated", "lock_files", "vendored", "ignored"]
)
def test_q1_what_has_no_substance_is_worth_nothing(substance: str) -> None:
    org = changed(substance=substance)
    assert says(org, "Q1") == (False, f"nothing of substance is left: {substance}")
    assert total(org.verdicts(30)) == 0


@pytest.mark.parametrize("opted_in", [False, True])
def test_q1_configuration_alone_counts_where_the_service_says_so(opted_in: bool) -> None:
    org = changed(substance="config")
    org.services = services_of(a_service(config_counts=opted_in))
    assert total(org.verdicts(30)) == opted_in
    assert said_of(org).line == "config"
    assert not opted_in or landing(org.verdicts(30), "pay#1").line == "config"


def test_q2_a_bots_change_is_maintenance_unless_a_person_answers_for_it() -> None:
    alone = changed(author="bump-bot", bot=True, approvers=("bob", "carol"))
    assert said_of(alone).line == "maintenance"
    assert total(alone.verdicts(30)) == 0
    assert total(changed(author="bump-bot", bot=True, sponsor="alice", approvers=("alice", "bob")).verdicts(30)) == 1


def test_q2_a_name_alone_answers_for_nothing() -> None:
    """Whoever has a bot make a change, and approves it, can write anybody's name under it."""
    org = changed(author="agent", bot=True, sponsor="alice", approvers=("bob",))
    assert says(org, "Q2") == (False, "by ?agent, for alice, who has not approved it: anybody can write a name")
    assert total(org.verdicts(30)) == 0
    assert total(org.verdicts(30, definition=DEFINITIONS["1"])) == 1


def test_q3_who_answers_for_a_bot_cannot_approve_its_change() -> None:
    assert total(changed(author="bump-bot", bot=True, sponsor="bob").verdicts(30)) == 0


@pytest.mark.parametrize("approver", ["alice", "alice-work", "ALICE@acme.example"])
def test_q3_nobody_approves_his_own_under_another_name(approver: str) -> None:
    org = changed(approvers=(approver,))
    assert says(org, "Q3") == (False, "approved by nobody but its authors")
    assert total(org.verdicts(30)) == 0


def test_q3_a_coauthor_is_no_second_pair_of_eyes() -> None:
    assert total(changed(coauthors=("bob",)).verdicts(30)) == 0
    org = changed()
    org.tell(CommitTold(PAY, "m-pay-1", coauthors=("bob",)), 0)
    assert total(org.verdicts(30)) == 0


def test_q3_a_reviewer_whom_nobody_knows_is_no_second_pair_of_eyes() -> None:
    org = changed(approvers=("stranger",))
    assert says(org, "Q3") == (False, "approved by stranger alone, whom access.yaml doesn't know")


@pytest.mark.parametrize(("approvers", "counts"), [(("alice",), 0), (("alice", "bob"), 1)])
def test_q3_an_author_whom_nobody_knows_may_be_one_approver_but_not_two(approvers: tuple[str], counts: int) -> None:
    assert total(changed(author="stranger", approvers=approvers).verdicts(30)) == counts


def test_q3_an_author_without_a_name_is_nobody_known() -> None:
    assert total(changed(author="").verdicts(30)) == 0


def test_q3_an_approval_of_an_earlier_tip_is_none() -> None:
    org = reviewed((-0.1, "bob", "approved", "older", "r1"))
    assert says(org, "Q3") == (False, "approved before its last commit, and not again")


@pytest.mark.parametrize(
    ("words", "counts"),
    [
        ([("approved", "r1"), ("dismissed", "r1")], 0),
        ([("approved", "r1"), ("commented", "r2")], 1),
        ([("approved", "r1"), ("changes_requested", "r2")], 0),
        ([("changes_requested", "r1"), ("approved", "r2")], 1),
        ([("approved", "r1"), ("approved", "r2"), ("dismissed", "r1")], 1),
        ([("approved", ""), ("dismissed", "")], 0),
    ],
)
def test_q3_each_reviewers_last_word_counts(words: list[tuple[str, str]], counts: int) -> None:
    told = [(-0.2 + 0.01 * n, "bob", state, "h-pay-1", name) for n, (state, name) in enumerate(words)]
    assert total(reviewed(*told).verdicts(30)) == counts


def test_q3_a_dismissal_counts_even_where_the_source_dates_it_as_the_review() -> None:
    org = reviewed((-0.2, "bob", "dismissed", "h-pay-1", "r1"), (-0.2, "bob", "approved", "h-pay-1", "r1"))
    assert total(org.verdicts(30)) == 0


@pytest.mark.parametrize(("hours", "counts"), [(1, 1), (1.1, 0)])
def test_q3_an_approval_long_after_the_merge_is_none(hours: float, counts: int) -> None:
    org = reviewed((hours / 24, "bob", "approved", "h-pay-1", "r1"))
    assert total(org.verdicts(30)) == counts
    assert counts or says(org, "Q3") == (False, "approved after it was merged")


def test_what_is_edited_after_the_merge_changes_nothing() -> None:
    org = changed(work_items=("PAY-1",))
    before = org.verdicts(30)
    edited = ChangeTold(PAY, "1", "carol", "other", "next", "topic-1", "m-pay-1", at(0), work_items=("PAY-9",))
    org.tell(edited, 5)
    assert org.verdicts(30) == before


def test_a_late_word_of_the_time_before_the_merge_does_not_unmerge_it() -> None:
    org = changed()
    org.tell(ChangeTold(PAY, "1", "alice", "h-pay-1", "main", "topic-1"), 0.2)
    assert total(org.verdicts(30)) == 1


def test_q4_a_revert_is_worth_nothing() -> None:
    org = Organisation()
    org.change("1", 0)
    org.deploy("d1", 0.5)
    org.change("2", 40, reverts="1")
    org.deploy("d2", 40.5)
    assert says(org, "Q4", "pay#2") == (False, f"takes back {PAY}#1")
    assert total(org.verdicts(60)) == 1


def test_q4_a_revert_of_work_that_names_an_old_revert_too_is_a_revert() -> None:
    org = Organisation()
    org.change("1", 0)
    org.change("2", 1, reverts="1")
    org.change("3", 2)
    org.deploy("d1", 2.5)
    org.change("4", 3, reverts="3")
    org.tell(CommitTold(PAY, "m-pay-4", reverts=("m-pay-2",)), 3)
    org.deploy("d2", 4)
    assert says(org, "Q4", "pay#4")[0] is False
    assert total(org.verdicts(30)) == 0


def test_q4_taking_back_what_brought_it_back_takes_it_back() -> None:
    org = Organisation()
    for number in range(1, 6):
        org.change(str(number), number, reverts=str(number - 1) if number > 1 else "")
        org.deploy(f"d{number}", number + 0.1)
    qualifies = [said_of(org, f"pay#{number}").qualifies for number in range(1, 6)]
    assert qualifies == [True, False, True, False, True]
    assert len({said_of(org, f"pay#{number}").group for number in (1, 3, 5)}) == 1


def test_q5_release_branches_bring_what_counts_for_itself() -> None:
    org = Organisation()
    for release in range(2):
        carried = []
        for number in range(3):
            carried.append(org.change(f"{release}{number}", release * 7 + number, base="develop", author="carol"))
        org.change(f"{release}9", release * 7 + 4, branch="develop", carries=carried, head=carried[-1])
        org.deploy(f"d{release}", release * 7 + 4.1)
    assert total(org.verdicts(30)) == 6
    assert said_of(org, "pay#09").qualifies is False


def test_q5_a_release_branch_with_a_name_of_its_own_is_seen_by_what_it_brings() -> None:
    org = Organisation()
    carried = [org.change(str(number), number, base="develop") for number in range(1, 4)]
    org.change("9", 4, branch="release/1", carries=carried)
    org.deploy("d1", 4.1)
    assert total(org.verdicts(30)) == 3
    assert says(org, "Q5", "pay#9")[0] is False


def test_q5_the_tip_of_a_release_belongs_to_the_change_that_was_merged_there() -> None:
    org = Organisation()
    org.change("1", 1, base="develop")
    org.deploy("d1", 2, sha=org.change("2", 2, base="develop", author="carol"))
    org.change("9", 4, branch="develop", carries=["m-pay-2"], head="m-pay-2", author="dave")
    assert landing(org.verdicts(30), "pay#2").changes == (f"{PAY}#2",)


def test_q5_two_who_merge_into_one_feature_branch_make_it_a_gathering_one() -> None:
    org = Organisation()
    carried = [org.change("1", 1, base="feature", author="bob", approvers=("alice",)),
               org.change("2", 2, base="feature", author="carol")]  # fmt: skip
    org.change("3", 3, branch="feature", carries=carried)
    org.deploy("d1", 4)
    assert said_of(org, "pay#3").qualifies is False
    assert total(org.verdicts(30)) == 2


def test_changes_of_forks_are_their_own() -> None:
    org = Organisation(services=services_of(a_service(), a_service("shop", SHOP)))
    org.change("1", 0, merge="same")
    org.change("7", 1, repository=SHOP, merge="same", substance="empty")
    org.deploy("d1", 2)
    assert total(org.verdicts(30)) == 1
