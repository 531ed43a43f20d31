"""Each target is told once, over failures and restarts."""

import threading
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from proxy.app import delivering
from proxy.app.delivering import Delivering
from proxy.app.noticing import Noticing
from proxy.ledger.conditions import Difference, GatewayState
from proxy.ledger.loader import Progress
from proxy.model.entry import Act
from proxy.model.money import pico_to_usd
from proxy.policy.grants import Grant, Grants
from proxy.policy.notify_yaml import KINDS
from proxy.policy.rules import Budget, Scope, Unit, Window
from proxy.policy.types import Mistake, Secret, Target
from proxy.ports.notices import Notice, NotSentError
from proxy.web.notice_figures import NoticeFigures, notice_details
from tests.fakes import facts
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal
from tests.flow.ledger_world import a_store, load, spent
from tests.unit.policy.test_grants import BUDGET

CHAT = Target("chat", Secret("env", "CHAT"), KINDS)
MAIL = Target("mail", Secret("env", "MAIL"), ("unpriced_model",))
MISTAKE = Mistake("policies/access.yaml", 3, 11, "'alcie' is no person: did you mean 'alice'?")
RETRY_US = int(delivering.RETRY_S * 1e6)
HALF_A_MINUTE_US = 30_000_000


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
        self.progress = Progress()
        self.loaded = True
        self.behind_us = 0
        self.failing = ""
        self.gateways: Sequence[GatewayState] = ()
        self.budgets: Sequence[Budget] = ()
        self.granted = Grants()
        self.noticing = self.started()

    def started(self) -> Noticing:
        self.delivering = Delivering(
            store=self.store,
            journal=self.journal,
            sender=self.post,
            address=lambda source: source.name if source.name != "UNSET" else None,
            now_us=self.clock.now_us,
        )
        return Noticing(
            store=self.store,
            journal=self.journal,
            delivering=self.delivering,
            targets=lambda: self.targets,
            mistakes=lambda: self.mistakes,
            progress=self.loading,
            failing=lambda: self.failing,
            budgets=lambda: self.budgets,
            grants=self.grants,
            gateways=self.answering,
            now_us=self.clock.now_us,
        )

    async def answering(self) -> Sequence[GatewayState]:
        return self.gateways

    def loading(self) -> Progress:
        current_us = self.clock.now_us() - self.behind_us if self.loaded else 0
        return replace(self.progress, current_until_us=current_us)

    async def look_later(self, after_us: int = HALF_A_MINUTE_US) -> None:
        self.clock.advance(after_us)
        await self.noticing.look()

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
            it.clock.advance(int(delivering.RETRY_S_MAX * 1e6))
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
        await it.look_later(HALF_A_MINUTE_US - 1)
        assert not it.post.sent
        for _ in range(3):
            await it.look_later(1)
        assert it.post.sent == [("CHAT", "Policy files are not in force")]
        assert "policies/access.yaml:3:11" in it.post.texts[0]
        assert "alcie" not in it.post.texts[0]


async def test_mistakes_that_are_mended_and_come_again_otherwise_are_told_anew(tmp_path) -> None:
    other = (Mistake("x.yaml", 1, 1, "y"),)
    with world(tmp_path) as it:
        for mistakes in ((MISTAKE,), (MISTAKE,), (), other, other):
            it.mistakes = mistakes
            await it.look_later()
        assert len(it.post.sent) == 2


async def test_edits_that_each_have_other_mistakes_are_not_told(tmp_path) -> None:
    other = (Mistake("x.yaml", 1, 1, "y"),)
    with world(tmp_path) as it:
        for mistakes in ((MISTAKE,), other, (MISTAKE,), other):
            it.mistakes = mistakes
            await it.look_later()
        assert not it.post.sent


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


async def test_many_of_a_kind_are_one_message_and_each_is_told_once(tmp_path) -> None:
    many = [unpriced(number, f"m-{number}") for number in range(20)]
    with world(tmp_path, *many) as it:
        it.targets = (MAIL,)
        await it.noticing.look()
        it.restart()
        await it.look_later()
        assert it.post.sent == [("MAIL", "20 notices: unpriced model")]
        assert it.post.texts[0].count("- No price for m-") == 15
        assert it.post.texts[0].endswith("and 5 more")
        assert len(it.journal.of(Act)) == 20


