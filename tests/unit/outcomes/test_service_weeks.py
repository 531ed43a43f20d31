"""What became of each service's deployments and changes, by week: counted once, with why, and by whom."""

from fractions import Fraction

from proxy.outcomes.service_weeks import ServiceWeek, Weeks, service_weeks
from proxy.outcomes.verdicts import Standing
from tests.fakes.telling import PAY, Organisation, a_service, at, services_of


def weeks(org: Organisation, day: float = 60) -> Weeks:
    return service_weeks(org.history(), org.verdicts(day), org.services)


def only(org: Organisation, day: float = 60) -> ServiceWeek:
    [week] = weeks(org, day).values()
    return week


def test_a_deployment_and_what_it_landed_stand_in_its_week() -> None:
    org = Organisation()
    org.change("1", day=0)
    org.change("2", day=0.5, author="carol", approvers=["bob", "dave"], coauthors=("erin",))
    org.deploy("d1", day=1)
    found = weeks(org)
    assert list(found) == [("pay", at(0))]
    week = found["pay", at(0)]
    assert (week.deployments, week.standings[Standing.DELIVERED], week.groups) == (1, 1, 2)
    assert (week.credits, week.changes, week.approvals) == (2, 2, 3)
    assert week.persons == {"alice", "carol", "erin"}
    assert sorted(week.leads_us) == [at(0.5) - at(0), at(1) - at(0)]


def test_what_does_not_count_has_its_reason() -> None:
    org = Organisation()
    org.change("1", day=0)
    org.deploy("d1", day=1)
    org.deploy("again", day=2)
    org.deploy("staged", day=2, environment="staging")
    org.change("2", day=2.5)
    org.deploy("bad", day=3, actor="mallory")
    org.incident(1.5)
    week = only(org)
    assert week.deployments == 3
    assert week.reasons == {
        (Standing.VOIDED, "D7", "incident"): 1,
        (Standing.NOT_COUNTED, "D4", "ran there before"): 1,
        (Standing.NOT_COUNTED, "D1", "not trusted"): 1,
    }


def test_work_that_was_taken_back_is_said_so() -> None:
    org = Organisation()
    org.change("1", day=0)
    org.deploy("d1", day=1)
    org.change("2", day=5, reverts="1", inverse="p-pay-1")
    org.deploy("d2", day=6)
    assert only(org).reasons[Standing.VOIDED, "D7", "taken back"] == 1


def test_failures_and_the_next_one_within_their_soak_are_counted() -> None:
    org = Organisation()
    for number, day in enumerate((0.0, 1.0, 2.0, 6.0)):
        org.change(str(number), day=day)
        org.deploy(f"d{number}", day=day + 0.5)
    org.incident(0.7)
    week = only(org)
    assert (week.succeeded, week.failed, week.rework) == (4, 1, 1)


def test_bots_are_maintenance_and_no_persons_and_neither_is_who_is_unknown() -> None:
    org = Organisation()
    org.change("1", day=0, author="renovate", bot=True)
    org.change("2", day=0.1, author="stranger", approvers=["bob", "carol"])
    org.deploy("d1", day=1)
    week = only(org)
    assert (week.maintenance, week.persons, week.unknown) == (1, set(), {"?stranger"})


def test_what_came_before_it_was_registered_is_past_and_earns_nothing() -> None:
    org = Organisation(services_of(a_service(registered_us=at(30))))
    org.change("1", day=0)
    org.deploy("d1", day=1, imported=True)
    week = only(org)
    assert (week.credits, week.past, week.imported) == (Fraction(0), Fraction(1), 1)


def test_claims_are_weak() -> None:
    org = Organisation(services_of(a_service(trust="claimed", deploy_actors=("*",))))
    org.change("1", day=0)
    org.deploy("d1", day=1, source="ci", trust="claimed", repository=PAY)
    assert only(org).weak == 1
