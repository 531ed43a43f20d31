"""Sums that are kept beside calls: every report that they can tell is the one that the calls themselves tell."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.journal_segments import DAY_US
from proxy.journal.codec import encode
from proxy.ledger.people import OPERATOR, Directory
from proxy.ledger.rolling_up import roll_up
from proxy.ledger.selection import selection
from proxy.ledger.spend import spend
from proxy.ledger.spend_query import SpendQuery
from proxy.ledger.statements import statement
from proxy.ledger.summing import KEPT_APART_US, MERGE_EVERY_US, MERGE_ROWS_MIN, Summing, merge_sums
from proxy.model.usage import Usage
from tests.fakes import facts
from tests.fakes.segments import MemorySegments
from tests.flow.ledger_world import NOW_US, a_loader, a_store, load, spent
from tests.flow.test_ledger_jobs import job, submission

BEGIN_US = 1_772_323_200_000_000
"""2026-03-01, UTC."""
BY = (
    "user",
    "key",
    "team",
    "project",
    "model",
    "outcome",
    "status",
    "estimated",
    "stream",
    "policy",
    "refusal",
    "client",
)
TIMES = ("", "hour", "day", "week", "month")
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe")
NARROWED = ({}, {"project": "search"}, {"user": "alice"}, {"estimated": "true"}, {"model": "m"})
MINUTES = 3 * 24 * 60


def settled(number):
    usage = Usage(input_text=number * 17, output_text=number + 1, cache_read=number // 3, reasoning=number % 5)
    return spent(
        f"call_{number}", usage, estimated=number % 7 == 0, opened_us=BEGIN_US + number * 43 * 60_000_000,
        owner=("alice", "bob")[number % 2], model=("m", "n")[number % 3 == 0],
        project=("checkout", "search")[number % 5 == 0], tags={"ticket": str(number)},
    )  # fmt: skip


def refused(number):
    found = facts.a_refused(f"no_{number}")
    return replace(found, call=replace(found.call, opened_us=BEGIN_US + number * 61 * 60_000_000))


def rows(query, asked):
    return [(row.values, row.figures) for row in query.rows()], query.persons()


def both(store, **parameters):
    """By sums, and by the calls themselves."""
    asked = selection([*parameters.items()], {}, BEGIN_US + 40 * DAY_US)
    summed = SpendQuery(store, asked, OPERATOR, 30, summed=True)
    plain = SpendQuery(store, asked, OPERATOR, 30, statement("spend_calls"))
    return rows(summed, asked), rows(plain, asked)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Three days in five loads, of which two were merged."""
    with a_store(tmp_path_factory.mktemp("summed")) as found:
        for at in range(5):
            load(found, [*map(settled, range(at, 100, 5)), refused(at), refused(at + 40)], node=f"n{at}")
        merge(found, 2)
        yield found


def merge(store, until):
    with store.transaction() as change:
        merge_sums(change, until)


@settings(max_examples=25)
@given(
    by=st.lists(st.sampled_from(BY), max_size=3, unique=True),
    time=st.sampled_from(TIMES),
    zone=st.sampled_from(ZONES),
    narrowed=st.sampled_from(NARROWED),
    span=st.lists(st.integers(0, MINUTES), min_size=2, max_size=2, unique=True).map(sorted),
    whole=st.booleans(),
)
def test_every_report_is_that_of_the_calls(store, by, time, zone, narrowed, span, whole):
    """For periods that begin and end anywhere, whole quarters of an hour or not."""
    since, until = (minute - minute % 15 if whole else minute for minute in span)
    if since == until:
        until += 15
    words = {"since": f"2026-03-{1 + since // 1440:02}T{since // 60 % 24:02}:{since % 60:02}+00:00",
             "until": f"2026-03-{1 + until // 1440:02}T{until // 60 % 24:02}:{until % 60:02}+00:00"}  # fmt: skip
    summed, plain = both(store, by=",".join([*by, time] if time else by), tz=zone, reason="law", **words, **narrowed)
    assert summed == plain


def test_the_whole_of_it_is_told_by_sums_alone(store):
    """Else the law above compares calls with calls."""
    asked = selection([("by", "project,day"), ("since", "2026-03-01"), ("until", "2026-04-01")], {}, BEGIN_US)
    with store.transaction() as change:
        change.execute("UPDATE summed SET cost_pico = cost_pico + 1")
    try:
        before = spend(store, asked, OPERATOR, Directory(), 30).total.cost_pico
    finally:
        with store.transaction() as change:
            change.execute("UPDATE summed SET cost_pico = cost_pico - 1")
    merged = store.read("SELECT count(*) FROM summed")[0][0]
    assert merged > 10
    assert before == spend(store, asked, OPERATOR, Directory(), 30).total.cost_pico + merged


