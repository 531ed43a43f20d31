"""A call that was made to fit goes to the next provider as it was made: smaller model, lower limit, counted input."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
import respx

from proxy.adapters.prices_litellm import price_book
from proxy.gateway.rules import Rules
from proxy.metering.calibration import CALLS_MIN, FACTOR_UNKNOWN
from proxy.model.call import Hold
from proxy.model.entry import Opened
from proxy.policy.rules import Budget, RuleSet
from tests.fakes.counters import a_budget
from tests.flow.test_fallback_calls import PROVIDERS, provider
from tests.flow.world import World

MODELS = "models:\n  - {name: spare, fallback: [local]}\n"
CHAT: dict[str, Any] = {"model": "gpt-4o", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
LONG = "word " * 14_000
FITS_COUNTED_PICO = 170 * 10**9
"""Where it fits by its words doubled, while nothing is known of the model, and not by its bytes."""


def a_world(router: respx.MockRouter, *budgets: Budget) -> World:
    world = World(router, {"providers.yaml": PROVIDERS, "models.yaml": MODELS})
    policies = replace(world.policies, rules=RuleSet(budgets=budgets, models=world.policies.rules.models))
    rules = Rules(policies, price_book(policies))
    object.__setattr__(world.app, "rules", lambda: rules)
    return world


async def sent_and_held(
    world: World, router: respx.MockRouter, asked: dict[str, Any]
) -> tuple[httpx.Response, list[dict[str, Any]], list[Hold]]:
    """The answer, what each of the two providers was sent, and what was held for it there."""
    routes = [provider(router, "https://api.openai.test", 503), provider(router, "http://local.test")]
    answer = await world.call("POST", "/v1/chat/completions", json=asked)
    assert world.counters.in_flight == world.counters.held_pico == 0
    return (
        answer,
        [json.loads(route.calls.last.request.content) for route in routes if route.called],
        [opened.hold for opened in world.journal.of(Opened)],
    )


async def test_with_the_smaller_model_that_a_budget_sent_it_to(router: respx.MockRouter) -> None:
    world = a_world(router, a_budget(limit=5_000_000_000, action="downgrade", downgrade_to="gpt-4o-mini"))
    answer, bodies, holds = await sent_and_held(world, router, CHAT)
    assert answer.status_code == 200
    assert bodies == [CHAT | {"model": "gpt-4o-mini"}] * 2
    assert holds[0] == holds[1]
    assert "gpt-4o-mini by the budget all" in answer.headers["x-outlay-warning"]
    assert (world.settled[0].call.provider, world.settled[0].edits[0]) == ("local", "model")


async def test_with_the_output_limit_that_was_lowered(router: respx.MockRouter) -> None:
    limit = 10_000_000_000
    answer, bodies, holds = await sent_and_held(
        a_world(router, a_budget(limit=limit)), router, CHAT | {"max_tokens": 16_000}
    )
    assert answer.status_code == 200
    assert 256 <= bodies[0]["max_tokens"] < 16_000
    assert bodies[0] == bodies[1]
    assert holds[0] == holds[1]
    assert holds[1].cost_pico <= limit


async def test_with_its_input_as_it_was_counted(router: respx.MockRouter) -> None:
    world = a_world(router, a_budget(limit=FITS_COUNTED_PICO))
    asked = CHAT | {"messages": [{"role": "user", "content": LONG}]}
    answer, bodies, holds = await sent_and_held(world, router, asked)
    assert answer.status_code == 200
    assert len(bodies) == 2
    assert holds[0] == holds[1]
    assert holds[1].input_tokens < len(LONG) / 2
    assert len(world.tokens.asked) == 1
    for _ in range(CALLS_MIN - 1):
        assert world.calibration.factor("gpt-4o") == FACTOR_UNKNOWN
        await world.call("POST", "/v1/chat/completions", json=asked)
    assert world.calibration.factor("gpt-4o") < FACTOR_UNKNOWN


async def test_with_what_streams_like_it_come_to(router: respx.MockRouter) -> None:
    world = a_world(router, a_budget(limit=10**12))
    for _ in range(8):
        world.expecting.heard("k_alice", "gpt-4o", 5000)
    _, _, holds = await sent_and_held(world, router, CHAT | {"stream": True, "max_tokens": 16_000})
    assert holds[0] == holds[1]
    assert holds[1].output_tokens >= 5000


@pytest.mark.parametrize("kind", ["budget", "limit"])
async def test_what_a_shadow_rule_said_of_either_attempt_is_on_record_once(router: respx.MockRouter, kind: str) -> None:
    shadow = "{name: eyed, mode: shadow, limit: 0.0000001 USD, window: day}"
    at_local = "{name: there, mode: shadow, limit: 0.0000001 USD, window: day, applies_to: {provider: local}}"
    rates = "{name: eyed, mode: shadow, requests_per_minute: 0}, {name: there, mode: shadow, requests_per_minute: 0, "
    rates += "applies_to: {provider: local}}"
    rules = f"budgets: [{shadow}, {at_local}]" if kind == "budget" else f"limits: [{rates}]"
    world = World(router, {"providers.yaml": PROVIDERS, "models.yaml": MODELS, "budgets.yaml": rules})
    answer, _, _ = await sent_and_held(world, router, CHAT)
    assert answer.status_code == 200
    word = "refuse" if kind == "budget" else "throttle"
    assert sorted(world.settled[0].shadow) == [f"eyed: {word}", f"there: {word}"]
