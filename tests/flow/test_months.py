"""A month that is closed never changes by a byte, and what comes later is told to the last pico-dollar."""

import csv
import hashlib
import io
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.app.backing_up import back_up
from proxy.app.erasing import erase_person
from proxy.app.restoring import restore
from proxy.finance.statement import booked, read, total, unbooked
from proxy.ledger.months import live
from proxy.ledger.rolling_up import roll_up
from proxy.model.identity import OwnerKind, Role
from proxy.model.usage import Usage
from proxy.outcomes.definition import CURRENT
from proxy.policy.keys import digest
from proxy.policy.types import Access, Key, Person, PolicySet
from proxy.settings import Settings
from tests.fakes import facts
from tests.fakes.telling import ALIASES, Organisation, a_service, services_of
from tests.flow.ledger_world import spent
from tests.flow.month_world import MonthWorld, at_us


def call(number, day, project="checkout", tokens=100, **given):
    given = {"opened_us": at_us(day) + number, "project": project, **given}
    return spent(f"call_{number}", Usage(input_text=tokens, output_text=number + 1), **given)


OCTOBER = [
    call(1, "2026-10-01"),
    call(2, "2026-10-15T12:00:00", "search", team="discovery", cost_center="CC-7"),
    call(3, "2026-10-31T23:59:59", owner="bob"),
]
COSTS = {number: (100 + number + 1) * 1_000_003 for number in range(100)}


@pytest.fixture
def world(tmp_path):
    made = MonthWorld(tmp_path)
    made.tell(*OCTOBER)
    yield made
    made.close()


def rows_of(world):
    return live(world.store.read, at_us("2030-01-01"))


def test_a_month_is_closed_with_who_and_when_on_record_and_its_hash_is_that_of_its_file(world):
    before = world.months()["2026-10"]
    assert (before["state"], before["calls"], before["in_the_way"]) == ("open", 3, [])

    answer = world.close_month("2026-10")

    assert answer.status_code == 201, answer.text
    closed = answer.json()
    assert closed["total"] == {"calls": 3, "cost_usd": f"0.000{sum(COSTS[n] for n in (1, 2, 3)):09d}"}
    file = world.statement("2026-10")
    assert hashlib.sha256(file).hexdigest() == closed["sha256"]
    [act] = world.acts("month_closed")
    assert (act.actor, act.subject, act.details["sha256"], act.reason) == ("operator", "2026-10", closed["sha256"], "")
    after = world.months()["2026-10"]
    assert (after["state"], after["calls"], after["closed_by"], after["sha256"]) == (
        *("closed", 3, "operator"),
        closed["sha256"],
    )
    assert (after["corrections_usd"], after["unbooked_usd"]) == ("0.00", "0.00")
    document = json.loads(file)
    assert document["outcomes"]["definition"]
    assert document["price_lists"] == ["list"]
    assert not {"alice", "bob"} & set(json.dumps(document).replace('"', " ").split())


def test_whatever_comes_late_the_bytes_stay_and_the_next_month_has_it(world, tmp_path):
    world.close_month("2026-10")
    before = {form: world.statement("2026-10", form) for form in ("json", "csv", "xlsx", "parquet")}

    world.tell(call(10, "2026-10-20"), call(11, "2026-10-20", "search"), node="late")
    world.tell(call(12, "2026-11-03"), call(13, "2026-09-30"), node="later")

    assert {form: world.statement("2026-10", form) for form in before} == before
    assert world.months()["2026-10"]["unbooked_usd"] == f"0.000{COSTS[10] + COSTS[11]:09d}"
    found = world.ask("/v1/months/corrections").json()
    assert {(row["month"], row["project"]) for row in found["rows"]} == {
        *(("2026-10", "checkout"), ("2026-10", "search"), ("2026-09", "checkout"))
    }
    world.now = "2026-12-05"
    world.reopened()

    second = world.close_month("2026-11").json()

    assert second["total"] == {"calls": 1, "cost_usd": f"0.000{COSTS[12]:09d}"}
    assert second["corrections"] == {"calls": 3, "cost_usd": f"0.000{COSTS[10] + COSTS[11] + COSTS[13]:09d}"}
    assert {form: world.statement("2026-10", form) for form in before} == before
    assert world.ask("/v1/months/corrections").json()["rows"] == []
    october = world.months()["2026-10"]
    assert (october["corrections_usd"], october["unbooked_usd"]) == (f"0.000{COSTS[10] + COSTS[11]:09d}", "0.00")
    assert world.months()["2026-09"]["state"] == "in 2026-10"
    assert world.ask("/v1/months/verify").json()["holds"]


