"""The real SDKs before rate limits and providers that fail: how many requests they send, and that they wait as told."""

import json
import time

import anthropic
import httpx
import httpx2
import openai
import pytest
import respx
from starlette.types import Receive, Scope, Send

from proxy.policy.verdict import Throttle
from tests.flow.world import KEY, World

FREE_IN_US = 900_000
LIMIT = {"budgets.yaml": "limits: [{name: burst, requests_per_minute: 1}]"}
CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 30, "completion_tokens": 10, "total_tokens": 40},
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 30, "output_tokens": 10},
}


class MovedClock:
    """Fulfils ports.clock.Clock: the machine's own, moved on at will."""

    def __init__(self) -> None:
        self.moved_us = 0

    def now_us(self) -> int:
        return time.time_ns() // 1000 + self.moved_us

    def monotonic_us(self) -> int:
        return time.monotonic_ns() // 1000 + self.moved_us


class Counting:
    """The way to a world, with the times at which requests went it. An ASGI application."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.sent_s: list[float] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.sent_s.append(time.monotonic())
        await self._world.app(scope, receive, send)


@pytest.fixture(params=["openai", "anthropic"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def said(dialect: str, way: Counting, retries: int) -> object:
    """One call by the SDK."""
    asked = [{"role": "user", "content": "hello"}]
    if dialect == "openai":
        async with httpx.AsyncClient(transport=httpx.ASGITransport(way)) as http:
            sdk = openai.AsyncOpenAI(api_key=KEY, base_url="http://o.test/v1", http_client=http, max_retries=retries)
            return await sdk.chat.completions.create(model="gpt-4o-mini", messages=asked)  # type: ignore[arg-type]
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(way)) as http2:
        its = anthropic.AsyncAnthropic(api_key=KEY, base_url="http://o.test", http_client=http2, max_retries=retries)
        return await its.messages.create(model="claude-haiku-4-5", max_tokens=50, messages=asked)  # type: ignore[arg-type]


def provider(router: respx.MockRouter, status: int = 200, host: str = "") -> respx.Route:
    def answer(request: httpx.Request) -> httpx.Response:
        body = MESSAGE if request.url.path.endswith("/messages") else CHAT
        lines = {"content-type": "application/json"}
        return httpx.Response(status, headers=lines, stream=httpx.ByteStream(json.dumps(body).encode()))

    return router.route(**({"host": host} if host else {})).mock(side_effect=answer)


async def test_an_sdk_waits_as_it_is_told_and_then_passes_with_one_request_more(
    router: respx.MockRouter, dialect: str
) -> None:
    clock = MovedClock()
    world = World(router, LIMIT, clock=clock)  # type: ignore[arg-type]
    route, way = provider(router), Counting(world)
    await said(dialect, way, 2)
    # To where the minute of that call has less than a second to go.
    throttle = Throttle(world.policies.rules.limits[0], ())
    clock.moved_us += world.throttling.allowances([throttle], clock)[0].full_us - FREE_IN_US
    way.sent_s.clear()
    await said(dialect, way, 2)
    assert len(way.sent_s) == 2
    waited_us = (way.sent_s[1] - way.sent_s[0]) * 1e6
    assert waited_us >= FREE_IN_US * 0.8
    assert (route.call_count, len(world.refused), len(world.settled)) == (2, 1, 2)


async def test_an_sdk_that_does_not_repeat_shows_the_limit_and_the_wait(router: respx.MockRouter, dialect: str) -> None:
    world = World(router, LIMIT)
    provider(router)
    way = Counting(world)
    await said(dialect, way, 0)
    error = openai.RateLimitError if dialect == "openai" else anthropic.RateLimitError
    with pytest.raises(error) as raised:
        await said(dialect, way, 0)
    assert "The rate limit 'burst' (budgets.yaml:1) allows at most 1 requests a minute" in str(raised.value)
    assert 0 < int(raised.value.response.headers["retry-after"]) <= 61
    assert len(way.sent_s) == 2


async def test_what_never_passes_is_asked_for_once(router: respx.MockRouter, dialect: str) -> None:
    world = World(router, {"budgets.yaml": "limits: [{name: burst, requests_per_minute: 0}]"})
    way = Counting(world)
    with pytest.raises(openai.BadRequestError if dialect == "openai" else anthropic.BadRequestError):
        await said(dialect, way, 2)
    assert (len(way.sent_s), len(world.refused)) == (1, 1)


async def test_an_sdk_notices_nothing_of_a_fallback(router: respx.MockRouter, dialect: str) -> None:
    providers = f"""
providers:
  {dialect}: {{dialect: {dialect}, base_url: "http://first.test", api_key: none}}
  local: {{dialect: {dialect}, base_url: "http://second.test", api_key: none, default_for: [spare-*]}}
"""
    files = {"providers.yaml": providers, "models.yaml": "models: [{name: spare, fallback: [local]}]"}
    world = World(router, files)
    first, second = provider(router, 529, "first.test"), provider(router, 200, "second.test")
    way = Counting(world)
    await said(dialect, way, 2)
    assert (len(way.sent_s), first.call_count, second.call_count) == (1, 1, 1)
    (entry,) = world.settled
    assert (entry.call.provider, entry.usage.output_tokens) == ("local", 10)
