"""`x-outlay-warning` on answers: what the caller should know of this call, and nothing of others."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import respx

from proxy.adapters.prices_litellm import price_book
from proxy.gateway.answer_warnings import BYTES_MAX, as_header
from proxy.gateway.rules import Rules
from tests.flow.test_budgets import ANSWER, CHAT, URL, Body, Pieces
from tests.flow.world import World


def a_world(router: respx.MockRouter, *, budgets: str = "", models: str = "", days: int = 0) -> World:
    """`days`: in so many the keys expire; 0: never."""
    router.post(URL).mock(side_effect=lambda _: httpx.Response(200, stream=Body(ANSWER)))
    world = World(router, {"budgets.yaml": f"budgets: [{budgets}]\n", "models.yaml": f"models: [{models}]\n"})
    now = datetime.fromtimestamp(world.clock.now_us() / 1e6, UTC)
    ends = now + timedelta(days=days) if days else None
    keys = {digest: replace(key, expires=ends) for digest, key in world.policies.keys.items()}
    policies = replace(world.policies, keys=keys)
    rules = Rules(policies, price_book(policies))
    object.__setattr__(world.app, "rules", lambda: rules)
    return world


async def warning(world: World, **changed: object) -> str | None:
    answer = await world.call("POST", "/v1/chat/completions", json=CHAT | changed)
    assert answer.status_code == 200, answer.text
    return answer.headers.get("x-outlay-warning")


async def test_a_call_that_concerns_nothing_has_none(respx_mock: respx.MockRouter) -> None:
    world = a_world(respx_mock, budgets="{name: all, limit: 9 USD, window: total, warn_at: [80%]}", days=8)
    assert await warning(world) is None


async def test_a_model_without_a_price_is_said(respx_mock: respx.MockRouter) -> None:
    world = a_world(respx_mock)
    assert await warning(world, model="gpt-unknown") == "model gpt-unknown has no price and counts at the ceiling"


async def test_a_key_that_ends_within_a_week_is_said(respx_mock: respx.MockRouter) -> None:
    said = await warning(a_world(respx_mock, days=7))
    assert said is not None
    assert re.fullmatch(r"key k_\w+ expires \d{4}-\d\d-\d\d \d\d:\d\d UTC", said)


async def test_a_downgrade_and_a_lowered_output_limit_are_said(respx_mock: respx.MockRouter) -> None:
    models = "{name: cheap, downgrade: {to: gpt-4o-mini}}, {name: short, output_tokens_max: 50}"
    said = await warning(a_world(respx_mock, models=models))
    assert said == "model gpt-4o-mini by a rule, not the one asked for, output limited to 50 tokens"


async def test_several_are_one_header_and_a_stream_has_it_too(respx_mock: respx.MockRouter) -> None:
    budgets = (
        "{name: all, limit: 0.35 USD, window: total, warn_at: [1%]},"
        "{name: soft, limit: 0.0001 USD, window: total, action: warn}"
    )
    world = a_world(respx_mock, budgets=budgets, models="{name: short, output_tokens_max: 50}")
    await warning(world)
    event_stream = {"content-type": "text/event-stream"}
    body = [b"data: [DONE]\n\n"]
    respx_mock.post(URL).mock(side_effect=lambda _: httpx.Response(200, headers=event_stream, stream=Pieces(body)))
    said = await warning(world, stream=True)
    assert said == "all 1% spent, soft over its limit, output limited to 50 tokens"


@pytest.mark.parametrize("name", ["é\r\nx-evil: 1", "\x00\x7f", "名" * 600])
def test_whatever_stands_in_a_name_is_one_short_line_of_ascii(name: str) -> None:
    line = as_header([f"model {name} has no price"])
    assert len(line) <= BYTES_MAX
    assert all(32 <= byte < 127 for byte in line)


def test_what_is_cut_says_so() -> None:
    assert as_header(["a" * 300, "b" * 300]).endswith(b"b, more in outlay's reports")
