"""Budgets as callers meet them: refusals in the dialect's shape, waiting, warnings, streams cut at the cap."""

import asyncio
import json
from dataclasses import replace

import httpx
import pytest
import respx

from proxy.adapters.prices_litellm import price_book
from proxy.gateway.rules import Rules
from proxy.gateway.waiting import Waiting
from proxy.model.entry import Extended, Opened, Outcome, Settled
from proxy.model.money import pico_to_usd
from proxy.policy.rules import Budget, ModelRule, RuleSet, Scope, Unit
from proxy.ports.counters import Crossing
from tests.fakes.counters import a_budget, a_charge
from tests.flow.world import World

URL = "https://api.openai.test/v1/chat/completions"
CHAT = {"model": "gpt-4o", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
ANSWER = {"id": "c", "object": "chat.completion", "model": "gpt-4o", "choices": [], "usage": USAGE}
COST_PICO = 1000 * 2_500_000 + 100 * 10_000_000
"""By gpt-4o's list price: $2.50 and $10 a million tokens."""
HOLD_PICO = 6_700_000_000
"""About what such a call holds: 1,100 tokens of input as cache writes, 100 of output."""


def a_world(router: respx.MockRouter, *budgets: Budget) -> World:
    world = World(router)
    policies = replace(world.policies, rules=RuleSet(budgets=budgets))
    rules = Rules(policies, price_book(policies))
    object.__setattr__(world.app, "rules", lambda: rules)
    object.__setattr__(world.app.plane, "waiting", world.app.admission.waiting)
    return world


async def chat(world: World, **changed: object) -> httpx.Response:
    return await world.call("POST", "/v1/chat/completions", json=CHAT | changed)


async def test_calls_pass_until_the_budget_is_spent_and_then_are_refused_in_words(respx_mock: respx.MockRouter) -> None:
    respx_mock.post(URL).mock(side_effect=lambda _: httpx.Response(200, stream=Body(ANSWER)))
    budget = a_budget("payments", 10**10, contact="ask #platform", scope=Scope({"team": ("payments",)}))
    world = a_world(respx_mock, budget)
    statuses = [(await chat(world)).status_code for _ in range(3)]
    assert statuses == [200, 400, 400]
    answer = await chat(world)
    assert answer.headers["x-should-retry"] == "false"
    message = answer.json()["error"]["message"]
    assert "The budget 'payments' (budgets.yaml:2) has no room for this call: $0.0035 of $0.01 are spent" in message
    assert "ask #platform" in message
    assert world.refused[0].matched == ("payments",)
    assert [(each.did, each.budget) for each in world.refused[0].squeezed] == [("refuse", "payments")]
    assert world.counters.balance(a_charge(budget), world.clock.now_us()).spent == COST_PICO


async def test_a_budget_of_others_is_not_asked(respx_mock: respx.MockRouter) -> None:
    respx_mock.post(URL).mock(side_effect=lambda _: httpx.Response(200, stream=Body(ANSWER)))
    world = a_world(respx_mock, a_budget("search", 0, scope=Scope({"team": ("search",)})))
    assert (await chat(world)).status_code == 200


async def test_a_call_waits_for_what_another_holds(respx_mock: respx.MockRouter) -> None:
    release = asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        await release.wait()
        return httpx.Response(200, stream=Body(ANSWER))

    respx_mock.post(URL).mock(side_effect=slow)
    world = a_world(respx_mock, a_budget(limit=HOLD_PICO + COST_PICO))
    calls = [asyncio.create_task(chat(world)) for _ in range(2)]
    while not world.app.plane.waiting.calls:
        await asyncio.sleep(0)
    assert len(world.journal.of(Opened)) == 1
    release.set()
    assert [(await call).status_code for call in calls] == [200, 200]
    assert world.counters.in_flight == world.counters.held_pico == 0


async def test_small_calls_pass_a_large_one_that_waits_and_it_has_its_turn_though_they_never_end(
    respx_mock: respx.MockRouter,
) -> None:
    release = asyncio.Event()
    served: list[int] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)["max_tokens"]
        await (release.wait() if asked == 14_000 else asyncio.sleep(0.002))
        served.append(asked)
        return httpx.Response(200, stream=Body(ANSWER))

    respx_mock.post(URL).mock(side_effect=answer)
    # Of 200 thousandths of a dollar one call holds 146, the large one needs 126: small ones have the rest.
    world = a_world(respx_mock, a_budget(limit=200 * 10**9))
    waiting = Waiting(overtaking_s=0.05, kept_s=0.5)
    object.__setattr__(world.app.admission, "waiting", waiting)
    object.__setattr__(world.app.plane, "waiting", waiting)
    object.__setattr__(world.app.admission._reserving, "waiting", waiting)
    first = asyncio.create_task(chat(world, max_tokens=14_000))
    while not world.journal.of(Opened):
        await asyncio.sleep(0)
    large = asyncio.create_task(chat(world, max_tokens=12_000))
    while not waiting.calls:
        await asyncio.sleep(0)
    small = [asyncio.create_task(chat(world)) for _ in range(4)]
    assert [(await each).status_code for each in small] == [200] * 4
    assert waiting.calls == 1
    busy = [asyncio.create_task(chat(world)) for _ in range(4)]
    release.set()
    assert (await large).status_code == 200
    assert (await first).status_code == 200
    assert [(await each).status_code for each in busy] == [200] * 4
    assert served.count(12_000) == 1
    assert world.counters.in_flight == world.counters.held_pico == 0


