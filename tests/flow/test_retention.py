"""Old calls become sums: no report that the sums can tell changes by a pico-dollar, and any other says so."""

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from proxy.adapters.journal_folder import write_mark
from proxy.adapters.journal_segments import DAY_US
from proxy.app.backing_up import BACKED_UP_FILE
from proxy.app.retention import Retention
from proxy.journal.positions import Mark, SegmentName, Stage
from proxy.ledger.balances import balances
from proxy.ledger.kept import raw_from_us
from proxy.ledger.outcomes import Outcomes
from proxy.ledger.people import OPERATOR, Directory
from proxy.ledger.periods import SLOT_US
from proxy.ledger.prices import prices
from proxy.ledger.replay_facts import History, write_facts
from proxy.ledger.rolling_up import HOUR_US, roll_up
from proxy.ledger.selection import ParameterError, selection
from proxy.ledger.spend import spend
from proxy.ledger.waste import waste
from proxy.ledger.waste_asked import waste_asked
from proxy.model.service import Services
from proxy.model.usage import Usage
from proxy.policy.rules import Unit, Window
from proxy.ports.balances import AskedBudget, Place
from proxy.ports.store import StoreError
from proxy.settings import Settings, SettingsError
from tests.fakes import facts
from tests.flow.ledger_world import a_store, load, spent

BEGIN_US = 1_772_323_200_000_000
"""2026-03-01, UTC: the clocks change within the weeks that follow."""
END_US = BEGIN_US + 40 * DAY_US
KEPT = ("user", "key", "team", "project", "model", "provider", "outcome", "estimated", "unpriced", "policy", "tags.env")
TIMES = ("hour", "day", "week", "month", "quarter", "year")
LOST = ("session", "agent", "justification", "trace", "branch", "commit", "work_item", "retry")
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe")


