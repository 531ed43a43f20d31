"""What speaks against deployments: found by what runs, not by who says so."""

import pytest

from tests.fakes.telling import PAY, Organisation, a_service, landing, services_of, total

HOUR = 1 / 24


def three() -> Organisation:
    """d1, d2, d3, half a day apart."""
    org = Organisation()
    for number in (1, 2, 3):
        org.change(str(number), number / 2)
        org.deploy(f"d{number}", number / 2 + 0.1)
    return org


def against(org: Organisation) -> set[tuple[str, str]]:
    return {(each.deployment.rpartition("/")[2], each.kind) for each in org.history().bad_events}


def test_an_older_artefact_takes_back_all_that_came_after_it() -> None:
    org = three()
    org.deploy("back", 2, sha="m-pay-1")
    assert against(org) == {("d2", "redeploy_older"), ("d3", "redeploy_older")}
    assert total(org.verdicts(30)) == 1


def test_the_same_artefact_once_more_takes_nothing_back() -> None:
    org = three()
    org.deploy("again", 2, sha="m-pay-3")
    assert against(org) == set()


def test_an_ancestor_that_never_ran_takes_back_what_came_after_it() -> None:
    org = Organisation()
    org.commit("0")
    for number in (1, 2, 3):
        org.change(str(number), number / 2)
        if number != 1:
            org.deploy(f"d{number}", number / 2 + 0.1)
    org.deploy("back", 2, sha="m-pay-1")
    assert against(org) == {("d2", "redeploy_older"), ("d3", "redeploy_older")}


@pytest.mark.parametrize("actor", ["mallory", ""])
def test_nobody_hides_a_rollback_by_being_unknown(actor: str) -> None:
    org = three()
    org.deploy("back", 2, sha="m-pay-2", actor=actor)
    assert against(org) == {("d3", "redeploy_older")}


def test_a_claim_takes_nothing_back() -> None:
    org = three()
    org.deploy("back", 2, sha="m-pay-1", source="ci", trust="claimed")
    assert against(org) == set()


def test_a_rollback_takes_back_what_ran() -> None:
    org = three()
    org.deploy("back", 2, sha="unheard-of", state="rolled_back")
    assert against(org) == {("d3", "rollback")}


def test_a_rollback_that_names_what_it_goes_back_to_takes_back_all_after_it() -> None:
    org = three()
    org.deploy("back", 2, sha="m-pay-1", state="rolled_back")
    assert against(org) == {("d2", "rollback"), ("d3", "rollback")}


def test_a_late_failure_speaks_against_its_deployment() -> None:
    org = three()
    org.state("d3", 3, "failure")
    assert against(org) == {("d3", "failed_status")}


@pytest.mark.parametrize("state", ["inactive", "pending"])
def test_being_followed_is_no_failure(state: str) -> None:
    org = three()
    org.state("d2", 1.6, state)
    assert against(org) == set()


@pytest.mark.parametrize("kind", ["incident", "degraded", "sync_failed", "alert"])
def test_trouble_is_against_what_ran_when_it_began(kind: str) -> None:
    org = three()
    org.incident(1.55, kind)
    org.incident(1.5, kind, state="resolved")
    assert against(org) == {("d2", kind)}


def test_trouble_before_anything_ran_is_against_nothing() -> None:
    org = three()
    org.incident(0.1)
    assert against(org) == set()


def test_trouble_is_against_the_service_and_environment_that_it_names() -> None:
    org = Organisation(
        services=services_of(a_service(environments=("eu", "us")), a_service("web", "github.com/acme/web"))
    )
    org.change("1", 0)
    org.deploy("d1", 0.5, environment="eu")
    org.deploy("d2", 0.5, environment="us")
    org.incident(1, environment="us")
    org.incident(1.1, service="web")
    assert against(org) == {("d2", "incident")}
    org.incident(1.2)
    assert against(org) == {("d1", "incident"), ("d2", "incident")}


def test_trouble_that_names_a_deployment_is_against_that() -> None:
    org = three()
    org.incident(2, deployment="d1", repository=PAY)
    assert against(org) == {("d1", "incident")}
    org.incident(2.1, deployment="nobody's", repository=PAY)
    assert against(org) == {("d1", "incident"), ("d3", "incident")}


def test_where_the_last_one_had_failed_trouble_is_against_the_one_before_too() -> None:
    org = three()
    org.state("d3", 1.7, "failure")
    org.incident(1.8)
    assert {each for each in against(org) if each[1] == "incident"} == {("d3", "incident"), ("d2", "incident")}


def test_whoever_brings_no_work_shields_nothing() -> None:
    """An empty deployment, or the same once more, put over a shaky one takes no blame off it."""
    org = three()
    org.commit("empty")
    org.deploy("empty", 1.7)
    org.deploy("again", 1.8, sha="empty")
    org.incident(1.9)
    said = org.verdicts(30)
    assert landing(said, "pay#3").credit == 0
    assert landing(said, "pay#2").credit == 1, "and what had work of its own stands before the rest"


def test_after_a_rollback_trouble_is_against_what_runs_again() -> None:
    org = three()
    org.deploy("back", 2, sha="m-pay-1")
    org.incident(2.1)
    assert total(org.verdicts(30)) == 0


def test_trouble_after_the_soak_goes_no_further_back() -> None:
    org = three()
    org.commit("empty")
    org.deploy("empty", 5)
    org.incident(5.1)
    assert total(org.verdicts(30)) == 3


def test_several_hours_of_flapping_end_where_they_began() -> None:
    org = three()
    for number in range(5):
        org.deploy(f"back{number}", 2 + number * HOUR, sha="m-pay-1")
        org.deploy(f"forth{number}", 2 + (number + 0.5) * HOUR, sha="m-pay-3")
    assert total(org.verdicts(30)) == 1