def test_a_database_made_again_from_the_journal_has_the_same_bytes(world):
    world.close_month("2026-10")
    world.tell(call(10, "2026-10-20"), node="a-late-one-that-is-loaded-first")
    files = {form: world.statement("2026-10", form) for form in ("json", "csv", "xlsx", "parquet")}
    listed, late = world.ask("/v1/months").json(), world.ask("/v1/months/corrections").json()

    world.rebuilt()

    assert {form: world.statement("2026-10", form) for form in files} == files
    assert world.ask("/v1/months").json() == listed
    assert world.ask("/v1/months/corrections").json() == late
    assert world.ask("/v1/months/verify").json()["holds"]


def test_a_large_statement_stands_in_parts(world):
    world.tell(*(call(number, "2026-10-02", f"project-{number}") for number in range(100, 400)), node="large")
    world.close_month("2026-10")
    before = world.statement("2026-10")
    [(parts,)] = world.store.read("SELECT count(*) FROM statements")
    assert parts == len(before) // 60_000 + 1 > 1
    world.rebuilt()
    assert world.statement("2026-10") == before
    assert world.ask("/v1/months/verify").json()["holds"]


def test_closing_and_asking_at_once_needs_no_loading(world):
    """The act is on the journal, and the loader comes to it later."""
    answer = world.ask("/v1/months/2026-10/close", "POST", {})
    assert hashlib.sha256(world.statement("2026-10")).hexdigest() == answer.json()["sha256"]
    again = world.ask("/v1/months/2026-10/close", "POST", {})
    assert (again.status_code, again.json()["error"]["type"]) == (409, "not_closable")
    assert "was closed on 2026-11-10" in again.json()["error"]["message"]


def test_of_a_month_that_two_processes_closed_the_first_closing_stays(world):
    first = world.close_month("2026-10").json()["sha256"]
    [act] = world.acts("month_closed")
    again = replace(act, id="act_zzz", at_us=act.at_us + 1, details={**act.details, "sha256": "0" * 64})
    world.journal.append(replace(facts.a_stated(again.id), month="2026-10", sha256="0" * 64))
    world.journal.append(again)
    world.reopened()
    assert len(world.acts("month_closed")) == 2
    assert world.months()["2026-10"]["sha256"] == first
    assert world.ask("/v1/months/verify").json()["holds"]


def test_parts_without_their_act_close_nothing(world):
    """What a crash between them leaves."""
    world.journal.append(replace(facts.a_stated("act_x"), month="2026-10"))
    world.reopened()
    assert world.months()["2026-10"]["state"] == "open"
    assert world.close_month("2026-10").status_code == 201


def test_a_person_who_is_erased_changes_nothing_that_is_closed(tmp_path):
    world = MonthWorld(tmp_path)
    world.tell(*OCTOBER, call(4, "2026-10-02", "alice"))
    world.close_month("2026-10")
    before = world.statement("2026-10")
    world.close()

    erase_person(world.settings, "alice", [], "alice asked")

    world = MonthWorld(tmp_path)
    try:
        assert world.statement("2026-10") == before
        assert world.ask("/v1/months/corrections").json()["rows"] == []
        assert world.ask("/v1/months/verify").json()["holds"]
        world.rebuilt()
        assert world.statement("2026-10") == before
        assert world.ask("/v1/months/verify").json()["holds"]
    finally:
        world.close()


