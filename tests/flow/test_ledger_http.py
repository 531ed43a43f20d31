"""The control plane over HTTP, without a process: routes, roles, errors, forms, and the record of every look."""

import csv
import io
from dataclasses import replace
from decimal import Decimal

import duckdb
import openpyxl
import pytest
from jsonschema import Draft202012Validator

from proxy.ledger.dimensions import DIMENSIONS
from proxy.model.calendar import UNITS
from proxy.model.entry import Act
from proxy.policy.types import Mistake
from tests.fakes import facts
from tests.flow.control_world import MARCH, World, secret
from tests.flow.ledger_world import a_store, load, spent


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with a_store(tmp_path_factory.mktemp("http")) as store:
        calls = [
            facts.an_opened("call_1"),
            spent("call_1", owner="alice", project="checkout", tags={"note": "=1+1"}),
            spent("call_2", owner="bob", key_id="k_bob", project="+search", estimated=True),
            spent("call_3", owner="robot", owner_kind="service", key_id="k_r", project="checkout", unpriced=True),
            facts.a_refused("call_4"),
            facts.an_opened("call_5"),
        ]
        load(store, calls)
        yield store


@pytest.fixture
def world(store, tmp_path):
    return World(tmp_path, store)


async def test_a_report_is_a_document_with_rows_total_period_and_definition(world):
    answer = await world.spend("admin", by="project", tz="Europe/Berlin")
    assert answer.status_code == 200
    document = answer.json()
    assert (document["report"], document["by"], document["tz"]) == ("spend", ["project"], "Europe/Berlin")
    assert (document["since"], document["until"]) == ("2026-12-01T00:00:00+01:00", "2027-12-01T00:00:00+01:00")
    assert document["definition"].startswith("spend 1: ")
    assert document["rows"] == [
        {
            "project": "checkout",
            "calls": 2,
            "refused": 1,
            "input_tokens": 200,
            "cache_read_tokens": 0,
            "cache_write_tokens": 0,
            "output_tokens": 20,
            "reasoning_tokens": 0,
            "estimated_calls": 0,
            "unpriced_calls": 1,
            "cost_usd": "0.00022000066",
        },
        {
            "project": "+search",
            "calls": 1,
            "refused": 0,
            "input_tokens": 100,
            "cache_read_tokens": 0,
            "cache_write_tokens": 0,
            "output_tokens": 10,
            "reasoning_tokens": 0,
            "estimated_calls": 1,
            "unpriced_calls": 0,
            "cost_usd": "0.00011000033",
        },
    ]
    assert document["total"]["cost_usd"] == "0.00033000099"
    estimated, unpriced = document["notes"]
    assert estimated.startswith("1 of 3 calls estimated")
    assert unpriced.startswith("1 of 3 calls without a price")


async def test_the_answer_says_how_current_it_is(world):
    assert (await world.spend("admin")).json()["data_until"] is None
    world.ledger.loader.run_once()
    assert (await world.spend("admin")).json()["data_until"]


async def test_csv_has_the_rows_alone_with_exact_amounts_and_no_formulas(world):
    answer = await world.spend("admin", by="project,tags.note", format="csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="spend_2026-12-01_2027-12-01.csv"'
    assert answer.content.count(b"\r\n") == answer.content.count(b"\n") == 1 + 3
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["project"] for row in rows} == {"checkout", "'+search"}
    assert {row["tags.note"] for row in rows} == {"'=1+1", ""}
    assert sum(Decimal(row["cost_usd"]) for row in rows) == Decimal("0.00033000099")
    assert list(rows[0]) == ["project", "tags.note", *(name for name in (await world.spend("admin")).json()["total"])]


async def test_parquet_has_exact_types_and_every_digit(world, tmp_path):
    answer = await world.spend("admin", by="project,tags.note", format="parquet")
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    path = tmp_path / "spend.parquet"
    path.write_bytes(answer.content)
    with duckdb.connect() as base:
        rows = base.execute("SELECT project, calls, cost_usd FROM read_parquet($file)", {"file": str(path)}).fetchall()
        types = base.execute(
            "SELECT typeof(project), typeof(calls), typeof(cost_usd) FROM read_parquet($file)", {"file": str(path)}
        )
        assert types.fetchone() == ("VARCHAR", "BIGINT", "DECIMAL(38,12)")
    assert sum(cost for _, _, cost in rows) == Decimal("0.00033000099")
    assert {project for project, _, _ in rows} == {"checkout", "+search"}


