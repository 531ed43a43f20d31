"""The whole story of one deployment."""

import json
from typing import Any

from proxy.outcomes.explaining import explained, found
from proxy.outcomes.people import People
from tests.fakes.telling import PAY, Organisation, a_service, services_of


def story(org: Organisation, name: str, day: float = 30) -> dict[str, Any]:
    history = org.history()
    (one,) = found(history, name)
    found_ = explained(history, org.verdicts(day), org.services, one, People(org.aliases))
    assert found_ is not None
    json.dumps(found_.document)
    return found_.document


def failed_and_retried() -> Organisation:
    org = Organisation()
    org.change("0", -9)
    org.deploy("d0", -8)
    org.change("1", 0, work_items=("PAY-1",))
    org.commit("pushed")
    org.deploy("d1", 0.5)
    org.state("d1", 1, "failure")
    org.change("2", 2)
    org.deploy("d2", 2.5)
    return org


def test_one_that_failed_says_what_speaks_against_it_and_who_made_its_work_last() -> None:
    said = story(failed_and_retried(), "d1")
    assert (said["standing"], said["definition"]) == ("voided", "2")
    assert [each["rule"] for each in said["rulings"] if each["holds"] is False] == ["D7"]
    assert [each["kind"] for each in said["against"]] == ["failed_status"]
    assert said["commits"] == {"known": True, "count": 2, "without_a_change": ["pushed"]}
    (change,) = said["changes"]
    assert (change["change"], change["qualifies"], change["work_items"]) == (f"{PAY}#1", True, ["PAY-1"])
    (group,) = said["groups"]
    assert (group["credit"], group["standing"], group["landed_here"]) == ("1/2", "delivered", True)
    assert group["made_last_by"].endswith("/d2")


def test_the_one_that_made_it_last_says_so() -> None:
    said = story(failed_and_retried(), "d2")
    assert {each["group"]: each["landed_here"] for each in said["groups"]} == {f"{PAY}#1": False, f"{PAY}#2": True}


def test_while_it_soaks_it_says_until_when() -> None:
    org = failed_and_retried()
    said = story(org, "d2", day=3)
    assert said["standing"] == "pending"
    assert said["pending_until_us"] == said["deployment"]["at_us"] + org.services.services["pay"].soak_us


def test_without_a_mirror_nobody_knows_the_commits() -> None:
    org = failed_and_retried()
    org.mirrored = False
    assert story(org, "d1")["commits"] == {"known": False, "count": None, "without_a_change": []}


def test_one_of_no_service_is_told_what_is_missing() -> None:
    org = Organisation(services=services_of(a_service("pay"), a_service("web")))
    org.deploy("d1", 0, sha="s")
    org.deploy("d2", 0, sha="s", repository="github.com/acme/unknown")
    assert story(org, "d1")["rulings"][0]["says"] == f"{PAY}, environment production: of pay, web, which one?"
    assert story(org, "d2")["rulings"][0]["says"] == "no service of services.yaml has github.com/acme/unknown"
    assert story(org, "d2")["standing"] == "unregistered"


def test_a_deployment_is_found_by_its_id_its_commit_or_what_another_source_calls_it() -> None:
    org = failed_and_retried()
    org.deploy("a1", 2.501, sha="m-pay-2", source="argocd")
    history = org.history()
    (whole,) = found(history, "d2")
    assert found(history, whole) == found(history, "m-pay-2") == found(history, f"argocd/{PAY}/a1") == (whole,)
    assert found(history, "m-pay") == ()
    assert explained(history, org.verdicts(30), org.services, "nobody's", People({})) is None