async def test_no_target_is_flooded(tmp_path) -> None:
    with world(tmp_path) as it:
        it.targets = (CHAT,)
        for number in range(delivering.MESSAGES_MAX + 5):
            it.progress = replace(it.progress, lost=(f"segment {number}",))
            await it.look_later(1_000_000)
        assert len(it.post.sent) == delivering.MESSAGES_MAX
        await it.look_later(int(delivering.MESSAGES_S * 1e6))
        assert len(it.post.sent) == delivering.MESSAGES_MAX + 1


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
        assert it.post.texts[1].startswith(
            f"Spent: {pico_to_usd(cost)} USD of {pico_to_usd(cost)} USD. Left: 0.00 USD. It "
        )
        assert "resets at 2027-02-01 00:00 UTC. From now on calls are refused." in it.post.texts[1]
        assert "outlay budget grant team --amount '10 USD'" in it.post.texts[1]
        assert "The rule stands at budgets.yaml:2." in it.post.texts[1]


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
        assert "USD" not in told["CHAT"]
        assert "--for alice" in told["BOSS"]


async def test_a_budget_of_one_person_is_told_as_one_of_somebody(tmp_path) -> None:
    calls, cost = costing()
    with world(tmp_path, *calls) as it:
        it.targets = (CHAT,)
        it.budgets = (replace(TEAM, limit=cost, scope=Scope({"user": ("alice",)})),)
        await it.noticing.look()
        assert it.post.sent == [("CHAT", "Budget team at 100 % for somebody")]


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


async def test_a_provider_that_keeps_failing_is_told_and_its_recovery_to_those_who_heard(tmp_path) -> None:
    with world(tmp_path) as it:
        it.gateways = (GatewayState("n1", providers={"openai": False, "anthropic": True}),)
        await it.noticing.look()
        assert not it.post.sent
        await it.look_later()
        it.restart()
        await it.look_later()
        await it.look_later()
        assert it.post.sent == [("CHAT", "Provider openai keeps failing")]
        it.gateways = (GatewayState("n1", providers={"openai": True, "anthropic": True}),)
        await it.look_later()
        it.restart()
        await it.look_later()
        assert it.post.sent[1:] == [("CHAT", "Provider openai is well again")]


async def test_a_provider_that_flaps_is_told_once_an_hour(tmp_path) -> None:
    with world(tmp_path) as it:
        it.targets = (CHAT,)
        for down in (True, True, False, True, True, True):
            it.gateways = (GatewayState("n1", providers={"openai": not down}),)
            await it.look_later()
        assert len(it.post.sent) == 2
        await it.look_later(delivering.AGAIN_US)
        assert [title for _, title in it.post.sent][2:] == ["Provider openai keeps failing"]


async def test_a_gateway_that_cannot_meter_is_told_at_once(tmp_path) -> None:
    with world(tmp_path) as it:
        it.gateways = (GatewayState("n1", accepting=False),)
        await it.noticing.look()
        assert it.post.sent == [("CHAT", "Gateway n1 refuses all calls")]
        it.gateways = (GatewayState("n1"),)
        await it.look_later()
        assert it.post.sent[1:] == [("CHAT", "Gateway n1 takes calls again")]


async def test_calls_that_pass_without_the_journal_are_told_at_once(tmp_path) -> None:
    with world(tmp_path) as it:
        it.gateways = (GatewayState("n1", passing=True),)
        await it.noticing.look()
        it.gateways = (GatewayState("n1"),)
        await it.look_later()
        assert [title for _, title in it.post.sent] == [
            "Calls pass gateway n1 without its journal",
            "Gateway n1 writes its journal again",
        ]


