"""What a replay is run on, over HTTP: who gets it, what is on record of it, and that nothing is left behind."""

import duckdb
import pytest

from proxy.adapters.policy_archive import PolicyArchive
from proxy.model.entry import Act
from proxy.policy.load import load
from tests.fakes import facts
from tests.flow.control_world import World
from tests.flow.ledger_world import a_store, spent
from tests.flow.ledger_world import load as loaded

ASKED = {"since_us": facts.OPENED_US, "until_us": facts.OPENED_US + 1, "minutes_since_us": 0, "quarters_since_us": 0}
FILES = {"budgets.yaml": b"budgets: []\n", "keys.yaml": b"keys: []\n"}


@pytest.fixture
def world(tmp_path):
    with a_store(tmp_path) as store:
        calls = [spent("call_1", owner="alice"), spent("call_2", owner="bob", opened_us=facts.OPENED_US + 1)]
        loaded(store, calls)
        yield World(tmp_path, store)


async def test_an_admin_gets_the_facts_of_the_time_asked_for_as_parquet(world, tmp_path):
    answer = await world.get("/v1/replay/facts", "admin", **ASKED)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/vnd.apache.parquet")
    file = tmp_path / "got.parquet"
    file.write_bytes(answer.content)
    rows = duckdb.sql(f"SELECT replayed, \"user\" FROM '{file}' ORDER BY ALL").fetchall()
    assert rows == [(True, "alice")]
    assert answer.headers["x-outlay-rows"] == "1"
    assert int(answer.headers["content-length"]) == len(answer.content)


async def test_nothing_of_it_is_left_on_the_disk(world, tmp_path):
    left = tmp_path / "scratch" / "replay-dead.parquet"
    left.write_bytes(b"of a process that was killed")
    assert (await world.get("/v1/replay/facts", "admin", **ASKED)).status_code == 200
    assert list((tmp_path / "scratch").glob("*.parquet")) == []


async def test_that_it_was_taken_is_on_record_for_everybody_to_see(world):
    await world.get("/v1/replay/facts", "admin", **ASKED)
    (act,) = world.journal.of(Act)
    assert (act.actor, act.kind, act.subject) == ("admin", "rows_viewed", "(everybody)")
    assert act.details["report"] == "replay"
    assert act.details["since"] == "2027-01-15T08:00:00+00:00"
    loaded(world.store, [act], "ledger")
    (row,) = (await world.get("/v1/reports/views", "alice")).json()["rows"]
    assert (row["actor"], row["subject"], row["report"]) == ("admin", "(everybody)", "replay")


async def test_what_cannot_be_put_on_record_is_not_given(world):
    world.journal.break_()
    answer = await world.get("/v1/replay/facts", "admin", **ASKED)
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "not_on_record")


@pytest.mark.parametrize("path", ["/v1/replay", "/v1/replay/facts"])
@pytest.mark.parametrize("who", ["alice", "bob"])
async def test_nobody_but_an_admin_gets_any_of_it(world, path, who):
    answer = await world.get(path, who, **(ASKED if path.endswith("facts") else {}))
    assert answer.status_code == 403
    assert answer.json()["error"]["message"].startswith("A replay needs an admin key")
    assert not world.journal.entries


@pytest.mark.parametrize(
    ("given", "named"),
    [({"since_us": "today"}, "since_us"), ({"until_us": "-1"}, "until_us"), ({"until_us": str(2**63)}, "until_us"),
     ({"user": "bob"}, "user")],
)  # fmt: skip
async def test_a_wrong_time_is_a_400_that_names_it(world, given, named):
    answer = await world.get("/v1/replay/facts", "admin", **{**ASKED, **given})
    assert (answer.status_code, answer.json()["error"]["message"].partition(":")[0]) == (400, named)
    assert not world.journal.entries


async def test_the_policies_in_force_are_given_without_keys_and_with_the_time_of_the_facts(world, tmp_path):
    assert (await world.get("/v1/replay", "admin")).json()["in_force"] is None
    policies = load(FILES, commit="c0ffee")
    PolicyArchive(tmp_path).keep(policies, FILES)
    document = (await world.get("/v1/replay", "admin")).json()
    assert document == {
        "in_force": {
            "version": policies.version,
            "commit": "c0ffee",
            "files": {"budgets.yaml": "budgets: []\n"},
        },
        "first": "2027-01-15T08:00:00+00:00",
        "newest": "2027-01-15T08:00:00.000001+00:00",
    }
