"""What became of a deployment: D1 to D7, each at its edge."""

from dataclasses import replace

import pytest

from proxy.model.told import ArtifactTold, CommitTold, DeploymentTold
from proxy.outcomes.definition import DEFINITIONS
from proxy.outcomes.verdicts import Standing
from tests.fakes.telling import PAY, START, Organisation, a_service, at, landing, ruling, services_of, total, verdict

DAY_US = 86_400_000_000
MINUTE = 1 / 1440
SECOND = MINUTE / 60


def one_deployed(**given: object) -> Organisation:
    org = Organisation()
    org.change("1", 0)
    org.deploy("d1", 0.5, **given)  # type: ignore[arg-type]
    return org


def test_a_reviewed_change_that_lasts_in_production_is_one_deployment() -> None:
    said = one_deployed().verdicts(30)
    assert verdict(said, "d1").standing == Standing.DELIVERED
    assert [each.rule for each in verdict(said, "d1").rulings] == ["D1", "D2", "D3", "D4", "D5", "D6", "D7"]
    assert all(each.holds for each in verdict(said, "d1").rulings)
    assert total(said) == 1


def test_d1_who_is_not_among_the_deployers_counts_for_nothing() -> None:
    said = one_deployed(actor="mallory").verdicts(30)
    assert ruling(said, "d1", "D1") == (False, "signed, by mallory, who is not among the deploy_actors of pay")
    assert total(said) == 0


def test_d1_without_deploy_actors_nobody_is_trusted_by_a_signature_alone() -> None:
    org = one_deployed()
    org.services = services_of(a_service(deploy_actors=()))
    assert total(org.verdicts(30)) == 0


@pytest.mark.parametrize(
    ("trust", "asked", "counts"),
    [("claimed", "claimed", 1), ("claimed", "signed", 0), ("signed", "signed", 1), ("signed", "corroborated", 0)],
)
def test_d1_a_deployment_needs_the_trust_that_its_service_asks_for(trust: str, asked: str, counts: int) -> None:
    org = one_deployed(trust=trust)
    org.services = services_of(a_service(trust=asked))
    assert total(org.verdicts(30)) == counts


def test_d1_a_source_that_may_not_speak_of_the_service_is_not_heard() -> None:
    org = one_deployed(source="ci")
    org.services = services_of(a_service(sources=("github",)))
    assert ruling(org.verdicts(30), "d1", "D1") == (False, "source ci may not speak of pay")


@pytest.mark.parametrize("environment", ["staging", "Production", "production-eu", ""])
def test_d2_only_an_environment_named_exactly_is_production(environment: str) -> None:
    said = one_deployed(environment=environment).verdicts(30)
    assert ruling(said, "d1", "D2")[0] is False
    assert total(said) == 0


def test_d3_what_never_succeeded_is_none_and_the_next_one_gets_its_work_whole() -> None:
    org = one_deployed(state="failure")
    org.deploy("d2", 0.6)
    said = org.verdicts(30)
    assert ruling(said, "d1", "D3") == (False, "it never succeeded: failure")
    assert landing(said, "pay#1").credited_by.endswith("/d2")
    assert total(said) == 1


@pytest.mark.parametrize(("after", "holds"), [(9 * MINUTE, False), (10 * MINUTE, False), (11 * MINUTE, True)])
def test_d3_a_failure_within_ten_minutes_takes_the_success_back(after: float, holds: bool) -> None:
    org = one_deployed()
    org.state("d1", 0.5 + after, "failure")
    assert ruling(org.verdicts(30), "d1", "D3")[0] is holds
    assert total(org.verdicts(30)) == 0, "later it is a setback within the soak"


@pytest.mark.parametrize(("after", "holds"), [(10 * MINUTE, False), (10.1 * MINUTE, True)])
def test_d3_taken_down_within_ten_minutes_it_never_was_there(after: float, holds: bool) -> None:
    org = one_deployed()
    org.state("d1", 0.5 + after, "inactive")
    assert ruling(org.verdicts(30), "d1", "D3")[0] is holds
    assert total(org.verdicts(30)) == holds


