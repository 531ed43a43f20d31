"""From what was told to verdicts, over a real repository's mirror, the journal and the database."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.adapters.store_duckdb import DuckStore
from proxy.app.mirror_kept import FETCH_EVERY_US, RETRY_US
from proxy.app.mirroring import Mirroring
from proxy.ledger.mirror_questions import MirrorQuestions
from proxy.model.service import EventSource, Mirror, Service, Services
from proxy.model.told import ChangeTold, DeploymentTold, Fact, ReviewTold, Told
from proxy.model.told_facts import kind_of, told
from proxy.outcomes.crediting import judge
from proxy.outcomes.folding import fold
from proxy.outcomes.unread import NEVER_FETCHED, NO_MIRROR, MirrorState, said, unread
from tests.fakes.clock import FakeClock
from tests.fakes.git_repository import GitRepository
from tests.fakes.journal import FakeJournal
from tests.flow.ledger_world import a_store, load

PAY = "github.com/acme/pay"
DAY_US = 86_400_000_000


class World:
    """A repository, what its host tells of it, and a ledger that mirrors it."""

    def __init__(self, repository: GitRepository, store: DuckStore, tmp_path: Path) -> None:
        self.repository = repository
        self.store = store
        self.clock = FakeClock()
        self.journal = FakeJournal()
        self.entry = Mirror(PAY, repository.url)
        self.secret = ""
        self.data = tmp_path / "data"
        self._told = 0
        self._loaded = 0
        self.use(self.entry)
        self.questions = MirrorQuestions(store, lambda: self.services)
        self.mirroring = self.started()

    def use(self, *mirrors: Mirror) -> None:
        service = Service(
            "pay", (PAY,), ("production",), self.clock.now_us() - 400 * DAY_US, deploy_actors=("deploy-bot",)
        )
        self.services = Services(
            {"pay": service}, {"github": EventSource("github", "github")}, {each.repository: each for each in mirrors}
        )

    def started(self) -> Mirroring:
        return Mirroring(
            ask=self.questions.ask,
            journal=self.journal,
            services=lambda: self.services,
            mirrors=self.data / "mirrors",
            keys_from=self.data,
            secret=lambda _: self.secret,
            environ={"PATH": os.environ["PATH"]},
            now_us=self.clock.now_us,
        )

    def tell(self, fact: Fact) -> None:
        self._told += 1
        now_us = self.clock.now_us()
        name = f"d{self._told}"
        line = Told(f"github:{name}:0", now_us, "github", name, kind_of(fact), now_us, "signed", facts=told(fact))
        load(self.store, [line], f"g{self._told}")

    def change(self, number: str, head: str, merge: str) -> None:
        self.tell(ReviewTold(PAY, number, "bob", "approved", head, f"r{number}"))
        self.tell(ChangeTold(PAY, number, "alice", head, "main", f"topic-{number}", merge, self.clock.now_us()))

    def deploy(self, name: str, sha: str) -> None:
        self.clock.advance(1_000_000)
        self.tell(DeploymentTold(PAY, name, "production", "success", sha=sha, actor="deploy-bot"))

    async def look(self) -> int:
        """One look, and what it put on record loaded."""
        written = await self.mirroring.look()
        new = self.journal.entries[self._loaded :]
        if new:
            load(self.store, new, f"m{self._loaded}")
        self._loaded = len(self.journal.entries)
        return written

    async def all(self) -> None:
        while await self.look():
            pass

    def verdicts(self) -> dict[str, tuple[str, ...]]:
        rows = self.store.read(
            "SELECT id, at_us, source, delivery, kind, occurred_us, trust, payload, clamped, imported, quarantine, "
            "facts FROM told"
        )
        history = fold((Told(*row) for row in rows), self.services, {"alice": "alice", "bob": "bob"})
        found = judge(history, self.services, self.clock.now_us() + 30 * DAY_US)
        return {each.deployment.rpartition("/")[2]: each.groups for each in found.deployments}

    def state(self) -> MirrorState:
        (found,) = self.mirroring.states()
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    repository = GitRepository(tmp_path / "pay")
    repository.commit({"pay.py": "a = 1\n"}, "First")
    with a_store(tmp_path) as store:
        yield World(repository, store, tmp_path)


def merged(repository: GitRepository, number: str) -> tuple[str, str]:
    """Head and squash of a new pull request."""
    repository.branch(f"topic-{number}")
    head = repository.commit({f"new{number}.py": f"work_{number} = {number}\n"})
    repository.pull(number, head)
    return head, repository.squash(f"topic-{number}", f"Work (#{number})")


async def test_what_was_told_is_judged_once_the_mirror_has_been_read(world: World) -> None:
    first = world.repository.head()
    world.deploy("d0", first)
    head, merge = merged(world.repository, "1")
    world.change("1", head, merge)
    world.deploy("d1", merge)
    assert world.verdicts()["d1"] == ()
    await world.all()
    assert world.verdicts()["d1"] == (f"{PAY}#1",)
    state = world.state()
    assert (state.error, state.waiting, state.reachable) == ("", 0, True)
    assert state.facts == len(world.journal.entries)
    assert unread(world.services, [state]) == ()


async def test_nothing_is_read_or_written_twice(world: World) -> None:
    head, merge = merged(world.repository, "1")
    world.change("1", head, merge)
    world.deploy("d1", merge)
    await world.all()
    lines = len(world.journal.entries)
    assert await world.look() == 0
    world.mirroring = world.started()
    world.clock.advance(FETCH_EVERY_US)
    assert await world.look() == 0
    assert len(world.journal.entries) == lines


async def test_answers_are_not_repeated_while_they_are_on_their_way_to_the_database(world: World) -> None:
    world.deploy("d0", world.repository.head())
    assert await world.mirroring.look() > 0
    assert await world.mirroring.look() == 0


async def test_a_commit_that_comes_later_is_found_then(world: World) -> None:
    world.repository.branch("unpushed")
    late = world.repository.commit({"pay.py": "a = 2\n"})
    world.repository.checkout("main")
    world.repository.git("branch", "-q", "-D", "unpushed")
    await world.look()
    world.deploy("d1", late)
    assert await world.look() == 0
    assert (world.state().missing, world.state().error) == ((late,), "")
    assert "are not in it" in unread(world.services, world.mirroring.states())[0].why
    world.repository.git("branch", "pushed", late)
    assert await world.look() == 0, "not before its time"
    world.clock.advance(RETRY_US)
    assert await world.look() > 0
    assert world.state().missing == ()


async def test_a_repository_that_cannot_be_reached_is_said_and_tried_again_later_and_later(world: World) -> None:
    away = world.repository.folder.with_name("away")
    world.repository.folder.rename(away)
    world.deploy("d0", "c" * 40)
    assert await world.look() == 0
    first = world.state()
    assert "does not appear to be a git repository" in first.error
    assert (first.reachable, first.failures, first.next_us) == (False, 1, world.clock.now_us() + RETRY_US)
    assert unread(world.services, [first])[0].why == first.error
    await world.look()
    assert world.state().failures == 1
    world.clock.advance(RETRY_US)
    await world.look()
    assert world.state().next_us == world.clock.now_us() + 2 * RETRY_US
    away.rename(world.repository.folder)
    world.clock.advance(2 * RETRY_US)
    await world.look()
    assert (world.state().error, world.state().reachable) == ("", True)


async def test_a_token_that_is_not_there_is_said_until_it_is(world: World) -> None:
    world.use(Mirror(PAY, "https://127.0.0.1:1/acme/pay.git", ("env", "TOKEN")))
    assert await world.look() == 0
    assert world.state().error == "its token is not there: variable TOKEN"
    world.secret = "s3cret"
    assert await world.look() == 0
    assert "token" not in world.state().error
    assert "s3cret" not in str(world.mirroring.states())


async def test_a_full_disk_loses_no_answer(world: World) -> None:
    world.deploy("d0", world.repository.head())
    world.journal.break_()
    assert await world.look() == 0
    world.journal.heal()
    assert await world.look() > 0


async def test_what_goes_back_is_told_of_all_that_it_takes_back(world: World) -> None:
    first = world.repository.head()
    second = world.repository.commit({"pay.py": "a = 2\n"})
    third = world.repository.commit({"pay.py": "a = 3\n"})
    for name, sha in (("d1", second), ("d2", third), ("d3", first)):
        world.deploy(name, sha)
    await world.all()
    lines = [each.facts for each in world.journal.entries if isinstance(each, Told) and each.kind == "shipped"]
    older = {each["before"] for each in lines if each.get("older")}
    assert older == {second, third}


async def test_without_a_mirror_nothing_is_read_and_that_is_said(world: World) -> None:
    world.use()
    world.deploy("d0", world.repository.head())
    assert await world.look() == 0
    assert world.mirroring.states() == ()
    assert [(each.repository, each.services, each.why) for each in unread(world.services, ())] == [
        (PAY, ("pay",), NO_MIRROR)
    ]
    world.use(world.entry)
    found = unread(world.services, world.mirroring.states())
    assert found[0].why == NEVER_FETCHED
    assert said(found)[0].startswith(f"{PAY} (pay) can't be read: its mirror has not been fetched yet. Of its deploy")


async def test_a_stop_ends_what_is_being_read(world: World) -> None:
    world.deploy("d0", world.repository.head())
    await world.look()
    world.mirroring.stop()
    world.deploy("d1", world.repository.commit({"pay.py": "a = 2\n"}))
    assert await world.look() == 0
