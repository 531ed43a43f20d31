"""Near a cap a stream is refused before it starts rather than cut in its middle."""

import json
from dataclasses import replace

import httpx
import respx

from proxy.adapters.prices_litellm import price_book
from proxy.gateway.rules import Rules
from proxy.model.call import Hold
from proxy.model.entry import Opened
from proxy.policy.rules import ModelRule, RuleSet, Scope
from tests.fakes.counters import a_budget
from tests.flow.world import World

URL = "https://api.openai.test/v1/chat/completions"
CHAT = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
CHUNKS = [{"choices": [{"index": 0, "delta": {"content": "x" * 3000}}]}, {"choices": [], "usage": USAGE}]
WHOLE = {
    "id": "c",
    "object": "chat.completion",
    "model": "gpt-4o",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "x" * 3000}, "finish_reason": "stop"}],
    "usage": USAGE,
}
STREAM = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in CHUNKS) + "data: [DONE]\n\n"


def a_world(router: respx.MockRouter, limit: int, *models: ModelRule, **given: object) -> World:
    headers = {"content-type": "text/event-stream"}
    router.post(URL).mock(side_effect=lambda _: httpx.Response(200, text=STREAM, headers=headers))
    world = World(router)
    policies = replace(
        world.policies, rules=RuleSet(budgets=(a_budget(limit=limit, **given),) if limit else (), models=models)
    )
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


def heard(world: World, output_bytes: int = 5000) -> None:
    for _ in range(8):
        world.expecting.heard("k_alice", "gpt-4o", output_bytes)


def a_rule(output_tokens_max: int | None = None, cost_max_pico: int | None = None) -> ModelRule:
    limits = output_tokens_max, None, cost_max_pico
    return ModelRule("short", "models.yaml:2", Scope(), "enforce", "", (), (), *limits, "", ())


async def held(world: World, **changed: object) -> Hold:
    assert (await chat(world, **changed)).status_code == 200
    [opened] = world.journal.of(Opened)
    return opened.hold


async def test_where_no_budget_applies_nothing_is_held_for_what_is_expected(respx_mock: respx.MockRouter) -> None:
    world = a_world(respx_mock, 0)
    heard(world)
    assert (await held(world)).output_tokens == 1000


async def test_no_more_is_expected_than_a_rule_lets_it_put_out(respx_mock: respx.MockRouter) -> None:
    world = a_world(respx_mock, 10**12, a_rule(output_tokens_max=2000))
    heard(world)
    assert (await held(world)).output_tokens == 2000


async def test_a_cost_ceiling_refuses_no_stream_for_what_is_expected_of_it(respx_mock: respx.MockRouter) -> None:
    ceiling = 37_000_000_000
    world = a_world(respx_mock, 10**12, a_rule(cost_max_pico=ceiling))
    heard(world)
    hold = await held(world)
    assert hold.output_tokens == 1000
    assert hold.cost_pico <= ceiling


async def test_what_is_expected_is_held_at_the_price_of_the_model_it_goes_to(respx_mock: respx.MockRouter) -> None:
    world = a_world(respx_mock, 20_000_000_000, action="downgrade", downgrade_to="gpt-4o-mini")
    heard(world)
    hold = await held(world)
    assert hold.output_tokens >= 5000
    assert hold.cost_pico <= 20_000_000_000 / 2


async def test_only_streams_that_came_to_their_own_end_are_learned_from(respx_mock: respx.MockRouter) -> None:
    world = a_world(respx_mock, 10**12)
    cut = STREAM.replace("data: [DONE]\n\n", "").replace(json.dumps(CHUNKS[1]), "{}")
    headers = {"content-type": "text/event-stream"}
    respx_mock.post(URL).mock(side_effect=lambda _: httpx.Response(200, text=cut, headers=headers))
    await chat(world)
    respx_mock.post(URL).mock(side_effect=lambda _: httpx.Response(200, json=WHOLE))
    await chat(world, stream=False)
    assert len(world.settled) == 2
    assert world.expecting.tokens("k_alice", "gpt-4o") == 1000
