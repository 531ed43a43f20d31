"""Near a cap a stream is refused before it starts rather than cut in its middle."""

import json
from dataclasses import replace

import httpx
import respx

from proxy.adapters.prices_litellm import price_book
from proxy.gateway.rules import Rules
from proxy.model.entry import Opened
from proxy.policy.rules import RuleSet
from tests.fakes.counters import a_budget
from tests.flow.world import World

URL = "https://api.openai.test/v1/chat/completions"
CHAT = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
CHUNKS = [{"choices": [{"index": 0, "delta": {"content": "x" * 3000}}]}, {"choices": [], "usage": USAGE}]
STREAM = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in CHUNKS) + "data: [DONE]\n\n"


def a_world(router: respx.MockRouter, limit: int) -> World:
    headers = {"content-type": "text/event-stream"}
    router.post(URL).mock(side_effect=lambda _: httpx.Response(200, text=STREAM, headers=headers))
    world = World(router)
    policies = replace(world.policies, rules=RuleSet(budgets=(a_budget(limit=limit),)))
    rules = Rules(policies, price_book(policies))
    object.__setattr__(world.app, "rules", lambda: rules)
    return world


async def chat(world: World, **changed: object) -> httpx.Response:
    return await world.call("POST", "/v1/chat/completions", json=CHAT | changed)


async def test_a_stream_that_would_likely_be_cut_is_not_started(respx_mock: respx.MockRouter) -> None:
    # Such a stream holds 3,000 output tokens ($0.03) at its end, costs a tenth of that, and begins with a third.
    world = a_world(respx_mock, 37_000_000_000)
    first = await chat(world)
    assert "[DONE]" in first.text
    assert "ended here" not in first.text
    second = await chat(world)
    assert second.status_code == 400
    assert len(respx_mock.calls) == 1
    assert world.counters.held_pico == 0


async def test_one_whose_own_limit_fits_is_never_refused_for_what_others_came_to(respx_mock: respx.MockRouter) -> None:
    world = a_world(respx_mock, 37_000_000_000)
    await chat(world)
    assert (await chat(world, max_tokens=1500)).status_code == 200


async def test_where_money_is_left_it_holds_what_it_is_expected_to_come_to(respx_mock: respx.MockRouter) -> None:
    world = a_world(respx_mock, 10**12)
    for _ in range(2):
        await chat(world)
    first, second = (opened.hold.output_tokens for opened in world.journal.of(Opened))
    assert first == 1000
    assert second >= 3000
