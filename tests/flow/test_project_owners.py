"""Whoever owns a project sees all of its money in every report, nobody's row, and nothing beyond."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from proxy.adapters.store_duckdb import DuckStore
from proxy.ledger.people import OTHER_PEOPLE
from proxy.model.entry import Act, Settled
from proxy.model.identity import Project
from proxy.model.usage import Usage
from proxy.policy.rules import RuleSet
from proxy.policy.types import Access, Person
from tests.fakes.telling import START
from tests.flow.control_world import World
from tests.flow.ledger_world import a_store, load, spent
from tests.flow.test_budget_report import a_budget
from tests.flow.test_deployments_http import PERIOD, SIX, an_organisation

UNIT = Decimal("0.000001000003")
"""What a token costs."""
DECEMBER = {"since": "2026-12-01", "until": "2027-12-01"}
CALLS: dict[str, tuple[int, dict[str, Any]]] = {
    "own": (1, {"owner": "alice", "project": "search", "branch": "mine"}),
    "own_here": (2, {"owner": "alice", "branch": "mine"}),
    "bobs": (4, {"owner": "bob", "branch": "bobs", "session": "s-bob", "tags": {"tenant": "t1"}}),
    "carols": (8, {"owner": "carol", "branch": "carols", "session": "s-carol"}),
    "service": (16, {"owner": "robot", "owner_kind": "service", "branch": "deploy", "tags": {"tenant": "t1"}}),
    "elsewhere": (32, {"owner": "bob", "project": "search", "branch": "bobs", "session": "s-bob"}),
}
"""Tokens, each a power of two: a sum says which calls are in it."""
OWNED = 2 + 4 + 8 + 16
BUDGETS = (
    a_budget("checkout-whole", applies_to={"project": "checkout"}, window="total"),
    a_budget("search-whole", applies_to={"project": "search"}, window="total"),
    a_budget("projects", per=("project",), window="total"),
    a_budget("people-of-checkout", applies_to={"project": "checkout"}, per=("user",), window="total"),
    a_budget("money-whole", applies_to={"team": "money"}, window="total"),
    a_budget("any-c", applies_to={"project": "c*"}, window="total"),
)


def call(name: str, tokens: int, given: dict[str, Any]) -> Settled:
    found = {"class": "exact_repeat", "score": 4000, "flagged": 1, "campaign": name}
    plain = {"project": "checkout", "team": "money", "branch": "", "session": "", "repository": ""}
    return replace(spent(name, Usage(input_text=tokens), **(plain | given)), found=found, repeats=("call_0",))


def outcome_call(name: str, tokens: int, **given: Any) -> Settled:
    plain = {"opened_us": START, "repository": "", "branch": "", "session": "", "team": "money", "owner": "bob"}
    return spent(name, Usage(input_text=tokens), **(plain | given))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckStore]:
    with a_store(tmp_path_factory.mktemp("owners")) as store:
        calls = [call(name, tokens, given) for name, (tokens, given) in CALLS.items()]
        shared = [outcome_call("a", 1, project="checkout"), outcome_call("b", 2, project="shared")]
        load(store, [*an_organisation().answered(), *calls, *shared])
        yield store


@pytest.fixture
def world(store: DuckStore, tmp_path: Path) -> World:
    """alice, a developer, owns checkout; bob is finance."""
    world = World(tmp_path, store)
    people = {name: Person(name) for name in SIX}
    checkout = Project("checkout", team="money", owners=("alice",))
    access = Access(people, projects={"checkout": checkout, "search": Project("search", team="money")})
    rules = RuleSet(budgets=BUDGETS)
    world.policies = replace(world.policies, services=an_organisation().services, access=access, rules=rules)
    return world


async def asked(world: World, path: str = "spend", as_: str = "alice", **parameters: Any) -> Any:
    answer = await world.get(f"/v1/reports/{path}", as_, **{**DECEMBER, **parameters})
    assert answer.status_code == 200, answer.text
    return answer.json()


def tokens(usd: str) -> int:
    return int(Decimal(usd) / UNIT)


def by(document: Any, name: str) -> dict[str, int]:
    return {row[name]: tokens(row["cost_usd"]) for row in document["rows"]}


async def test_an_owner_sees_all_money_of_the_project_and_the_own_elsewhere(world: World) -> None:
    document = await asked(world, by="project")
    assert by(document, "project") == {"checkout": OWNED, "search": 1}
    assert tokens(document["total"]["cost_usd"]) == OWNED + 1
    assert document["scope"] == "projects"
    assert "Your own calls, and those of projects that you own: checkout." in document["notes"]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("user", {"alice": 3, OTHER_PEOPLE: 12, "robot": 16}),
        ("branch", {"mine": 3, OTHER_PEOPLE: 12, "deploy": 16}),
        ("tags.tenant", {"": 3, OTHER_PEOPLE: 12, "t1": 16}),
        ("session", {"": 3 + 16, OTHER_PEOPLE: 12}),
    ],
)
@pytest.mark.parametrize("reason", ["", "because I say so"])
async def test_no_other_persons_row_stands_apart_whatever_the_reason(
    world: World, name: str, rows: dict[str, int], reason: str
) -> None:
    document = await asked(world, by=name, reason=reason)
    assert by(document, name) == rows
    assert not any("a reason shows them" in note for note in document["notes"])
    assert not world.journal.of(Act)


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({"session": "s-bob"}, 0),
        ({"branch": "bobs"}, 0),
        ({"branch": "mine"}, 3),
        ({"tags.tenant": "t1"}, 16),
        ({"project": "search"}, 1),
        ({"project": "checkout"}, OWNED),
        ({"user": "alice"}, 3),
        ({"owner_kind": "person", "project": "checkout"}, 2 + 4 + 8),
    ],
)
async def test_a_filter_that_comes_near_a_person_leaves_out_other_persons(
    world: World, given: dict[str, str], seen: int
) -> None:
    assert tokens((await asked(world, **given))["total"]["cost_usd"]) == seen


async def test_asking_for_somebody_is_refused_as_ever(world: World) -> None:
    answer = await world.get("/v1/reports/spend", "alice", **DECEMBER, user="carol", reason="x")
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "forbidden")
    assert (await world.get("/v1/calls/carols", "alice")).status_code == 404


async def test_who_owns_nothing_sees_as_before(world: World) -> None:
    access = world.policies.access
    projects = {name: replace(each, owners=()) for name, each in access.projects.items()}
    world.policies = replace(world.policies, access=replace(access, projects=projects))
    document = await asked(world, by="user")
    assert (by(document, "user"), document["scope"]) == ({"alice": 3}, "own")
    whole = await asked(world, as_="bob", by="user")
    assert by(whole, "user") == {"bob": 36, OTHER_PEOPLE: 3 + 8, "robot": 16}


async def test_waste_of_the_project_is_seen_and_nobodys_runs(world: World) -> None:
    document = await asked(world, "waste", campaigns="true", examples="3")
    assert tokens(document["total"]["redundant_cost_usd"]) == OWNED + 1
    runs = {run["campaign"]: tokens(run["cost_usd"]) for run in document["campaigns"]}
    assert runs == {"own": 1, "own_here": 2, OTHER_PEOPLE: 12, "service": 16}
    hints = await asked(world, "hints")
    assert sorted(tokens(row["cost_usd"]) for row in hints["rows"]) == [1, 2]


async def test_budgets_of_the_project_are_seen_and_no_others(world: World) -> None:
    answer = await world.get("/v1/reports/budgets", "alice")
    rows = answer.json()["rows"]
    seen = {(row["budget"], *row["instance"].values()): tokens(row["spent"]) for row in rows}
    # One call more: of the year before.
    assert seen == {
        ("checkout-whole",): OWNED + 1,
        ("projects", "checkout"): OWNED + 1,
        ("people-of-checkout", "alice"): 2,
    }


async def test_deployments_show_the_money_of_owned_projects_where_narrowed_to_them(world: World) -> None:
    wide = await asked(world, "deployments", by="service", **PERIOD)
    assert {row["spend_usd"] for row in (*wide["rows"], wide["total"])} == {None}
    assert any("narrowed to them: checkout" in note for note in wide["notes"])
    narrow = await asked(world, "deployments", by="service", project="checkout", **PERIOD)
    [pay] = [row for row in narrow["rows"] if row["service"] == "pay"]
    assert (tokens(pay["spend_usd"]), tokens(pay["within_reach_usd"])) == (1, 0)
    assert tokens(narrow["total"]["spend_usd"]) == 1
    mixed = await asked(world, "deployments", project="shared", **PERIOD)
    assert mixed["total"]["spend_usd"] is None
    answer = await world.get("/v1/reports/deployments", "alice", **PERIOD, project="checkout", reason="x")
    assert answer.status_code == 403
