"""The verdict of the crash drill sees what it is made to see."""

from dataclasses import replace

import duckdb
import pytest

from bench.crash_load import Ended, Witnesses, answer_of, kind_of, tokens_of
from bench.crash_verdict import Record, Recorded, database_record, judge
from proxy.adapters.store_duckdb import DATABASE_FILE
from tests.flow.ledger_world import a_store, load, spent


def a_world(calls=5):
    """Every call answered, and recorded as it was."""
    witnesses, journal, database = Witnesses(), Record(), Record()
    for number in range(1, calls + 1):
        witnesses.made += 1
        witnesses.reached[number] += 1
        witnesses.end(number, Ended.ANSWERED)
        for record in (journal, database):
            record.add(number, Recorded("ok", False, *tokens_of(number), number * 100))
    return witnesses, journal, database


def test_what_is_on_record_as_it_was_is_good():
    verdict = judge(*a_world())
    assert verdict.good
    assert (verdict.settled, verdict.spent_pico, verdict.estimated) == (5, 1500, 0)


@pytest.mark.parametrize("which", [1, 2], ids=["journal", "database"])
def test_a_call_missing_in_either_record_is_lost(which):
    world = a_world()
    del world[which].settled[3], world[which].times[3]
    verdict = judge(*world)
    assert verdict.lost == (3,)
    assert not verdict.good


def test_a_call_that_only_the_provider_saw_is_lost_too():
    witnesses, journal, database = a_world()
    witnesses.made += 1
    witnesses.reached[6] = 1
    assert judge(witnesses, journal, database).lost == (6,)


@pytest.mark.parametrize("which", [1, 2], ids=["journal", "database"])
def test_a_call_twice_in_either_record_is_doubled(which):
    world = a_world()
    world[which].add(2, world[which].settled[2])
    verdict = judge(*world)
    assert verdict.doubled == (2,)
    assert not verdict.good


def test_a_call_sent_twice_is_named():
    world = a_world()
    world[0].reached[4] += 1
    assert judge(*world).sent_twice == (4,)


def test_other_tokens_than_reported_are_wrong_unless_estimated():
    witnesses, journal, database = a_world()
    for record in (journal, database):
        record.settled[1] = replace(record.settled[1], input_tokens=1)
        record.settled[2] = replace(record.settled[2], input_tokens=1, estimated=True)
    verdict = judge(witnesses, journal, database)
    assert verdict.wrong == (1,)
    assert verdict.estimated == 1


def test_records_that_differ_are_told_apart():
    world = a_world()
    world[2].settled[5] = replace(world[2].settled[5], cost_pico=1)
    assert judge(*world).apart == (5,)


def test_open_holds_unreadable_lines_and_sums_that_differ_are_not_good():
    for change in ({"open": ["call_1"]}, {"unreadable": 1}, {"unsummed": 1}):
        world = a_world()
        for name, value in change.items():
            setattr(world[2], name, value)
        assert not judge(*world).good


def test_every_kind_of_call_comes_and_streams_end_as_http_says():
    kinds = {kind_of(number) for number in range(1, 40)}
    assert {(kind.stream, kind.cut, kind.hang_up, kind.status) for kind in kinds} >= {
        (False, False, False, 200),
        (True, False, False, 200),
        (True, True, False, 200),
        (True, False, True, 200),
        (False, False, False, 500),
    }
    for number in range(1, 40):
        answer = b"".join(answer_of(number))
        assert answer.endswith(b"0\r\n\r\n") == kind_of(number).stream


def test_sums_that_differ_from_calls_are_seen(tmp_path):
    with a_store(tmp_path) as store:
        load(store, [spent("call_1", work_item="1"), spent("call_2", work_item="2", model="n")])
    assert database_record(tmp_path).unsummed == 0
    with duckdb.connect(str(tmp_path / DATABASE_FILE)) as opened:
        opened.execute("UPDATE summed_lately SET cost_pico = cost_pico + 1 WHERE model = 'n'")
    assert database_record(tmp_path).unsummed == 2
