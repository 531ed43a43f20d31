"""Marked calls: every report of waste is the one that all calls tell, in whatever order things were told."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.journal.erasing import Names
from proxy.ledger.dimensions import WASTE_DIMENSIONS
from proxy.ledger.erasing import erase_rows
from proxy.ledger.people import OPERATOR
from proxy.ledger.rolling_up import roll_up
from proxy.ledger.spend_query import EVER_US
from proxy.ledger.statements import statement
from proxy.ledger.summing import merge_sums
from proxy.ledger.waste import waste, waste_query
from proxy.ledger.waste_asked import waste_asked
from proxy.model.entry import Attributed
from tests.flow.ledger_world import a_store, load, spent
from tests.flow.test_ledger_jobs import job, submission
from tests.flow.test_ledger_waste import CALLS, DAY_US, DIRECTORY, LATER, NOW_US, START_US, WHOLE

BY = sorted({*WASTE_DIMENSIONS, "tags.env"} - {"hour", "quarter", "year"})
FILTERS = (
    {},
    {"class": ""},
    {"class": "exact_repeat"},
    {"exemption": ""},
    {"project": "search"},
    {"user": "bob"},
    {"campaign": "c-1"},
    {"tags.env": "prod", "action": ""},
    {"session": "s-robot"},
)
MINUTES = 4 * 24 * 60


def timed(entry):
    """With ids as gateways give them, which tell when a call was admitted."""
    ids = {each.call.id: f"call_{each.call.opened_us // 1000:012x}{at:020x}" for at, each in enumerate(CALLS)}
    if isinstance(entry, Attributed):
        return replace(entry, call_ids=tuple(ids[id_] for id_ in entry.call_ids))
    repeats = tuple(ids[id_] for id_ in entry.repeats)
    return replace(entry, call=replace(entry.call, id=ids[entry.call.id]), repeats=repeats)


@pytest.fixture(scope="module", params=[3, 4], ids=["any-ids", "timed-ids"])
def store(request, tmp_path_factory):
    """Calls and words on them in seven loads, some words before their calls, and some calls named by several loads."""
    dice = random.Random(request.param)
    entries = [*CALLS, *LATER, *(replace(each, at_us=each.at_us + 7, campaign="c-9") for each in LATER[:3])]
    if request.param == 4:
        entries = list(map(timed, entries))
    dice.shuffle(entries)
    with a_store(tmp_path_factory.mktemp("marked")) as found:
        for at in range(7):
            load(found, entries[at::7], node=f"n{at}")
        with found.transaction() as change:
            merge_sums(change, 3)
        yield found


def both(store, **words):
    """By marked calls and sums, and by all calls."""
    asked = waste_asked([*{**WHOLE, **words}.items()], {}, NOW_US)
    marked = waste(store, asked, OPERATOR, DIRECTORY, 30)
    plain = waste(store, replace(asked, as_of_us=EVER_US), OPERATOR, DIRECTORY, 30)
    return marked, replace(plain, asked=asked)


@settings(max_examples=15)
@given(
    by=st.lists(st.sampled_from(BY), max_size=3, unique=True),
    narrowed=st.sampled_from(FILTERS),
    span=st.lists(st.integers(0, MINUTES), min_size=2, max_size=2, unique=True).map(sorted),
    more=st.sampled_from(({}, {"campaigns": "true"}, {"examples": "3"})),
    reason=st.sampled_from(({}, {"reason": "law"})),
)
def test_every_report_is_that_of_all_calls(store, by, narrowed, span, more, reason):
    since, until = (f"2026-03-{27 + at // 1440:02}T{at // 60 % 24:02}:{at % 60:02}+00:00" for at in span)
    if {"user", "campaign", "session"} & narrowed.keys():
        reason = {"reason": "law"}
    marked, plain = both(store, by=",".join(by), since=since, until=until, **narrowed, **more, **reason)
    assert marked == plain


def test_every_dimension_is_known_of_marked_calls(store):
    for at in range(0, len(BY), 4):
        marked, plain = both(store, by=",".join(BY[at : at + 4]), reason="law")
        assert marked == plain
        assert marked.rows


def test_calls_that_are_not_marked_are_not_looked_at_one_by_one(store):
    """Else the law above compares calls with calls."""
    before, _ = both(store, by="class,project")
    kept = store.read("SELECT id, found FROM calls WHERE found IS NOT NULL")
    with store.transaction() as change:
        change.execute("UPDATE calls SET found = NULL")
    try:
        marked, plain = both(store, by="class,project")
    finally:
        with store.transaction() as change:
            change.execute("UPDATE calls SET found = marked.found FROM marked WHERE marked.id = calls.id")
    assert kept
    assert marked == before
    assert plain != before


def test_some_words_stand_with_their_calls_some_apart_and_none_waits(store):
    assert store.read("SELECT count(*) > 5 FROM marked WHERE said.load > 0") == [(True,)]
    assert store.read("SELECT count(*) > 5 FROM named_apart") == [(True,)]
    assert store.read("SELECT count(*) FROM named_early") == [(0,)]
    assert store.read("SELECT count(*) = count(DISTINCT id) FROM marked") == [(True,)]


def test_a_report_that_began_before_a_word_was_loaded_knows_nothing_of_it(tmp_path):
    entries = [spent(f"call_{number}", opened_us=START_US + number) for number in range(4)]
    asked = waste_asked([*WHOLE.items(), ("by", "class")], {}, NOW_US)
    sql = statement("waste")
    with a_store(tmp_path) as store:
        load(store, [*entries, Attributed("c-1", "tool_loop", START_US + 9, ("call_1",))])
        query = waste_query(store, asked, OPERATOR, 30)
        before = query.grouped(sql, 13, own_only=False, fold=False)
        for at, ids in enumerate((("call_1", "call_2"), ("call_1", "call_3"))):
            load(store, [Attributed("c-2", "exact_repeat", START_US + 9, ids)], node=f"m{at}")
        assert query.grouped(sql, 13, own_only=False, fold=False) == before
        after = waste_query(store, asked, OPERATOR, 30).grouped(sql, 13, own_only=False, fold=False)
        assert [(values, figures[2]) for values, figures in before] == [(("tool_loop",), 1), (("",), 0)]
        assert [(values, figures[2]) for values, figures in after] == [(("exact_repeat",), 3), (("",), 0)]


def test_a_word_waits_for_its_call_and_goes_with_old_calls(tmp_path):
    early = spent("call_1", opened_us=START_US)
    with a_store(tmp_path) as store:
        load(store, [Attributed("c-1", "tool_loop", START_US + 9, ("call_1", "call_never"))])
        assert store.read("SELECT id FROM named_early ORDER BY ALL") == [("call_1",), ("call_never",)]
        load(store, [early], node="m")
        marked, plain = both(store, by="class")
        assert marked == plain
        assert marked.total.attributed_calls == 1
        assert store.read("SELECT id FROM named_early") == [("call_never",)]
        assert roll_up(store, START_US + DAY_US, NOW_US)
        for table in ("marked", "named_apart", "named_early"):
            assert store.read(f"SELECT count(*) FROM {table}") == [(0,)], table


def test_what_is_left_after_old_calls_are_dropped_is_told_as_before(tmp_path):
    words = {"by": "class,project,action", "since": "2026-03-27T06:00+00:00"}
    with a_store(tmp_path) as store:
        load(store, [*CALLS, *LATER])
        before, _ = both(store, **words)
        while roll_up(store, START_US + DAY_US // 4, NOW_US):
            pass
        marked, plain = both(store, **words)
        assert marked == plain
        assert marked.total.cost_pico == before.total.cost_pico
        assert marked.total.redundant_cost_pico == before.total.redundant_cost_pico > 0


def test_a_job_is_marked_under_who_pays_for_it(tmp_path):
    found = {"class": "exact_repeat", "score": 4000, "flagged": 1, "campaign": "c-1"}
    words = {"by": "user,project,class", "since": "2027-01-01", "until": "2027-02-01", "reason": "law"}
    with a_store(tmp_path) as store:
        load(store, [replace(job(), found=found)])
        load(store, [submission(), replace(job(work="other", model="n"), found=found)], node="m")
        marked, plain = both(store, **words)
        assert marked == plain
        assert ("bob", "search", "exact_repeat") in {row.values for row in marked.rows}
        assert marked.total.redundant_calls == 2


def test_an_erased_person_is_in_no_marked_call(tmp_path):
    with a_store(tmp_path) as store:
        load(store, [*CALLS, *LATER])
        before, _ = both(store)
        erase_rows(store, Names("alice", {"alice": "zzzz-"}))
        marked, plain = both(store, by="user,key,class", reason="law")
        assert marked == plain
        assert marked.total == before.total
        assert store.read("SELECT count(*) FROM marked WHERE marked::VARCHAR LIKE '%alice%'") == [(0,)]
        assert store.read("SELECT count(*) > 0 FROM marked WHERE owner = 'zzzz-'") == [(True,)]


def test_a_database_that_is_brought_to_this_schema_says_the_same(store):
    before, _ = both(store, by="class,campaign,user", reason="law", campaigns="true")
    rows = "SELECT * EXCLUDE (said) FROM marked ORDER BY ALL"
    loaded = store.read(rows)
    with store.transaction() as change:
        for table in ("marked", "named_apart", "named_early"):
            change.execute(f"DROP TABLE {table}")
        change.execute(statement("0017_marked"))
    after, plain = both(store, by="class,campaign,user", reason="law", campaigns="true")
    assert before == after == plain
    assert store.read(rows) == loaded
