"""Budgets and what costs nothing: it passes and counts nowhere; a batch passes only where something is left."""

import json

import httpx
import pytest
import respx

from tests.flow.world import World

HELLO = {"model": "gpt-4o-mini", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}


def world_of(router: respx.MockRouter, budget: str, output: int = 1) -> World:
    usage = {"prompt_tokens": 1, "completion_tokens": output, "total_tokens": 1 + output}
    answer = json.dumps({"model": "gpt-4o-mini", "usage": usage}).encode()
    router.route().mock(side_effect=lambda _: httpx.Response(200, stream=httpx.ByteStream(answer)))
    return World(router, {"budgets.yaml": f"budgets: [{{name: b, {budget}}}]"})


@pytest.mark.parametrize("limit", ["0 USD", "0 tokens", "0 calls"])
async def test_what_costs_nothing_passes_a_budget_of_nothing(respx_mock: respx.MockRouter, limit: str) -> None:
    world = world_of(respx_mock, f"limit: {limit}, window: total")
    for method, path in (("GET", "/v1/models"), ("GET", "/v1/files"), ("POST", "/v1/messages/count_tokens")):
        answer = await world.call(method, path, headers={"anthropic-version": "1"}, json=HELLO)
        assert answer.status_code == 200, answer.text
    assert (await world.call("POST", "/v1/chat/completions", json=HELLO)).status_code == 400
    assert (await world.call("POST", "/v1/batches", json={"input_file_id": "f"})).status_code == 400


async def test_calls_are_counted_of_models_only(respx_mock: respx.MockRouter) -> None:
    world = world_of(respx_mock, "limit: 1 calls, window: total")
    for _ in range(3):
        assert (await world.call("GET", "/v1/models")).status_code == 200
    assert (await world.call("POST", "/v1/chat/completions", json=HELLO)).status_code == 200
    assert (await world.call("POST", "/v1/chat/completions", json=HELLO)).status_code == 400


async def test_a_batch_is_submitted_while_something_is_left(respx_mock: respx.MockRouter) -> None:
    world = world_of(respx_mock, "limit: 2 tokens, window: total")
    assert (await world.call("POST", "/v1/batches", json={"input_file_id": "f"})).status_code == 200


@pytest.mark.parametrize("limit", ["2000 tokens", "0.005 USD", "1 calls"])
async def test_a_batch_is_refused_once_a_limit_is_used_up(respx_mock: respx.MockRouter, limit: str) -> None:
    world = world_of(respx_mock, f"limit: {limit}, window: total", output=10_000)
    assert (await world.call("POST", "/v1/chat/completions", json=HELLO)).status_code == 200
    answer = await world.call("POST", "/v1/batches", json={"input_file_id": "f"})
    assert answer.status_code == 400
    assert answer.headers["x-should-retry"] == "false"
    assert "The budget 'b' (budgets.yaml:1) has no room" in answer.json()["error"]["message"]
    assert (await world.call("GET", "/v1/batches")).status_code == 200