def test_calls_that_become_sums_change_nothing_that_is_closed(world):
    world.close_month("2026-10")
    before = world.statement("2026-10")
    while roll_up(world.store, at_us("2026-10-20"), at_us(world.now)):
        pass
    assert world.store.read("SELECT count(*) FROM calls") == [(1,)]
    assert world.statement("2026-10") == before
    assert world.ask("/v1/months/corrections").json()["rows"] == []
    assert world.ask("/v1/months/verify").json()["holds"]


def test_what_is_in_the_way_is_named_with_how_to_mend_it(tmp_path):
    world = MonthWorld(tmp_path, now="2026-11-02")
    try:
        world.tell(
            *OCTOBER, replace(call(5, "2026-10-05"), cost=replace(call(5, "2026-10-05").cost, unpriced=True)),
        )  # fmt: skip
        world.tell(facts.an_opened("call_9", opened_us=at_us("2026-10-31")), node="open")
        assert [each["what"] for each in world.months()["2026-10"]["in_the_way"]] == [
            *("late_calls", "calls_in_flight", "unpriced_calls"),
        ]

        refused = world.close_month("2026-10")

        assert (refused.status_code, refused.json()["error"]["type"]) == (409, "not_closable")
        message = refused.json()["error"]["message"]
        assert "1 call without a price" in message
        assert "`outlay report prices --since 2026-10 --until 2026-11`" in message
        assert "wait until 2026-11-04 00:00 UTC" in message
        assert "--reason" in message
        assert world.months()["2026-10"]["state"] == "open"

        closed = world.close_month("2026-10", "signed off by the board")

        assert [each["what"] for each in closed.json()["waived"]] == ["late_calls", "calls_in_flight", "unpriced_calls"]
        [act] = world.acts("month_closed")
        assert (act.reason, act.details["waived"]) == (
            "signed off by the board",
            "late_calls, calls_in_flight, unpriced_calls",
        )
        assert b"board" not in world.statement("2026-10")
    finally:
        world.close()


def test_a_month_that_is_not_over_and_one_after_an_open_one_are_not_closed_for_any_reason(world):
    world.now = "2026-11-10"
    unfinished = world.close_month("2026-11", "because").json()["error"]["message"]
    assert "it is not over" in unfinished
    assert "--reason" not in unfinished
    world.close_month("2026-10")
    world.now = "2027-02-10"
    world.reopened()
    skipped = world.close_month("2026-12", "because").json()["error"]["message"]
    assert "2026-11 is open (`outlay months close 2026-11` first)" in skipped
    assert world.close_month("2026-11").status_code == 201


def test_a_first_month_before_all_calls_is_a_slip_and_closed_for_a_reason_alone(world):
    slip = world.close_month("2016-10")
    assert slip.status_code == 409
    message = slip.json()["error"]["message"]
    assert "no call is on record of it or before (begin with 2026-10, the first with calls)" in message
    assert "--reason" in message
    assert world.close_month("2026-10").status_code == 201


def test_what_is_not_loaded_is_in_the_way_of_every_month(world):
    world.now = "2026-11-12"
    message = world.ask("/v1/months/2026-10/close", "POST", {"reason": "now"}).json()["error"]["message"]
    assert "the journal is not loaded to its end" in message
    assert "--reason" not in message


def test_a_first_month_that_is_not_the_first_with_calls_takes_those_before_along_for_a_reason(world):
    world.tell(call(20, "2026-08-05"), node="old")
    assert "2026-08 is open" in world.close_month("2026-10").json()["error"]["message"]
    closed = world.close_month("2026-10", "the books begin here").json()
    assert closed["corrections"] == {"calls": 1, "cost_usd": f"0.000{COSTS[20]:09d}"}
    assert world.months()["2026-08"]["state"] == "in 2026-10"
    assert "was closed with 2026-10" in world.close_month("2026-08").json()["error"]["message"]


