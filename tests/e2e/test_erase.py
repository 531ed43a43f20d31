"""Erasing a person from a folder that real processes wrote: the name is nowhere, and no total changed."""

import json
import re
import zlib

import duckdb
import pytest
from typer.testing import CliRunner

from proxy.__main__ import app
from tests.servers.processes import ADMIN_KEY, ALICE_KEY, BOB_KEY, Deployment, fetch, post, stand_in, until

pytestmark = pytest.mark.e2e
BUDGETS = """budgets:
  - {name: each-month, per: user, limit: 500 USD, window: month}
"""


def here(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


def ask(url, key, **headers):
    body = {"model": "stand-in-small", "messages": [{"role": "user", "content": "hello, what is new?"}]}
    known = {"authorization": f"Bearer {key}", **{f"x-outlay-{name}": value for name, value in headers.items()}}
    answer = post(f"{url}/v1/chat/completions", json.dumps(body).encode(), known)
    assert answer.status == 200, answer


def strewn(data, name):
    """Where a name stands in a data folder: files as they are, compressed ones unpacked, the database row by row."""
    word = re.compile(rb"(?i)(?<![0-9a-z])%b(?![0-9a-z])" % name)
    for path in filter(lambda path: path.is_file(), data.rglob("*")):
        content = path.read_bytes()
        if word.search(content) or (path.suffix == ".state" and word.search(zlib.decompress(content))):
            yield path.name
    with duckdb.connect(str(data / "outlay.duckdb"), read_only=True) as database:
        for (table,) in database.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            rows = database.execute(f"SELECT each::VARCHAR FROM {table} AS each").fetchall()
            yield from (table for (row,) in rows if word.search(row.encode()))


def totals(deployment):
    whole = {"since": "2020-01-01", "until": "now", "reason": "test"}
    report = deployment.report("project,model,outcome,day", **whole)
    people = deployment.report("user", **whole)
    return report["rows"], report["total"], sorted((row["calls"], row["cost_usd"]) for row in people["rows"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Calls of alice and bob, alice looked at, a branch of hers used by bob; the server stopped, alice gone."""
    made = tmp_path_factory.mktemp("erase")
    with stand_in(made) as provider:
        deployment = Deployment(made / "there", provider.url)
        policies = deployment.folder / "policies"
        (policies / "budgets.yaml").write_text(BUDGETS)
        with deployment.running():
            for _ in range(3):
                ask(
                    deployment.url,
                    ALICE_KEY,
                    branch="alice/fix",
                    session="alice-laptop",
                    justification="Alice's demo",
                    tags="who=alice",
                    **{"work-item": "PAY-1"},
                )
                ask(deployment.url, BOB_KEY, branch="Alice_fix", justification="for alice, and malice")
            until("all is loaded", lambda: deployment.report("project")["total"]["calls"] == 6)
            fetch(f"{deployment.ledger_url}/v1/reports/spend?by=user&reason=why+alice", ADMIN_KEY)
            before = totals(deployment)
        yield deployment, before


def test_a_person_is_erased_once_gone_from_the_policies(folder):
    deployment, before = folder
    policies = deployment.folder / "policies"
    where = ("--data", deployment.data, "--policies", policies, "--reason", "Alice asked us to")
    refused = here("erase", "person", "alice", *where)
    assert refused.exit_code == 1
    assert "access.yaml:2 still names alice" in refused.stderr
    access = policies / "access.yaml"
    access.write_text(
        "".join(line for line in access.read_text().splitlines(True) if "alice:" not in line).replace("alice, ", "")
    )
    refused = here("erase", "person", "alice", *where)
    assert (refused.exit_code, "keys revoke k_alice" in refused.stderr) == (1, True)
    keys = policies / "keys.yaml"
    keys.write_text(keys.read_text().replace("user: alice,", "user: alice, revoked: true,"))
    assert any(strewn(deployment.data, b"alice"))

    done = here("erase", "person", "alice", *where, "--json", "--yes")
    assert done.exit_code == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["calls"], said["left_in_other_names"]) == (3, {"journal_lines": 0})
    assert len(said["pseudonym"]) == len("alice")
    assert list(strewn(deployment.data, b"alice")) == []
    assert "calls" in strewn(deployment.data, b"malice"), "another word stays as it was"
    assert b"alice" not in keys.read_bytes()

    with deployment.running():
        rows, total, people = totals(deployment)
        assert (rows, total, people) == before
        names = {row["user"] for row in deployment.report("user", reason="test")["rows"]}
        assert names == {said["pseudonym"], "bob"}
        acts = fetch(f"{deployment.ledger_url}/v1/reports/acts", ADMIN_KEY)["rows"]
        assert [(act["subject"], act["reason"]) for act in acts if act["kind"] == "person_erased"] == [
            (said["pseudonym"], f"{said['pseudonym']} asked us to")
        ]
        ask(deployment.url, BOB_KEY)
        until("it is loaded", lambda: deployment.report("project")["total"]["calls"] == 7)


def test_nobody_is_erased_from_under_a_running_server(folder):
    deployment, _ = folder
    deployment.start_gateway()
    try:
        where = ("--data", deployment.data, "--policies", deployment.folder / "policies")
        refused = here("erase", "person", "somebody", *where, "--reason", "x")
    finally:
        deployment.gateway.stop()
    assert (refused.exit_code, "stop it first" in refused.stderr) == (1, True)
