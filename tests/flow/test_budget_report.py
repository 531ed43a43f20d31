"""The report of budgets over HTTP: figures, windows, forms, roles, and the record of looks."""

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
from proxy.ledger.increases import GRANTED, Wish
from proxy.ledger.people import OTHER_PEOPLE, Viewer
from proxy.model.entry import Refused
from proxy.model.identity import OwnerKind, Role
from proxy.model.money import PICO_PER_USD
from proxy.model.squeeze import Squeeze
from proxy.policy.keys import digest
from proxy.policy.rules import Budget, RuleSet, Scope, Unit, Window
from proxy.policy.types import Access, Key, Person, PolicySet, Project
from tests.fakes import facts
from tests.flow.control_world import World, secret
from tests.flow.ledger_world import a_store, load, spent

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
DAY = facts.OPENED_US // DAY_US * DAY_US
"""Begin of the day of the calls, UTC."""
NOW_US = DAY + 20 * HOUR_US
COST = Decimal("0.00011000033")
"""What each call costs."""
TOKENS = 110


def a_budget(name: str, *, limit: int = PICO_PER_USD, window: str = "day", **given: Any) -> Budget:
    scope = Scope({key: (value,) for key, value in given.pop("applies_to", {}).items()})
    plain: dict[str, Any] = {
        **{"where": f"budgets.yaml:{len(name)}", "mode": "enforce", "contact": "", "per": (), "unit": Unit.USD},
        **{"warn_at": (), "action": "refuse", "downgrade_to": "", "on_cap": "cut", "reserve": 0},
        "count_refused": False,
    }
    kind = {"window": Window("rolling", length_s=86_400) if window == "24h" else Window(window)}  # type: ignore[arg-type]
    return Budget(name=name, scope=scope, limit=limit, **kind, **(plain | given))


BUDGETS = (
    a_budget("all"),
    a_budget("tokens", unit=Unit.TOKENS, limit=1000, window="total", per=("project",)),
    a_budget("each", per=("user",), limit=PICO_PER_USD // 100),
    a_budget("bobs", applies_to={"user": "bob"}),
    a_budget("tried", mode="shadow", window="month", per=("project",)),
    a_budget("rolling", unit=Unit.CALLS, limit=10, window="24h"),
    a_budget("idle", applies_to={"provider": "anthropic"}, per=("user",)),
    a_budget("tickets", unit=Unit.CALLS, limit=5, per=("tags.ticket",)),
)


def refused(id_: str, owner: str, budget: str, *, message: str = "", **call: Any) -> Refused:
    squeezed = (Squeeze("refuse", budget, "USD", "1", "1", "0", "0", "0", "1"),)
    entry = replace(facts.a_refused(), call=facts.a_call(id_, owner=owner, **call), matched=("all",))
    return replace(entry, message=message) if message else replace(entry, squeezed=squeezed)


def entries() -> list[Any]:
    settled = [
        spent("call_a", owner="alice", opened_us=DAY + HOUR_US),
        spent("call_b", owner="bob", opened_us=DAY + 2 * HOUR_US, project="search"),
        spent("call_c", owner="robot", owner_kind="service", opened_us=DAY + 3 * HOUR_US, tags={}),
        spent("call_y", owner="alice", opened_us=DAY - HOUR_US),
        replace(
            spent("call_s", owner="alice", opened_us=DAY + 4 * HOUR_US, model="gpt-5"),
            shadow=("tried: refuse", "other: refuse"),
        ),
    ]
    told = "The budget 'each' of user 'alice' (budgets.yaml:9) has no room for this call: $1 of $1 are spent."
    at = {"opened_us": DAY + 5 * HOUR_US}
    turned_away = [
        refused("ref_1", "bob", "each", **at),
        refused("ref_2", "alice", "", message=told, **at),
        refused("ref_3", "alice", "", message="The budget 'all' (budgets.yaml:3) has no room for this call.", **at),
        refused("ref_4", "alice", "each", opened_us=DAY - 2 * HOUR_US),
    ]
    wish = Wish("each", ("bob",), Unit.USD, 5 * PICO_PER_USD, DAY + 9 * DAY_US, "a release")
    act = wish.act(GRANTED, Viewer("admin", OwnerKind.SERVICE, Role.ADMIN), DAY + HOUR_US, b"1234")
    return [*settled, *turned_away, facts.an_opened("call_o", owner="bob", opened_us=NOW_US - HOUR_US), act]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckStore]:
    with a_store(tmp_path_factory.mktemp("budgets")) as store:
        load(store, entries())
        yield store