def test_what_was_tampered_with_is_named(world):
    world.close_month("2026-10")
    world.now = "2026-12-10"
    world.reopened()
    world.tell(call(30, "2026-11-03"), node="more")
    world.close_month("2026-11")
    with world.store.transaction() as change:
        change.execute("UPDATE statements SET document = replace(document, 'search', 'zearch') WHERE month = '2026-10'")
    found = world.ask("/v1/months/verify").json()
    assert [row["holds"] for row in found["rows"]] == [False, True]
    assert "not the one on record" in found["rows"][0]["faults"][0]
    with world.store.transaction() as change:
        change.execute("DELETE FROM statements WHERE month = '2026-11'")
    found = world.ask("/v1/months/verify").json()
    assert found["rows"][1]["faults"] == ["parts of its statement are missing"]
    world.rebuilt()
    assert world.ask("/v1/months/verify").json()["holds"]
    with world.store.transaction() as change:
        change.execute("UPDATE calls SET cost_pico = cost_pico + 1 WHERE id = 'call_1'")
    found = world.ask("/v1/months/verify").json()
    assert [row["holds"] for row in found["rows"]] == [False, True]
    assert "up to the same place" in found["rows"][0]["faults"][0]
    assert world.close_month("2026-12", "x").status_code == 409


def test_reports_of_a_closed_month_say_what_came_since(world):
    october = {"since": "2026-10", "until": "2026-11"}
    assert not any("Closed" in each for each in world.ask("/v1/reports/spend", **october).json()["notes"])
    world.close_month("2026-10")
    [note] = [each for each in world.ask("/v1/reports/spend", **october).json()["notes"] if "Closed" in each]
    assert "nothing since" in note
    world.tell(call(10, "2026-10-20"), node="late")
    [note] = [each for each in world.ask("/v1/reports/spend", **october).json()["notes"] if "Closed" in each]
    assert f"$0.000{COSTS[10]:09d} since" in note


def test_files_of_a_month_sum_to_its_total(world):
    world.close_month("2026-10")
    rows = list(csv.DictReader(io.StringIO(world.statement("2026-10", "csv").decode())))
    assert sum(int(row["cost_usd"].partition(".")[2].ljust(12, "0")) for row in rows) == sum(
        COSTS[n] for n in (1, 2, 3)
    )
    assert {row["cost_center"] for row in rows} == {"CC-42", "CC-7"}
    assert sum(int(row["quantity"]) for row in rows if row["meter"] == "calls") == 3


def test_what_was_delivered_stays_as_stated_and_the_next_month_says_what_became_of_it(tmp_path):
    people = {name: Person(name) for name in set(ALIASES.values())}
    org = Organisation(services_of(a_service(), persons_min=1))
    org.change("1", day=1)
    org.deploy("d1", day=2)
    world = MonthWorld(tmp_path, "2025-09-10", PolicySet("v1", services=org.services, access=Access(people)))
    try:
        world.tell(*org.answered())
        assert world.close_month("2025-08", "no calls went through outlay").status_code == 201
        before = world.statement("2025-08")
        outcomes = json.loads(before)["outcomes"]
        assert (outcomes["deployments"], outcomes["delivered"], outcomes["credits"]) == (1, 1, "1")
        assert (outcomes["definition"], outcomes["withheld"]) == (CURRENT.version, False)
        assert world.ask("/v1/months/corrections").json()["outcomes"] == []

        known = len(org.lines)
        org.incident(day=3)
        world.tell(*org.lines[known:], node="late")

        assert world.statement("2025-08") == before
        [since] = world.ask("/v1/months/corrections").json()["outcomes"]
        assert (since["month"], since["outcomes"]["delivered"], since["outcomes"]["voided"]) == ("2025-08", 0, 1)
        world.now = "2025-10-10"
        world.reopened()
        world.close_month("2025-09")
        assert json.loads(world.statement("2025-09"))["restated"] == [since]
        assert world.ask("/v1/months/corrections").json()["outcomes"] == []
        assert world.statement("2025-08") == before
    finally:
        world.close()


def test_a_backup_has_them_twice(world, tmp_path):
    world.close_month("2026-10")
    before = world.statement("2026-10")
    world.tell(call(10, "2026-10-20"), node="late")
    late = world.ask("/v1/months/corrections").json()
    copied = partial(world.store.copy, timeout_s=60)
    made = back_up(world.settings, tmp_path / "backups", copied, world.clock.now_us(), lambda _: None)
    elsewhere = tmp_path / "else/data"
    restore(made.folder, made.manifest, Settings(data=elsewhere, policies=tmp_path / "else/policies"), lambda _: None)
    other = MonthWorld(elsewhere)
    try:
        for _ in range(2):
            assert other.statement("2026-10") == before
            assert other.ask("/v1/months/corrections").json() == late
            assert other.ask("/v1/months/verify").json()["holds"]
            other.rebuilt()
    finally:
        other.close()


