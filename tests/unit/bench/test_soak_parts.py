"""The soak's own parts: what it asks, how it measures growth, and that its verdict sees what it is made to see."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from bench.crash_load import KINDS, Ended, Witnesses, kind_of, tokens_of
from bench.crash_verdict import Record, Recorded
from bench.soak_load import LANES, TURNS, conversation_of, request
from bench.soak_verdict import compared
from bench.soak_watch import HANDLES_MORE_MAX, Figures, Sample, Watch, slope
from proxy.adapters import counters_file
from proxy.gateway.counters_snapshot import Snapshot
from proxy.policy.charge import Account
from proxy.ports.balances import Place, Standing

NODE = "test"


def messages_of(number: int) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(request(number, 1).partition(b"\r\n\r\n")[2])["messages"]
    return found


def test_a_conversation_grows_by_a_turn_and_stays_of_one_kind() -> None:
    turns = [2 + LANES * at for at in range(TURNS)]
    assert {conversation_of(each) for each in turns} == {2}
    assert {kind_of(each) for each in turns} == {kind_of(2)}
    said = [messages_of(each) for each in turns]
    assert all(later[: len(one)] == one and len(later) == len(one) + 2 for one, later in pairwise(said))
    assert conversation_of(turns[-1] + LANES) != 2


def test_every_kind_of_call_is_made_alone_and_by_agents() -> None:
    assert {kind_of(each) for each in range(0, 200)} == set(KINDS)
    assert {kind_of(each).stream for each in range(0, 200, 2)} == {True, False}


def test_another_seed_makes_other_calls() -> None:
    assert request(200, 1) == request(200, 1)
    assert request(200, 1) != request(200, 2)


@pytest.mark.parametrize(
    ("points", "steep"),
    [([(0, 5), (1, 7), (2, 9)], 2.0), ([(0, 1), (1, 1)], 0.0), ([(3, 1)], 0.0), ([(0, 0), (1, 3), (2, 0)], 0.0)],
)
def test_the_slope_is_that_of_the_nearest_line(points: list[tuple[float, float]], steep: float) -> None:
    assert slope(points) == pytest.approx(steep)


def a_watch(handles: list[int]) -> Watch:
    """A look each 50,000 calls, memory growing by 3 MiB with each."""
    return Watch(
        [
            Sample(at, at * 50_000, {"gateway": Figures(60 + 3 * at, 0.0, count, 8)}, 0, 0)
            for at, count in enumerate(handles)
        ]
    )


def test_growth_is_told_for_100_000_calls_and_open_files_are_seen() -> None:
    even = a_watch([20, 50, 52, 49, 51, 50, 50])
    assert even.slope(lambda each: each.processes["gateway"].mib) == pytest.approx(6)
    assert even.flat()
    assert not a_watch([20, *range(50, 50 + 12 * HANDLES_MORE_MAX, HANDLES_MORE_MAX)]).flat()


@pytest.fixture
def agreed(tmp_path: Path) -> tuple[Path, Witnesses, Record]:
    """Three calls of p1 and one of p9, and one refused; everybody says the same."""
    witnesses, record = Witnesses(made=5), Record()
    for number in range(1, 5):
        witnesses.reached[number] = 1
        witnesses.end(number, Ended.ANSWERED)
        record.add(number, Recorded("ok", False, *tokens_of(number), 100))
    witnesses.end(5, Ended.REFUSED)
    with duckdb.connect(str(tmp_path / "outlay.duckdb")) as database:
        database.execute("CREATE TABLE calls (work_item VARCHAR, owner VARCHAR, cost_pico BIGINT, refused BOOLEAN)")
        rows = [*((str(n), "p9" if n == 4 else "p1", 100, False) for n in range(1, 5)), ("5", "p9", 0, True)]
        database.executemany("INSERT INTO calls VALUES (?, ?, ?, ?)", rows)
    count(tmp_path, {("all",): 400, ("each", "p1"): 300, ("each", "p9"): 100, ("short",): 1})
    return tmp_path, witnesses, record


def count(data: Path, totals: dict[tuple[str, ...], int]) -> None:
    accounts = {Account(name, tuple(of), 0): Standing(total, total) for (name, *of), total in totals.items()}
    counters_file.write(counters_file.counters_file(data, NODE), Snapshot(Place(1, 1, 0), frozenset(), accounts))


def test_where_everybody_says_the_same_it_is_good(agreed: tuple[Path, Witnesses, Record]) -> None:
    data, witnesses, record = agreed
    equal = compared(data, NODE, "p9", witnesses, record)
    assert equal.good, equal
    assert equal.refused == 1
    assert equal.reported_tokens == sum(sum(tokens_of(each)) for each in range(1, 5))


def test_a_counter_that_is_off_by_one_is_seen(agreed: tuple[Path, Witnesses, Record]) -> None:
    data, witnesses, record = agreed
    count(data, {("all",): 400, ("each", "p1"): 299, ("each", "p9"): 101, ("short",): 1})
    equal = compared(data, NODE, "p9", witnesses, record)
    assert [each.apart for each in equal.sums] == [0, 2, 0]
    assert not equal.good


def test_a_refusal_that_one_side_alone_knows_is_seen(agreed: tuple[Path, Witnesses, Record]) -> None:
    data, witnesses, record = agreed
    witnesses.end(5, Ended.ANSWERED)
    assert compared(data, NODE, "p9", witnesses, record).refused_wrongly == 1
    witnesses.end(5, Ended.HUNG_UP)
    assert compared(data, NODE, "p9", witnesses, record).good
    witnesses.made = 6
    witnesses.end(6, Ended.REFUSED)
    assert compared(data, NODE, "p9", witnesses, record).refused_wrongly == 1


def test_tokens_that_differ_in_sum_are_seen(agreed: tuple[Path, Witnesses, Record]) -> None:
    data, witnesses, record = agreed
    record.settled[1] = replace(record.settled[1], output_tokens=0)
    assert not compared(data, NODE, "p9", witnesses, record).good