async def test_a_workbook_has_numbers_a_header_that_stays_and_no_formula(world):
    answer = await world.spend("admin", by="project,tags.note", format="xlsx")
    assert answer.headers["content-disposition"].endswith('.xlsx"')
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    page = book["Report"]
    assert page.freeze_panes == "A2"
    header, *rows = page.iter_rows()
    place = {cell.value: number for number, cell in enumerate(header)}
    assert {row[place["tags.note"]].data_type for row in rows} == {"s"}
    assert {row[place["tags.note"]].value for row in rows} == {"=1+1", ""}
    assert all(row[place["cost_usd"]].data_type == row[place["calls"]].data_type == "n" for row in rows)
    assert sum(row[place["calls"]].value for row in rows) == 3
    about = {row[0].value: row[1].value for row in book["About"].iter_rows()}
    assert about["total_cost_usd"] == "0.00033000099"
    assert about["definition"].startswith("spend 1: ")


@pytest.mark.parametrize(("form", "begin"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
@pytest.mark.parametrize("by", ["", "project", "project,tags.note", "day", "month,project", "user"])
async def test_a_report_is_drawn(world, form, begin, by):
    answer = await world.spend("admin", by=by, format=form, since="2027-01-01", until="2027-02-01")
    assert answer.status_code == 200
    assert answer.content.startswith(begin)
    if form == "svg" and by == "project":
        assert b">+search<" in answer.content


async def test_a_report_can_be_compared_with_the_period_before(tmp_path):
    december = 1_765_000_000_000_000
    with a_store(tmp_path) as store:
        calls = [
            spent("call_1", project="kept", opened_us=december),
            spent("call_2", project="kept", opened_us=december + 86_400_000_000 * 31),
            spent("call_3", project="kept", opened_us=december + 86_400_000_000 * 31),
            spent("call_4", project="gone", opened_us=december),
            spent("call_5", project="new", opened_us=december + 86_400_000_000 * 31),
        ]
        load(store, calls)
        asked = {"by": "project", "since": "2026-01", "until": "2026-02", "compare": "previous"}
        document = (await World(tmp_path, store).get("/v1/reports/spend", "admin", **asked)).json()
    assert document["compared_with"] == {"since": "2025-12-01T00:00:00+00:00", "until": "2026-01-01T00:00:00+00:00"}
    figures = ("project", "calls", "previous_calls", "previous_cost_usd", "cost_change_usd")
    assert [[row[name] for name in figures] for row in document["rows"]] == [
        ["kept", 2, 1, "0.00011000033", "0.00011000033"],
        ["new", 1, 0, "0.00", "0.00011000033"],
        ["gone", 0, 1, "0.00011000033", "-0.00011000033"],
    ]
    assert document["total"]["cost_change_usd"] == "0.00011000033"


@pytest.mark.parametrize("name", [*DIMENSIONS, "tags.note"])
async def test_every_dimension_can_be_asked_for_and_filtered_by(world, name):
    period = {"since": "2027-01-01", "until": "2027-01-31"}
    answer = await world.spend("admin", by=name, **period)
    assert answer.status_code == 200
    assert answer.json()["total"]["calls"] == 3
    if name not in UNITS:
        narrowed = await world.spend("admin", by="", **period, **{name: "no such value"})
        assert (narrowed.status_code, narrowed.json()["total"]["calls"]) == (200, 0)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"by": "usr"}, "by: 'usr' is no dimension; did you mean user"),
        ({"bye": "user"}, "bye: there is no such parameter; did you mean by or year?"),
        ({"format": "pdf"}, "format: there are json, csv, parquet, xlsx, svg and png"),
        ({"format": "svg", "by": "day,month"}, "by: a chart has one axis of time; leave out one of day, month"),
        ({"tz": "Mars/Base"}, "tz: 'Mars/Base' is no time zone"),
        ({"since": "soon"}, "since/until: 'soon' is no time"),
        ({"by": "hour", "since": "2020-01-01"}, "by: more than 20000 hours"),
    ],
)
async def test_a_wrong_parameter_is_a_400_that_names_it_and_what_is_right(world, parameters, said):
    answer = await world.spend("admin", **parameters)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "bad_parameter"
    assert said in answer.json()["error"]["message"]


