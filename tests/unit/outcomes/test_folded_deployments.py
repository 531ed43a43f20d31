"""All that was told of a deployment, by all who told it, as one."""

from dataclasses import replace

import pytest

from proxy.model.told import DeploymentTold, Trust
from proxy.outcomes.entities import Deployment
from tests.fakes.telling import PAY, Organisation, a_service, at, services_of, total, verdict

MINUTE = 1 / 1440


def deployments(org: Organisation) -> dict[str, Deployment]:
    return {each.id.rpartition("/")[2]: each for each in org.history().deployments}


def witnessed(minutes: float = 10, **given: object) -> Organisation:
    """A developer's own deployment, that Argo CD tells of too."""
    org = Organisation()
    org.change("1", 0)
    org.deploy("d1", 0.5, actor="alice")
    plain = {"source": "argocd", "actor": "", "service": "pay", "repository": "", "sha": "m-pay-1"}
    org.deploy("a1", 0.5 + minutes * MINUTE, **(plain | given))  # type: ignore[arg-type]
    return org


def test_all_states_of_one_deployment_are_one_however_often_it_succeeds() -> None:
    org = Organisation()
    org.deploy("d1", 1, sha="s", state="pending")
    org.state("d1", 1.1, "success")
    org.state("d1", 1.2, "success")
    org.state("d1", 1.3, "inactive")
    org.state("d1", 1.4, "failure")
    found = deployments(org)["d1"]
    assert (found.at_us, found.inactive_us, found.failed_us) == (at(1.1), at(1.3), at(1.4))
    assert (found.sha, found.state, found.succeeded) == ("s", "failure", True)


def test_a_later_state_makes_no_other_deployment_of_it() -> None:
    org = Organisation()
    org.deploy("d1", 1, sha="s", environment="staging", state="pending", actor="mallory")
    org.deploy("d1", 1.1, sha="other", environment="production", actor="deploy-bot")
    found = deployments(org)["d1"]
    assert (found.environment, found.sha) == ("staging", "s")


def test_a_success_is_the_word_of_whoever_tells_it_and_of_a_deployer_before_others() -> None:
    org = Organisation()
    org.deploy("d1", 1, sha="s", state="pending")
    org.deploy("d1", 1.1, sha="s", actor="mallory")
    assert (deployments(org)["d1"].actor, deployments(org)["d1"].trusted) == ("mallory", False)
    org.deploy("d1", 1.2, sha="s")
    assert (deployments(org)["d1"].actor, deployments(org)["d1"].at_us) == ("deploy-bot", at(1.2))


def test_a_failure_before_the_success_is_forgiven() -> None:
    org = Organisation()
    org.deploy("d1", 1, sha="s", state="failure")
    org.state("d1", 1.1, "success")
    assert deployments(org)["d1"].failed_us == 0


def test_two_witnesses_make_one_deployment_that_is_corroborated() -> None:
    org = witnessed()
    org.services = services_of(a_service(trust="corroborated", deploy_actors=()))
    (found,) = org.history().deployments
    assert found.trust == Trust.CORROBORATED
    assert found.also == ("argocd/pay/a1",)
    assert found.at_us == at(0.5)
    assert total(org.verdicts(30)) == 1


@pytest.mark.parametrize(("minutes", "one"), [(30, True), (31, False)])
def test_they_tell_of_it_within_half_an_hour(minutes: float, one: bool) -> None:
    assert (len(witnessed(minutes).history().deployments) == 1) is one


@pytest.mark.parametrize(
    "given",
    [
        {"sha": "other"},
        {"environment": "staging"},
        {"state": "failure"},
        {"source": "github-2", "repository": PAY},
        {"source": "ci", "trust": "claimed"},
    ],
    ids=["of another commit", "in another environment", "without success", "the same GitHub", "a claim"],
)
def test_what_is_no_second_witness_corroborates_nothing(given: dict[str, str]) -> None:
    org = witnessed(**given)
    assert Trust.CORROBORATED not in [each.trust for each in org.history().deployments]
    assert total(org.verdicts(30)) == 0 or given.get("state") == "failure"


def test_a_source_that_may_not_speak_of_the_service_neither_corroborates_nor_takes_the_place() -> None:
    org = Organisation(services=services_of(a_service(sources=("github",))))
    org.change("1", 0)
    org.deploy("a1", 0.49, source="argocd", actor="")
    org.deploy("d1", 0.5)
    assert {each.trust for each in org.history().deployments} == {Trust.SIGNED}
    assert verdict(org.verdicts(30), "d1").standing == "delivered"


def test_a_claims_actor_is_not_lent_to_what_was_signed() -> None:
    org = Organisation()
    org.change("1", 0)
    org.deploy("c1", 0.49, source="ci", trust="claimed", actor="deploy-bot")
    org.deploy("d1", 0.5, actor="mallory")
    assert total(org.verdicts(30)) == 0


def test_a_witness_is_of_the_trusted_one_of_two() -> None:
    org = witnessed()
    org.deploy("d2", 0.495)
    assert deployments(org)["d2"].trust == Trust.CORROBORATED
    assert deployments(org)["d1"].trust == Trust.SIGNED


def test_each_brings_what_came_since_the_one_that_ran_before() -> None:
    org = Organisation()
    for number in range(4):
        org.change(str(number), number)
        org.deploy(f"d{number}", number + 0.5, actor="mallory" if number == 1 else "deploy-bot")
    found = deployments(org)
    assert [found[f"d{n}"].before for n in range(4)] == ["", "m-pay-0", "m-pay-0", "m-pay-2"]
    assert found["d2"].commits == ("m-pay-1", "m-pay-2")
    assert found["d2"].after.endswith("/d0")


def test_repositories_of_one_service_each_have_a_line_of_their_own() -> None:
    other = "github.com/acme/pay-ui"
    org = Organisation(services=services_of(replace(a_service(), repositories=(PAY, other))))
    for number in range(2):
        org.change(str(number), number)
        org.deploy(f"d{number}", number + 0.5)
        org.change(str(number), number, repository=other)
        org.deploy(f"u{number}", number + 0.6, repository=other)
    assert total(org.verdicts(30)) == 4
    assert deployments(org)["d1"].before == "m-pay-0"


def test_a_word_of_a_trust_that_nobody_knows_is_a_claim() -> None:
    org = Organisation()
    org.tell(DeploymentTold(PAY, "d1", "production", "success", sha="s"), 1, trust="wonderful")
    assert deployments(org)["d1"].trust == Trust.CLAIMED
