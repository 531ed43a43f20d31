"""Baselines by quarter: from whole weeks before it, without probation; on record they stay."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest

from proxy.model.service import Mirror
from proxy.outcomes.baselines import Baseline
from proxy.outcomes.quarters import (
    Frozen,
    counts_from,
    fingerprint,
    is_settled,
    quarter_name,
    quarter_us,
    quarters,
    read,
    written,
)
from proxy.outcomes.service_weeks import ServiceWeek, Weeks
from tests.fakes.telling import DAY_US, PAY, Organisation, a_service, at, services_of


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


MONDAY = us("2026-01-05")
Q1, Q2, Q3 = us("2026-01-01"), us("2026-04-01"), us("2026-07-01")


def weeks(*credits_: int, service: str = "pay", past: bool = False) -> Weeks:
    """From the first Monday of 2026 on."""
    found = {}
    for number, credit in enumerate(credits_):
        worth = Fraction(credit)
        week = ServiceWeek(past=worth, imported=1) if past else ServiceWeek(credits=worth)
        found[service, MONDAY + number * 7 * DAY_US] = week
    return found


def found(told: Weeks, now: str, recorded: object = None, **service: object) -> dict[int, dict[str, Frozen]]:
    registered_us = us(str(service.pop("registered", "2025-01-01")))
    services = services_of(a_service(registered_us=registered_us, **service))
    counting = counts_from(Organisation(services).verdicts(0), services)
    return quarters(told, services, counting, recorded or {}, us(now))  # type: ignore[arg-type]


def test_a_quarter_has_the_weeks_that_ended_before_it() -> None:
    normal = found(weeks(2, 2, 2, 2), "2026-05-01")
    assert normal[Q2]["pay"].baseline == Baseline("pay", pytest.approx(8 / 12), 12, imported=False, limited=False)
    assert "pay" not in normal[Q1]


def test_weeks_of_probation_are_not_observed() -> None:
    """Registered on 1 February, in probation until 3 March: there are three whole weeks before and three after."""
    normal = found(weeks(2, 2, 2, 2), "2026-05-01", registered="2026-02-01")
    assert normal[Q2]["pay"].baseline.weeks == 3 + 3


def test_history_from_before_it_was_registered_makes_a_baseline_and_says_so() -> None:
    normal = found(weeks(*[3] * 12, past=True), "2026-05-01", registered="2026-04-10")
    assert (normal[Q2]["pay"].baseline.credits_a_week, normal[Q2]["pay"].baseline.imported) == (3, True)


def test_an_old_deployment_of_nothing_makes_no_empty_weeks() -> None:
    """Or one line of imported history would lower a new service's normal week to a quarter of its tier's."""
    told = weeks(0, 0, 0, 0, 0, 0, 3, 3, 0, 3, past=True)
    assert found(told, "2026-05-01", registered="2026-03-16")[Q2]["pay"].baseline.weeks == 4
    assert found(weeks(0, 0, 0, 0, 3), "2026-05-01")[Q2]["pay"].baseline.weeks == 12


def test_what_is_on_record_stays_and_the_next_quarter_moves_from_it_by_a_fifth_at_most() -> None:
    recorded = {Q2: {"pay": Frozen(Baseline("pay", 10.0, 12, imported=False, limited=False), at_us=1)}}
    normal = found(weeks(2, 2, 2, 2), "2026-08-01", recorded)
    assert normal[Q2]["pay"] is recorded[Q2]["pay"]
    assert (normal[Q3]["pay"].baseline.credits_a_week, normal[Q3]["pay"].baseline.limited) == (8.0, True)


def test_probation_ends_with_the_first_deployment_that_is_out_of_it() -> None:
    org = Organisation(services_of(a_service(registered_us=us("2025-08-04")), probation_deployments=2))
    for day in (0, 1, 2, 3):
        org.change(str(day), day=day)
        org.deploy(f"d{day}", day=day + 0.5)
    verdicts = org.verdicts(40)
    assert counts_from(verdicts, org.services) == {"pay": verdicts.deployments[2].at_us}


def test_names_and_records_of_quarters() -> None:
    baseline = Baseline("pay", 1 / 3, 7, imported=True, limited=False)
    assert read("pay", written(baseline)) == baseline
    assert (quarter_us(us("2026-05-20")), quarter_name(Q2)) == (Q2, "2026-Q2")
    one, other = Frozen(baseline), Frozen(Baseline("pay", 0.5, 7, imported=True, limited=False))
    assert fingerprint({"pay": one}) == fingerprint({"pay": Frozen(baseline, 5)}) != fingerprint({"pay": other})


def settled(now_us: int, *, answered: bool = True, imported_us: int = 0, deployed: float = -10) -> bool:
    """With one deployment `deployed` days after the quarter began."""
    begin = (QUARTER_US - at(0)) / DAY_US
    org = Organisation(services_of(a_service(), mirrors={PAY: Mirror(PAY, "")}), mirrored=answered)
    org.change("1", begin + deployed - 1)
    org.deploy("d1", begin + deployed)
    verdicts = org.verdicts((now_us - at(0)) / DAY_US)
    return is_settled(imported_us, org.history(), verdicts, org.services, now_us)


QUARTER_US = quarter_us(at(100))
HOUR_US = DAY_US // 24


def test_baselines_go_on_record_once_the_mirror_has_read_what_came_before() -> None:
    assert settled(QUARTER_US)
    assert not settled(QUARTER_US, answered=False)
    assert settled(QUARTER_US, answered=False, deployed=1), "the quarter's own deployments are in no baseline of it"


def test_what_cannot_be_read_for_a_week_holds_no_record_up() -> None:
    week_us = QUARTER_US + 7 * DAY_US
    assert not settled(week_us - 1, answered=False)
    assert settled(week_us, answered=False)
    later_us = QUARTER_US + 20 * DAY_US
    assert not settled(later_us, answered=False, imported_us=later_us - DAY_US)


def test_after_an_import_more_of_it_may_come_for_an_hour() -> None:
    imported_us = QUARTER_US + 20 * DAY_US
    assert not settled(imported_us + HOUR_US - 1, imported_us=imported_us)
    assert settled(imported_us + HOUR_US, imported_us=imported_us)


def test_the_last_days_before_a_quarter_soak_first() -> None:
    assert not settled(QUARTER_US + 2 * DAY_US - 1, deployed=-1)
    assert settled(QUARTER_US + 2 * DAY_US, deployed=-1)