@pytest.mark.parametrize("next_service", ["pay", "pay-web"])
def test_d3_another_deployment_of_the_environment_makes_it_inactive_without_fault(next_service: str) -> None:
    org = Organisation(services=services_of(a_service("pay"), a_service("pay-web")))
    org.change("1", 0)
    org.deploy("d1", 0.5, service="pay")
    org.change("2", 0.5 + 1 * MINUTE)
    org.deploy("d2", 0.5 + 5 * MINUTE, service=next_service)
    org.state("d1", 0.5 + 5 * MINUTE + SECOND, "inactive")
    assert ruling(org.verdicts(30), "d1", "D3") == (True, "it succeeded")


def test_d3_a_deployment_long_after_does_not_explain_that_it_was_taken_down() -> None:
    org = one_deployed()
    org.state("d1", 0.5 + 5 * MINUTE, "inactive")
    org.change("2", 1)
    org.deploy("d2", 1.5)
    assert ruling(org.verdicts(30), "d1", "D3")[0] is False


@pytest.mark.parametrize("known", ["sha", "tree", "digest"])
def test_d4_an_artefact_that_ran_there_ever_before_is_not_new_by_any_of_its_names(known: str) -> None:
    org = Organisation()
    for number in range(3):
        org.change(str(number), number)
    org.deploy("d0", 0.1, sha="m-pay-0", tree="t0", digest="sha256:0")
    org.deploy("d1", 1.1, sha="m-pay-1", tree="t1", digest="sha256:1")
    again = {"sha": "m-pay-2", "tree": "t2", "digest": "sha256:2"} | {
        known: {"sha": "m-pay-0", "tree": "t0", "digest": "sha256:0"}[known]
    }
    org.deploy("d2", 9, **again)  # type: ignore[arg-type]
    said = org.verdicts(30)
    assert ruling(said, "d2", "D4")[0] is False
    assert total(said) == 2


def test_d4_a_commits_tree_and_an_artefacts_commit_are_looked_up() -> None:
    org = one_deployed()
    org.tell(CommitTold(PAY, "m-pay-1", tree="t1"), 0)
    org.commit("empty")
    org.tell(CommitTold(PAY, "empty", tree="t1"), 1)
    org.tell(ArtifactTold("sha256:e", PAY, "empty"), 1)
    org.tell(DeploymentTold("", "x", "production", "success", service="pay", digest="sha256:e", actor="deploy-bot"), 2)
    assert ruling(org.verdicts(30), "x", "D4") == (False, "t1 ran there before")


def test_d4_each_environment_has_an_all_history_of_its_own() -> None:
    org = one_deployed(environment="eu")
    org.services = services_of(a_service(environments=("eu", "us")))
    org.deploy("d2", 0.6, environment="us")
    said = org.verdicts(30)
    assert ruling(said, "d2", "D4")[0] is True
    assert total(said) == 1, "and what it brings landed in the other one already"


def test_d4_what_is_known_by_no_name_is_not_new() -> None:
    org = Organisation()
    org.tell(DeploymentTold(PAY, "d1", "production", "success", actor="deploy-bot"), 0)
    assert ruling(org.verdicts(30), "d1", "D4") == (False, "neither artefact, tree nor commit is known")


@pytest.mark.parametrize(("day", "holds"), [(29.9, False), (30, True)])
def test_d5_a_service_is_in_probation_for_thirty_days(day: float, holds: bool) -> None:
    org = Organisation(services=services_of(a_service(registered_us=START)))
    org.change("1", 0)
    org.deploy("d1", day)
    assert ruling(org.verdicts(60), "d1", "D5")[0] is holds
    assert total(org.verdicts(60)) == holds


def test_d5_or_for_five_deployments_since_it_was_registered() -> None:
    org = Organisation(services=services_of(a_service(registered_us=START)))
    for number in range(-3, 7):
        org.change(str(number + 9), number + 0.1)
        org.deploy(f"d{number}", number + 0.2)
    said = org.verdicts(60)
    assert [ruling(said, f"d{number}", "D5")[0] for number in range(-3, 7)] == [False] * 8 + [True] * 2
    assert total(said) == 2