# --- keys and roles


@pytest.mark.parametrize(
    "path",
    ["/v1/reports/spend", "/v1/reports/prices", "/v1/reports/views", "/v1/calls/call_1", "/v1/whoami"],
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer outlay_wrong"},
        {"x-api-key": "é"},
        {"authorization": "Bearer "},
        {"authorization": ""},
    ],
    ids=["none", "wrong", "not ascii", "empty bearer", "empty"],
)
async def test_without_a_valid_key_there_is_a_401_and_nothing_else(world, path, headers):
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = await world.get(path, headers=encoded)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["type"] == "invalid_key"


async def test_a_key_in_the_url_is_no_key(world):
    answer = await world.get("/v1/whoami", key=secret("admin"))
    assert answer.status_code == 401


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "x-outlay-key", "x-goog-api-key", "api-key"])
async def test_a_key_may_come_in_any_of_its_headers(world, name):
    answer = await world.get("/v1/whoami", headers={name: secret("alice")})
    assert answer.json() == {
        "server": "outlay",
        "version": answer.json()["version"],
        "name": "alice",
        "kind": "person",
        "role": "developer",
        "gateway": "",
        "gateway_port": 4141,
    }


async def test_a_revoked_key_is_none_at_once(world):
    keys = {hash_: replace(key, revoked=True) for hash_, key in world.policies.keys.items()}
    world.policies = replace(world.policies, keys=keys)
    assert (await world.get("/v1/whoami", "admin")).status_code == 401


async def test_the_operator_goes_by_the_user_of_the_machine_that_commands_tell_and_nobody_else_does(world):
    async def named(as_="", local=True, said="bob") -> str:
        answer = await world.get("/v1/whoami", as_, headers={"x-outlay-os-user": said}, local=local)
        return answer.json()["name"]

    assert await named() == "operator (bob)"
    assert await named(said="bob; alice") == "operator"
    assert await named("alice", local=False) == "alice"
    assert await named("alice") == "alice"


async def test_whoever_can_open_the_socket_is_the_operator_and_a_key_there_counts_as_itself(world):
    assert (await world.get("/v1/whoami", local=True)).json()["name"] == "operator"
    assert (await world.get("/v1/whoami", "alice", local=True)).json()["name"] == "alice"
    assert (await world.get("/v1/whoami", headers={"x-api-key": "outlay_wrong"}, local=True)).status_code == 401


async def test_a_developer_sees_own_rows(world):
    document = (await world.spend("alice", by="user,project")).json()
    assert [row["user"] for row in document["rows"]] == ["alice"]
    assert document["scope"] == "own"
    assert (await world.spend("alice", user="bob")).status_code == 403
    assert world.journal.entries == []


async def test_finance_sees_all_money_and_nobody_apart(world):
    document = (await world.spend("bob", by="user")).json()
    assert [row["user"] for row in document["rows"]] == ["(other people)", "bob", "robot"]
    assert any("Other people" in note for note in document["notes"])
    assert world.journal.entries == []


async def test_a_look_at_others_is_on_record_and_on_disk_before_it_is_answered(world):
    answer = await world.spend("admin", by="user", reason="invoice 17")
    assert [row["user"] for row in answer.json()["rows"]] == ["alice", "bob", "robot"]
    acts = world.journal.of(Act)
    assert {(act.actor, act.kind, act.subject, act.reason) for act in acts} == {
        ("admin", "rows_viewed", "alice", "invoice 17"),
        ("admin", "rows_viewed", "bob", "invoice 17"),
    }
    assert world.journal.flushed_entries == len(acts) == 2


@pytest.mark.parametrize("form", ["json", "csv"])
@pytest.mark.parametrize("path", ["/v1/reports/spend", "/v1/calls/call_1"])
async def test_a_look_that_cannot_be_put_on_record_shows_nothing(world, path, form):
    world.journal.break_()
    more = {"by": "user", "format": form, **MARCH} if "spend" in path else {}
    answer = await world.get(path, "admin", reason="x", **more)
    assert answer.status_code == 503
    assert answer.json()["error"]["type"] == "not_on_record"
    assert "alice" not in answer.text