async def test_counters_that_differed_are_on_record_and_told_once_a_day(tmp_path) -> None:
    with world(tmp_path) as it:
        at_us = it.clock.now_us()
        it.gateways = (GatewayState("n1", difference=Difference(at_us, 2, "0.05", ("team", "each"))),)
        await it.noticing.look()
        await it.noticing.look()
        (act,) = it.journal.of(Act)
        assert (act.kind, act.subject, act.details["usd"]) == ("counter_difference", "n1", "0.05")
        it.gateways = ()
        it.restart()
        await it.look_later()
        it.gateways = (GatewayState("n1", difference=Difference(at_us + 60_000_000, 1, "0.01", ("team",))),)
        await it.look_later()
        assert it.post.sent == [("CHAT", "Counters of gateway n1 differed from the ledger")]
        assert "by 0.05 USD in 2 accounts of the budgets team, each." in it.post.texts[0]
        assert [act.details.get("usd") for act in it.journal.of(Act)] == ["0.05", None, "0.01"]


async def test_a_ledger_that_is_behind_says_so_and_that_it_has_caught_up(tmp_path) -> None:
    with world(tmp_path) as it:
        it.failing = "StoreError: no room"
        it.behind_us = 60_000_000
        await it.noticing.look()
        it.behind_us += 1
        await it.noticing.look()
        assert it.post.sent == [("CHAT", "Reports are behind")]
        assert "StoreError: no room" in it.post.texts[0]
        it.behind_us = 0
        await it.look_later()
        assert it.post.sent[1:] == [("CHAT", "Reports are up to date again")]


async def test_quarantined_lines_are_told_when_there_are_twice_as_many(tmp_path) -> None:
    with world(tmp_path) as it:
        for lines in (1, 1, 2, 3, 4):
            it.progress = replace(it.progress, quarantined=lines)
            await it.look_later()
        assert [title.rpartition(" ")[2] for _, title in it.post.sent] == ["1", "2", "4"]


async def test_what_cannot_be_looked_at_hides_nothing_else(tmp_path) -> None:
    with world(tmp_path) as it:

        async def broken() -> Sequence[GatewayState]:
            raise OSError("no sockets")

        it.answering = broken
        it.noticing = it.started()
        it.progress = replace(it.progress, quarantined=1)
        await it.noticing.look()
        assert it.post.sent == [("CHAT", "Journal lines can't be read: 1")]


async def test_a_service_that_never_answers_holds_up_no_other_target(tmp_path) -> None:
    hangs = threading.Event()

    class Stuck(Post):
        def send(self, address: str, notice: Notice) -> None:
            if address == "CHAT":
                hangs.wait(30)
            super().send(address, notice)

    with world(tmp_path, unpriced()) as it:
        it.post = Stuck()
        it.noticing = it.started()
        chat, mail = await it.noticing.begin()
        await mail
        assert it.post.sent == [("MAIL", "No price for m-1")]
        assert await it.noticing.begin() != [chat, mail]
        assert not chat.done()
        thread = it.delivering.deliveries["chat"].thread
        assert thread is not None
        assert thread.daemon, "no end of the process waits for it"
        hangs.set()
        await chat
        assert len(it.post.sent) == 2


async def test_what_fails_is_seen_without_its_address(tmp_path) -> None:
    with world(tmp_path, unpriced()) as it:
        it.post.down = {"MAIL"}
        await it.noticing.look()
        details = notice_details(it.delivering.deliveries, it.clock.now_us())
        assert details["mail"] == {
            "waiting": 1,
            "sent": 0,
            "failing": "down",
            "failed_in_a_row": 1,
            "again_in_s": int(delivering.RETRY_S),
        }
        registry = CollectorRegistry()
        registry.register(NoticeFigures(lambda: it.delivering.deliveries))
        shown = generate_latest(registry).decode()
        assert 'outlay_ledger_notices_failing{target="mail"} 1.0' in shown
        assert 'outlay_ledger_notices_sent_total{target="chat"} 1.0' in shown
        assert 'outlay_ledger_notices_waiting{target="mail"} 1.0' in shown
        assert "MAIL" not in shown + str(details)


async def test_a_stop_puts_what_is_being_delivered_on_record(tmp_path) -> None:
    with world(tmp_path, unpriced()) as it:
        await it.noticing.begin()
        assert not it.journal.of(Act)
        await it.delivering.stop()
        assert len(it.journal.of(Act)) == 2
