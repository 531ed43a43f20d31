"""Budgets as callers meet them: refusals in the dialect's shape, waiting, warnings, streams cut at the cap."""

import asyncio
import json
from dataclasses import replace

import httpx
import respx

from proxy.adapters.prices_litellm import price_book
from proxy.gateway.rules import Rules
from proxy.model.entry import Extended, Opened, Outcome, Settled
from proxy.policy.rules import Budget, RuleSet, Scope, Unit
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


async def test_a_stream_that_outgrows_what_is_left_is_cut_and_costs_what_passed(respx_mock: respx.MockRouter) -> None:
    piece = {"model": "gpt-4o", "object": "chat.completion.chunk"}
    events = [piece | {"choices": [{"index": 0, "delta": {"content": "word " * 100}}]} for _ in range(20)]
    body = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
    event_stream = {"content-type": "text/event-stream"}
    respx_mock.post(URL).mock(side_effect=lambda _: httpx.Response(200, headers=event_stream, stream=Pieces(body)))
    limit = 40_000_000_000
    world = a_world(respx_mock, a_budget(limit=limit))
    answer = await chat(world, stream=True, max_tokens=10_000)
    assert "The answer was ended here: no budget has room for more of it. The budget 'all'" in answer.text
    (settled,) = world.journal.of(Settled)
    assert settled.outcome is Outcome.CAPPED
    assert 0 < settled.cost.total_pico <= limit
    assert all(extended.hold.cost_pico <= limit for extended in world.journal.of(Extended))
    assert world.counters.held_pico == 0


class Pieces(httpx.AsyncByteStream):
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self):  # type: ignore[no-untyped-def]  # an async generator fulfils the base's signature
        for piece in self._pieces:
            yield piece


class Body(Pieces):
    def __init__(self, document: object) -> None:
        super().__init__([json.dumps(document).encode()])