async def test_singling_somebody_out_without_a_reason_is_a_403_that_says_how(world):
    for parameters in ({"user": "alice"}, {"session": facts.a_call().session}):
        answer = await world.spend("bob", **parameters)
        assert (answer.status_code, answer.json()["error"]["type"]) == (403, "reason_needed")


async def test_everybody_sees_who_looked_at_them_and_an_admin_sees_all(world):
    looks = [
        Act("act_1", facts.OPENED_US, "bob", "rows_viewed", "alice", "invoice", {"report": "spend", "by": "user"}),
        Act(
            "act_2", facts.OPENED_US + 1, "admin", "rows_viewed", "bob", "=audit", {"report": "call", "call": "call_2"}
        ),
        Act("act_3", facts.OPENED_US + 2, "admin", "key_created", "alice"),
    ]
    load(world.store, looks, node="ledger")

    async def seen(as_):
        rows = (await world.get("/v1/reports/views", as_)).json()["rows"]
        return [(row["actor"], row["subject"], row["reason"]) for row in rows]

    assert await seen("alice") == [("bob", "alice", "invoice")]
    assert await seen("bob") == [("admin", "bob", "=audit"), ("bob", "alice", "invoice")]
    assert await seen("admin") == [("admin", "bob", "=audit"), ("bob", "alice", "invoice")]
    table = await world.get("/v1/reports/views", "admin", format="csv")
    assert "'=audit" in table.text
    assert (await world.get("/v1/reports/views", "admin", by="user")).status_code == 400


ALL_OF_2027 = {"since": "2027-01-01", "until": "2028-01-01"}


async def test_prices_are_reported_in_every_form_and_a_developer_sees_those_of_own_calls(world):
    document = (await world.get("/v1/reports/prices", "admin", **ALL_OF_2027)).json()
    assert document["report"] == "prices"
    assert sum(row["calls"] for row in document["rows"]) == document["total"]["calls"] > 0
    own = (await world.get("/v1/reports/prices", "alice", **ALL_OF_2027)).json()
    assert own["scope"] == "own"
    assert 0 < own["total"]["calls"] < document["total"]["calls"]
    table = await world.get("/v1/reports/prices", "admin", **ALL_OF_2027, format="csv")
    assert table.text.splitlines()[0].split(",") == list(document["rows"][0])
    sheet = await world.get("/v1/reports/prices", "admin", **ALL_OF_2027, format="xlsx")
    assert sheet.content.startswith(b"PK")
    for wrong in ({"format": "svg"}, {"by": "model"}, {"user": "bob"}):
        assert (await world.get("/v1/reports/prices", "admin", **wrong)).status_code == 400


# --- one call


async def test_a_settled_call_is_explained_whole(world):
    document = (await world.get("/v1/calls/call_1", "alice")).json()
    assert (document["id"], document["state"]) == ("call_1", "settled")
    assert document["who"]["user"] == "alice"
    assert document["what"]["model"] == "gpt-5.1"
    assert document["usage"] == {"input_text": 100, "output_text": 10}
    assert document["cost_by_kind_usd"] == {"input_text": "0.0001000003", "output_text": "0.00001000003"}
    assert (document["cost_usd"], document["price"]) == ("0.00011000033", {"id": "list:x", "unpriced": False})
    assert document["timing_ms"] == {"upstream": 1.0, "first_byte": 400.0, "total": 2000.0}
    assert document["decision"] == {
        "admitted": True,
        "outcome": "ok",
        "status": 200,
        "matched": ["payments-month", "per-key-burst"],
        "shadow": ["no-big-models: refuse"],
    }
    assert document["edits"] == ["include_usage"]
    assert document["served"]["request_id"] == "req_0123456789abcdef"
    assert document["policy"] == {"version": "p" * 64, "kept": False}
    assert document["journal"]["segment"] == "n/00000001-00000001.jsonl"
    assert document["journal"]["offset"] > 0