async def test_a_budget_near_its_limit_warns_on_the_answer(respx_mock: respx.MockRouter) -> None:
    respx_mock.post(URL).mock(side_effect=lambda _: httpx.Response(200, stream=Body(ANSWER)))
    world = a_world(respx_mock, a_budget(limit=10 * COST_PICO, warn_at=(10, 80)))
    crossed: list[Crossing] = []
    object.__setattr__(world.app.plane, "warned", crossed.append)
    first, second = await chat(world), await chat(world)
    assert "x-outlay-warning" not in first.headers
    assert second.headers["x-outlay-warning"] == "all 10% spent"
    assert [crossing.level for crossing in crossed] == [10]


async def test_refused_calls_count_where_the_budget_says_so(respx_mock: respx.MockRouter) -> None:
    calls = a_budget("calls", 10, unit=Unit.CALLS, count_refused=True)
    world = a_world(respx_mock, a_budget("zero", 0), calls)
    await chat(world)
    assert world.counters.balance(a_charge(calls), world.clock.now_us()).spent == 1


async def test_a_whole_answer_whose_worst_case_does_not_fit_gets_the_output_limit_that_does(
    respx_mock: respx.MockRouter,
) -> None:
    route = respx_mock.post(URL).mock(side_effect=lambda _: httpx.Response(200, stream=Body(ANSWER)))
    limit = 2 * HOLD_PICO
    world = a_world(respx_mock, a_budget(limit=limit))
    answer = await chat(world, max_tokens=5000)
    assert answer.headers["x-outlay-edited"] == "max_tokens"
    (opened,) = world.journal.of(Opened)
    asked = json.loads(route.calls.last.request.content)["max_tokens"]
    assert 256 <= asked == opened.hold.output_tokens < 5000
    assert limit - 10_000_000 < opened.hold.cost_pico <= limit
    [squeezed] = world.settled[0].squeezed
    assert (squeezed.did, squeezed.budget, squeezed.before, squeezed.after) == (
        "limit output",
        "all",
        "5000",
        str(asked),
    )
    assert (squeezed.limit, squeezed.spent, squeezed.held) == (pico_to_usd(limit), "0.00", "0.00")


@pytest.mark.parametrize("size", [0, 500, 1337])
async def test_a_stream_that_outgrows_what_is_left_is_cut_and_costs_what_passed(
    respx_mock: respx.MockRouter, size: int
) -> None:
    """`size`: of the pieces, wherever in an event they end; 0: an event each."""
    piece = {"model": "gpt-4o", "object": "chat.completion.chunk"}
    events = [piece | {"choices": [{"index": 0, "delta": {"content": "word " * 100}}]} for _ in range(20)]
    body = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
    if size:
        whole = b"".join(body)
        body = [whole[at : at + size] for at in range(0, len(whole), size)]
    event_stream = {"content-type": "text/event-stream"}
    respx_mock.post(URL).mock(side_effect=lambda _: httpx.Response(200, headers=event_stream, stream=Pieces(body)))
    limit = 40_000_000_000
    world = a_world(respx_mock, a_budget(limit=limit))
    asked_for = {"include_usage": True}  # nothing is hidden, so bytes pass as they come
    answer = await chat(world, stream=True, max_tokens=10_000, stream_options=asked_for)
    told = [json.loads(event.removeprefix("data: ")) for event in answer.text.split("\n\n") if event]
    assert "error" in told[-1]
    assert "The answer was ended here: no budget has room for more of it. The budget 'all'" in answer.text
    (settled,) = world.journal.of(Settled)
    assert settled.outcome is Outcome.CAPPED
    assert 0 < settled.cost.total_pico <= limit
    [squeezed] = settled.squeezed
    assert (squeezed.did, squeezed.budget, squeezed.limit, squeezed.spent) == (
        "cut",
        "all",
        pico_to_usd(limit),
        "0.00",
    )
    last = world.journal.of(Extended)[-1].hold.cost_pico
    assert squeezed.held == pico_to_usd(last)
    assert squeezed.left == pico_to_usd(limit - last)
    assert all(extended.hold.cost_pico <= limit for extended in world.journal.of(Extended))
    assert world.counters.held_pico == 0


