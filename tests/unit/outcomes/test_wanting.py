"""What the mirrors have to read."""

from proxy.outcomes.wanting import WantedCommits, WantedDiff, wanted
from tests.fakes.telling import PAY, Organisation


def asked(org: Organisation) -> tuple[list[WantedCommits], list[WantedDiff]]:
    found = wanted(org.history(), org.services, [PAY])
    return list(found.commits), list(found.diffs)


def deployed() -> Organisation:
    org = Organisation(mirrored=False)
    org.change("1", 0)
    org.deploy("d1", 0.5)
    org.change("2", 1)
    org.deploy("d2", 1.5)
    return org


def test_each_deployment_beside_the_one_before_and_each_change_the_newest_first() -> None:
    commits, diffs = asked(deployed())
    assert commits == [WantedCommits("pay", PAY, "m-pay-2", "m-pay-1"), WantedCommits("pay", PAY, "m-pay-1", "")]
    assert diffs == [WantedDiff(PAY, "2", "m-pay-2", "h-pay-2"), WantedDiff(PAY, "1", "m-pay-1", "h-pay-1")]


def test_what_was_answered_is_not_asked_again_even_if_nothing_was_brought() -> None:
    org = deployed()
    org.mirrored = True
    for each in org.commits.values():
        each.services = frozenset()
    assert asked(org) == ([], [])


def test_of_a_repository_without_a_mirror_nothing_is_asked() -> None:
    found = wanted(deployed().history(), deployed().services, [])
    assert (found.commits, found.diffs) == ((), ())


def test_what_failed_or_was_claimed_is_not_looked_at() -> None:
    org = deployed()
    org.deploy("d3", 2, sha="x", state="failure")
    org.deploy("d4", 2, sha="y", trust="claimed", source="ci")
    assert len(asked(org)[0]) == 2


def test_one_that_nobody_trusts_is_compared_lest_it_hide_a_rollback() -> None:
    org = deployed()
    org.deploy("d3", 2, sha="x", actor="mallory")
    assert asked(org)[0][0] == WantedCommits("pay", PAY, "x", "m-pay-2")


def test_a_failure_that_is_told_late_raises_a_new_question() -> None:
    org = deployed()
    org.state("d1", 1, "failure")
    assert asked(org)[0][0] == WantedCommits("pay", PAY, "m-pay-2", "")
