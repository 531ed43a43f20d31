"""Rules on models, as calls meet them: what is sent, what is refused, what is on record."""

import gzip
import json
from typing import Any

import httpx
import pytest
import respx

from tests.flow.world import KEY, World

CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
HELLO = CHAT["messages"]


def world_of(router: respx.MockRouter, *rules: str) -> World:
    return World(router, {"models.yaml": "models:\n" + "".join(f"  - {{{each}}}\n" for each in rules)})


def provider(router: respx.MockRouter, model: str = "gpt-4o") -> respx.Route:
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
    }
    return router.route(host="api.openai.test").mock(
        side_effect=lambda _: httpx.Response(
            200, headers={"content-type": "application/json"}, stream=httpx.ByteStream(json.dumps(answer).encode())
        )
    )


def refused(answer: httpx.Response, world: World, *words: str) -> None:
    assert answer.status_code == 400
    assert answer.headers["x-should-retry"] == "false"
    error = answer.json()["error"]
    assert error["code"] == "refused_by_policy"
    for word in words:
        assert word in error["message"]
    entry = world.refused[0]
    assert (entry.status, entry.reason) == (400, "refused_by_policy")
    assert not world.settled
    assert world.counters.in_flight == 0


async def test_a_denied_model_is_refused_by_name_of_the_rule_and_nothing_is_sent(
    respx_mock: respx.MockRouter,
) -> None:
    route = provider(respx_mock)
    world = world_of(respx_mock, "name: no-big, deny: [gpt-4o], contact: platform@example.com")
    answer = await world.call("POST", "/v1/chat/completions", json=CHAT)
    refused(answer, world, "'no-big'", "models.yaml:2", "'gpt-4o'", "platform@example.com")
    assert world.refused[0].matched == ("no-big",)
    assert not route.called


async def test_rules_of_others_leave_a_call_alone(respx_mock: respx.MockRouter) -> None:
    route = provider(respx_mock)
    world = world_of(respx_mock, "name: a, deny: [gpt-4o], applies_to: {project: search}", "name: b, allow: [gpt-*]")
    answer = await world.call("POST", "/v1/chat/completions", json=CHAT)
    assert answer.status_code == 200
    assert "x-outlay-edited" not in answer.headers
    assert route.calls[0].request.content == json.dumps(CHAT, separators=(",", ":")).encode()
    assert world.settled[0].matched == ("b",)


async def test_an_output_limit_is_written_into_the_call(respx_mock: respx.MockRouter) -> None:
    route = provider(respx_mock)
    world = world_of(respx_mock, "name: short, output_tokens_max: 200")
    body = b'{"model":"gpt-4o", "max_tokens": 900, "messages":[{"role":"user","content":"hello"}]}'
    answer = await world.call("POST", "/v1/chat/completions", content=body)
    assert route.calls[0].request.content == body.replace(b"900", b"200")
    assert answer.headers["x-outlay-edited"] == "max_tokens"
    (settled,) = world.settled
    assert (settled.edits, settled.matched) == (("max_tokens",), ("short",))


async def test_a_stream_gets_its_limit_and_is_asked_for_its_usage(respx_mock: respx.MockRouter) -> None:
    route = provider(respx_mock)
    world = world_of(respx_mock, "name: short, output_tokens_max: 200")
    answer = await world.call("POST", "/v1/chat/completions", json={**CHAT, "stream": True})
    sent = json.loads(route.calls[0].request.content)
    assert sent == {
        **CHAT,
        "stream": True,
        "max_completion_tokens": 200,
        "stream_options": {"include_usage": True},
    }
    assert answer.headers["x-outlay-edited"] == "max_tokens, stream_options.include_usage"


async def test_a_lower_limit_of_the_call_stays(respx_mock: respx.MockRouter) -> None:
    route = provider(respx_mock)
    world = world_of(respx_mock, "name: short, output_tokens_max: 200")
    answer = await world.call("POST", "/v1/chat/completions", json={**CHAT, "max_tokens": 100})
    assert json.loads(route.calls[0].request.content)["max_tokens"] == 100
    assert "x-outlay-edited" not in answer.headers


