"""What a check of closed months holds against the journal's calls, and what it says it can't."""

import pytest

from proxy.dialects.dialect import Job, Source
from proxy.gateway.jobs import job_id
from proxy.ledger.rolling_up import roll_up
from proxy.model.usage import Served, Usage
from tests.flow.ledger_world import spent
from tests.flow.month_world import MonthWorld, at_us


def call(number, day, **given):
    return spent(f"call_{number}", Usage(input_text=100), opened_us=at_us(day) + number, project="checkout", **given)


def job(name, tokens):
    told = Job(name, Source.OBJECT, name, Served(model="gpt-5.1"), ())
    return spent(job_id("main", told), Usage(input_text=tokens), opened_us=at_us("2026-10-07"))


@pytest.fixture
def world(tmp_path):
    made = MonthWorld(tmp_path)
    made.tell(call(1, "2026-10-01"), call(2, "2026-10-31"))
    yield made
    made.close()


def verified(world):
    [row] = world.ask("/v1/months/verify").json()["rows"]
    return row["holds"], row["faults"], row["unverified"]


def test_every_call_is_counted_again_where_there_are_no_batches(world):
    world.close_month("2026-10")
    assert verified(world) == (True, [], [])


def test_work_of_batches_is_said_to_be_in_no_count(world):
    world.tell(job("batch_1", 1000), job("batch_2", 10))
    world.close_month("2026-10")
    holds, faults, unverified = verified(world)
    assert (holds, faults) == (True, [])
    [said] = unverified
    assert said.startswith("work of batches, 2 calls for $0.00101000303, is not counted again: of several gateways'")
    assert said in world.ask("/v1/months/verify", format="csv").text.replace('""', '"')
    assert "2026-10: work of batches, 2 calls" in world.ask("/pages/months/verify").text
    with world.store.transaction() as change:
        change.execute("DELETE FROM calls WHERE id = 'call_1'")
    holds, faults, unverified = verified(world)
    assert (holds, len(faults), unverified) == (False, 1, [said])
    assert "it was made of 2 calls for $0.0002000006; up to the same place there are 1 call for" in faults[0]


def test_calls_that_became_sums_are_said_not_to_be_counted(world):
    world.close_month("2026-10")
    while roll_up(world.store, at_us("2026-10-20"), at_us(world.now)):
        pass
    assert verified(world) == (
        *(True, []),
        ["its 2 calls for $0.0002000006 are not all kept one by one any more: none is counted again"],
    )


def test_a_month_that_was_closed_over_sums_says_that_none_was_counted(world):
    while roll_up(world.store, at_us("2026-10-20"), at_us(world.now)):
        pass
    world.close_month("2026-10")
    [said] = verified(world)[2]
    assert said == "its 2 calls for $0.0002000006 were not all kept one by one when it was closed: none is counted"


def test_of_a_statement_that_is_not_what_was_closed_no_call_is_counted(world):
    world.close_month("2026-10")
    with world.store.transaction() as change:
        change.execute("UPDATE statements SET document = replace(document, 'checkout', 'chequout')")
    holds, faults, unverified = verified(world)
    assert (holds, len(faults)) == (False, 1)
    assert unverified == ["its calls are not counted again, since it is not what was closed"]