@pytest.fixture
def world(store: DuckStore, tmp_path: Path) -> World:
    world = World(tmp_path, store)
    world.ledger.clock = type("At", (), {"now_us": lambda _: NOW_US})()
    world.application = world.ledger.application()
    hashed = digest(secret("carol").encode())
    keys = dict(world.policies.keys)
    alice = digest(secret("alice").encode())
    keys[alice] = replace(keys[alice], projects=("checkout",))
    keys[hashed] = Key("k_carol", hashed, "bob", OwnerKind.PERSON, ("search",), Role.DEVELOPER)
    access = Access(
        people={name: Person(name, "payments") for name in ("alice", "bob")},
        projects={name: Project(name, "payments") for name in ("checkout", "search")},
    )
    world.policies = PolicySet("v1", keys=keys, access=access, rules=RuleSet(budgets=BUDGETS))
    return world


async def asked(world: World, as_: str = "admin", **parameters: Any) -> Any:
    answer = await world.get("/v1/reports/budgets", as_, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def of(document: Any, budget: str) -> dict[str, dict[str, Any]]:
    """Its rows by their instance."""
    return {",".join(row["instance"].values()): row for row in document["rows"] if row["budget"] == budget}


async def test_each_account_has_what_it_may_spend_has_spent_holds_and_has_left(world: World) -> None:
    document = await asked(world, reason="a test")
    row = of(document, "all")[""]
    assert Decimal(row["spent"]) == 4 * COST
    assert (row["limit"], row["granted"], row["held"]) == ("1.00", "0.00", "0.003")
    assert Decimal(row["left"]) == 1 - 4 * COST - Decimal("0.003")
    assert row["share"] == "0.000440"
    assert (row["window"], row["unit"], row["mode"], row["action"]) == ("day", "USD", "enforce", "refuse")
    assert (row["from"], row["to"]) == ("2027-01-15T00:00:00+00:00", "2027-01-16T00:00:00+00:00")
    assert row["resets"] == row["to"]
    assert (row["refused"], row["accounts"], row["rule"]) == (1, 1, "budgets.yaml:3")
    tokens = of(document, "tokens")
    assert (tokens["checkout"]["spent"], tokens["search"]["spent"]) == (str(4 * TOKENS), str(TOKENS))
    assert (tokens["checkout"]["held"], tokens["checkout"]["left"]) == ("1500", "0")
    assert (tokens["checkout"]["from"], tokens["checkout"]["to"], tokens["checkout"]["resets"]) == (None, None, None)
    rolling = of(document, "rolling")[""]
    assert (rolling["window"], rolling["spent"], rolling["held"], rolling["resets"]) == ("1d", "5", "1", None)
    assert {key: row["spent"] for key, row in of(document, "tickets").items()} == {"": "1", "PAY-1": "3"}


async def test_grants_and_refusals_stand_with_their_account(world: World) -> None:
    rows = of(await asked(world, reason="a test"), "each")
    assert list(rows) == ["alice", "bob", "robot"]
    assert {name: row["refused"] for name, row in rows.items()} == {"alice": 1, "bob": 1, "robot": 0}
    assert {name: row["granted"] for name, row in rows.items()} == {"alice": "0.00", "bob": "5.00", "robot": "0.00"}
    assert rows["bob"]["held"] == "0.003"


async def test_a_rule_in_shadow_mode_says_what_it_would_have_refused_and_what_that_cost(world: World) -> None:
    row = of(await asked(world), "tried")["checkout"]
    assert (row["mode"], row["refused"], row["shadow_refused"]) == ("shadow", 0, 1)
    assert Decimal(row["shadow_cost_usd"]) == COST


async def test_windows_that_are_over_stand_apart(world: World) -> None:
    document = await asked(world, since="2027-01-14", until="2027-01-17", budget="all")
    assert [(row["from"][:10], Decimal(row["spent"]), row["held"]) for row in document["rows"]] == [
        ("2027-01-14", COST, "0.00"),
        ("2027-01-15", 4 * COST, "0.003"),
    ]
    assert [row["resets"] is None for row in document["rows"]] == [True, False]
    assert any("policy files of today" in note for note in document["notes"])
    before = await asked(world, since="2027-01-14", until="2027-01-15", reason="a test")
    assert of(before, "each")["alice"]["refused"] == 1
    assert of(before, "rolling")[""]["spent"] == "1"


async def test_other_people_stand_together_until_a_reason_is_given_and_on_record(world: World) -> None:
    document = await asked(world)
    rows = of(document, "each")
    assert set(rows) == {OTHER_PEOPLE, "robot"}
    together = rows[OTHER_PEOPLE]
    assert (together["accounts"], Decimal(together["spent"]), together["refused"]) == (2, 3 * COST, 2)
    assert together["limit"] == "0.02"
    # What is about one person alone tells about them under any name.
    assert of(document, "bobs") == {}
    assert "Budgets about other people alone are left out for want of a reason: 1." in document["notes"]
    assert "bob" not in str(of(document, "each"))
    assert world.journal.entries == []

    shown = await asked(world, reason="invoice 17")
    assert Decimal(of(shown, "bobs")[""]["spent"]) == COST
    acts = [entry for entry in world.journal.entries if entry.kind == "rows_viewed"]
    assert [(act.subject, act.reason, act.details["report"]) for act in acts] == [
        ("alice", "invoice 17", "budgets"),
        ("bob", "invoice 17", "budgets"),
    ]


async def test_one_sees_ones_own_row_beside_the_others(world: World) -> None:
    assert set(of(await asked(world, "bob"), "each")) == {"bob", OTHER_PEOPLE, "robot"}
    assert Decimal(of(await asked(world, "bob"), "bobs")[""]["spent"]) == COST


async def test_a_developer_sees_own_accounts_alone(world: World) -> None:
    document = await asked(world, "alice")
    assert document["scope"] == "own"
    assert set(of(document, "each")) == {"alice"}
    assert set(of(document, "tokens")) == {"checkout"}
    assert of(document, "bobs") == {}
    # Nothing is spent there yet, and what is left is what one wants to know.
    assert [row["left"] for row in of(document, "idle").values()] == ["1.00"]
    assert of(await asked(world), "idle") == {}
    assert world.journal.entries == []
    other = await asked(world, "carol", reason="curious")
    assert set(of(other, "each")) == {"bob"}
    assert set(of(other, "bobs")) == {""}
    answer = await world.get("/v1/reports/budgets", "alice", budget="bobs")
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "bad_parameter")


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"budget": "al"}, "did you mean 'all'"),
        ({"by": "user"}, "no such parameter"),
        ({"since": "2020-01-01"}, "more than 100 windows"),
        ({"tz": "Mars"}, "no time zone"),
        ({"format": "svg"}, "there are json, csv, parquet and xlsx"),
    ],
)
async def test_what_makes_no_sense_is_named(world: World, parameters: dict[str, str], says: str) -> None:
    answer = await world.get("/v1/reports/budgets", "admin", **parameters)
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]