async def test_a_refused_call_says_why(world):
    document = (await world.get("/v1/calls/call_4", "alice")).json()
    assert document["state"] == "refused"
    assert document["decision"]["rule"] == "budgets.yaml:3"
    assert document["decision"]["message"] == "The budget is used up."
    assert "cost_usd" not in document


async def test_a_call_in_flight_shows_what_is_held(world):
    document = (await world.get("/v1/calls/call_5", "alice")).json()
    assert document["state"] == "in_flight"
    assert document["hold"] == {"cost_usd": "0.003", "input_tokens": 1000, "output_tokens": 500}


async def test_another_persons_call_needs_a_reason_and_a_developer_never_learns_of_it(world):
    assert (await world.get("/v1/calls/call_1", "bob")).json()["error"]["type"] == "reason_needed"
    answer = await world.get("/v1/calls/call_1", "bob", reason="dispute 4")
    assert answer.json()["who"]["user"] == "alice"
    (act,) = world.journal.of(Act)
    assert (act.actor, act.subject, act.reason) == ("bob", "alice", "dispute 4")
    assert act.details == {"report": "call", "call": "call_1", "by_key": "k_bob", "by_role": "finance"}
    assert (await world.get("/v1/calls/call_3", "bob")).status_code == 200
    hidden = await world.get("/v1/calls/call_2", "alice", reason="curious")
    nothing = await world.get("/v1/calls/call_none", "alice", reason="curious")
    assert hidden.status_code == nothing.status_code == 404
    assert hidden.json() == nothing.json()


async def test_a_call_is_found_by_the_time_in_its_id(tmp_path):
    with a_store(tmp_path) as store:
        call_id = f"call_{facts.OPENED_US // 1000:012x}{'0' * 20}"
        load(store, [spent(call_id, opened_us=facts.OPENED_US + 900_000)])
        assert (await World(tmp_path, store).get(f"/v1/calls/{call_id}", "alice")).status_code == 200


async def test_acts_are_for_admins_by_time_and_kind(tmp_path):
    on_record = [
        Act("act_1", facts.OPENED_US, "policy files", "key_created", "k_1", "", {"owner": "alice", "role": "admin"}),
        Act("act_2", facts.OPENED_US + 1, "bob", "rows_viewed", "alice", "=1+1", {"report": "spend"}),
        Act("act_3", facts.OPENED_US + 86_400_000_000, "policy files", "policies_in_force", "v2"),
    ]
    with a_store(tmp_path) as store:
        load(store, on_record)
        world = World(tmp_path, store)

        async def kinds(**parameters):
            answer = await world.get("/v1/reports/acts", "admin", **{**MARCH, **parameters})
            return [row["kind"] for row in answer.json()["rows"]]

        assert await kinds() == ["policies_in_force", "rows_viewed", "key_created"]
        assert await kinds(kind="key_created") == ["key_created"]
        assert await kinds(until="2027-01-16") == ["rows_viewed", "key_created"]
        (row,) = (await world.get("/v1/reports/acts", "admin", **MARCH, kind="key_created")).json()["rows"]
        assert (row["actor"], row["subject"], row["details"]) == ("policy files", "k_1", "owner=alice; role=admin")
        text = (await world.get("/v1/reports/acts", "admin", **MARCH, format="csv")).text
        assert ",'=1+1," in text
        for as_, status in (("alice", 403), ("bob", 403), ("", 401)):
            assert (await world.get("/v1/reports/acts", as_)).status_code == status
        for wrong in ({"kind": "a b"}, {"by": "user"}, {"tags.x": "1"}, {"reason": "x"}, {"since": "soon"}):
            assert (await world.get("/v1/reports/acts", "admin", **wrong)).status_code == 400


# --- the rest


async def test_health_is_open_and_says_what_is_behind(world):
    assert (await world.get("/healthz")).text == "ok\n"
    world.mistakes = (Mistake("access.yaml", 3, 1, "no such team"),)
    world.ledger.loader.run_once()
    answer = await world.get("/readyz")
    assert answer.status_code == 200
    details = answer.json()
    assert details["policy"] == "v1"
    assert details["policy_mistakes"] == ["access.yaml:3:1: no such team"]
    assert details["quarantined_lines"] == 0
    assert details["seconds_behind"] >= 0
    assert details["outcomes"] == {"built_at": None, "seconds": None, "working_out": None}
    world.ledger.outcomes.refresh()
    built = (await world.get("/readyz")).json()["outcomes"]
    assert built["built_at"] is not None
    assert built["seconds"] >= 0
    world.ledger.loading.failing = "StoreError: disk full"
    answer = await world.get("/readyz")
    assert (answer.status_code, answer.json()["loading"]) == (503, "StoreError: disk full")


