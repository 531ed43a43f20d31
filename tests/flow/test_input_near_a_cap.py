"""Near a cap, input is held by a count of its tokens instead of its bytes."""

import json
from dataclasses import replace

import httpx
import pytest
import respx

from proxy.adapters.prices_litellm import price_book
from proxy.gateway.rules import Rules
from proxy.model.entry import Opened
from proxy.policy.rules import RuleSet
from tests.fakes.counters import a_budget
from tests.flow.world import World

URL = "https://api.openai.test/v1/chat/completions"
PROMPT = "word " * 14_000
CHAT = {"model": "gpt-4o", "max_tokens": 100, "messages": [{"role": "user", "content": PROMPT}]}
LIMIT_PICO = 6 * 10**12
CALL_PICO = 17_500 * 2_500_000 + 100 * 10_000_000
"""The provider reports a quarter more than is counted."""


def a_world(router: respx.MockRouter, *, counts: bool = True) -> World:
    usage = {"prompt_tokens": 17_500, "completion_tokens": 100, "total_tokens": 17_600}
    answer = {"id": "c", "object": "chat.completion", "model": "gpt-4o", "choices": [], "usage": usage}
    router.post(URL).mock(side_effect=lambda _: httpx.Response(200, content=json.dumps(answer)))
    world = World(router)
    policies = replace(world.policies, rules=RuleSet(budgets=(a_budget(limit=LIMIT_PICO),)))
    rules = Rules(policies, price_book(policies))
    object.__setattr__(world.app, "rules", lambda: rules)
    if not counts:
        object.__setattr__(world.app.admission, "tokens", None)
    return world


async def spent_at_the_first_refusal(world: World) -> int:
    while True:
        answer = await world.call("POST", "/v1/chat/completions", json=CHAT)
        if answer.status_code == 400:
            return sum(entry.cost.total_pico for entry in world.settled)
        assert answer.status_code == 200


@pytest.mark.parametrize("counts", [True, False])
async def test_an_agent_alone_with_long_prompts_comes_to_its_cap(respx_mock: respx.MockRouter, counts: bool) -> None:
    spent = await spent_at_the_first_refusal(a_world(respx_mock, counts=counts))
    assert spent <= LIMIT_PICO
    assert (spent * 100 >= 97 * LIMIT_PICO) is counts


async def test_while_money_is_plenty_input_is_held_by_its_bytes(respx_mock: respx.MockRouter) -> None:
    world = a_world(respx_mock)
    await world.call("POST", "/v1/chat/completions", json=CHAT)
    [opened] = world.journal.of(Opened)
    assert opened.hold.input_tokens >= len(PROMPT)


async def test_no_hold_by_a_count_was_smaller_than_what_came_of_it(respx_mock: respx.MockRouter) -> None:
    world = a_world(respx_mock)
    await spent_at_the_first_refusal(world)
    counted = [opened for opened in world.journal.of(Opened) if opened.hold.input_tokens < len(PROMPT)]
    assert counted
    assert all(opened.hold.cost_pico >= CALL_PICO for opened in counted)
