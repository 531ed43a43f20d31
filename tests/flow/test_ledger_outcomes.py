"""Outcomes in a real database: rebuilt from what was told and spent, conserved, frozen where they must stay."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.adapters.store_duckdb import DuckStore
from proxy.app.rebuilding import Rebuilding
from proxy.journal.codec import encode
from proxy.ledger.outcomes import Outcomes
from proxy.model.entry import Act, Settled
from proxy.model.told import CommitTold
from proxy.model.usage import Usage
from proxy.outcomes.quarters import quarter_us
from tests.fakes.journal import FakeJournal
from tests.fakes.segments import MemorySegments
from tests.fakes.telling import ALIASES, PAY, Organisation, a_service, at, services_of
from tests.flow.ledger_world import a_loader, a_store, spent


class World:
    def __init__(self, store: DuckStore, org: Organisation) -> None:
        self.store, self.org = store, org
        self.segments = MemorySegments()
        self.loader = a_loader(store, self.segments)
        self.day = 30.0
        self.outcomes = Outcomes(store, lambda: self.org.services, lambda: ALIASES, lambda: at(self.day))

    def load(self, *entries: Any) -> None:
        self.segments.write(map(encode, entries), "n")
        self.loader.run_once()

    def rows(self, sql: str) -> list[Any]:
        return list(self.store.read(sql))


def call(name: str, day: float, **given: Any) -> Settled:
    plain = {"opened_us": at(day), "repository": PAY, "branch": "", "commit": "", "session": ""}
    return spent(name, Usage(input_text=1), **(plain | given))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    org = Organisation(services_of(a_service()))
    org.change("1", day=1, branch="fix")
    org.deploy("d1", day=2)
    org.change("2", day=8, author="carol")
    org.deploy("d2", day=9)
    org.change("3", day=29)
    org.deploy("d3", day=29.5)
    with a_store(tmp_path) as store:
        world = World(store, org)
        world.load(
            *org.answered(),
            call("c1", 0.5, branch="fix"),
            call("c2", 8.5, owner="carol"),
            call("c3", 0.6, owner="dave", repository=""),
            call("c4", 0.7, owner="ci", owner_kind="service", purpose="run"),
        )
        yield world


def test_verdicts_weeks_and_shares_are_rows(world: World) -> None:
    world.outcomes.refresh()
    told = "SELECT split_part(id, '/', -1), standing, len(groups) FROM outcome_deployments ORDER BY id"
    assert world.rows(told) == [
        ("d1", "delivered", 1), ("d2", "delivered", 1), ("d3", "pending", 1),
    ]  # fmt: skip
    assert world.rows("SELECT week_us, deployments, credits, persons FROM outcome_weeks ORDER BY week_us") == [
        (at(0), 1, "1", ["alice"]), (at(7), 1, "1", ["carol"]), (at(28), 1, "0", ["alice"]),
    ]  # fmt: skip
    assert world.rows("SELECT method, service, calls FROM outcome_shares ORDER BY method") == [
        ("estimated", "pay", 1), ("header", "pay", 1), ("run", "", 1), ("unattributed", "", 1),
    ]  # fmt: skip
    assert world.rows("SELECT credit, standing FROM outcome_landings ORDER BY week_us") == [
        ("1", "delivered"), ("1", "delivered"), ("0", "pending"),
    ]  # fmt: skip
    assert world.rows("SELECT count(*) FROM outcome_changes WHERE qualifies") == [(3,)]


def test_money_is_conserved_by_team_project_and_week(world: World) -> None:
    world.load(*(call(f"x{n}", n / 3, team=("a", "b")[n % 2], project=f"p{n % 3}") for n in range(60)))
    world.outcomes.refresh()
    for dimension in ("team", "project", "''"):
        shares = f"SELECT {dimension}, sum(cost_pico), sum(calls) FROM outcome_shares GROUP BY 1 ORDER BY 1"
        calls = f"SELECT {dimension}, sum(cost_pico), count(*) FROM calls GROUP BY 1 ORDER BY 1"
        assert world.rows(shares) == world.rows(calls)


def test_a_session_is_whose_call_was_first_to_the_microsecond(world: World) -> None:
    world.org.tell(CommitTold(PAY, "h-pay-1", sessions=("s1",)), 0.9)
    mine = {"session": "s1", "repository": "", "project": "x"}
    world.load(world.org.lines[-1], call("s1", 0.5001, owner="aaron", **mine), call("s2", 0.5, **mine))
    world.outcomes.refresh()
    methods = "SELECT method, sum(calls)::BIGINT FROM outcome_shares WHERE project = 'x' GROUP BY 1 ORDER BY 1"
    assert world.rows(methods) == [("session", 1), ("unattributed", 1)]


def test_a_rebuild_is_made_only_where_something_changed(world: World) -> None:
    first = world.outcomes.refresh()
    assert world.outcomes.refresh() is first
    assert not world.outcomes.told_since()
    world.load(call("late", 10))
    assert not world.outcomes.told_since()
    second = world.outcomes.refresh()
    assert second is not first
    world.org.incident(10)
    world.load(world.org.lines[-1])
    assert world.outcomes.told_since()
    world.outcomes.refresh()
    assert world.rows("SELECT standing FROM outcome_deployments WHERE id LIKE '%/d2'") == [("voided",)]


def test_the_end_of_a_soak_is_told_by_nobody_and_changes_the_verdict(world: World) -> None:
    assert world.outcomes.refresh().due_us == at(32.5)
    world.day = 33
    assert world.outcomes.told_since()
    world.outcomes.refresh()
    assert world.rows("SELECT DISTINCT standing FROM outcome_deployments") == [("delivered",)]


def test_a_service_registered_later_gets_what_came_before(world: World) -> None:
    services, world.org.services = world.org.services, services_of()
    world.outcomes.refresh()
    assert world.rows("SELECT count(*) FROM outcome_weeks") == [(0,)]
    world.org.services = services
    assert world.outcomes.told_since()
    world.outcomes.refresh()
    assert world.rows("SELECT sum(deployments) FROM outcome_weeks") == [(3,)]


def test_a_baseline_on_record_stays_whatever_comes_late(world: World) -> None:
    world.day = 130
    [act] = world.outcomes.refresh().acts
    quarter = quarter_us(at(130))
    assert (act.kind, act.subject) == ("baselines_frozen", str(quarter))
    baseline = f"SELECT credits_a_week, frozen_us FROM outcome_baselines WHERE quarter_us = {quarter}"
    [(before, frozen_us)] = world.rows(baseline)
    assert frozen_us == 0
    world.load(act)
    assert world.outcomes.refresh().acts == ()
    assert world.rows(baseline) == [(before, at(130))]
    world.org.incident(2.5)
    world.load(world.org.lines[-1])
    world.outcomes.refresh()
    assert world.rows("SELECT standing FROM outcome_deployments WHERE id LIKE '%/d1'") == [("voided",)]
    assert world.rows(baseline) == [(before, at(130))]


async def test_rebuilding_puts_baselines_on_record_once(world: World) -> None:
    world.day = 130
    journal = FakeJournal()
    rebuilding = Rebuilding(world.outcomes, journal)
    await rebuilding.look()
    await rebuilding.look()
    assert [act.kind for act in journal.of(Act)] == ["baselines_frozen"]
    assert journal.flushed_entries == 1
    assert rebuilding.failing == ""


async def test_a_failure_is_told_and_ends_nothing(world: World) -> None:
    rebuilding = Rebuilding(world.outcomes, FakeJournal())
    world.store.close()
    await rebuilding.look()
    assert rebuilding.failing.startswith("StoreError")


async def test_nothing_is_made_of_half_of_the_facts(world: World) -> None:
    """Baselines of them would go on record, and stay."""
    seen: list[object] = []

    def ready() -> bool:
        seen.append(world.outcomes.built)
        return len(seen) > 2

    rebuilding = Rebuilding(world.outcomes, FakeJournal(), ready=ready)
    task = asyncio.create_task(rebuilding.run())
    async with asyncio.timeout(60):
        while not rebuilding.made:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    assert seen == [None] * 3