def test_what_came_before_the_registration_makes_a_baseline_and_counts_nowhere() -> None:
    org = Organisation(services=services_of(a_service(registered_us=START + DAY_US)))
    org.change("1", 0)
    org.deploy("d1", 0.5, imported=True, trust="claimed", actor="")
    said = org.verdicts(30)
    assert verdict(said, "d1").standing == Standing.PAST
    assert verdict(said, "d1").imported
    assert (landing(said, "pay#1").credit, landing(said, "pay#1").past) == (0, 1)
    assert landing(said, "pay#1").standing == Standing.PAST


def test_history_read_of_a_time_when_the_service_was_registered_takes_nothing_from_what_was_told() -> None:
    org = one_deployed()
    org.deploy("old", 0.4, imported=True, source="history")
    said = org.verdicts(30)
    assert ruling(said, "old", "D1")[0] is False
    assert verdict(said, "d1").standing == Standing.DELIVERED


def test_d6_without_a_mirror_it_is_unverified() -> None:
    org = one_deployed()
    org.mirrored = False
    said = org.verdicts(30)
    assert verdict(said, "d1").standing == Standing.UNVERIFIED
    assert ruling(said, "d1", "D6") == (None, "what it brought is not known: no mirror of the repository")
    assert total(said) == 0


def test_d6_without_the_diff_it_is_unverified() -> None:
    org = one_deployed()
    org.diffs.clear()
    said = org.verdicts(30)
    assert verdict(said, "d1").standing == Standing.UNVERIFIED
    assert ruling(said, "d1", "D6") == (None, "the diff of what it brought was not read")


def test_d6_commits_without_a_merged_change_are_none() -> None:
    org = Organisation()
    org.commit("pushed")
    org.deploy("d1", 0.5)
    assert ruling(org.verdicts(30), "d1", "D6") == (False, "it brought no merged change")


@pytest.mark.parametrize(("day", "standing"), [(3.49, Standing.PENDING), (3.5, Standing.DELIVERED)])
def test_d7_until_it_has_lasted_it_is_pending_and_worth_nothing(day: float, standing: Standing) -> None:
    said = one_deployed().verdicts(day)
    assert verdict(said, "d1").standing == standing
    assert landing(said, "pay#1").standing == standing
    assert total(said) == (standing == Standing.DELIVERED)


@pytest.mark.parametrize(("day", "counts"), [(0.49, 1), (0.5, 0), (3.5, 0), (3.51, 1)])
def test_d7_trouble_counts_from_the_deployment_to_the_end_of_its_soak(day: float, counts: int) -> None:
    org = one_deployed()
    org.incident(day)
    assert total(org.verdicts(30)) == counts


@pytest.mark.parametrize(("trouble", "counts"), [(7.4, 0), (7.6, 1)])
def test_d7_what_is_told_late_soaks_from_then(trouble: float, counts: int) -> None:
    """A source that says the time itself dates nothing past its trouble."""
    org = Organisation()
    org.change("1", 0)
    org.deploy("d1", 0.5)
    org.lines[-1] = replace(org.lines[-1], at_us=at(4.5))
    org.incident(trouble)
    assert total(org.verdicts(30)) == counts
    assert total(org.verdicts(30, definition=DEFINITIONS["1"])) == 1
    assert verdict(org.verdicts(30), "d1").until_us == at(7.5)


@pytest.mark.parametrize(("day", "counts"), [(7.4, 0), (7.6, 1)])
def test_d7_and_is_rolled_back_until_then(day: float, counts: int) -> None:
    org = Organisation()
    org.change("0", -9)
    org.deploy("d0", -8)
    org.change("1", 0)
    org.deploy("d1", 0.5)
    org.lines[-1] = replace(org.lines[-1], at_us=at(4.5))
    org.deploy("d2", day, sha="m-pay-0")
    assert landing(org.verdicts(30), "pay#1").credit == counts


def test_d7_of_two_witnesses_the_one_that_told_in_time_is_believed() -> None:
    org = Organisation()
    org.change("1", 0)
    org.deploy("d1", 0.5)
    org.lines[-1] = replace(org.lines[-1], at_us=at(4.5))
    org.deploy("a1", 0.5, source="argocd", actor="")
    assert verdict(org.verdicts(30), "a1").until_us == at(3.5)


def test_a_deployment_of_no_service_has_no_verdict() -> None:
    org = one_deployed(repository="github.com/acme/unknown")
    assert org.verdicts(30).deployments == ()