async def test_a_downgraded_call_goes_to_the_other_model_and_costs_what_that_costs(
    respx_mock: respx.MockRouter,
) -> None:
    route = provider(respx_mock, "gpt-4o-mini")
    world = world_of(respx_mock, "name: down, downgrade: {to: gpt-4o-mini}, applies_to: {model: gpt-4o}")
    answer = await world.call("POST", "/v1/chat/completions", json=CHAT)
    assert json.loads(route.calls[0].request.content) == {**CHAT, "model": "gpt-4o-mini"}
    assert answer.headers["x-outlay-edited"] == "model"
    (settled,) = world.settled
    assert (settled.call.model, settled.served.model) == ("gpt-4o", "gpt-4o-mini")
    # 1000 x $0.15 + 100 x $0.60 per million.
    assert settled.cost.total_pico == 210_000_000


async def test_a_downgraded_call_asks_for_no_more_than_the_other_model_puts_out(respx_mock: respx.MockRouter) -> None:
    route = provider(respx_mock, "gpt-3.5-turbo")
    world = world_of(respx_mock, "name: down, downgrade: {to: gpt-3.5-turbo}")
    await world.call("POST", "/v1/chat/completions", json={**CHAT, "max_tokens": 9000})
    assert json.loads(route.calls[0].request.content) == {**CHAT, "model": "gpt-3.5-turbo", "max_tokens": 4096}


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("name: r, output_tokens_max: 200", "at most 200"),
        ("name: r, downgrade: {to: gpt-4o-mini}", "'gpt-4o-mini' yourself"),
    ],
)
async def test_a_compressed_call_that_would_have_to_be_changed_is_refused(
    respx_mock: respx.MockRouter, rule: str, says: str
) -> None:
    route = provider(respx_mock)
    world = world_of(respx_mock, rule)
    answer = await world.call(
        "POST",
        "/v1/chat/completions",
        content=gzip.compress(json.dumps(CHAT).encode()),
        headers={"content-encoding": "gzip", "authorization": f"Bearer {KEY}"},
    )
    refused(answer, world, "'r'", "models.yaml:2", says, "compressed")
    assert not route.called


async def test_a_long_prompt_and_a_dear_call_are_refused(respx_mock: respx.MockRouter) -> None:
    long = {**CHAT, "messages": [{"role": "user", "content": "word " * 8000}]}
    world = world_of(respx_mock, "name: short, context_tokens_max: 9000")
    refused(await world.call("POST", "/v1/chat/completions", json=long), world, "at most 9000 tokens", "about 1001")
    world = world_of(respx_mock, "name: cheap, cost_max: 0.01 USD")
    refused(await world.call("POST", "/v1/chat/completions", json=CHAT), world, "at most $0.01")


async def test_a_rule_in_shadow_mode_changes_nothing(respx_mock: respx.MockRouter) -> None:
    route = provider(respx_mock)
    world = world_of(
        respx_mock, "name: no-big, deny: [gpt-4o], mode: shadow", "name: s, output_tokens_max: 9, mode: shadow"
    )
    answer = await world.call("POST", "/v1/chat/completions", json=CHAT)
    assert answer.status_code == 200
    assert json.loads(route.calls[0].request.content) == CHAT
    (settled,) = world.settled
    assert (settled.matched, settled.shadow) == (("no-big", "s"), ("no-big: refuse", "s: limit output"))


async def test_models_are_replaced_in_paths_too(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.route(host="gemini.test").mock(return_value=httpx.Response(200, json={}))
    world = world_of(respx_mock, "name: down, downgrade: {to: gemini-2.5-flash}, output_tokens_max: 50")
    body = {"contents": [{"parts": [{"text": "hello"}]}]}
    answer = await world.call("POST", "/v1beta/models/gemini-2.5-pro:generateContent", json=body)
    assert answer.headers["x-outlay-edited"] == "model, max_tokens"
    sent = route.calls[0].request
    assert sent.url.path == "/v1beta/models/gemini-2.5-flash:generateContent"
    assert json.loads(sent.content) == {**body, "generationConfig": {"maxOutputTokens": 50}}
