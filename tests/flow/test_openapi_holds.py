"""Whatever is asked of the control plane, the answer is one that its OpenAPI document names, of the shape it names.

`.ci/schemathesis` asks a running ledger the same with a tool that others wrote; this needs none and runs always.
"""

import asyncio
import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from proxy.ledger.dimensions import DIMENSIONS
from proxy.ledger.periods import NAMED
from proxy.policy.load import RULES, load
from proxy.policy.types import PolicySet
from proxy.web.openapi import openapi
from tests.fakes import deliveries, facts
from tests.flow.control_world import World, secret
from tests.flow.ledger_world import a_store, spent
from tests.flow.ledger_world import load as load_lines

DOCUMENT = openapi("http://ledger")
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]
BUDGETS = """
budgets:
  - {name: all-month, limit: 500 USD, window: month}
  - {name: each, per: [user, project], limit: 1M tokens, window: 30d}
"""
SERVICES = """
services: {checkout: {repositories: [github.com/acme/checkout], environments: [production], registered: 2026-01-01}}
sources: {ours: {kind: generic, secrets: [{env: OUTLAY_TEST_NO_SUCH_SECRET}]}}
"""
WORDS = [
    *("", "0", "-1", "now", "2027", "2027-01", "2027-01-15", "2027-13-45", "0001-01-01", "9999-12-31T23:59:59+14:00"),
    *(
        "99999w",
        "3h",
        "7d",
        "2027-01-15T08:00:00Z",
        "2027-01-15 08:00",
        "UTC",
        "Asia/Tokyo",
        "America/New_York",
        "../etc",
    ),
    *("a,b", "user", "user,day", "hour,minute", "model,project", "tags.note", "tags.", "tags.a.b", "call_1", "call_5"),
    *(
        "true",
        "json",
        "csv",
        "svg",
        "previous",
        "all-month",
        "each",
        "k_alice",
        "alice",
        "checkout",
        "9" * 30,
        "1" * 5000,
    ),
    *("50 USD", "1e9 USD", "20M tokens", "0 USD", "-5 USD", "key_created", "clawback=14d", "clawback=1,alike_bits=2"),
    *("\x00", "\x1b[2J", "\u202e", "é", "😀", "' OR 1=1 --", "$name", "%", "{}", "*", "a" * 400, *NAMED),
]
NAMES = [
    *DIMENSIONS,
    *("by", "since", "until", "tz", "reason", "format", "compare", "kind", "budget", "as_of", "examples"),
]


def words() -> st.SearchStrategy[str]:
    return st.sampled_from(WORDS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


TIMES = ["2027-01-15", "2026-12", "2027-02-01", "2100-01-01", "7d", "last-year", "now"]
GOOD = {
    **dict.fromkeys(("since", "until", "as_of"), TIMES),
    "tz": ["UTC", "Europe/Berlin", "Pacific/Chatham"],
    "by": ["", "user", "project", "model,day", "tags.note", "session", "service", "team,tier", "class", "month,user"],
    "reason": ["invoice 17"],
    "id": ["call_1", "call_2", "call_4", "call_5"],
    "name": ["all-month", "each"],
    "budget": ["all-month", "each"],
    "definition": ["clawback=14d", "alike_bits=2", "retried=1/4"],
    "examples": ["0", "2"],
    "month": ["2026-10", "2027-01"],
    **{name: ["alice", "k_1"] for name in ("user", "key")},
    **{name: ["0", "1800000000000000"] for name in ("since_us", "minutes_since_us", "quarters_since_us")},
    "until_us": ["1900000000000000"],
}
"""What is often right there."""


def value_of(each: dict[str, Any]) -> st.SearchStrategy[str]:
    """Of a parameter: what it may have, more often than not."""
    schema = each["schema"]
    named = [str(value) for value in schema["enum"]] if "enum" in schema else GOOD.get(each["name"], WORDS)
    numbers = st.integers(-5, 2**70).map(str) if schema.get("type") == "integer" else words()
    return st.integers(0, 7).flatmap(lambda number: numbers if number == 0 else st.sampled_from(named))


def json_values() -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | words()
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words(), inner, max_size=3), max_leaves=8
    )


