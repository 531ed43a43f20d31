"""Outcomes made anew of only what has come since are those made of everything, wherever they are worked out."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.store_duckdb import DuckStore
from proxy.app.outcome_process import OutcomeProcess, OutcomeWorkError
from proxy.journal.codec import encode
from proxy.ledger.outcome_asked import outcomes_asked
from proxy.ledger.outcome_report import outcome_report
from proxy.ledger.outcome_work import Done, Job, Say
from proxy.ledger.outcomes import Outcomes
from proxy.ledger.people import OPERATOR
from proxy.ledger.rolling_up import roll_up
from proxy.model.told import CommitTold
from proxy.model.usage import Usage
from proxy.web.outcome_notes import notes
from tests.fakes.segments import MemorySegments
from tests.fakes.telling import ALIASES, PAY, SHOP, Organisation, a_service, at, services_of
from tests.flow.ledger_world import a_loader, a_store, spent

slow = settings(max_examples=6)
NOW = 40.0
TABLES = ("deployments", "changes", "landings", "weeks", "services", "baselines", "shares", "spend")


def an_organisation() -> Organisation:
    org = Organisation(services_of(a_service(), a_service("shop", SHOP, projects=("checkout",))))
    for number in range(1, 7):
        author = ("alice", "carol", "bob")[number % 3]
        org.change(str(number), day=3.0 * number, author=author, branch=("fix", "feature")[number % 2])
        org.tell(CommitTold(PAY, f"h-pay-{number}", sessions=("s1", "s2")[: 1 + number % 2]), 3 * number - 0.5)
        if number % 3 == 0:
            org.deploy(f"d{number}", day=3.0 * number + 0.5)
    return org


CALLS = st.fixed_dictionaries(
    {
        "day": st.sampled_from([-3.0, 0.5, 0.5001, 1.0, 4.0, 9.0, 9.2, 16.0, 17.0, 30.0]),
        "owner": st.sampled_from(["alice", "bob", "carol", "dave"]),
        "team": st.sampled_from(["a", "b"]),
        "project": st.sampled_from(["checkout", "shared"]),
        "purpose": st.sampled_from(["build", "build", "build", "run"]),
        "repository": st.sampled_from([PAY, SHOP, ""]),
        "branch": st.sampled_from(["fix", "feature", ""]),
        "session": st.sampled_from(["s1", "s2", "s3", ""]),
    }
)
STEPS = st.lists(st.one_of(st.lists(CALLS, min_size=1, max_size=5), st.sampled_from(["tell", "look"])), max_size=8)


class World:
    """One ledger, which makes its outcomes anew after each step."""

    def __init__(self, store: DuckStore) -> None:
        self.store, self.org, self.day = store, an_organisation(), NOW
        self.segments = MemorySegments()
        self.loader = a_loader(store, self.segments)
        self.outcomes = self.beside()
        self.calls = 0

    def beside(self, **given: Any) -> Outcomes:
        return Outcomes(self.store, lambda: self.org.services, lambda: ALIASES, lambda: at(self.day), **given)

    def load(self, *entries: Any) -> None:
        self.segments.write(map(encode, entries), "n")
        self.loader.run_once()

    def spend(self, day: float, **given: Any) -> None:
        self.calls += 1
        self.load(spent(f"c{self.calls}", Usage(input_text=self.calls), opened_us=at(day), commit="", **given))

    def tables(self) -> dict[str, list[Any]]:
        return {name: list(self.store.read(f"SELECT * FROM outcome_{name} ORDER BY ALL")) for name in TABLES}


@slow
@given(STEPS)
def test_after_any_calls_and_deliveries_they_are_those_of_everything(tmp_path: Path, steps: list[Any]) -> None:
    with TemporaryDirectory(dir=tmp_path) as folder, a_store(Path(folder)) as store:
        world = World(store)
        world.load(*world.org.answered())
        world.outcomes.refresh()
        for step in steps:
            if step == "tell":
                world.org.change(f"9{len(world.org.lines)}", day=20, author="alice", branch="fix")
                world.load(*world.org.lines[-2:])
            elif step != "look":
                for call in step:
                    world.spend(**call)
            built = world.outcomes.refresh()
            assert built.judged or step != "tell"
        found = world.tables()
        world.beside().refresh()
        assert world.tables() == found


@pytest.fixture
def world(tmp_path: Path) -> Any:
    with a_store(tmp_path) as store:
        world = World(store)
        world.load(*world.org.answered())
        for number in range(30):
            world.spend(number / 2, owner="alice", repository=PAY, branch="fix" * (number % 2), session="")
        world.outcomes.refresh()
        yield world


def test_new_calls_alone_judge_nothing_and_touch_their_weeks(world: World) -> None:
    world.spend(9.0, owner="bob", repository=PAY, branch="", session="")
    built = world.outcomes.refresh()
    assert (built.judged, built.weeks) == (False, (at(7),))
    assert "folding" not in built.steps


def test_a_call_that_shows_a_session_to_be_anothers_moves_what_was_put_on_it(world: World) -> None:
    plain = {"repository": "", "branch": "", "session": "s1", "project": "x"}
    methods = "SELECT method, sum(calls)::BIGINT FROM outcome_shares WHERE project = 'x' GROUP BY ALL ORDER BY ALL"
    world.spend(8.0, owner="alice", **plain)
    world.outcomes.refresh()
    assert world.store.read(methods) == [("session", 1)]
    world.spend(1.0, owner="dave", **plain)
    assert world.outcomes.refresh().weeks is None
    assert world.store.read(methods) == [("unattributed", 2)]


def test_without_what_the_last_rebuild_left_everything_is_judged_again(world: World) -> None:
    """Erased, or cleared away: what is left may tell of persons who are to be forgotten."""
    for undo in (
        (world.store.path.parent / "scratch/outcomes/proofs.msgpack").unlink,
        world_without_state(world),
    ):
        undo()
        world.spend(9.0, owner="bob", repository=PAY, branch="", session="")
        assert world.outcomes.refresh().judged


def world_without_state(world: World) -> Any:
    def forget() -> None:
        with world.store.transaction() as change:
            change.execute("DELETE FROM outcome_state")

    return forget


def test_of_weeks_whose_calls_were_dropped_the_shares_stay_and_late_calls_are_added(world: World) -> None:
    before = world.tables()["shares"]
    with world.store.transaction() as change:
        change.execute("DELETE FROM calls WHERE opened_us < $until_us", {"until_us": at(7.5)})
        change.execute("INSERT INTO retained VALUES (1, $until_us, 15, 0)", {"until_us": at(7.5)})
    world.beside().refresh()
    assert world.tables()["shares"] == before
    world.spend(2.0, owner="dave", repository="", branch="", session="", project="late")
    world.spend(20.0, owner="dave", repository="", branch="", session="", project="late")
    built = world.outcomes.refresh()
    late = "SELECT week_us, calls FROM outcome_shares WHERE project = 'late' ORDER BY week_us"
    assert world.store.read(late) == [(at(0), 1), (at(14), 1)]
    assert not built.judged
    assert [row for row in world.tables()["shares"] if "late" not in row] == before


def test_what_is_known_of_closed_weeks_is_never_counted_twice(world: World) -> None:
    """The week in which the drop ends still has some of its calls."""
    before = world.tables()["shares"]
    with world.store.transaction() as change:
        change.execute("INSERT INTO retained VALUES (1, $until_us, 0, 0)", {"until_us": at(9)})
    for forget in (world_without_state(world), lambda: None):
        forget()
        world.beside().refresh()
        assert world.tables()["shares"] == before


def test_calls_are_dropped_only_once_outcomes_know_them(world: World) -> None:
    world.spend(0.0, owner="dave", repository="", branch="", session="", project="late")
    assert roll_up(world.store, at(5), at(NOW)) is None
    world.outcomes.refresh()
    shares = world.tables()["shares"]
    assert roll_up(world.store, at(5), at(NOW)) is not None
    world.beside().refresh()
    assert world.tables()["shares"] == shares


def test_a_process_of_its_own_finds_the_same(world: World) -> None:
    found, said, sessions = world.tables(), [], set()
    apart = OutcomeProcess(apart_rows=0)

    def run(job: Job, folder: Path, say: Say) -> Done:
        def told(step: str, part: float) -> None:
            said.append(step)
            children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
            sessions.update(os.getsid(int(child)) for child in children)
            say(step, part)

        return apart(job, folder, told)

    other = world.beside(run=run)
    built = other.refresh()
    assert world.tables() == found
    assert built.due_us == world.outcomes.built.due_us  # type: ignore[union-attr]
    assert said == ["folding", "judging", "weeks", "proofs", "writing", "attributing"]
    assert other.progress is None
    assert len(sessions - {os.getsid(0)}) == 1, "Ctrl-C would end it before the ledger does"
    world.spend(9.0, owner="bob", repository=PAY, branch="", session="")
    assert not other.refresh().judged


def again_and_again(world: World, run: Any) -> None:
    """Until it is stopped: one job may be done before that."""
    while True:
        world.beside(run=run).refresh()


def test_a_process_that_is_stopped_is_an_error_and_leaves_the_tables(world: World) -> None:
    found = world.tables()
    apart = OutcomeProcess(apart_rows=0)
    begun = threading.Event()

    def run(job: Job, folder: Path, say: Say) -> Done:
        def told(step: str, part: float) -> None:
            begun.set()
            say(step, part)

        return apart(job, folder, told)

    def stop() -> None:
        begun.wait()
        apart.stop()

    stopping = threading.Thread(target=stop)
    stopping.start()
    with pytest.raises(OutcomeWorkError):
        again_and_again(world, run)
    stopping.join()
    assert world.tables() == found
    with pytest.raises(OutcomeWorkError, match="being stopped"):
        world.beside(run=apart).refresh()


def test_a_process_whose_parent_is_gone_ends(tmp_path: Path) -> None:
    """It waits for a job for ever, or has one: the end of its stdin is the end of it."""
    command = [sys.executable, "-m", "proxy.app.outcome_worker", str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **pipes) as child:
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(60) != 0


def test_a_report_of_a_large_ledger_waits_for_nothing_and_says_what_it_has_not(world: World) -> None:
    with world.store.transaction() as change:
        change.execute("DELETE FROM outcome_state")
    large = world.beside(small_rows=0)
    large.freshen()
    assert large.built is None
    asked = outcomes_asked([], at(NOW))
    report = outcome_report(world.store, asked, world.org.services, OPERATOR, at(NOW), 30)
    assert any("for the first time" in each for each in notes(report))
    small = world.beside()
    small.freshen()
    assert small.built is not None
    report = outcome_report(world.store, asked, world.org.services, OPERATOR, at(NOW), 30)
    assert not any("for the first time" in each for each in notes(report))
