"""The waste report, hints and what was found about a call, over HTTP: forms, roles, and the record of looks."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from jsonschema import Draft202012Validator

from proxy.adapters.store_duckdb import DuckStore
from proxy.ledger.dimensions import WASTE_DIMENSIONS
from proxy.model.calendar import UNITS
from proxy.model.entry import Act, Attributed
from tests.fakes import facts
from tests.flow.control_world import World
from tests.flow.ledger_world import a_store, load, spent

YEAR = {"since": "2026-12-01", "until": "2027-12-01"}
ONE = Decimal("0.00011000033")
"""What each call costs."""


def run_of(owner: str, kind: str, agent: str, *, count: int = 5, **told: Any) -> list[Any]:
    """Calls of one loop: the last two were flagged, those before but the first were named later."""
    ids = [f"{owner}_{number}" for number in range(count)]
    calls = [
        spent(id_, owner=owner, owner_kind=kind, agent=agent, session=f"s-{owner}", opened_us=facts.OPENED_US + at)
        for at, id_ in enumerate(ids)
    ]
    for at in (count - 2, count - 1):
        found = {"class": "tool_loop", "score": 3100, "flagged": 1, "campaign": ids[0], **told}
        calls[at] = replace(calls[at], found=found, repeats=tuple(ids[:at]))
    return [*calls, Attributed(ids[0], "tool_loop", facts.OPENED_US + 99, tuple(ids[1 : count - 2]))]


def entries() -> list[Any]:
    served = replace(
        spent("served_1", owner="robot", owner_kind="service"),
        found={"class": "exact_repeat", "score": 4000, "action": "served", "saved_pico": 7 * 10**9},
        repeats=("robot_0", "gone_1"),
    )
    refused = replace(
        facts.a_refused(),
        call=facts.a_call("refused_1", owner="alice"),
        found={"class": "tool_loop", "score": 3500, "flagged": 1, "action": "refused", "campaign": "alice_0"},
        repeats=("alice_0", "bob_1"),
    )
    exempted = replace(spent("retry_1", owner="bob", key_id="k_bob"), found={"exempted": "retry"})
    runs = [*run_of("alice", "person", ""), *run_of("bob", "person", "builder"), *run_of("robot", "service", "")]
    return [*runs, served, refused, exempted, spent("plain_1", owner="bob")]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckStore]:
    with a_store(tmp_path_factory.mktemp("waste-http")) as store:
        load(store, entries())
        yield store


@pytest.fixture
def world(store: DuckStore, tmp_path: Any) -> World:
    return World(tmp_path, store)


async def asked(world: World, as_: str = "admin", path: str = "waste", **parameters: Any) -> Any:
    answer = await world.get(f"/v1/reports/{path}", as_, **{**YEAR, **parameters})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_report_is_a_document_with_each_kind_of_money(world: World) -> None:
    document = await asked(world, by="class")
    rows = {row["class"]: row for row in document["rows"]}
    assert set(rows) == {"tool_loop", "exact_repeat", ""}
    loops = rows["tool_loop"]
    assert (loops["redundant_calls"], loops["attributed_calls"], loops["refused_calls"]) == (12, 6, 1)
    assert Decimal(loops["redundant_cost_usd"]) == 12 * ONE
    # As much as the newest answered call that it repeats.
    assert Decimal(loops["refused_saved_usd"]) == ONE
    assert rows["exact_repeat"]["served_saved_usd"] == "0.007"
    total = document["total"]
    assert (total["calls"], Decimal(total["cost_usd"])) == (18, 18 * ONE)
    assert Decimal(total["other_cost_usd"]) == 6 * ONE
    assert Decimal(total["avoided_usd"]) == ONE + Decimal("0.007")
    assert (total["exempted_calls"], Decimal(total["exempted_cost_usd"])) == (1, ONE)
    assert (total["share_of_spend"], rows[""]["share_of_spend"]) == ("0.666667", "0.000000")
    assert document["definition"].startswith("waste 1: ")
    assert any("6 of 12 redundant calls turned out" in note for note in document["notes"])


@pytest.mark.parametrize("name", [*WASTE_DIMENSIONS, "tags.note"])
async def test_every_dimension_can_be_asked_for_and_filtered_by(world: World, name: str) -> None:
    period = {"since": "2027-01-01", "until": "2027-01-31"}
    assert (await asked(world, by=name, **period))["total"]["calls"] == 18
    if name not in UNITS:
        assert (await asked(world, **period, **{name: "no such value"}))["total"]["calls"] == 0


async def test_files_have_the_rows_or_the_runs(world: World) -> None:
    answer = await world.get("/v1/reports/waste", "admin", **YEAR, by="class,project", format="csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="waste_2026-12-01_2027-12-01.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert sum(Decimal(row["redundant_cost_usd"]) for row in rows) == 12 * ONE
    answer = await world.get("/v1/reports/waste", "admin", **YEAR, format="csv", examples="1", reason="x")
    runs = list(csv.DictReader(io.StringIO(answer.text)))
    assert [run["campaign"] for run in runs] == ["alice_0", "bob_0", "robot_0"]
    assert sum(Decimal(run["cost_usd"]) for run in runs) == 12 * ONE
    assert (runs[0]["examples"], runs[0]["repeats"]) == ("alice_4", "alice_0 alice_1 alice_2 alice_3")
    answer = await world.get("/v1/reports/waste", "admin", **YEAR, by="class", format="xlsx")
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    about = {row[0].value: row[1].value for row in book["About"].iter_rows()}
    assert Decimal(about["total_redundant_cost_usd"]) == 12 * ONE


@pytest.mark.parametrize(("form", "begin"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("parquet", b"PAR1")])
async def test_it_is_drawn_and_kept(world: World, form: str, begin: bytes) -> None:
    month = {"since": "2027-01-01", "until": "2027-02-01"}
    answer = await world.get("/v1/reports/waste", "admin", **month, by="day,class", format=form)
    assert (answer.status_code, answer.content[: len(begin)]) == (200, begin)


async def test_a_look_at_other_peoples_runs_is_on_record_first(world: World) -> None:
    folded = await asked(world, "bob", by="class", examples="3")
    assert [(run["campaign"], run["runs"]) for run in folded["campaigns"]] == [
        ("(other people)", 1),
        ("bob_0", 1),
        ("robot_0", 1),
    ]
    assert not world.journal.entries
    looked = await asked(world, "bob", by="class", examples="3", reason="invoice 17")
    assert [run["campaign"] for run in looked["campaigns"]] == ["alice_0", "bob_0", "robot_0"]
    [act] = world.journal.of(Act)
    assert (act.actor, act.subject, act.details["report"]) == ("bob", "alice", "waste")
    assert act.details["by"] == "class,campaign"
    assert world.journal.flushed_entries == 1


async def test_a_developer_sees_own_waste_and_where_hints_are(world: World) -> None:
    document = await asked(world, "alice", by="class,user", campaigns="true")
    assert document["scope"] == "own"
    assert {row["user"] for row in document["rows"]} == {"alice"}
    assert [run["campaign"] for run in document["campaigns"]] == ["alice_0"]
    assert document["notes"][0] == "Your own calls only."
    assert "outlay report hints" in document["notes"][1]
    assert (await world.get("/v1/reports/waste", "alice", user="bob")).status_code == 403


async def test_hints_are_of_oneself_alone_whatever_the_role(world: World) -> None:
    [hint] = (await asked(world, "bob", "hints"))["rows"]
    assert hint["says"] == "The agent builder repeated one tool call 4 times in a row with the same result: $0.0004."
    assert "stop" in hint["advice"]
    assert [example["call"] for example in hint["examples"]] == ["bob_4", "bob_3", "bob_2"]
    [hint] = (await asked(world, "alice", "hints"))["rows"]
    assert hint["says"].startswith("An agent or a script repeated one tool call 4 times")
    assert (await asked(world, "admin", "hints"))["rows"] == []
    assert (await asked(world, "bob", "hints", user="alice", reason="curious"))["rows"] == []
    assert not world.journal.entries
    assert (await world.get("/v1/reports/hints", "bob", by="user")).status_code == 400


async def test_hints_are_a_sheet_too(world: World) -> None:
    answer = await world.get("/v1/reports/hints", "alice", **YEAR, format="csv")
    [row] = list(csv.DictReader(io.StringIO(answer.text)))
    assert (row["campaign"], row["class"], row["calls"], Decimal(row["cost_usd"])) == (
        "alice_0",
        "tool_loop",
        "4",
        4 * ONE,
    )


# --- one call


async def explained(world: World, call_id: str, as_: str = "admin", **parameters: str) -> Any:
    answer = await world.get(f"/v1/calls/{call_id}", as_, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json().get("redundancy")


async def test_a_call_is_explained_by_what_was_found(world: World) -> None:
    assert await explained(world, "robot_4") == {
        "class": "tool_loop",
        "score": 3.1,
        "flagged_from": 2.9,
        "flagged": True,
        "campaign": "robot_0",
        "exempted": "",
        "action": "",
        "saved_usd": "0.00",
        "repeats": ["robot_0", "robot_1", "robot_2", "robot_3"],
        "repeats_not_shown": 0,
        "named_later": None,
    }
    later = await explained(world, "robot_1")
    assert (later["class"], later["flagged"], later["named_later"]["campaign"]) == ("", False, "robot_0")
    assert (await explained(world, "retry_1", "bob"))["exempted"] == "retry"
    assert await explained(world, "plain_1", "bob") is None
    served = await explained(world, "served_1")
    assert (served["action"], served["saved_usd"]) == ("served", "0.007")
    assert (served["repeats"], served["repeats_not_shown"]) == (["robot_0"], 1)


async def test_who_asks_about_an_own_call_learns_nothing_of_anybody_elses(world: World) -> None:
    mine = await explained(world, "refused_1", "alice")
    assert (mine["repeats"], mine["repeats_not_shown"]) == (["alice_0"], 1)
    assert (mine["action"], Decimal(mine["saved_usd"])) == ("refused", ONE)
    # Finance too needs a reason, and it is for the person whose call it is.
    theirs = await explained(world, "refused_1", "admin", reason="invoice 17")
    assert (theirs["repeats"], theirs["repeats_not_shown"]) == (["alice_0"], 1)


@pytest.mark.parametrize(
    ("route", "path", "parameters"),
    [
        ("/v1/reports/waste", "/v1/reports/waste", {**YEAR, "by": "class,project"}),
        ("/v1/reports/waste", "/v1/reports/waste", {**YEAR, "examples": "2", "reason": "x", "as_of": "2027-06"}),
        ("/v1/reports/hints", "/v1/reports/hints", {**YEAR, "examples": "1"}),
        ("/v1/calls/{id}", "/v1/calls/bob_4", {}),
        ("/v1/calls/{id}", "/v1/calls/bob_1", {}),
    ],
)
async def test_answers_are_as_the_openapi_document_says(
    world: World, route: str, path: str, parameters: dict[str, str]
) -> None:
    described = (await world.get("/openapi.json")).json()["paths"][route]["get"]
    answer = await world.get(path, "bob", **parameters)
    assert answer.status_code == 200
    Draft202012Validator(described["responses"]["200"]["content"]["application/json"]["schema"]).validate(answer.json())
    assert set(parameters) <= {each["name"] for each in described["parameters"]}
