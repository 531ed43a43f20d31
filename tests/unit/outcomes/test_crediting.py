"""Each group of changes earns once, in the week and service where it landed first; what fails first earns half."""

from fractions import Fraction

import pytest

from proxy.model.told import DeploymentTold
from proxy.outcomes.crediting import week_us
from proxy.outcomes.verdicts import Standing
from tests.fakes.telling import (
    DAY_US,
    PAY,
    SHOP,
    START,
    Organisation,
    a_service,
    at,
    landing,
    services_of,
    total,
    verdict,
)  # fmt: skip


def test_weeks_begin_on_mondays() -> None:
    assert week_us(at(0)) == week_us(at(6.99)) == START
    assert week_us(at(-0.01)) == START - 7 * DAY_US
    assert week_us(0) == -3 * DAY_US


def test_a_group_earns_in_the_week_of_its_first_landing() -> None:
    org = Organisation()
    org.change("1", 5)
    org.deploy("d1", 6.9)
    assert landing(org.verdicts(30), "pay#1").week_us == START


def retried() -> Organisation:
    org = Organisation()
    org.change("0", -10)
    org.deploy("d0", -9)
    org.change("1", 1)
    org.deploy("d1", 1.5)
    return org


def test_work_that_was_rolled_back_and_lands_again_earns_half_in_its_first_cell() -> None:
    org = retried()
    org.deploy("d0-again", 2, sha="m-pay-0")
    org.change("2", 9)
    org.deploy("d2", 9.5)
    said = org.verdicts(30)
    first = landing(said, "pay#1")
    assert (first.credit, first.week_us, first.service) == (Fraction(1, 2), START, "pay")
    assert first.deployment.endswith("/d1")
    assert first.credited_by.endswith("/d2")
    assert verdict(said, "d1").standing == Standing.VOIDED
    assert total(said) == 1 + 0.5 + 1


@pytest.mark.parametrize("how", ["rollback", "named rollback", "failure", "incident", "older"])
def test_however_it_failed_what_goes_on_from_it_and_lasts_earns_half(how: str) -> None:
    org = retried()
    if how == "rollback":
        org.deploy("x", 2, sha="", state="rolled_back")
        org.lines[-1].facts.pop("sha")  # type: ignore[attr-defined]
    elif how == "named rollback":
        org.deploy("x", 2, sha="m-pay-0", state="rolled_back")
    elif how == "failure":
        org.state("d1", 2, "failure")
    elif how == "incident":
        org.incident(2)
    else:
        org.deploy("x", 2, sha="m-pay-0")
    org.change("2", 9)
    org.deploy("d2", 9.5)
    assert landing(org.verdicts(30), "pay#1").credit == Fraction(1, 2)
    assert landing(org.verdicts(30), "pay#2").credit == 1


def test_what_failed_twice_and_lasts_at_last_earns_half_still() -> None:
    org = retried()
    for number in (2, 3):
        org.incident(number * 4 - 5.9)
        org.change(str(number), number * 4 - 3)
        org.deploy(f"d{number}", number * 4 - 2.5)
    said = org.verdicts(60)
    assert landing(said, "pay#1").credit == Fraction(1, 2)


def test_what_goes_back_behind_it_does_not_carry_it() -> None:
    org = retried()
    org.commit("hotfix-base", branch="old", parents=["m-pay-0"])
    org.commits[PAY, "hotfix-base"].parents = ("m-pay-0",)
    org.commits[PAY, "m-pay-1"].parents = ("hotfix-base",)
    org.deploy("older", 2, sha="hotfix-base")
    assert landing(org.verdicts(30), "pay#1").standing == Standing.VOIDED
    assert total(org.verdicts(30)) == 1


def test_while_its_first_landing_soaks_a_group_is_pending_wherever_else_it_lasted() -> None:
    org = Organisation(services=services_of(a_service(), a_service("shop", SHOP, soak_us=DAY_US)))
    org.change("1", 0, work_items=("PAY-1",))
    org.deploy("d1", 0.5)
    org.change("2", 0.6, repository=SHOP, work_items=("PAY-1",))
    org.deploy("d2", 0.7, repository=SHOP)
    assert landing(org.verdicts(2), "pay#1").standing == Standing.PENDING
    assert total(org.verdicts(2)) == 0
    assert landing(org.verdicts(30), "pay#1").credited_by.endswith("/d1")
    assert total(org.verdicts(30)) == 1


