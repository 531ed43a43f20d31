"""The same deterministic calls of one key, under way at the same moment, share one call to the provider."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest
import respx
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.gateway.recording import BACKLOG_BYTES
from proxy.gateway.sharing import SHARED_BYTES_MAX
from proxy.model.entry import Opened, Outcome
from proxy.model.usage import NO_USAGE
from proxy.policy.keys import digest
from tests.fakes.asgi_caller import AsgiCaller
from tests.flow.world import KEY, POLICIES, World

URL: Final = "https://api.openai.test/v1/chat/completions"
PATH: Final = "/v1/chat/completions"
BOB_KEY: Final = "outlay_bob"
KEYS: Final = POLICIES["keys.yaml"] + (
    f'  - {{id: k_bob, hash: "{digest(BOB_KEY.encode())}", user: bob, projects: [checkout, search]}}\n'
)
RULE: Final = "redundancy: [{name: twins, action: coalesce}]\n"
USAGE: Final = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
DONE: Final = b"data: [DONE]\n\n"
CHAT: Final[dict[str, Any]] = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "What is it?"}],
    "temperature": 0,
}
STREAM: Final = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}


def event(**said: Any) -> bytes:
    fields = {"id": "c1", "object": "chat.completion.chunk", "model": "gpt-4o", "choices": [], **said}
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def word(text: str) -> bytes:
    return event(choices=[{"index": 0, "delta": {"content": text}}])


END: Final = event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]) + event(usage=USAGE)
ANSWER: Final = json.dumps(
    {
        "id": "c1",
        "object": "chat.completion",
        "model": "gpt-4o",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "It."}, "finish_reason": "stop"}],
        "usage": USAGE,
    }
).encode()


class Answer(httpx.AsyncByteStream):
    """An answer that comes piece by piece, when the test says so."""

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.closed = False

    def say(self, *pieces: bytes | Exception | None) -> None:
        """None: its end."""
        for piece in pieces:
            self._pieces.put_nowait(piece)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def aclose(self) -> None:
        self.closed = True


class Provider:
    def __init__(self, router: respx.MockRouter) -> None:
        self.answers: list[Answer] = []
        self.status = 200
        self.headers = {"content-type": "text/event-stream"}
        self.fault: Exception | None = None
        router.post(URL).mock(side_effect=self._answer)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = Answer()
        self.answers.append(answer)
        if self.fault is not None:
            await asyncio.sleep(0.01)
            raise self.fault
        return httpx.Response(self.status, headers=self.headers, stream=answer)

    @property
    def last(self) -> Answer:
        return self.answers[-1]


class Stage:
    """A world with callers who are there at the same time."""

    def __init__(self, router: respx.MockRouter, rules: str = RULE, **files: str) -> None:
        self.provider = Provider(router)
        more = {f"{name}.yaml": text for name, text in files.items()}
        self.world = World(router, {"redundancy.yaml": rules, "keys.yaml": KEYS, **more}, calls_in_flight_max=200)

    async def call(self, body: Any = STREAM, key: str = KEY, **headers: str) -> AsgiCaller:
        """A call, as far as it comes by itself."""
        caller = AsgiCaller(self.world.app, PATH, body, {"authorization": f"Bearer {key}", **headers})
        await settle_down()
        return caller

    def of(self, caller: AsgiCaller) -> Any:
        """The settled line of its call."""
        [entry] = [each for each in self.world.settled if each.call.id == caller.headers["x-outlay-call-id"]]
        return entry

    def check(self) -> None:
        """Nothing is left of any call, and each was settled once."""
        opened = [entry for entry in self.world.journal.entries if isinstance(entry, Opened)]
        assert sorted(entry.call.id for entry in opened) == sorted(entry.call.id for entry in self.world.settled)
        assert self.world.counters.in_flight == 0
        assert self.world.counters.held_pico == 0
        sharing = self.world.sharing
        assert (sharing._leaders, sharing._noted, sharing._noted_bytes) == ({}, {}, 0)


async def settle_down() -> None:
    """Let everything run that can."""
    for _ in range(30):
        await asyncio.sleep(0)


@pytest.fixture
def stage(respx_mock: respx.MockRouter) -> Stage:
    return Stage(respx_mock)


def coalesced(caller: AsgiCaller) -> bool:
    return caller.headers.get("x-outlay-served") == "coalesced"


async def test_twins_share_one_call_whose_cost_is_paid_once(stage: Stage) -> None:
    leader = await stage.call()
    twins = [await stage.call() for _ in range(3)]
    assert len(stage.provider.answers) == 1
    stage.provider.last.say(word("one "), word("two "), END, DONE, None)
    for caller in (leader, *twins):
        await caller.done()
    whole = word("one ") + word("two ") + END + DONE
    assert [caller.body for caller in (leader, *twins)] == [whole] * 4
    assert all(caller.ended and caller.status == 200 for caller in twins)
    assert not coalesced(leader)
    paid = stage.of(leader)
    for twin in twins:
        entry = stage.of(twin)
        assert twin.headers["x-outlay-repeats"] == paid.call.id
        assert twin.headers["content-type"] == "text/event-stream"
        assert (entry.cost.total_pico, entry.usage, entry.outcome, entry.status) == (0, NO_USAGE, Outcome.OK, 200)
        assert entry.found["action"] == "coalesced"
        assert entry.found["class"] == "in_flight_twin"
        assert entry.found["saved_pico"] == paid.cost.total_pico > 0
        assert entry.repeats[-1] == paid.call.id
    stage.check()
    assert stage.world.sharing.coalesced == 3


async def test_a_follower_reads_live_from_the_beginning(stage: Stage) -> None:
    leader = await stage.call()
    stage.provider.last.say(word("one "))
    await leader.until(lambda it: it.body == word("one "))
    late = await stage.call()
    await late.until(lambda it: it.body == word("one "))
    stage.provider.last.say(word("two "))
    await late.until(lambda it: it.body == word("one ") + word("two "))
    assert stage.world.settled == []
    stage.provider.last.say(END, DONE, None)
    await leader.done()
    assert (await late.done()).body == leader.body
    stage.check()


async def test_a_call_is_settled_before_the_last_event_reaches_a_follower(stage: Stage) -> None:
    leader, twin = await stage.call(), await stage.call()
    stage.provider.last.say(word("one "))
    await twin.until(lambda it: bool(it.body))
    leader.reading.clear()
    stage.provider.last.say(END + DONE)
    await twin.until(lambda it: it.body.endswith(DONE))
    assert {entry.call.id for entry in stage.world.settled} >= {twin.headers["x-outlay-call-id"]}
    leader.reading.set()
    stage.provider.last.say(None)
    await leader.done()
    await twin.done()
    stage.check()


async def test_a_whole_answer_is_shared(stage: Stage) -> None:
    stage.provider.headers = {"content-type": "application/json", "content-length": str(len(ANSWER))}
    leader, twin = await stage.call(CHAT), await stage.call(CHAT)
    stage.provider.last.say(ANSWER[:40], ANSWER[40:], None)
    await leader.done()
    await twin.done()
    assert twin.body == leader.body == ANSWER
    assert twin.headers["content-length"] == str(len(ANSWER))
    assert len(stage.provider.answers) == 1
    stage.check()


@pytest.mark.parametrize("body", [STREAM, CHAT])
async def test_a_leader_that_hangs_up_breaks_nobody(stage: Stage, body: dict[str, Any]) -> None:
    pieces = [word("one "), word("two "), END + DONE]
    if body is CHAT:
        stage.provider.headers = {"content-type": "application/json"}
        pieces = [ANSWER[:20], ANSWER[20:50], ANSWER[50:]]
    leader, twin = await stage.call(body), await stage.call(body)
    stage.provider.last.say(pieces[0])
    await settle_down()
    leader.hang_up()
    await settle_down()
    assert not stage.provider.last.closed
    later = await stage.call(body)
    stage.provider.last.say(*pieces[1:], None)
    await leader.done()
    assert (await twin.done()).body == (await later.done()).body == b"".join(pieces)
    assert len(stage.provider.answers) == 1
    first, *_ = sorted(stage.world.settled, key=lambda entry: entry.call.id)
    assert first.outcome is Outcome.OK
    assert sum(entry.cost.total_pico > 0 for entry in stage.world.settled) == 1
    stage.check()


async def test_once_all_are_gone_the_provider_is_hung_up_on(stage: Stage) -> None:
    leader, twin = await stage.call(), await stage.call()
    stage.provider.last.say(word("one "))
    await twin.until(lambda it: bool(it.body))
    leader.hang_up()
    await settle_down()
    assert stage.world.settled == []
    twin.hang_up()
    await leader.done()
    await twin.done()
    await settle_down()
    assert stage.provider.last.closed
    assert [entry.outcome for entry in stage.world.settled] == [Outcome.HANGUP, Outcome.HANGUP]
    assert sorted(entry.cost.total_pico > 0 for entry in stage.world.settled) == [False, True]
    stage.check()


async def test_a_follower_that_hangs_up_is_settled_at_once_and_disturbs_nobody(stage: Stage) -> None:
    leader, twin = await stage.call(), await stage.call()
    stage.provider.last.say(word("one "))
    await twin.until(lambda it: bool(it.body))
    twin.hang_up()
    await twin.done()
    [entry] = stage.world.settled
    assert (entry.outcome, entry.cost.total_pico) == (Outcome.HANGUP, 0)
    assert "saved_pico" not in entry.found
    stage.provider.last.say(END, DONE, None)
    await leader.done()
    stage.check()


async def test_an_error_is_shared(stage: Stage) -> None:
    stage.provider.status, stage.provider.headers = 429, {"content-type": "application/json", "retry-after": "3"}
    leader, twin = await stage.call(), await stage.call()
    stage.provider.last.say(b'{"error": {"message": "slow down"}}', None)
    await leader.done()
    await twin.done()
    assert (twin.status, twin.body, twin.headers["retry-after"]) == (429, leader.body, "3")
    assert [entry.outcome for entry in stage.world.settled] == [Outcome.PROVIDER_ERROR] * 2
    assert len(stage.provider.answers) == 1
    assert "saved_pico" not in stage.of(twin).found
    stage.check()


async def test_a_provider_that_is_not_there_is_so_for_all(stage: Stage) -> None:
    stage.provider.fault = httpx.ConnectError("refused")
    leader, twin = await stage.call(), await stage.call()
    await leader.done()
    await twin.done()
    assert (leader.status, twin.status, len(stage.provider.answers)) == (502, 502, 1)
    assert leader.headers["x-outlay-call-id"] != twin.headers["x-outlay-call-id"]
    stage.check()


async def test_an_answer_that_breaks_off_is_broken_off_for_all(stage: Stage) -> None:
    leader, twin = await stage.call(), await stage.call()
    stage.provider.last.say(word("one "), httpx.ReadError("cut"))
    await leader.done()
    await twin.done()
    assert (leader.ended, twin.ended) == (False, False)
    assert twin.body == word("one ")
    assert [entry.outcome for entry in stage.world.settled] == [Outcome.CUT] * 2
    stage.check()


@pytest.mark.parametrize(
    ("body", "key", "headers"),
    [
        ({**STREAM, "temperature": 1}, KEY, {}),
        ({name: value for name, value in STREAM.items() if name != "temperature"}, KEY, {}),
        (STREAM, BOB_KEY, {}),
        (STREAM, KEY, {"x-outlay-project": "search"}),
        (STREAM, KEY, {"cache-control": "no-cache"}),
        (STREAM, KEY, {"cache-control": "no-store"}),
        ({**STREAM, "store": True}, KEY, {}),
        (CHAT, KEY, {}),
    ],
)
async def test_others_go_to_the_provider_themselves(
    stage: Stage, body: dict[str, Any], key: str, headers: dict[str, str]
) -> None:
    callers = [await stage.call(), await stage.call(body, key, **headers)]
    assert len(stage.provider.answers) == 2
    for answer in stage.provider.answers:
        answer.say(word("one "), END, DONE, None)
    for caller in callers:
        assert not coalesced(await caller.done())
    stage.check()


async def test_calls_that_may_differ_are_not_shared_even_with_themselves(stage: Stage) -> None:
    body = {**STREAM, "temperature": 0.7}
    callers = [await stage.call(body), await stage.call(body)]
    assert len(stage.provider.answers) == 2
    seeded = [await stage.call({**body, "seed": 1}), await stage.call({**body, "seed": 1})]
    assert len(stage.provider.answers) == 3
    for answer in stage.provider.answers:
        answer.say(END, DONE, None)
    assert [coalesced(await caller.done()) for caller in (*callers, *seeded)] == [False, False, False, True]
    stage.check()


async def test_who_comes_after_the_end_goes_to_the_provider(stage: Stage) -> None:
    first = await stage.call()
    stage.provider.last.say(END, DONE, None)
    await first.done()
    again = await stage.call()
    assert len(stage.provider.answers) == 2
    stage.provider.last.say(END, DONE, None)
    assert not coalesced(await again.done())
    stage.check()


async def test_only_the_first_is_held_in_a_budget(respx_mock: respx.MockRouter) -> None:
    budgets = "budgets: [{name: cap, limit: 0.02 USD, window: month}]\n"
    stage = Stage(respx_mock, budgets=budgets)
    callers = [await stage.call({**STREAM, "max_tokens": 1000}) for _ in range(20)]
    assert stage.world.counters.in_flight == 20
    assert len(stage.provider.answers) == 1
    stage.provider.last.say(word("one "), END, DONE, None)
    assert {(await caller.done()).status for caller in callers} == {200}
    stage.check()


async def test_shadow_says_what_would_have_been_shared(respx_mock: respx.MockRouter) -> None:
    stage = Stage(respx_mock, "redundancy: [{name: twins, action: coalesce, mode: shadow}]\n")
    callers = [await stage.call() for _ in range(3)]
    assert len(stage.provider.answers) == 3
    for answer in stage.provider.answers:
        answer.say(word("one "), END, DONE, None)
    for caller in callers:
        assert not coalesced(await caller.done())
    assert [stage.of(caller).shadow for caller in callers] == [(), ("twins: coalesce",), ("twins: coalesce",)]
    stage.check()


async def test_a_shared_answer_is_kept_where_a_rule_says_so_too(respx_mock: respx.MockRouter) -> None:
    rules = "redundancy: [{name: twins, action: coalesce}, {name: again, action: serve}]\ncache: {ttl: 60s}\n"
    stage = Stage(respx_mock, rules)
    leader, twin = await stage.call(), await stage.call()
    stage.provider.last.say(word("one "), END, DONE, None)
    await leader.done()
    assert coalesced(await twin.done())
    again = await (await stage.call()).done()
    assert (again.headers["x-outlay-served"], again.body) == ("cache", leader.body)
    assert len(stage.provider.answers) == 1
    stage.check()


async def test_a_long_answer_reaches_followers_whole_and_nobody_joins_late(stage: Stage) -> None:
    leader, twin = await stage.call(), await stage.call()
    pieces = [word("x" * 50_000) for _ in range(2 * SHARED_BYTES_MAX // 50_000)]
    stage.provider.last.say(*pieces)
    await twin.until(lambda it: len(it.body) > SHARED_BYTES_MAX)
    late = await stage.call()
    assert len(stage.provider.answers) == 2
    stage.provider.answers[0].say(END, DONE, None)
    stage.provider.answers[1].say(END, DONE, None)
    for caller in (leader, twin, late):
        await caller.done()
    assert twin.body == leader.body == b"".join(pieces) + END + DONE
    assert not coalesced(late)
    stage.check()


async def test_a_slow_follower_of_a_long_answer_holds_it_up_rather_than_fill_the_memory(stage: Stage) -> None:
    leader, twin = await stage.call(), await stage.call()
    await twin.until(lambda it: True)
    twin.reading.clear()
    pieces = [word("x" * 50_000) for _ in range(4 * SHARED_BYTES_MAX // 50_000)]
    stage.provider.last.say(*pieces, END, DONE, None)
    await settle_down()
    for _ in range(50):
        await settle_down()
    assert len(leader.body) < SHARED_BYTES_MAX + BACKLOG_BYTES
    twin.reading.set()
    await leader.done()
    assert (await twin.done()).body == leader.body
    stage.check()


@given(seed=st.integers(0, 2**32), callers=st.integers(1, 6), pieces=st.integers(0, 6))
@settings(max_examples=40)
def test_whoever_stays_has_the_whole_answer_and_it_is_paid_once(seed: int, callers: int, pieces: int) -> None:
    """Whenever callers come, hang up and stop reading."""

    async def play() -> None:
        chance = random.Random(seed)
        with respx.mock(assert_all_called=False) as router:
            stage = Stage(router)
            there: list[AsgiCaller] = []
            gone: set[AsgiCaller] = set()
            for number in range(callers):
                there.append(await stage.call())
                if number < pieces and chance.random() < 0.7:
                    stage.provider.last.say(word(f"{number} "))
                if chance.random() < 0.4:
                    left = chance.choice(there)
                    left.hang_up()
                    gone.add(left)
                for _ in range(chance.randrange(20)):
                    await asyncio.sleep(0)
            for answer in stage.provider.answers:
                answer.say(END, DONE, None)
            for caller in there:
                await caller.done()
            await settle_down()
            for caller in there:
                if caller not in gone:
                    assert caller.ended
                    assert caller.body.endswith(END + DONE)
            by_call = {entry.call.id: entry for entry in stage.world.settled}
            for caller in there:
                if caller not in gone and coalesced(caller):
                    leader = by_call[caller.headers["x-outlay-repeats"]]
                    assert leader.outcome is Outcome.OK
                    assert by_call[caller.headers["x-outlay-call-id"]].found["saved_pico"] == leader.cost.total_pico
            paid = sum(entry.cost.total_pico > 0 for entry in stage.world.settled)
            assert paid == len(stage.provider.answers)
            stage.check()

    asyncio.run(play())