async def test_it_needs_a_key(world: World) -> None:
    assert (await world.get("/v1/reports/budgets")).status_code == 401


async def test_files_have_amounts_as_numbers_in_the_row_s_unit(world: World) -> None:
    answer = await world.get("/v1/reports/budgets", "admin", format="csv", reason="a test")
    rows = {(row["budget"], row["instance"]): row for row in csv.DictReader(io.StringIO(answer.text))}
    assert Decimal(rows["all", ""]["spent"]) == 4 * COST
    assert Decimal(rows["tokens", "project=checkout"]["spent"]) == 4 * TOKENS
    sheet = await world.get("/v1/reports/budgets", "admin", format="xlsx", reason="a test")
    page = openpyxl.load_workbook(io.BytesIO(sheet.content))["Report"]
    names = [cell.value for cell in page[1]]
    spent_at = {row[0].value: row[names.index("spent")].value for row in page.iter_rows(min_row=2)}
    assert spent_at["all"] == pytest.approx(float(4 * COST))
    parquet = await world.get("/v1/reports/budgets", "admin", format="parquet", reason="a test")
    assert parquet.content[:4] == b"PAR1"


async def test_answers_are_as_the_openapi_document_says(world: World) -> None:
    described = (await world.get("/openapi.json")).json()["paths"]["/v1/reports/budgets"]["get"]
    schema = described["responses"]["200"]["content"]["application/json"]["schema"]
    Draft202012Validator(schema).validate(await asked(world, reason="a test"))
    Draft202012Validator(schema).validate(await asked(world, since="2027-01-14"))