@pytest.mark.parametrize(("how", "given"), [("number", {"reverts": "1"}), ("commit", {"reverts": "m-pay-1"}),
                                            ("inverse", {"inverse": "p-pay-1"}), ("none", {})])  # fmt: skip
@pytest.mark.parametrize(("day", "late"), [(30.4, False), (30.6, True)])
def test_a_revert_within_thirty_days_takes_the_credit_back(
    how: str, given: dict[str, str], day: float, late: bool
) -> None:
    org = Organisation()
    org.change("1", 0)
    org.deploy("d1", 0.5)
    org.change("2", day, **given)
    org.deploy("d2", day + 0.1)
    said = org.verdicts(90)
    assert landing(said, "pay#1").credit == (how == "none" or late)
    assert total(said) == (how == "none" or late) + (how == "none")
    assert late or how == "none" or verdict(said, "d1").standing == Standing.VOIDED


def test_a_revert_of_a_part_leaves_the_rest_its_credit() -> None:
    org = Organisation()
    org.change("1", 0, work_items=("PAY-1",))
    org.change("2", 0.1, work_items=("PAY-1",))
    org.deploy("d1", 0.5)
    org.change("3", 1, reverts="2")
    org.deploy("d2", 1.5)
    assert total(org.verdicts(30)) == 1


def test_what_was_reverted_and_brought_back_earns_half() -> None:
    org = Organisation()
    org.change("1", 0)
    org.deploy("d1", 0.5)
    org.change("2", 1, reverts="1")
    org.deploy("d2", 1.5)
    org.change("3", 2, reverts="2")
    org.deploy("d3", 2.5)
    said = org.verdicts(30)
    assert landing(said, "pay#1") == landing(said, "pay#3")
    assert total(said) == 0.5


def test_several_services_of_one_repository_each_land_what_touches_them() -> None:
    org = Organisation(services=services_of(a_service("pay"), a_service("web")))
    org.change("1", 0, touches=["pay"])
    org.change("2", 0.1, touches=["web"])
    org.change("3", 0.2, touches=["pay", "web"])
    org.deploy("d1", 0.5, service="pay")
    org.deploy("d2", 0.6, service="web")
    said = org.verdicts(30)
    assert {each.group[-1]: each.service for each in said.landings} == {"1": "pay", "2": "web", "3": "pay"}
    assert verdict(said, "d2").groups == (f"{PAY}#2",)


def test_of_two_at_the_same_moment_the_id_decides() -> None:
    org = Organisation(services=services_of(a_service("pay"), a_service("web")))
    org.change("1", 0)
    org.deploy("d2", 0.5, service="pay")
    org.deploy("d1", 0.5, service="web")
    assert landing(org.verdicts(30), "pay#1").service == "web"


def test_several_production_environments_land_a_group_once() -> None:
    org = Organisation(services=services_of(a_service(environments=("eu", "us"))))
    org.change("1", 0)
    org.deploy("d1", 0.5, environment="eu")
    org.deploy("d2", 0.6, environment="us")
    assert total(org.verdicts(30)) == 1
    org.deploy("x", 0.8, environment="eu", sha="", state="rolled_back")
    assert total(org.verdicts(30)) == 0.5


def test_an_untrusted_deployment_takes_no_commits_from_the_true_one() -> None:
    org = Organisation()
    org.change("1", 0)
    org.deploy("forged", 0.4, actor="mallory")
    org.deploy("claimed", 0.45, source="ci", trust="claimed")
    org.deploy("true", 0.5)
    said = org.verdicts(30)
    assert verdict(said, "true").standing == Standing.DELIVERED
    assert landing(said, "pay#1").deployment.endswith("/true")


def test_a_deployment_without_its_repositorys_name_is_of_the_services_only_one() -> None:
    org = Organisation()
    org.change("1", 0)
    org.tell(DeploymentTold("", "x", "production", "success", "pay", sha="m-pay-1", actor="deploy-bot"), 1, "argocd")
    assert total(org.verdicts(30)) == 1
