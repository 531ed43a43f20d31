"""Budgets that send a call to a smaller model when it doesn't fit as it is."""

import gzip
import json
from dataclasses import replace
from decimal import Decimal

import httpx
import pytest
import respx

from proxy.adapters.prices_litellm import price_book
from proxy.gateway.rules import Rules
from proxy.model.entry import Opened
from proxy.policy.rules import Budget, ModelRule, RuleSet, Scope, Window
from tests.fakes.counters import a_budget
from tests.flow.world import World

URL = "https://api.openai.test/v1/chat/completions"
CHAT = {"model": "gpt-4o", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
ANSWER = {"id": "c", "object": "chat.completion", "model": "gpt-4o-mini", "choices": [], "usage": USAGE}
MINI_COST_PICO = 1000 * 150_000 + 100 * 600_000
"""By gpt-4o-mini's list price: $0.15 and $0.60 a million tokens."""
TOO_SMALL_PICO = 5_000_000_000
"""For a call of gpt-4o, which holds some 6.7e9; one of gpt-4o-mini holds a sixteenth of that."""


def downgrading(name: str = "all", limit: int = TOO_SMALL_PICO, **given: object) -> Budget:
    return a_budget(name, limit, **({"action": "downgrade", "downgrade_to": "gpt-4o-mini"} | given))


def a_world(router: respx.MockRouter, *budgets: Budget, models: tuple[ModelRule, ...] = ()) -> World:
    world = World(router)
    policies = replace(world.policies, rules=RuleSet(budgets=budgets, models=models))
    rules = Rules(policies, price_book(policies))
    object.__setattr__(world.app, "rules", lambda: rules)
    router.post(URL).mock(side_effect=lambda _: httpx.Response(200, json=ANSWER))
    return world


async def chat(world: World, **changed: object) -> httpx.Response:
    return await world.call("POST", "/v1/chat/completions", json=CHAT | changed)


async def test_a_call_that_does_not_fit_goes_to_the_smaller_model(respx_mock: respx.MockRouter) -> None:
    world = a_world(respx_mock, downgrading())
    answer = await chat(world)
    assert answer.status_code == 200
    assert json.loads(respx_mock.calls[0].request.content) == CHAT | {"model": "gpt-4o-mini"}
    assert answer.headers["x-outlay-edited"] == "model"
    assert answer.headers["x-outlay-warning"] == "model gpt-4o-mini by the budget all, not the one asked for"
    [settled] = world.settled
    assert settled.cost.total_pico == MINI_COST_PICO
    assert settled.edits == ("model",)
    assert settled.matched == ("all",)
    [squeezed] = settled.squeezed
    assert (squeezed.did, squeezed.budget, squeezed.before, squeezed.after) == (
        "downgrade",
        "all",
        "gpt-4o",
        "gpt-4o-mini",
    )
    assert (squeezed.unit, squeezed.limit, squeezed.spent, squeezed.held) == ("USD", "0.005", "0.00", "0.00")
    assert Decimal(squeezed.needed) > Decimal(squeezed.left) == Decimal(squeezed.limit)
    assert world.counters.in_flight == world.counters.held_pico == 0


async def test_a_call_that_fits_keeps_its_model(respx_mock: respx.MockRouter) -> None:
    world = a_world(respx_mock, downgrading(limit=TOO_SMALL_PICO * 2))
    answer = await chat(world)
    assert json.loads(respx_mock.calls[0].request.content) == CHAT
    assert "x-outlay-warning" not in answer.headers


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4o-mini"])
async def test_where_the_smaller_model_does_not_fit_either_the_budget_refuses(
    respx_mock: respx.MockRouter, model: str
) -> None:
    world = a_world(respx_mock, downgrading(limit=10_000_000))
    answer = await chat(world, model=model)
    assert answer.status_code == 400
    assert "The budget 'all' (budgets.yaml:2) has no room for this call" in answer.json()["error"]["message"]
    assert not respx_mock.calls


NANO = {"downgrade_to": "gpt-4.1-nano"}


async def test_of_several_models_to_go_to_each_is_tried_in_turn_until_one_fits(respx_mock: respx.MockRouter) -> None:
    budgets = downgrading("first"), downgrading("second", 350_000_000, **NANO)
    world = a_world(respx_mock, *budgets)
    answer = await chat(world)
    assert answer.status_code == 200
    assert json.loads(respx_mock.calls[0].request.content) == CHAT | {"model": "gpt-4.1-nano"}
    assert answer.headers["x-outlay-warning"] == "model gpt-4.1-nano by the budget second, not the one asked for"
    assert answer.headers["x-outlay-edited"] == "model"
    assert world.counters.held_pico == 0


async def test_the_model_of_another_budget_is_tried_where_that_of_the_short_one_is_too_dear(
    respx_mock: respx.MockRouter,
) -> None:
    world = a_world(respx_mock, downgrading("first", 350_000_000), downgrading("second", 10**12, **NANO))
    assert (await chat(world)).status_code == 200
    assert json.loads(respx_mock.calls[0].request.content)["model"] == "gpt-4.1-nano"


async def test_a_budget_s_model_goes_before_the_one_of_a_model_rule(respx_mock: respx.MockRouter) -> None:
    sends = ModelRule("send", "models.yaml:2", Scope(), "enforce", "", (), (), None, None, None, "gpt-4o-mini", ())
    world = a_world(respx_mock, downgrading(limit=350_000_000, **NANO), models=(sends,))
    assert (await chat(world)).status_code == 200
    assert json.loads(respx_mock.calls[0].request.content)["model"] == "gpt-4.1-nano"
    [opened] = world.journal.of(Opened)
    assert opened.hold.cost_pico <= 350_000_000


async def test_where_none_of_several_models_fits_each_was_tried_once(respx_mock: respx.MockRouter) -> None:
    budgets = downgrading("first", 10_000_000), downgrading("second", 10_000_000, **NANO)
    world = a_world(respx_mock, *budgets)
    answer = await chat(world)
    assert answer.status_code == 400
    assert not respx_mock.calls
    assert world.counters.in_flight == world.counters.held_pico == 0


async def test_a_limit_lowered_for_the_larger_model_is_not_taken_along_to_the_smaller(
    respx_mock: respx.MockRouter,
) -> None:
    """A budget that refuses had the output lowered first, and then another one has the call go to a smaller model."""
    world = a_world(respx_mock, a_budget("strict", 30_000_000_000), downgrading(limit=3_000_000_000))
    answer = await chat(world, max_tokens=3000)
    assert answer.status_code == 200
    sent = json.loads(respx_mock.calls[0].request.content)
    assert sent["model"] == "gpt-4o-mini"
    [opened] = world.journal.of(Opened)
    assert opened.hold.output_tokens == sent["max_tokens"] == 3000


async def test_a_stream_holds_by_the_price_of_the_smaller_model(respx_mock: respx.MockRouter) -> None:
    world = a_world(respx_mock, downgrading(limit=6_000_000_000))
    chunks = [{"choices": [{"index": 0, "delta": {"content": "x" * 3000}}]}, {"choices": [], "usage": USAGE}]
    stream = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    headers = {"content-type": "text/event-stream"}
    respx_mock.post(URL).mock(side_effect=lambda _: httpx.Response(200, text=stream, headers=headers))
    answer = await chat(world, stream=True, max_tokens=16_000)
    assert "[DONE]" in answer.text
    assert "ended here" not in answer.text
    [opened], [settled] = world.journal.of(Opened), world.settled
    assert opened.hold.cost_pico < 6_000_000_000 / 4
    assert settled.cost.total_pico == MINI_COST_PICO
    assert world.counters.held_pico == 0


async def test_a_call_that_cannot_be_edited_is_refused_and_told_why(respx_mock: respx.MockRouter) -> None:
    world = a_world(respx_mock, downgrading())
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    body = gzip.compress(json.dumps(CHAT).encode())
    answer = await world.call("POST", "/v1/chat/completions", content=body, headers=headers)
    assert answer.status_code == 400
    message = answer.json()["error"]["message"]
    assert "The rule 'all' (budgets.yaml:2) has calls like this one go to the model 'gpt-4o-mini'" in message
    assert not respx_mock.calls


async def test_a_budget_that_refuses_is_not_lifted_by_one_that_downgrades(respx_mock: respx.MockRouter) -> None:
    for order in (1, -1):
        budgets = [downgrading(), a_budget("strict", TOO_SMALL_PICO, where="budgets.yaml:9")][::order]
        answer = await chat(a_world(respx_mock, *budgets))
        assert answer.status_code == 400
        assert "'strict'" in answer.json()["error"]["message"]


async def test_no_budget_sends_a_call_to_a_model_that_a_rule_denies(respx_mock: respx.MockRouter) -> None:
    denies = ModelRule(
        "no-mini", "models.yaml:2", Scope(), "enforce", "", (), ("gpt-4o-mini",), None, None, None, "", ()
    )
    world = a_world(respx_mock, downgrading(limit=1_000_000_000), models=(denies,))
    assert (await chat(world)).status_code == 400
    assert not respx_mock.calls


async def test_in_shadow_mode_it_is_recorded_and_changes_nothing(respx_mock: respx.MockRouter) -> None:
    world = a_world(respx_mock, downgrading(mode="shadow"))
    assert (await chat(world)).status_code == 200
    assert json.loads(respx_mock.calls[0].request.content) == CHAT
    assert world.settled[0].shadow == ("all: downgrade",)


async def test_a_budget_that_throttles_answers_429_with_the_time_to_come_back(respx_mock: respx.MockRouter) -> None:
    world = a_world(respx_mock, a_budget(limit=TOO_SMALL_PICO * 2, action="throttle", window=Window("hour")))
    while (answer := await chat(world)).status_code == 200:
        pass
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