def a_stream(router: respx.MockRouter, pieces: int, words: int) -> None:
    events = [{"choices": [{"index": 0, "delta": {"content": "word " * words}}]} for _ in range(pieces)]
    body = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
    headers = {"content-type": "text/event-stream"}
    router.post(URL).mock(side_effect=lambda _: httpx.Response(200, headers=headers, stream=Pieces(body)))


async def test_a_stream_is_cut_when_the_room_is_used_and_not_when_its_bytes_might_have_used_it(
    respx_mock: respx.MockRouter,
) -> None:
    a_stream(respx_mock, 500, 20)
    limit = 40_000_000_000
    world = a_world(respx_mock, a_budget(limit=limit))
    for _ in range(8):
        world.app.plane.calibration.heard("gpt-4o", 100, 100)
    answer = await chat(world, stream=True, max_tokens=12_000)
    (settled,) = world.journal.of(Settled)
    assert settled.outcome is Outcome.CAPPED
    extensions = world.journal.of(Extended)
    assert len(extensions) <= 8
    last = extensions[-1].hold
    assert limit - 16 * 10_000_000 <= last.cost_pico <= limit  # the least step, at $10 a million tokens
    # A margin of a tenth is kept, and the last piece doesn't pass.
    assert settled.usage.output_text * 1.1 >= last.output_tokens - 22
    assert answer.text.count("word") >= settled.usage.output_text - 20
    for word in ("$0.00 of $0.04 are spent, $0.04 left", "this answer and other calls in flight hold $0.0", "reset"):
        assert word in answer.text


async def test_one_huge_piece_at_the_cap_does_not_take_the_budget_above_its_limit(respx_mock: respx.MockRouter) -> None:
    a_stream(respx_mock, 2, 50_000)
    limit = 40_000_000_000
    world = a_world(respx_mock, a_budget(limit=limit))
    await chat(world, stream=True, max_tokens=12_000)
    (settled,) = world.journal.of(Settled)
    assert settled.outcome is Outcome.CAPPED
    assert settled.cost.total_pico <= limit


async def test_where_nothing_can_be_counted_bytes_bound_a_stream(respx_mock: respx.MockRouter) -> None:
    a_stream(respx_mock, 500, 20)
    world = a_world(respx_mock, a_budget(limit=40_000_000_000))
    world.tokens.guesses = True
    await chat(world, stream=True, max_tokens=12_000)
    (settled,) = world.journal.of(Settled)
    last = world.journal.of(Extended)[-1].hold
    assert settled.usage.output_text * 5 <= last.output_tokens + 100


async def test_no_stream_is_cut_by_what_a_call_may_cost_before_it_costs_that(respx_mock: respx.MockRouter) -> None:
    a_stream(respx_mock, 500, 20)
    world = a_world(respx_mock)
    ceiling = ModelRule("dear", "models.yaml:2", Scope(), "enforce", "", (), (), None, None, 40_000_000_000, "", ())
    policies = replace(world.policies, rules=RuleSet(models=(ceiling,)))
    rules = Rules(policies, price_book(policies))
    object.__setattr__(world.app, "rules", lambda: rules)
    await chat(world, stream=True, max_tokens=12_000)
    (settled,) = world.journal.of(Settled)
    assert settled.outcome is Outcome.CAPPED
    last = world.journal.of(Extended)[-1].hold
    assert 40_000_000_000 - 16 * 10_000_000 <= last.cost_pico <= 40_000_000_000
    assert settled.usage.output_text * 2 >= last.output_tokens - 40


class Pieces(httpx.AsyncByteStream):
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self):  # type: ignore[no-untyped-def]  # an async generator fulfils the base's signature
        for piece in self._pieces:
            yield piece


class Body(Pieces):
    def __init__(self, document: object) -> None:
        super().__init__([json.dumps(document).encode()])
