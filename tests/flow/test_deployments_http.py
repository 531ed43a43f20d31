"""The deployments report over HTTP: figures by hand, who sees what, what is withheld and why."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from jsonschema import Draft202012Validator

from proxy.adapters.store_duckdb import DuckStore
from proxy.ledger.outcome_asked import OUTCOME_DIMENSIONS
from proxy.model.entry import Act, Settled
from proxy.model.service import Mirror
from proxy.model.usage import Usage
from proxy.outcomes.intervals import counted
from proxy.policy.types import Access, Person
from tests.fakes.telling import PAY, SHOP, START, Organisation, a_service, at, services_of
from tests.flow.control_world import World
from tests.flow.ledger_world import a_store, load, spent

ONE = Decimal("1.000003")
"""What each call costs: a million units at 1,000,003 pico-dollars."""
SIX = ("alice", "bob", "carol", "dave", "erin", "frank")
PERIOD = {"since": "2025-08-01", "until": "2025-10-01"}
"""START is Monday, 4 August 2025."""


def an_organisation() -> Organisation:
    """pay has six authors in each of the two months, shop has one. Before July, pay lands one change a week."""
    services = services_of(
        a_service(owner="money", projects=("checkout",), tier="one"),
        a_service("shop", SHOP, owner="sales", projects=("shop", "web")),
    )
    org = Organisation(services, {name: name for name in SIX})
    for week in (-8, -7, -6):
        org.change(f"e{week}", day=week * 7)
        org.deploy(f"e{week}", day=week * 7 + 1)
    for week in (0, 1, 5, 6):
        for number, author in enumerate(SIX):
            approver = SIX[(number + 1) % 6]
            name = f"{week}{number}"
            org.change(name, day=week * 7 + number / 10, author=author, approvers=[approver], branch=f"topic-{name}")
        org.deploy(f"d{week}", day=week * 7 + 1)
    org.incident(36.5)
    for week in (0, 5):
        org.change(f"s{week}", day=week * 7, author="alice", repository=SHOP)
        org.deploy(f"s{week}", day=week * 7 + 1, repository=SHOP, sha=org.tips[SHOP, "main"])
    return org


def calls() -> Iterator[Settled]:
    plain = {"repository": "", "branch": "", "commit": "", "session": "", "team": "money", "project": "checkout"}
    rows: list[tuple[str, dict[str, Any]]] = [
        ("header", {"repository": PAY, "branch": "topic-00"}),
        ("project", {}),
        ("run", {"purpose": "run", "owner": "robot", "owner_kind": "service"}),
        ("nothing", {"project": "shared", "team": "money", "owner": "bob"}),
        ("other", {"project": "shared", "team": "sales", "owner": "bob"}),
    ]
    for name, given in rows:
        yield spent(name, Usage(input_text=1_000_000), **(plain | {"opened_us": START, "owner": "alice"} | given))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckStore]:
    with a_store(tmp_path_factory.mktemp("deployments")) as store:
        load(store, [*an_organisation().answered(), *calls()])
        yield store


@pytest.fixture
def world(store: DuckStore, tmp_path: Path) -> World:
    world = World(tmp_path, store)
    access = Access({name: Person(name) for name in SIX})
    world.policies = replace(world.policies, services=an_organisation().services, access=access)
    return world


async def asked(world: World, as_: str = "admin", **parameters: Any) -> Any:
    answer = await world.get("/v1/reports/deployments", as_, **{**PERIOD, **parameters})
    assert answer.status_code == 200, answer.text
    return answer.json()


def row(document: Any, **values: str) -> Any:
    [found] = [each for each in document["rows"] if all(each[name] == value for name, value in values.items())]
    return found


async def test_figures_are_those_worked_out_by_hand(world: World) -> None:
    document = await asked(world, by="service", reason="x")
    pay = row(document, service="pay")
    # Four deployments of six changes each; what the one of 9 September brought was lost to an incident.
    assert (pay["deployments"], pay["delivered"], pay["voided"]) == (4, 3, 1)
    assert pay["voided_because"] == "incident 1"
    assert pay["reasons"] == [{"standing": "voided", "rule": "D7", "why": "incident", "deployments": 1}]
    assert (pay["change_fail_rate"], pay["rework_rate"]) == ("0.25", "0")
    # Three weeks of six, of which the last lands what the incident undid again: half of it in the week before.
    assert Decimal(pay["credits"]) == 6 + 6 + 3 + 6
    assert pay["review_load"] == "1"
    assert pay["maintenance_share"] == "0"
    # Changes of tenths of days, deployed a day after the first: the median of 24, 21.6, 19.2, 16.8, 14.4 and 12 hours.
    assert pay["lead_time_h"] == "18"
    total = document["total"]
    assert total["deployments"] == 6


async def test_money_is_that_of_the_calls_by_method(world: World) -> None:
    document = await asked(world, by="service")
    pay, nowhere, total = row(document, service="pay"), row(document, service=""), document["total"]
    assert Decimal(total["spend_usd"]) == 4 * ONE
    assert Decimal(total["run_usd"]) == ONE
    assert (Decimal(pay["header_usd"]), Decimal(pay["project_usd"])) == (ONE, ONE)
    assert Decimal(nowhere["unattributed_usd"]) == 2 * ONE
    assert total["attributed_share"] == "0.500000"
    # Of the rest, one call was made by pay's own team.
    assert Decimal(pay["within_reach_usd"]) == ONE
    assert pay["attributed_share"] == "0.666667"
    spend = (await world.get("/v1/reports/spend", "admin", **PERIOD, by="purpose")).json()
    assert {each["purpose"]: Decimal(each["cost_usd"]) for each in spend["rows"]} == {"build": 4 * ONE, "run": ONE}


@pytest.mark.parametrize(
    ("narrowed", "values"),
    [
        ({"by": "tier"}, {"tier": "one"}),
        ({"by": "tier,team"}, {"tier": "one", "team": "money"}),
        ({"by": "week", "service": "pay"}, {"week": "2025-W32"}),
        ({"by": "week", "tier": "one"}, {"week": "2025-W32"}),
        ({"service": "pay"}, None),
        ({"tier": "one"}, None),
    ],
)
async def test_what_names_no_work_is_within_reach_however_a_service_is_asked_for(
    world: World, narrowed: dict[str, str], values: dict[str, str] | None
) -> None:
    """Else who leaves out the headers would be cheaper in some forms of the report than in others."""
    document = await asked(world, **narrowed, reason="x")
    pay = document["total"] if values is None else row(document, **values)
    assert (Decimal(pay["within_reach_usd"]), pay["attributed_share"]) == (ONE, "0.666667")


async def test_a_row_that_holds_what_names_no_work_has_no_more_of_it_within_reach(world: World) -> None:
    for by in ("tier", "service", "team", "project", "week"):
        document = await asked(world, by=by)
        nowhere = [each for each in document["rows"] if not each.get("service", each.get("tier"))]
        assert all(Decimal(each["within_reach_usd"]) == 0 for each in (*nowhere, document["total"]))


async def test_a_range_stands_where_little_is_attributed(world: World) -> None:
    pay = row(await asked(world, by="service", reason="x"), service="pay")
    assert (pay["cost_basis"], pay["cost_per_credited_usd"]) == ("attribution", None)
    credited = Decimal(pay["credited"])
    assert abs(Decimal(pay["cost_low_usd"]) - 2 * ONE / credited) < Decimal("0.0001")
    assert abs(Decimal(pay["cost_high_usd"]) - 3 * ONE / credited) < Decimal("0.0001")


async def test_an_interval_by_chance_stands_where_most_is(world: World) -> None:
    total = (await asked(world, project="checkout", reason="x"))["total"]
    assert (total["attributed_share"], total["cost_basis"]) == ("1.000000", "chance")
    cost, low, high = (Decimal(total[name]) for name in ("cost_per_credited_usd", "cost_low_usd", "cost_high_usd"))
    sure = counted(21)
    assert abs(low / cost - 21 / Decimal(sure.high)) < Decimal("0.0001")
    assert abs(high / cost - 21 / Decimal(sure.low)) < Decimal("0.0001")


async def test_credited_and_index_follow_from_credits_and_baseline(world: World) -> None:
    """A normal week of pay is one change: what goes beyond counts less, and twice a normal week at most."""
    document = await asked(world, by="service", reason="x")
    pay, shop = row(document, service="pay"), row(document, service="shop")
    # Four weeks of twice a normal one, of nine that begin in August and September.
    assert (pay["credited"], pay["normal"], pay["index"]) == ("8", "9", "0.888889")
    # Nothing is known of shop, nor of its tier, from before July.
    assert (shop["credits"], shop["credited"], shop["credits_without_baseline"]) == ("2", "0", "2")
    assert (shop["index"], shop["cost_basis"]) == (None, "too few")
    assert document["baselines"] == [
        {"quarter": "2025-Q3", "version": document["baselines"][0]["version"], "services": 1, "imported": 0,
         "on_record": 0}
    ]  # fmt: skip


async def test_weeks_are_rows_in_their_order(world: World) -> None:
    document = await asked(world, by="week,service", service="pay", reason="x")
    told = [(each["week"], each["deployments"], each["credits"]) for each in document["rows"] if each["deployments"]]
    assert told == [("2025-W32", 1, "6"), ("2025-W33", 1, "6"), ("2025-W37", 1, "3"), ("2025-W38", 1, "6")]
    assert len(document["rows"]) == 9


async def test_a_service_of_one_person_is_withheld_and_so_is_what_would_tell_of_it(world: World) -> None:
    document = await asked(world, "bob", by="service")
    assert row(document, service="shop")["withheld"]
    assert row(document, service="pay")["withheld"]
    assert not document["total"]["withheld"]
    assert any("withheld" in note for note in document["notes"])
    assert not world.journal.entries


async def test_money_is_never_withheld_from_finance(world: World) -> None:
    document = await asked(world, "bob", by="service,project")
    assert sum(Decimal(each["spend_usd"]) for each in document["rows"]) == 4 * ONE


async def test_a_reason_shows_all_and_is_on_record_for_each_person(world: World) -> None:
    document = await asked(world, "bob", by="service", reason="quarterly review")
    assert not any(each["withheld"] for each in document["rows"])
    assert row(document, service="shop")["delivered"] == 2
    assert [(act.subject, act.details["report"]) for act in world.journal.of(Act)] == [
        (name, "deployments") for name in SIX if name != "bob"
    ]
    assert world.journal.flushed_entries == len(SIX) - 1


async def test_a_developer_sees_what_was_delivered_and_no_money(world: World) -> None:
    document = await asked(world, "alice")
    assert document["total"]["deployments"] == 6
    assert document["total"]["spend_usd"] is None
    assert document["total"]["cost_per_credited_usd"] is None
    assert (await world.get("/v1/reports/deployments", "alice", **PERIOD, reason="x")).status_code == 403


@pytest.mark.parametrize(
    "period",
    [{"since": "2025-08-04", "until": "2025-10-01"}, {"since": "2025-08-01", "until": "2025-08-18"}],
)
async def test_periods_that_cut_months_tell_nothing_without_a_reason(world: World, period: dict[str, str]) -> None:
    document = await asked(world, "bob", **period)
    assert document["total"]["withheld"]
    assert any("whole months" in note for note in document["notes"])
    assert not (await asked(world, "bob", **period, reason="x"))["total"]["withheld"]
    assert [act.subject for act in world.journal.of(Act)] == [name for name in SIX if name != "bob"]


async def test_a_team_and_its_services_together_tell_of_nobody(tmp_path: Path) -> None:
    """Mail has the fewest persons; but it is pay that, taken from its team, would tell of shop."""
    mail = "github.com/acme/mail"
    services = services_of(
        a_service(owner="money"), a_service("shop", SHOP, owner="money"), a_service("mail", mail, owner="post")
    )
    org = Organisation(services, {name: name for name in SIX})
    for number, author in enumerate(SIX):
        for repository in (PAY, mail) if number else (PAY, SHOP):
            org.change(str(number), day=0, author=author, approvers=[SIX[number - 1]], repository=repository)
    for repository in (PAY, SHOP, mail):
        org.deploy(repository, day=1, repository=repository, sha=org.tips[repository, "main"])
    with a_store(tmp_path) as store:
        load(store, org.answered())
        world = World(tmp_path, store)
        world.policies = replace(world.policies, services=services, access=Access({name: Person(name) for name in SIX}))
        by_service = await asked(world, by="service")
        assert {each["service"] for each in by_service["rows"] if not each["withheld"]} == {"mail"}
        by_team = await asked(world, by="team")
        assert [each["withheld"] for each in by_team["rows"]] == [False, False]


async def test_a_filter_tells_no_more_than_the_rows_of_the_whole(world: World) -> None:
    assert (await asked(world, "bob", service="pay"))["total"]["withheld"]
    assert (await asked(world, "bob", service="shop"))["total"]["withheld"]


async def test_the_header_says_by_what_it_was_made_and_what_is_not_known_yet(world: World) -> None:
    document = await asked(world, by="service")
    assert document["definition"].startswith("deployments 2: ")
    assert (document["definition_version"], document["persons_min"]) == ("2", 5)
    assert document["trust"] == {"pay": "signed", "shop": "signed"}
    assert document["built_at"]
    assert document["association"] is None


async def test_forms_have_the_same_figures(world: World) -> None:
    answer = await world.get("/v1/reports/deployments", "admin", **PERIOD, by="team", format="csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-disposition"] == 'attachment; filename="deployments_2025-08-01_2025-10-01.csv"'
    assert sum(Decimal(each["spend_usd"]) for each in rows) == 4 * ONE
    answer = await world.get("/v1/reports/deployments", "admin", **PERIOD, by="team", format="xlsx", reason="x")
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    about = {each[0].value: each[1].value for each in book["About"].iter_rows()}
    assert Decimal(about["total_spend_usd"]) == 4 * ONE
    answer = await world.get("/v1/reports/deployments", "alice", **PERIOD, format="parquet")
    assert answer.content[:4] == b"PAR1"


async def test_where_there_are_no_rows_a_file_has_the_total_under_the_same_columns(world: World) -> None:
    asked_for = {"since": "2024-08-01", "until": "2024-10-01", "by": "project", "service": "", "format": "csv"}
    answer = await world.get("/v1/reports/deployments", "admin", **asked_for)
    assert answer.status_code == 200, answer.text
    [row] = csv.DictReader(io.StringIO(answer.text))
    assert (row["project"], row["deployments"]) == ("", "0")


@pytest.mark.parametrize("name", OUTCOME_DIMENSIONS)
async def test_money_is_the_same_by_every_dimension(world: World, name: str) -> None:
    document = await asked(world, by=name)
    assert sum(Decimal(each["spend_usd"]) for each in document["rows"]) == 4 * ONE
    assert document["total"]["spend_usd"] == str(4 * ONE)


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"by": "user"}, "no dimension"), ({"by": "tags.x"}, "not in this report"), ({"tz": "Europe/Berlin"}, "UTC"),
        ({"compare": "previous"}, "by week"), ({"user": "alice"}, "no such parameter"),
    ],
)  # fmt: skip
async def test_what_it_cannot_be_asked_for_is_said(world: World, parameters: dict[str, str], says: str) -> None:
    answer = await world.get("/v1/reports/deployments", "admin", **PERIOD, **parameters)
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]


async def test_the_past_by_another_definition_stands_beside_the_one_in_force(world: World) -> None:
    """What the incident of September undid earns a quarter where it lands again, not a half."""
    path, parameters = "/v1/reports/definition", {"definition": "retried=1/4"}
    document = (await world.get(path, "bob", **parameters)).json()
    assert (document["definition_version"], document["other_version"]) == ("2", "2 with retried=1/4")
    # Shop is one person's, and pay would follow from what the report says of all.
    assert (document["rows"], len(document["notes"])) == ([], 2)
    world.policies = replace(world.policies, services=replace(world.policies.services, persons_min=1))
    rows = {each["service"]: each for each in (await world.get(path, "bob", **parameters)).json()["rows"]}
    assert (rows["pay"]["credits"], rows["pay"]["credits_other"], rows["pay"]["moved"]) == ("24.0", "22.5", 0)
    assert rows["shop"]["credits"] == rows["shop"]["credits_other"] == "2.0"
    assert (await world.get(path, "alice", **parameters)).status_code == 403
    wrong = await world.get(path, "bob", definition="7")
    assert (wrong.status_code, "there is no definition" in wrong.text) == (400, True)
    schema = (await world.get("/openapi.json")).json()["paths"][path]["get"]["responses"]["200"]["content"]
    Draft202012Validator(schema["application/json"]["schema"]).validate(document)


async def test_another_definition_tells_of_few_persons_for_a_reason_alone(world: World) -> None:
    path, asked_for = "/v1/reports/definition", {"definition": "retried=1/4", "reason": "before we change it"}
    document = (await world.get(path, "bob", **asked_for)).json()
    assert [each["service"] for each in document["rows"]] == ["pay", "shop"]
    assert any("on record" in note for note in document["notes"])
    details = {"report": "definition", "filters": "definition=retried=1/4", "by_key": "k_bob", "by_role": "finance"}
    assert [(act.subject, act.reason, dict(act.details)) for act in world.journal.of(Act)] == [
        (name, "before we change it", details) for name in SIX if name != "bob"
    ]
    assert world.journal.flushed_entries == len(SIX) - 1
    assert (await world.get(path, "alice", **asked_for)).status_code == 403
    assert (await world.get(path, "bob", definition="1", reason=" ")).status_code == 400


async def test_another_definition_counts_persons_by_month(tmp_path: Path) -> None:
    """Of six persons three worked in each month: all of them in one, it is told of."""
    org = Organisation(services_of(a_service()), {name: name for name in SIX})
    for number, author in enumerate(SIX):
        org.change(str(number), day=0, author=author, approvers=[SIX[number - 1]])
    org.deploy("d1", day=1)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with a_store(tmp_path / "one") as store:
        assert [each["service"] for each in await redefined(tmp_path, store, org)] == ["pay"]
    org = Organisation(org.services, org.aliases)
    for day, authors in ((0, SIX[:3]), (35, SIX[3:])):
        for author in authors:
            org.change(author, day=day, author=author, approvers=["alice" if author != "alice" else "bob"])
        org.deploy(f"d{day}", day=day + 1)
    with a_store(tmp_path / "two") as store:
        assert await redefined(tmp_path, store, org) == []


async def redefined(folder: Path, store: DuckStore, org: Organisation) -> Any:
    load(store, org.answered())
    world = World(folder, store)
    world.policies = replace(world.policies, services=org.services, access=Access({name: Person(name) for name in SIX}))
    document = (await world.get("/v1/reports/definition", "admin", definition="retried=1/4")).json()
    assert not world.journal.entries
    return document["rows"]


async def test_answers_are_as_the_openapi_document_says(world: World) -> None:
    document = (await world.get("/openapi.json")).json()
    schema = document["paths"]["/v1/reports/deployments"]["get"]["responses"]["200"]["content"]["application/json"]
    for as_, more in (("admin", {"by": "service"}), ("alice", {}), ("admin", {"by": "service,week", "reason": "x"})):
        Draft202012Validator(schema["schema"]).validate(await asked(world, as_, **more))


def test_the_story_above_begins_on_a_monday() -> None:
    assert at(0) == START


async def test_a_report_knows_the_mirrors_and_settings_of_its_services(world: World) -> None:
    services = replace(world.policies.services, mirrors={PAY: Mirror(PAY, "file:///x")}, persons_min=4)
    world.policies = replace(world.policies, services=services)
    document = await asked(world)
    assert document["persons_min"] == 4
    unread = [each for each in document["not_yet_known"] if "can't be read" in each]
    assert [each.partition(": ")[2].partition(". Of")[0] for each in unread] == [
        "its mirror has not been fetched yet",
        "services.yaml has no mirror of it",
    ]