def body_of(operation: dict[str, Any]) -> st.SearchStrategy[bytes]:
    if "requestBody" not in operation:
        return st.just(b"")
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    fields = {name: words() | json_values() for name in schema.get("properties", {})}
    fields |= {"instance": st.lists(words(), max_size=3)} if "instance" in fields else {}
    fields |= {"amount": st.sampled_from(["50 USD", "20M tokens", "1e9 USD"]) | words()} if "amount" in fields else {}
    fields |= {"until": st.just("7d") | words()} if "until" in fields else {}
    fields |= (
        {"events": st.lists(json_values() | st.just(deliveries.generic()), max_size=3)} if "events" in fields else {}
    )
    right = st.just({"amount": "50 USD", "until": "7d", "reason": "a test"} if "amount" in fields else {"events": []})
    whole = right | right | st.fixed_dictionaries({}, optional=fields) | json_values()
    raw = st.binary(max_size=30) | st.sampled_from(
        [b"[" * 5000, b'{"a":' * 2500, b'{"amount":"\\ud800"}', b"\xff", b"{}"]
    )
    return whole.map(lambda value: json.dumps(value).encode()) | raw


@st.composite
def requests(draw: st.DrawFn, path: str, operation: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    asked = operation.get("parameters", [])
    for each in asked:
        if each["in"] == "path":
            value = draw(value_of(each))
            path = path.replace("{" + each["name"] + "}", httpx.QueryParams({"": value}).__str__()[1:] or "x")
    query = [each for each in asked if each["in"] == "query"]
    optional = [each for each in query if not each["required"]]
    chosen = (
        draw(st.lists(st.sampled_from(optional), max_size=3, unique_by=lambda each: each["name"])) if optional else []
    )
    needed = [each for each in query if each["required"]]
    parameters = [(each["name"], draw(value_of(each))) for each in [*chosen, *needed]]
    if draw(st.integers(0, 7)) == 0:
        parameters.append((draw(st.sampled_from(NAMES) | words()), draw(words())))
    return path, parameters, draw(body_of(operation))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openapi")
    with a_store(folder) as store:
        calls = [
            facts.an_opened("call_1"),
            spent("call_1", owner="alice", project="checkout", tags={"note": "=1+1"}),
            spent("call_2", owner="bob", key_id="k_bob", project="search"),
            facts.a_refused("call_4"),
            facts.an_opened("call_5"),
        ]
        load_lines(store, calls)
        world = World(folder, store)
        files = {"budgets.yaml": BUDGETS, "services.yaml": SERVICES}
        loaded = load(files, enforced=frozenset(RULES))
        assert isinstance(loaded, PolicySet), loaded
        world.policies = PolicySet(
            "v1", keys=world.policies.keys, rules=loaded.rules, services=loaded.services, access=loaded.access
        )
        yield world


async def answered(
    world: World, method: str, asked: tuple[str, list[tuple[str, str]], bytes], as_: str
) -> httpx.Response:
    path, parameters, body = asked
    headers = {"authorization": f"Bearer {secret(as_)}"} if as_ else {}
    transport = httpx.ASGITransport(app=world.application)
    async with httpx.AsyncClient(transport=transport, base_url="http://ledger", headers=headers) as client:
        return await client.request(method, path, params=parameters, content=body)


def check(operation: dict[str, Any], answer: httpx.Response) -> None:
    known = operation["responses"]
    assert str(answer.status_code) in known, (answer.status_code, answer.text[:300])
    media = answer.headers["content-type"].partition(";")[0]
    contents = known[str(answer.status_code)]["content"]
    assert media in contents
    schema = contents[media].get("schema")
    if schema:
        Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(answer.json())


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[f"{method} {path}" for path, method in OPERATIONS])
def test_every_answer_is_one_that_the_document_names(world: World, path: str, method: str) -> None:
    operation = DOCUMENT["paths"][path][method]

    @settings(max_examples=20)
    @given(requests(path, operation), st.sampled_from(["admin", "admin", "admin", "alice", "bob", ""]))
    def holds(asked: tuple[str, list[tuple[str, str]], bytes], as_: str) -> None:
        check(operation, asyncio.run(answered(world, method.upper(), asked, as_)))

    holds()
