"""Rate limits in front of calls: what is refused and how, what its caller is told, and that nothing leaks."""

import json

import httpx
import pytest
import respx

from proxy.model.decision import Reason
from tests.flow.world import World

CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 100}
MESSAGE = {"model": "claude-sonnet-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 30, "completion_tokens": 10, "total_tokens": 40},
}


def limited(router: respx.MockRouter, limit: str, more: str = "") -> World:
    files = {"budgets.yaml": f"limits:\n  - {{name: burst, per: key, {limit}}}\n{more}"}
    return World(router, files)


def answering(world: World, status: int = 200, headers: dict[str, str] | None = None) -> respx.Route:
    def answer(_: httpx.Request) -> httpx.Response:
        lines = {"content-type": "application/json", **(headers or {})}
        return httpx.Response(status, headers=lines, stream=httpx.ByteStream(json.dumps(ANSWER).encode()))

    return world.router.route().mock(side_effect=answer)


async def chat(world: World, **headers: str) -> httpx.Response:
    return await world.call("POST", "/v1/chat/completions", json=CHAT, headers=headers)


async def test_above_the_limit_a_call_is_a_429_that_says_when_to_come_back_and_then_passes(
    router: respx.MockRouter,
) -> None:
    world = limited(router, "requests_per_minute: 2")
    route = answering(world)
    assert [(await chat(world)).status_code for _ in range(2)] == [200, 200]
    world.clock.advance(30_000_000)
    refused = await chat(world)
    assert refused.status_code == 429
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert (
        "The rate limit 'burst' (budgets.yaml:2) allows at most 2 requests a minute for key 'k_alice'"
        in error["message"]
    )
    told = refused.headers
    assert "x-should-retry" not in told
    assert told["retry-after"] == str(-(-int(told["retry-after-ms"]) // 1000))
    assert (told["x-ratelimit-limit-requests"], told["x-ratelimit-remaining-requests"]) == ("2", "0")
    assert route.call_count == 2
    (entry,) = world.refused
    assert (entry.status, entry.reason, entry.rule, entry.matched) == (
        429,
        Reason.RATE_LIMITED,
        "budgets.yaml:2",
        ("burst",),
    )
    world.clock.advance(int(told["retry-after-ms"]) * 1000)
    assert (await chat(world)).status_code == 200


async def test_anthropic_callers_are_told_in_their_own_words(router: respx.MockRouter) -> None:
    world = limited(router, "requests_per_minute: 1")
    answering(world)
    first, second = [await world.call("POST", "/v1/messages", json=MESSAGE) for _ in range(2)]
    assert first.headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert (second.status_code, second.json()["error"]["type"]) == (429, "rate_limit_error")
    assert second.headers["anthropic-ratelimit-requests-reset"].endswith("Z")


async def test_what_a_call_used_is_what_counts_in_the_end(router: respx.MockRouter) -> None:
    world = limited(router, "tokens_per_minute: 1k")
    answering(world)
    first = await chat(world)
    estimated = 1000 - int(first.headers["x-ratelimit-remaining-tokens"])
    assert 100 < estimated < 150
    second = await chat(world)
    assert second.headers["x-ratelimit-remaining-tokens"] == str(1000 - 40 - estimated)


async def test_the_providers_own_headers_stay_alone(router: respx.MockRouter) -> None:
    world = limited(router, "requests_per_minute: 9")
    answering(world, headers={"X-RateLimit-Remaining-Tokens": "77"})
    told = (await chat(world)).headers
    assert [name for name in told if name.startswith("x-ratelimit-")] == ["x-ratelimit-remaining-tokens"]
    assert told["x-ratelimit-remaining-tokens"] == "77"


async def test_a_call_refused_by_a_budget_takes_nothing_from_a_rate_limit(router: respx.MockRouter) -> None:
    empty = "budgets:\n  - {name: none, limit: 0 USD, window: total, applies_to: {model: gpt-4o}}\n"
    world = limited(router, "requests_per_minute: 1, concurrent: 1", empty)
    answering(world)
    for _ in range(3):
        refused = await world.call("POST", "/v1/chat/completions", json={**CHAT, "model": "gpt-4o"})
        assert (refused.status_code, world.refused[-1].reason) == (400, Reason.POLICY)
    assert (await chat(world)).status_code == 200


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_calls_in_flight_are_let_go_however_they_end(router: respx.MockRouter, status: int) -> None:
    world = limited(router, "concurrent: 1")
    answering(world, status)
    assert [(await chat(world)).status_code for _ in range(3)] == [status] * 3


async def test_calls_that_the_journal_cannot_open_are_let_go(router: respx.MockRouter) -> None:
    world = limited(router, "concurrent: 1, requests_per_minute: 1")
    answering(world)
    world.journal.fill()
    assert (await chat(world)).status_code == 503
    world.journal.heal()
    assert (await chat(world)).status_code == 200


async def test_a_shadow_limit_lets_every_call_pass(router: respx.MockRouter) -> None:
    world = limited(router, "requests_per_minute: 1, mode: shadow")
    answering(world)
    answers = [await chat(world) for _ in range(3)]
    assert [each.status_code for each in answers] == [200] * 3
    assert not any(name.startswith("x-ratelimit-") for name in answers[0].headers)