def test_months_are_for_finance_and_admins(world):
    keys = {
        role: Key(f"k_{role}", digest(f"outlay_{role}".encode()), "bob", OwnerKind.PERSON, (), role)
        for role in (Role.DEVELOPER, Role.FINANCE)
    }
    world.policies = PolicySet("v1", keys={key.hash: key for key in keys.values()})

    def asked(role, path, method="GET"):
        headers = {"authorization": f"Bearer outlay_{role}"}
        return world.ask(path, method, {} if method == "POST" else None, headers=headers, local=False).status_code

    for path in ("/v1/months", "/v1/months/corrections", "/v1/months/verify", "/v1/months/2026-10"):
        assert asked(Role.DEVELOPER, path) == 403
    assert asked(Role.DEVELOPER, "/v1/months/2026-10/close", "POST") == 403
    assert asked(Role.FINANCE, "/v1/months") == 200
    assert asked(Role.FINANCE, "/v1/months/2026-10/close", "POST") == 201
    world.reopened()
    assert world.months()["2026-10"]["closed_by"] == "bob"
    [act] = world.acts("month_closed")
    assert (act.details["by_key"], act.details["by_role"]) == ("k_finance", "finance")


def test_what_is_no_month_or_not_closed_is_told(world):
    assert world.ask("/v1/months", local=False).status_code == 401
    assert world.ask("/v1/months/2026-10/close", "POST", {}, local=False).status_code == 401
    assert world.ask("/v1/months/2026-10").json()["error"]["type"] == "unknown_month"
    assert world.ask("/v1/months/2026-13").json()["error"]["type"] == "bad_parameter"


@st.composite
def histories(draw):
    """Months with what is told before each is closed: of any month, by any gateway."""
    number = iter(range(10_000))
    months = ["2026-08", "2026-09", "2026-10"]
    day = st.sampled_from(["2026-08-01", "2026-08-31", "2026-09-15", "2026-10-01", "2026-10-30"])
    one = st.builds(
        lambda at, project, tokens: (at, project, tokens), day, st.sampled_from("ab"), st.integers(0, 10**9)
    )
    return [
        (month, [call(next(number), *each) for each in draw(st.lists(one, max_size=4))]) for month in [*months, "after"]
    ]


@settings(max_examples=3)
@given(histories())
def test_closed_and_corrections_sum_to_what_is_on_record_whatever_comes_when(history):
    with TemporaryDirectory() as folder:
        world = MonthWorld(Path(folder), now="2026-12-10")
        try:
            closed = {}
            for place, (month, lines) in enumerate(history):
                world.tell(*lines, node=f"n{place % 2}")
                if month != "after":
                    assert world.close_month(month, "law").status_code == 201
                    closed[month] = world.statement(month)
            statements = [read(text.decode()) for text in closed.values()]
            now = rows_of(world)
            left = unbooked(now, statements)
            for key in now:
                said, rest = booked(statements).get(key, (0, 0)), left.get(key, (0, 0))
                assert (said[0] + rest[0], said[1] + rest[1]) == now[key]
            told = [line for _, lines in history for line in lines]
            for month in closed:
                whole = total(booked(statements), month) + total(left, month)
                mine = [line for line in told if line.call.opened_us // 1 and _month(line) == month]
                assert (whole.calls, whole.cost_pico) == (len(mine), sum(line.cost.total_pico for line in mine))
            world.rebuilt()
            assert {month: world.statement(month) for month in closed} == closed
            assert world.ask("/v1/months/verify").json()["holds"]
        finally:
            world.close()


def _month(line):
    return next(name for name in ("2026-10", "2026-09", "2026-08") if line.call.opened_us >= at_us(f"{name}-01"))