def settled(number, at_us, owner="alice", model="m", project="checkout", tokens=10, *, estimated=False, env=""):
    usage = Usage(input_text=tokens, output_text=number + 1, cache_read=tokens // 3)
    return spent(
        f"call_{number}", usage, estimated=estimated, opened_us=at_us, owner=owner, model=model, project=project,
        tags={"env": env} if env else {}, session=f"s{number % 3}",
    )  # fmt: skip


def refused(number, at_us, budget=""):
    found = facts.a_refused(f"no_{number}")
    found = replace(found, call=replace(found.call, opened_us=at_us))
    return replace(found, message=f"The budget '{budget}' (budgets.yaml:3) has no room") if budget else found


MANY = [
    settled(n, BEGIN_US + n * 7 * SLOT_US // 3, ("alice", "bob")[n % 2], ("m", "n")[n % 3 == 0], env=("", "a")[n % 2])
    for n in range(60)
]


def asked_for(**parameters):
    return selection([*parameters.items()], {}, END_US)


def report(store, **parameters):
    found = spend(store, asked_for(**parameters), OPERATOR, Directory(), 30)
    return [(row.values, row.figures) for row in found.rows], found.total, found.persons


def rolled(store, before_us):
    steps = []
    while step := roll_up(store, before_us, END_US):
        steps.append(step)
    return steps


@st.composite
def calls(draw):
    at = st.integers(0, 6 * 24 * 60).map(lambda minute: BEGIN_US + 26 * DAY_US + minute * 61_000_000)
    one = st.builds(
        settled,
        number=st.integers(0, 10**6),
        at_us=at,
        owner=st.sampled_from(("alice", "bob")),
        model=st.sampled_from(("m", "n")),
        project=st.sampled_from(("checkout", "search")),
        tokens=st.integers(0, 10**6),
        estimated=st.booleans(),
        env=st.sampled_from(("", "a", "b")),
    )
    found = draw(st.lists(one, min_size=1, max_size=12, unique_by=lambda each: each.call.id))
    return [*found, *(refused(number, draw(at)) for number in range(draw(st.integers(0, 2))))]


@settings(max_examples=8)
@given(
    lines=calls(),
    cut=st.integers(0, 8 * 24).map(lambda hour: BEGIN_US + 25 * DAY_US + hour * HOUR_US),
    questions=st.lists(
        st.tuples(
            st.lists(st.sampled_from(KEPT), max_size=3, unique=True),
            st.sampled_from(("", *TIMES)),
            st.sampled_from(ZONES),
            st.sampled_from(({}, {"project": "search"}, {"user": "alice"}, {"tags.env": "a"}, {"estimated": "true"})),
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_no_report_changes_that_the_sums_can_tell(lines, cut, questions):
    with TemporaryDirectory() as folder, a_store(Path(folder)) as store:
        load(store, lines)
        asked = [
            {"by": ",".join([*by, time] if time else by), "tz": zone, "since": "2026-03-20", "until": "2026-04-09",
             "reason": "law", **narrowed}
            for by, time, zone, narrowed in questions
        ]  # fmt: skip
        before = [report(store, **each) for each in asked]
        dropped = sum(step.calls for step in rolled(store, cut))
        assert [report(store, **each) for each in asked] == before
        ((left,),) = store.read("SELECT count(*) FROM calls")
        assert left + dropped == len(lines)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Sixty calls of three days, of which the first half are sums."""
    with a_store(tmp_path_factory.mktemp("rolled")) as found:
        load(found, MANY)
        assert sum(step.calls for step in rolled(found, BEGIN_US + DAY_US // 2)) > 0
        yield found


@pytest.mark.parametrize("name", LOST)
def test_what_the_sums_dont_tell_is_refused_with_the_day(store, name):
    with pytest.raises(ParameterError, match=rf"kept from 2026-03-01T12:00Z on.*{name}"):
        report(store, by=name, since="2026-03-01", until="2026-04-01", reason="test")
    with pytest.raises(ParameterError, match=name):
        report(store, since="2026-03-01", until="2026-04-01", reason="test", **{name: "x"})
    assert report(store, by=name, since="2026-03-01T12:00", until="2026-04-01", reason="test")[1].calls


def test_before_the_day_only_full_quarters_of_an_hour_can_be_told(store):
    with pytest.raises(ParameterError, match="quarter"):
        report(store, since="2026-03-01T00:07", until="2026-04-01")
    with pytest.raises(ParameterError, match="quarter"):
        report(store, since="2026-03-01", until="2026-03-01T02:01")
    assert report(store, since="2026-03-01T00:15", until="2026-03-01T02:30")[1].calls


def test_reports_of_single_calls_say_from_when_on_there_are_any(store):
    early = [("since", "2026-03-01"), ("until", "2026-04-01")]
    for made in (
        lambda: waste(store, waste_asked(early, {}, END_US), OPERATOR, Directory(), 30),
        lambda: prices(store, selection(early, {}, END_US, "prices"), OPERATOR, 30),
    ):
        with pytest.raises(ParameterError, match="single calls, which are kept from 2026-03-01T12:00Z on"):
            made()


def test_a_balance_is_the_same_before_and_after(tmp_path):
    asked = [
        AskedBudget(budget=str(unit), conditions={"team": ("*",)}, per=("user",), unit=unit, since_us=BEGIN_US,
                    until_us=END_US, bucket_us=0, count_refused=True)
        for unit in Unit
    ]  # fmt: skip
    with a_store(tmp_path) as found:
        load(found, [*MANY, refused(1, BEGIN_US + 1)])
        nowhere = Place(0, 0, 0)
        before = balances(found, asked, "n", nowhere, 30)
        assert rolled(found, BEGIN_US + DAY_US)
        assert balances(found, asked, "n", nowhere, 30) == before


def test_what_was_spent_before_a_replay_is_the_same_before_and_after(tmp_path):
    def spent_before(name):
        since_us = BEGIN_US + 2 * DAY_US
        write_facts(
            found, tmp_path / name, since_us=since_us, until_us=END_US, history=History(since_us, 0), timeout_s=30
        )
        return found.read(
            f"""SELECT opened_us, "user", model, tags, sum(cost_pico), sum(tokens), sum(calls), sum(refused_calls)
            FROM '{tmp_path / name}' WHERE NOT replayed GROUP BY ALL ORDER BY ALL"""
        )

    with a_store(tmp_path) as found:
        load(found, MANY)
        before = spent_before("before.parquet")
        assert before
        assert rolled(found, BEGIN_US + DAY_US)
        assert spent_before("after.parquet") == before


def test_what_spend_went_into_stays_as_it_was_found(tmp_path):
    """A week whose calls are gone keeps its shares; one that still has some of them is found anew."""
    shares = "SELECT week_us, team, project, sum(cost_pico), sum(calls) FROM outcome_shares GROUP BY ALL ORDER BY ALL"
    later = [settled(100 + n, BEGIN_US + (20 + n) * DAY_US) for n in range(3)]
    with a_store(tmp_path) as found:
        load(found, [*MANY, *later])
        Outcomes(found, Services, dict, lambda: END_US).refresh()
        before = found.read(shares)
        assert sum(calls for *_, calls in before) == len(MANY) + len(later)
        assert rolled(found, BEGIN_US + 10 * DAY_US)
        Outcomes(found, Services, dict, lambda: END_US).refresh()
        assert found.read(shares) == before


def test_a_call_that_settles_late_is_added_to_the_sums(tmp_path):
    with a_store(tmp_path) as found:
        load(found, MANY)
        rolled(found, BEGIN_US + DAY_US)
        raw_from = raw_from_us(found, 30)
        load(found, [settled(999, BEGIN_US + 5, "alice")], node="m")
        whole = report(found, by="user", since="2026-03-01", until="2026-04-01", reason="test")
        assert whole[1].calls == len(MANY) + 1
        assert [step.calls for step in rolled(found, BEGIN_US + DAY_US)] == [1]
        assert report(found, by="user", since="2026-03-01", until="2026-04-01", reason="test") == whole
        assert raw_from_us(found, 30) == raw_from


def test_sums_that_are_not_those_of_the_calls_drop_nothing(tmp_path):
    """What can't be held in a sum (here: beyond 64 bits) undoes the step, and everything stays."""
    with a_store(tmp_path) as found:
        load(found, MANY)
        with found.transaction() as change:
            change.execute(
                f"UPDATE calls SET cost_pico = {2**63 - 1} WHERE id IN ('call_0', 'call_2') OR id = 'call_1'"
            )
            change.execute(
                "UPDATE calls SET owner = 'alice', model = 'm', tags = MAP {}, opened_us = $at", {"at": BEGIN_US}
            )
        with pytest.raises(StoreError):
            roll_up(found, END_US, END_US)
        assert found.read("SELECT count(*) FROM calls") == [(len(MANY),)]
        assert found.read("SELECT count(*) FROM calls_rolled") == [(0,)]


def retention(store, tmp_path, *, now_us=END_US, rolling_s=0, attributed=lambda: True, **more):
    window = Window("rolling", length_s=rolling_s) if rolling_s else Window("month")
    loader = SimpleNamespace(progress=SimpleNamespace(passes=1), loaded=dict)
    made = Settings(data=tmp_path, calls_days=38.0, **more)
    return Retention(made, store, loader, lambda: [SimpleNamespace(window=window)], lambda: now_us, attributed)


def test_calls_go_when_they_are_old_enough_and_no_rolling_budget_counts_them(tmp_path):
    with a_store(tmp_path) as found:
        load(found, MANY)
        assert not retention(found, tmp_path, rolling_s=90 * 86400).roll_up()
        assert not retention(found, tmp_path, now_us=BEGIN_US + DAY_US).roll_up()
        assert retention(found, tmp_path).roll_up()


async def test_a_running_ledger_drops_what_is_old_by_itself(tmp_path):
    with a_store(tmp_path) as found:
        load(found, MANY)
        task = asyncio.create_task(retention(found, tmp_path).run())
        async with asyncio.timeout(60):
            while found.read("SELECT count(*) FROM calls WHERE opened_us < $us", {"us": END_US - 38 * DAY_US}) != [
                (0,)
            ]:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        ((left,), (rolled_calls,)) = found.read(
            "SELECT count(*) FROM calls UNION ALL SELECT sum(calls) FROM calls_rolled"
        )
        assert left + rolled_calls == len(MANY)


async def test_a_look_that_fails_is_not_the_last_one(tmp_path):
    loader = SimpleNamespace(progress=SimpleNamespace(passes=1), loaded=dict)

    def budgets():
        raise RuntimeError("can't start new thread")

    failing = Retention(Settings(data=tmp_path, calls_days=38.0), None, loader, budgets, lambda: END_US)
    with capture_logs() as logs:
        task = asyncio.create_task(failing.run())
        async with asyncio.timeout(60):
            while not logs:
                await asyncio.sleep(0.01)
    assert logs[0]["why"] == "can't start new thread"
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])


def test_calls_wait_for_a_backup_where_they_are_to(tmp_path):
    with a_store(tmp_path) as found:
        load(found, MANY)
        waiting = retention(found, tmp_path, keep_until_backup="on")
        assert not waiting.roll_up()
        (tmp_path / BACKED_UP_FILE).write_text(json.dumps({"at_us": BEGIN_US + HOUR_US, "segments": {}}))
        assert waiting.roll_up()
        assert not waiting.roll_up(), "the next hour's calls ended after the backup"


@pytest.mark.parametrize(("waiting", "kept", "stays"), [("off", {}, False), ("on", {}, True), ("on", 5, False)])
def test_segments_wait_for_a_backup_where_they_are_to(tmp_path, waiting, kept, stays):
    folder = tmp_path / "journal" / "n"
    folder.mkdir(parents=True)
    for number in (1, 2):
        name = SegmentName(1, number)
        (folder / name.file).write_bytes(b"line\n")
        write_mark(folder / name.mark_file, Mark(5, Stage.RECOVERED))
        os.utime(folder / name.file, ns=(0, 0))
    first = f"n/{SegmentName(1, 1)}"
    if kept:
        (tmp_path / BACKED_UP_FILE).write_text(json.dumps({"at_us": 1, "segments": {first: kept}}))
    made = Settings(data=tmp_path, journal_days=1.0, keep_until_backup=waiting)
    loader = SimpleNamespace(progress=SimpleNamespace(passes=1), loaded=lambda: {first: 5})
    Retention(made, None, loader, tuple, lambda: END_US).expire()
    assert (folder / SegmentName(1, 1).file).exists() is stays


def test_calls_are_kept_for_a_month_at_least():
    with pytest.raises(SettingsError, match="at least 35"):
        Settings.load({"OUTLAY_CALLS_DAYS": "7"})
    assert Settings.load({"OUTLAY_CALLS_DAYS": "35"}).calls_days == 35


async def test_a_database_that_is_loaded_anew_drops_nothing_before_outcomes_know_it(tmp_path):
    """As after damage: old calls are all there again, and nothing says what they were spent on."""
    with a_store(tmp_path) as found:
        load(found, MANY)
        outcomes, before = Outcomes(found, Services, dict, lambda: END_US), []

        def attributed():
            before.append(found.read("SELECT count(*) FROM calls"))
            if len(before) > 2:
                outcomes.refresh()
            return outcomes.built is not None

        task = asyncio.create_task(retention(found, tmp_path, attributed=attributed).run())
        async with asyncio.timeout(60):
            while found.read("SELECT count(*) FROM retained") == [(0,)]:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        assert before == [[(len(MANY),)]] * 3
        assert found.read("SELECT sum(calls) FROM outcome_shares") == [(len(MANY),)]