async def test_metrics_are_open_unless_a_setting_closes_them(world, tmp_path):
    assert (await world.get("/metrics")).status_code == 200
    closed = World(tmp_path, world.store, metrics_access="key")
    statuses = {as_: (await closed.get("/metrics", as_)).status_code for as_ in ("", "alice", "bob", "admin")}
    assert statuses == {"": 401, "alice": 403, "bob": 200, "admin": 200}


async def test_metrics_count_requests_by_route_and_status_and_name_nobody(world):
    await world.spend("alice")
    await world.spend("admin", by="nonsense")
    await world.get("/v1/calls/call_1", "alice")
    text = (await world.get("/metrics")).text
    assert 'outlay_ledger_requests_total{node="ledger",route="/v1/reports/spend",status="200"} 1.0' in text
    assert 'outlay_ledger_requests_total{node="ledger",route="/v1/reports/spend",status="400"} 1.0' in text
    assert 'route="/v1/calls/{id}",status="200"' in text
    assert "alice" not in text
    assert "call_1" not in text


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/nothing", 404), ("POST", "/v1/reports/spend", 405)]
)
async def test_what_is_not_there_is_said_in_json(world, method, path, status):
    answer = await world.get(path, "admin", method=method)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


async def test_no_answer_may_be_cached(world):
    for path in ("/v1/reports/spend", "/v1/calls/call_1", "/v1/whoami"):
        assert (await world.get(path, "alice")).headers["cache-control"] == "no-store"


# --- the OpenAPI document


async def test_the_openapi_document_is_valid_and_names_every_route_and_no_other(world):
    document = (await world.get("/openapi.json")).json()
    Draft202012Validator.check_schema({"$defs": document["components"]["schemas"]})
    for path in document["paths"].values():
        for operation in path.values():
            bodies = [operation["requestBody"]] if "requestBody" in operation else []
            for each in (*operation["responses"].values(), *bodies):
                for content in each["content"].values():
                    Draft202012Validator.check_schema(content.get("schema", {}))
    routes = {
        (route.path.replace(":path", ""), method) for route in world.application.routes for method in route.methods
    }
    described = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    assert described == {(path, method) for path, method in routes if method != "HEAD"}


@pytest.mark.parametrize(
    ("route", "path", "parameters"),
    [
        ("/v1/reports/spend", "/v1/reports/spend", {**MARCH, "by": "project,user,tags.note"}),
        ("/v1/reports/spend", "/v1/reports/spend", {"compare": "previous", "by": "model", "project": "checkout"}),
        ("/v1/reports/prices", "/v1/reports/prices", MARCH),
        ("/v1/reports/views", "/v1/reports/views", {}),
        ("/v1/reports/acts", "/v1/reports/acts", {"since": "2020-01-01", "kind": "key_created"}),
        ("/v1/calls/{id}", "/v1/calls/call_1", {"reason": "a test"}),
        ("/v1/calls/{id}", "/v1/calls/call_4", {"reason": "a test"}),
        ("/v1/calls/{id}", "/v1/calls/call_5", {"reason": "a test"}),
        ("/v1/budgets/increases", "/v1/budgets/increases", {"all": "true"}),
        ("/v1/replay", "/v1/replay", {}),
        ("/v1/events/quarantine", "/v1/events/quarantine", {}),
        ("/v1/whoami", "/v1/whoami", {}),
    ],
)
async def test_answers_are_as_the_openapi_document_says(world, route, path, parameters):
    described = (await world.get("/openapi.json")).json()["paths"][route]["get"]
    answer = await world.get(path, "admin", **parameters)
    assert answer.status_code == 200
    Draft202012Validator(described["responses"]["200"]["content"]["application/json"]["schema"]).validate(answer.json())
    known = {each["name"] for each in described["parameters"]}
    assert {name for name in parameters if not name.startswith("tags.")} <= known
