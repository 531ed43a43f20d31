"""One deployment explained over HTTP and in a terminal: to whom, and who is named; as of everything told until now."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from jsonschema import Draft202012Validator
from rich.console import Console

from proxy.adapters.store_duckdb import DuckStore
from proxy.cli import deployment_tables, tables
from proxy.ledger.people import ROWS_VIEWED
from proxy.model.entry import Act
from proxy.policy.types import Access, Person
from proxy.web.openapi_answers import deployment
from tests.fakes.telling import PAY, Organisation
from tests.flow.control_world import World
from tests.flow.ledger_world import a_store, load

PEOPLE = {name: Person(name) for name in ("alice", "bob", "carol")}


def an_organisation() -> Organisation:
    org = Organisation()
    org.change("0", -9, author="carol")
    org.deploy("d0", -8)
    org.change("1", 0, work_items=("PAY-1",))
    org.change("9", 0.1, author="carol", substance="comments")
    org.commit("pushed" * 7)
    org.deploy("d1", 0.5)
    org.state("d1", 1, "failure")
    org.change("2", 2)
    org.deploy("d2", 2.5)
    org.deploy("lost", 3, repository="github.com/acme/unknown", sha="f" * 40)
    return org


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckStore]:
    with a_store(tmp_path_factory.mktemp("story")) as store:
        load(store, an_organisation().answered())
        yield store


@pytest.fixture
def world(store: DuckStore, tmp_path: Path) -> World:
    world = World(tmp_path, store)
    world.policies = replace(world.policies, services=an_organisation().services, access=Access(PEOPLE))
    return world


async def story(world: World, name: str, as_: str = "admin", **given: Any) -> Any:
    answer = await world.get(f"/v1/deployments/{quote(name, safe='')}", as_, **given)
    assert answer.status_code == 200, answer.text
    Draft202012Validator(deployment()).validate(answer.json())
    return answer.json()


def drawn(document: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    out = Console(file=io.StringIO(), width=80)
    monkeypatch.setattr(tables, "console", lambda: out)
    tables.sections(deployment_tables.sections(document))
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


async def test_the_story_says_what_counts_what_does_not_and_why(world: World) -> None:
    said = await story(world, "d1")
    assert said["standing"] == "voided"
    assert [each["rule"] for each in said["rulings"] if each["holds"] is False] == ["D7"]
    assert {each["change"]: each["qualifies"] for each in said["changes"]} == {f"{PAY}#1": True, f"{PAY}#9": False}
    assert said == await story(world, said["deployment"]["id"])


async def test_it_is_read_in_80_columns(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn(await story(world, "d1"), monkeypatch)
    assert max(map(len, text.splitlines())) <= 80
    for part in ("voided", "Does it count", "Against it", f"Change {PAY}#1", "PAY-1", f"Group {PAY}#1", "1/2"):
        assert part in text, text
    assert "2 of no merged change" not in text
    assert "1 of no merged change: pushedpushed" in text


@pytest.mark.parametrize("name", ["fffffff", "lost", "github/github.com/acme/unknown/lost"])
async def test_one_that_nobody_registered_is_told_to_be_held_back(world: World, name: str) -> None:
    answer = await world.get(f"/v1/deployments/{name}", "admin")
    assert answer.status_code == 404
    why = "no service in services.yaml has the repository github.com/acme/unknown"
    assert f"held back: {why}." in answer.json()["error"]["message"]


@pytest.mark.parametrize(("as_", "name", "status", "word"), [
    ("admin", "nothing", 404, "unknown_deployment"),
    ("alice", "d0", 403, "forbidden"),
    ("alice", "nothing", 403, "forbidden"),
    ("alice", "d1?reason=x", 403, "forbidden"),
    ("admin", "d1?why=x", 400, "bad_parameter"),
    ("admin", "d1?reason=%20", 400, "bad_parameter"),
    ("", "d1", 401, "invalid_key"),
])  # fmt: skip
async def test_who_may_not_or_asks_for_nothing_is_told(
    world: World, as_: str, name: str, status: int, word: str
) -> None:
    path, _, query = name.partition("?")
    answer = await world.get(f"/v1/deployments/{path}", as_, **dict(parse_qsl(query)))
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, word)


def said_of_people(document: Any) -> set[str]:
    return {
        each["says"] for change in document["changes"] for each in change["rulings"] if each["rule"] in ("Q2", "Q3")
    }


@pytest.mark.parametrize(
    ("as_", "local", "says"),
    [
        ("admin", False, {"by author 1", "approved by reviewer 1", "by author 2"}),
        ("", True, {"by author 1", "approved by reviewer 1", "by author 2"}),
        ("bob", False, {"by author 1", "approved by bob", "by author 2"}),
        ("alice", False, {"by alice", "approved by reviewer 1", "by author 1"}),
    ],
)
async def test_people_are_told_of_by_role_and_whoever_reads_it_by_name(
    world: World, as_: str, local: bool, says: set[str]
) -> None:
    document = await story(world, "d1", as_, local=local)
    assert said_of_people(document) == says
    assert (document["persons"], document["deployment"]["actor"]) == ("roles", "deploy-bot")
    assert not any(name in json.dumps(document) for name in {"alice", "bob", "carol"} - {as_})
    assert not world.journal.entries


@pytest.mark.parametrize(
    ("as_", "local", "actor"), [("bob", False, "bob"), ("admin", False, "admin"), ("", True, "operator")]
)
async def test_a_reason_names_them_and_each_can_see_that(world: World, as_: str, local: bool, actor: str) -> None:
    document = await story(world, "d1", as_, local=local, reason="why did it not count")
    assert said_of_people(document) == {"by alice", "by carol", "approved by bob"}
    assert document["persons"] == "names"
    author = {} if local else {"by_key": f"k_{as_}", "by_role": {"bob": "finance"}.get(as_, "admin")}
    details = {"report": "deployment", "filters": f"deployment={document['deployment']['id']}", **author}
    assert [(act.actor, act.kind, act.subject, act.reason, act.details) for act in world.journal.of(Act)] == [
        (actor, ROWS_VIEWED, name, "why did it not count", details) for name in ("alice", "bob", "carol") if name != as_
    ]
    assert world.journal.flushed_entries == len(world.journal.of(Act))


async def test_a_look_that_cannot_be_put_on_record_shows_nothing(world: World) -> None:
    world.journal.break_()
    answer = await world.get("/v1/deployments/d1", "admin", reason="why")
    assert (answer.status_code, "alice" in answer.text) == (503, False)