def test_tags_are_told_by_calls(store):
    asked = selection([("by", "tags.ticket"), ("since", "2026-03-01"), ("until", "2026-04-01")], {}, BEGIN_US)
    assert len(spend(store, asked, OPERATOR, Directory(), 30).rows) > 90


def test_a_job_that_finds_its_payer_is_summed_under_him_and_once(tmp_path):
    """In one load, in two, after a merge, and with other calls in the same quarters of an hour."""
    month = {"by": "user,project,operation", "since": "2027-01-01", "until": "2027-02-01", "reason": "law"}
    others = [spent(f"call_{number}", opened_us=facts.OPENED_US - number * 1_000_000) for number in range(8)]
    with a_store(tmp_path) as store:
        load(store, [job(), *others[:4]])
        merge(store, 1)
        load(store, [job(work="other", model="n"), *others[4:]], node="m")
        load(store, [submission(), job(work="third")], node="o")
        summed, plain = both(store, **month)
        assert summed == plain
        assert {values for values, _ in summed[0]} >= {("bob", "search", "batch")}
        assert sum(figures.calls for _, figures in summed[0]) == len(others) + 4


def test_dropped_calls_stay_in_the_sums(tmp_path):
    month = {"by": "user,day", "since": "2026-03-01", "until": "2026-04-01", "reason": "law"}
    with a_store(tmp_path) as store:
        load(store, list(map(settled, range(40))))
        before = both(store, **month)
        while roll_up(store, BEGIN_US + DAY_US, BEGIN_US + 40 * DAY_US):
            pass
        assert both(store, **month) == before
        assert before[0] == before[1]


def test_a_database_that_is_brought_to_this_schema_is_summed_whole(tmp_path):
    with a_store(tmp_path) as store:
        load(store, list(map(settled, range(40))))
        while roll_up(store, BEGIN_US + DAY_US // 2, BEGIN_US + 40 * DAY_US):
            pass
        with store.transaction() as change:
            for table in ("summed", "summed_lately"):
                change.execute(f"DROP TABLE {table}")
            change.execute(statement("0016_summed"))
        summed, plain = both(store, by="user,model", since="2026-03-01", until="2026-04-01", reason="law")
        assert summed == plain
        assert len(summed[0]) > 2


def crowd(store, number):
    """So many sums in one load that merging is worth it."""
    sql = (
        "INSERT INTO summed_lately SELECT each.* REPLACE ($load AS load, n::VARCHAR AS owner) "
        "FROM range($rows) AS crowd(n), (SELECT * FROM summed_lately WHERE load = 1 LIMIT 1) AS each"
    )
    with store.transaction() as change:
        change.execute(sql, {"load": number, "rows": MERGE_ROWS_MIN})


def loads(store):
    return [number for (number,) in store.read("SELECT DISTINCT load FROM summed_lately ORDER BY load")]


def test_what_running_reports_may_stop_at_is_not_merged(tmp_path):
    """A report reads up to the load that was the newest when it began: rows of several must not become one."""
    with a_store(tmp_path) as store:
        load(store, list(map(settled, range(20))))
        crowd(store, 5)
        crowd(store, 6)
        summing, at_us = Summing(), NOW_US
        with store.transaction() as change:
            summing.merge(change, 6, at_us)
        assert loads(store) == [6], "of what was there before the process began, no report knows"
        for _ in range(KEPT_APART_US // MERGE_EVERY_US):
            at_us += MERGE_EVERY_US
            with store.transaction() as change:
                summing.merge(change, 7, at_us)
            assert loads(store) == [6]
        with store.transaction() as change:
            summing.merge(change, 8, at_us + 2 * MERGE_EVERY_US)
        assert loads(store) == []


def test_a_loader_merges_by_itself(tmp_path):
    with a_store(tmp_path) as store:
        load(store, list(map(settled, range(20))))
        crowd(store, 1)
        segments = MemorySegments()
        segments.write(map(encode, map(settled, range(20, 40))), "m")
        a_loader(store, segments).run_once()
        assert loads(store) == [2]
        summed, plain = both(store, by="user", user="alice", since="2026-03-01", until="2026-04-01", reason="law")
        assert summed == plain
