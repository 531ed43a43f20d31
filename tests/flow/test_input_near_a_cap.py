"""Near a cap, input is held by a count of its tokens instead of its bytes."""

import json
from dataclasses import replace

import httpx
import pytest
import respx

from proxy.adapters.prices_litellm import price_book
from proxy.gateway.rules import Rules
from proxy.metering.calibration import CALLS_MIN, FACTOR_UNKNOWN
from proxy.model.entry import Opened
from proxy.policy.rules import Budget, RuleSet
from tests.fakes.counters import a_budget
from tests.flow.world import World

URL = "https://api.openai.test/v1/chat/completions"
PROMPT = "word " * 14_000
CHAT = {"model": "gpt-4o", "max_tokens": 100, "messages": [{"role": "user", "content": PROMPT}]}
LIMIT_PICO = 6 * 10**12
CALL_PICO = 17_500 * 2_500_000 + 100 * 10_000_000
"""The provider reports a quarter more than is counted."""


def a_world(
    router: respx.MockRouter, budget: Budget | None = None, *, counts: bool = True, limit: int = LIMIT_PICO
) -> World:
    usage = {"prompt_tokens": 17_500, "completion_tokens": 100, "total_tokens": 17_600}

    def answer(request: httpx.Request) -> httpx.Response:
        model = json.loads(request.content)["model"]
        said = {"id": "c", "object": "chat.completion", "model": model, "choices": [], "usage": usage}
        return httpx.Response(200, content=json.dumps(said))

    router.post(URL).mock(side_effect=answer)
    world = World(router)
    policies = replace(world.policies, rules=RuleSet(budgets=(budget or a_budget(limit=limit),)))
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


FITS_COUNTED_PICO = 170 * 10**9
"""One call, by its words doubled; not by its bytes."""


async def test_a_guess_is_no_count_so_the_bytes_stand_and_it_is_not_asked_for_twice(
    respx_mock: respx.MockRouter,
) -> None:
    world = a_world(respx_mock, limit=FITS_COUNTED_PICO)
    world.tokens.guesses = True
    answer = await world.call("POST", "/v1/chat/completions", json=CHAT)
    assert answer.status_code == 400
    assert len(world.tokens.asked) == 1
    world.tokens.guesses = False
    assert (await world.call("POST", "/v1/chat/completions", json=CHAT)).status_code == 200


async def test_a_guess_calibrates_nothing(respx_mock: respx.MockRouter) -> None:
    smaller = a_budget(limit=FITS_COUNTED_PICO, action="downgrade", downgrade_to="gpt-4o-mini")
    world = a_world(respx_mock, smaller)
    world.tokens.guesses = True
    for _ in range(CALLS_MIN + 1):
        assert (await world.call("POST", "/v1/chat/completions", json=CHAT)).status_code == 200
    assert len(world.tokens.asked) >= CALLS_MIN
    assert {world.calibration.factor(model) for model in ("gpt-4o", "gpt-4o-mini")} == {FACTOR_UNKNOWN}


async def test_a_count_is_of_one_model_so_a_smaller_one_is_held_and_calibrated_by_its_own(
    respx_mock: respx.MockRouter,
) -> None:
    # Too small for gpt-4o however it is held, and for gpt-4o-mini by its bytes.
    smaller = a_budget(limit=12 * 10**9, action="downgrade", downgrade_to="gpt-4o-mini")
    world = a_world(respx_mock, smaller)
    for _ in range(CALLS_MIN):
        world.calibration.heard("gpt-4o", 1000, 1000)
    answer = await world.call("POST", "/v1/chat/completions", json=CHAT)
    assert answer.status_code == 200
    [opened] = world.journal.of(Opened)
    assert opened.hold.input_tokens >= 2 * 14_000
    for _ in range(CALLS_MIN - 1):
        world.calibration.heard("gpt-4o-mini", 1000, 1000)
    # The call before was the first that was counted with it: a quarter more than counted, and a tenth in addition.
    assert world.calibration.factor("gpt-4o-mini") == pytest.approx(1.25 * 1.1, rel=0.001)
    assert world.calibration.factor("gpt-4o") == 1.1


async def test_a_document_in_base64_is_held_by_its_bytes_also_where_its_words_are_counted(
    respx_mock: respx.MockRouter,
) -> None:
    world = a_world(respx_mock, limit=600 * 10**9)
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": "JVBERi0xLjcK" + "A" * 400_000}}
    chat = {**CHAT, "messages": [{"role": "user", "content": [{"type": "text", "text": "word " * 4_000}, file]}]}
    answer = await world.call("POST", "/v1/chat/completions", json=chat)
    assert answer.status_code == 400
    assert world.tokens.asked
    assert (await world.call("POST", "/v1/chat/completions", json=CHAT)).status_code == 200
