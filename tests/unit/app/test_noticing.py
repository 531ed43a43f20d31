"""Each target is told once, over failures and restarts."""

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.app import noticing
from proxy.app.noticing import Noticing
from proxy.model.entry import Act
from proxy.policy.grants import Grant, Grants
from proxy.policy.notify_yaml import KINDS
from proxy.policy.rules import Budget, Unit, Window
from proxy.policy.types import Mistake, Secret, Target
from proxy.ports.notices import Notice, NotSentError
from tests.fakes import facts
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal
from tests.flow.ledger_world import a_store, load, spent
from tests.unit.policy.test_grants import BUDGET

CHAT = Target("chat", Secret("env", "CHAT"), KINDS)
MAIL = Target("mail", Secret("env", "MAIL"), ("unpriced_model",))
MISTAKE = Mistake("policies/access.yaml", 3, 11, "'alcie' is no person: did you mean 'alice'?")
RETRY_US = int(noticing.RETRY_S * 1e6)


class Post:
    """A sender that refuses the addresses it is told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.down: set[str] = set()
        self.tried = 0

    def send(self, address: str, notice: Notice) -> None:
        self.tried += 1
        if address in self.down:
            raise NotSentError("down")
        self.sent.append((address, notice.title))
        self.texts.append(notice.text)


class World:
    def __init__(self, store) -> None:
        self.store = store
        self.post = Post()
        self.journal = FakeJournal()
        self.clock = FakeClock(facts.OPENED_US + 1_000_000)
        self.mistakes: Sequence[Mistake] = ()
        self.targets: Sequence[Target] = (CHAT, MAIL)
        self.loaded = True
        self.budgets: Sequence[Budget] = ()
        self.granted = Grants()
        self.noticing = self.started()

    def started(self) -> Noticing:
        return Noticing(
            store=self.store,
            journal=self.journal,
            sender=self.post,
            targets=lambda: self.targets,
            address=lambda source: source.name if source.name != "UNSET" else None,
            mistakes=lambda: self.mistakes,
            loaded=lambda: self.loaded,
            budgets=lambda: self.budgets,
            grants=self.grants,
            now_us=self.clock.now_us,
        )

    async def grants(self) -> Grants:
        return self.granted

    def restart(self) -> None:
        """What stands on the journal is in the store then, and nothing else is left."""
        load(
            self.store,
            self.journal.of(Act),
            node=f"n{self.journal.of(Act)[-1].id[:20]}" if self.journal.entries else "n0",
        )
        self.noticing = self.started()


@contextmanager
def world(folder: Path, *calls: object):
    with a_store(folder) as store:
        load(store, calls)
        yield World(store)


def unpriced(number: int = 1, model: str = "m-1"):
    return spent(f"call_{number}", unpriced=True, model=model)


async def test_each_target_is_told_once_of_a_model_without_a_price(tmp_path) -> None:
    with world(tmp_path, unpriced(1), unpriced(2), spent("call_3")) as it:
        for _ in range(3):
            await it.noticing.look()
        assert sorted(it.post.sent) == [("CHAT", "No price for m-1"), ("MAIL", "No price for m-1")]
        assert "2 calls since" in it.post.texts[0]
        assert [act.kind for act in it.journal.of(Act)] == ["noticed", "noticed"]


async def test_a_restart_repeats_nothing(tmp_path) -> None:
    with world(tmp_path, unpriced()) as it:
        await it.noticing.look()
        it.restart()
        await it.noticing.look()
        assert len(it.post.sent) == 2


async def test_a_target_that_is_down_is_told_later_and_once_though_a_restart_comes_between(tmp_path) -> None:
    with world(tmp_path, unpriced()) as it:
        it.post.down = {"MAIL"}
        await it.noticing.look()
        assert [address for address, _ in it.post.sent] == ["CHAT"]
        it.restart()
        it.post.down = set()
        for _ in range(3):
            await it.noticing.look()
        assert sorted(address for address, _ in it.post.sent) == ["CHAT", "MAIL"]


async def test_it_waits_longer_from_failure_to_failure_up_to_an_hour(tmp_path) -> None:
    with world(tmp_path, unpriced()) as it:
        it.targets, it.post.down = (MAIL,), {"MAIL"}
        await it.noticing.look()
        await it.noticing.look()
        assert it.post.tried == 1
        it.clock.advance(RETRY_US)
        await it.noticing.look()
        assert it.post.tried == 2
        it.clock.advance(RETRY_US)
        await it.noticing.look()
        assert it.post.tried == 2
        for tried in range(3, 12):
            it.clock.advance(int(noticing.RETRY_S_MAX * 1e6))
            await it.noticing.look()
            assert it.post.tried == tried


async def test_a_target_without_an_address_fails_alone(tmp_path) -> None:
    with world(tmp_path, unpriced()) as it:
        it.targets = (Target("unset", Secret("env", "UNSET"), KINDS), MAIL)
        await it.noticing.look()
        assert it.post.sent == [("MAIL", "No price for m-1")]


async def test_mistakes_are_told_when_they_stay_and_by_their_places_only(tmp_path) -> None:
    with world(tmp_path) as it:
        it.mistakes = (MISTAKE,)
        await it.noticing.look()
        assert not it.post.sent
        for _ in range(3):
            await it.noticing.look()
        assert it.post.sent == [("CHAT", "Policy files are not in force")]
        assert "policies/access.yaml:3:11" in it.post.texts[0]
        assert "alcie" not in it.post.texts[0]


async def test_mistakes_that_are_mended_and_come_again_otherwise_are_told_anew(tmp_path) -> None:
    with world(tmp_path) as it:
        for mistakes in ((MISTAKE,), (MISTAKE,), (), (Mistake("x.yaml", 1, 1, "y"),), (Mistake("x.yaml", 1, 1, "y"),)):
            it.mistakes = mistakes
            await it.noticing.look()
        assert len(it.post.sent) == 2


async def test_nothing_is_told_before_it_is_known_what_was_told(tmp_path) -> None:
    with world(tmp_path, unpriced()) as it:
        it.loaded = False
        await it.noticing.look()
        assert not it.post.sent


async def test_a_delivery_that_cannot_be_recorded_is_recorded_later_and_not_repeated(tmp_path) -> None:
    with world(tmp_path, unpriced()) as it:
        it.targets = (MAIL,)
        it.journal.break_()
        await it.noticing.look()
        it.journal.heal()
        await it.noticing.look()
        assert len(it.post.sent) == 1
        assert len(it.journal.of(Act)) == 1


async def test_no_target_is_flooded_at_one_look(tmp_path) -> None:
    many = [unpriced(number, f"m-{number}") for number in range(noticing.PER_LOOK_MAX + 5)]
    with world(tmp_path, *many) as it:
        it.targets = (MAIL,)
        await it.noticing.look()
        assert len(it.post.sent) == noticing.PER_LOOK_MAX
        await it.noticing.look()
        assert len({title for _, title in it.post.sent}) == len(it.post.sent) == len(many)


@pytest.mark.parametrize("old_us", [8 * 86_400_000_000])
async def test_what_is_long_past_is_not_told(tmp_path, old_us: int) -> None:
    with world(tmp_path, unpriced()) as it:
        it.clock.advance(old_us)
        await it.noticing.look()
        assert not it.post.sent


TEAM = replace(BUDGET, name="team", per=(), warn_at=(50, 80), window=Window("month"))
EACH = replace(TEAM, name="each", per=("user",))
BOSS = Target("boss", Secret("env", "BOSS"), ("budget_level",), persons=True)


def costing(store_calls: int = 2) -> tuple[list[object], int]:
    """Calls of alice, and what they come to together."""
    calls = [spent(f"call_{number}", owner="alice") for number in range(store_calls)]
    return calls, sum(call.cost.total_pico for call in calls)


async def test_a_level_is_told_once_and_the_next_when_it_is_reached(tmp_path) -> None:
    calls, cost = costing()
    with world(tmp_path, *calls) as it:
        it.targets, it.budgets = (CHAT,), (replace(TEAM, limit=cost * 2),)
        for _ in range(2):
            await it.noticing.look()
        it.restart()
        await it.noticing.look()
        assert it.post.sent == [("CHAT", "Budget team at 50 %")]
        it.budgets = (replace(TEAM, limit=cost),)
        await it.noticing.look()
        assert it.post.sent[1:] == [("CHAT", "Budget team at 100 %")]
        assert "is spent (budgets.yaml:2)" in it.post.texts[1]


async def test_below_a_level_in_shadow_and_in_the_next_window_nothing_is_told(tmp_path) -> None:
    calls, cost = costing()
    with world(tmp_path, *calls) as it:
        it.targets = (CHAT,)
        it.budgets = (replace(TEAM, limit=cost * 2 + 1), replace(TEAM, name="shadow", mode="shadow", limit=1))
        await it.noticing.look()
        it.budgets = (replace(TEAM, limit=1),)
        it.clock.advance(40 * 86_400_000_000)
        await it.noticing.look()
        assert not it.post.sent


async def test_who_it_is_is_told_only_where_an_admin_says_so(tmp_path) -> None:
    calls, cost = costing()
    with world(tmp_path, *calls) as it:
        it.targets, it.budgets = (CHAT, BOSS), (replace(EACH, limit=cost),)
        for _ in range(2):
            await it.noticing.look()
        assert sorted(it.post.sent) == [
            ("BOSS", "Budget each, user alice at 100 %"),
            ("CHAT", "Budget each at 100 % for somebody"),
        ]
        told = dict(zip((address for address, _ in it.post.sent), it.post.texts, strict=True))
        assert "alice" not in told["CHAT"]


async def test_a_target_hears_of_the_levels_it_asks_for(tmp_path) -> None:
    calls, cost = costing()
    with world(tmp_path, *calls) as it:
        it.targets, it.budgets = (replace(CHAT, min_level=80),), (replace(TEAM, limit=cost * 2),)
        await it.noticing.look()
        assert not it.post.sent
        it.budgets = (replace(TEAM, limit=cost),)
        await it.noticing.look()
        assert len(it.post.sent) == 1


async def test_what_is_granted_counts_to_the_limit(tmp_path) -> None:
    calls, cost = costing()
    with world(tmp_path, *calls) as it:
        it.targets, it.budgets = (CHAT,), (replace(TEAM, limit=cost),)
        it.granted = Grants([Grant("gr_1", "team", (), Unit.USD, cost, 0, 2**60)])
        await it.noticing.look()
        assert it.post.sent == [("CHAT", "Budget team at 50 %")]


async def test_a_rolling_window_is_told_once_and_sums_its_buckets(tmp_path) -> None:
    calls, cost = costing()
    rolling = replace(TEAM, limit=cost, window=Window("rolling", length_s=30 * 86_400))
    with world(tmp_path, *calls) as it:
        it.targets, it.budgets = (CHAT,), (rolling,)
        for _ in range(3):
            await it.noticing.look()
        assert it.post.sent == [("CHAT", "Budget team at 100 %")]
