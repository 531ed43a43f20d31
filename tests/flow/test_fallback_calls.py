"""Fallback in front of providers that fail in each way: what is sent where, with whose credential, what is recorded."""

import json
from typing import Any

import httpx
import pytest
import respx

from proxy.model.entry import Opened, Outcome
from tests.flow.world import KEY, World

CHAT: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
}
PROVIDERS = """
providers:
  openai: {dialect: openai, base_url: "https://api.openai.test", api_key: {env: OPENAI_API_KEY}}
  anthropic: {dialect: anthropic, base_url: "https://api.anthropic.test", api_key: {env: ANTHROPIC_API_KEY}}
  local: {dialect: openai, base_url: "http://local.test/base", api_key: none, default_for: [llama-*], account: rack}
  wide: {dialect: openai, base_url: "http://wide.test", api_key: none, default_for: [wide-*], ask_usage: false}
  nokey: {dialect: openai, base_url: "http://nokey.test", api_key: {env: MISSING_KEY}, default_for: [nokey-*]}
  walled: {dialect: openai, base_url: "http://walled.test", api_key: none, default_for: [x-*], projects: [search]}
"""


def world_of(router: respx.MockRouter, fallback: str = "[local]", **files: str) -> World:
    models = f"models:\n  - {{name: spare, fallback: {fallback}}}\n"
    return World(router, {"providers.yaml": PROVIDERS, "models.yaml": models, **files})


def body(stream: bool = False) -> tuple[bytes, str]:
    if not stream:
        return json.dumps(ANSWER).encode(), "application/json"
    said = {"choices": [{"index": 0, "delta": {"content": "hi"}}]}
    return f"data: {json.dumps(said)}\n\ndata: [DONE]\n\n".encode(), "text/event-stream"


def provider(
    router: respx.MockRouter, url: str, outcome: int | Exception = 200, *, stream: bool = False
) -> respx.Route:
    route = router.route(url__startswith=url)
    if isinstance(outcome, Exception):
        return route.mock(side_effect=outcome)

    def answer(_: httpx.Request) -> httpx.Response:
        data, kind = body(stream) if outcome == 200 else (b'{"error": {}}', "application/json")
        return httpx.Response(outcome, headers={"content-type": kind}, stream=httpx.ByteStream(data))

    return route.mock(side_effect=answer)


FAILURES = [500, 502, 503, 504, 529, httpx.ConnectError("refused"), httpx.ConnectTimeout("slow")]


@pytest.mark.parametrize("failure", FAILURES, ids=str)
async def test_a_failed_provider_is_replaced_and_the_call_is_who_served_its(
    router: respx.MockRouter, failure: int | Exception
) -> None:
    world = world_of(router)
    failing = provider(router, "https://api.openai.test", failure)
    serving = provider(router, "http://local.test")
    answer = await world.call("POST", "/v1/chat/completions", json=CHAT)
    assert (answer.status_code, answer.json()) == (200, ANSWER)
    assert (failing.call_count, serving.call_count) == (1, 1)
    sent = serving.calls.last.request
    assert sent.url.path == "/base/v1/chat/completions"
    assert "authorization" not in sent.headers
    assert sent.content == failing.calls.last.request.content
    (entry,) = world.settled
    assert (entry.call.provider, entry.call.account, entry.outcome) == ("local", "rack", Outcome.OK)
    assert entry.usage.input_text == 1000
    (edit,) = entry.edits
    assert edit.startswith("fallback openai ")
    assert answer.headers["x-outlay-edited"] == edit
    assert answer.headers["x-outlay-call-id"] == entry.call.id
    opened = world.journal.of(Opened)
    assert [(each.call.id, each.call.provider) for each in opened] == [
        (entry.call.id, "openai"),
        (entry.call.id, "local"),
    ]
    assert world.counters.in_flight == world.counters.held_pico == 0


async def test_a_stream_falls_back_and_is_metered_as_what_served_it(router: respx.MockRouter) -> None:
    world = world_of(router)
    provider(router, "https://api.openai.test", 503)
    provider(router, "http://local.test", stream=True)
    answer = await world.call("POST", "/v1/chat/completions", json={**CHAT, "stream": True})
    assert answer.content == body(stream=True)[0]
    (entry,) = world.settled
    assert (entry.call.provider, entry.outcome) == ("local", Outcome.OK)
    assert "stream_options.include_usage" in entry.edits


async def test_the_body_is_edited_as_the_provider_that_gets_it_takes_it(router: respx.MockRouter) -> None:
    world = world_of(router, "[wide]")
    failing = provider(router, "https://api.openai.test", 503)
    serving = provider(router, "http://wide.test", stream=True)
    await world.call("POST", "/v1/chat/completions", json={**CHAT, "stream": True})
    assert b"include_usage" in failing.calls.last.request.content
    assert b"include_usage" not in serving.calls.last.request.content


@pytest.mark.parametrize("status", [400, 401, 404, 408, 429])
async def test_a_refusal_of_the_provider_is_the_answer(router: respx.MockRouter, status: int) -> None:
    world = world_of(router)
    provider(router, "https://api.openai.test", status)
    serving = provider(router, "http://local.test")
    assert (await world.call("POST", "/v1/chat/completions", json=CHAT)).status_code == status
    assert not serving.called


@pytest.mark.parametrize("fault", [httpx.ReadTimeout("silent"), httpx.ReadError("cut")], ids=str)
async def test_what_may_have_been_billed_is_sent_to_nobody_else(router: respx.MockRouter, fault: Exception) -> None:
    world = world_of(router)
    provider(router, "https://api.openai.test", fault)
    serving = provider(router, "http://local.test")
    assert (await world.call("POST", "/v1/chat/completions", json=CHAT)).status_code in (502, 504)
    assert not serving.called


async def test_who_names_a_provider_or_brings_a_credential_gets_that_one(router: respx.MockRouter) -> None:
    world = world_of(router)
    provider(router, "https://api.openai.test", 503)
    serving = provider(router, "http://local.test")
    named = await world.call("POST", "/openai/v1/chat/completions", json=CHAT)
    own = {"authorization": "Bearer sk-own", "x-outlay-key": KEY}
    brought = await world.call("POST", "/v1/chat/completions", json=CHAT, headers=own)
    assert (named.status_code, brought.status_code, serving.called) == (503, 503, False)


async def test_a_body_that_passes_unread_is_not_sent_twice(router: respx.MockRouter) -> None:
    world = world_of(router)
    failing = provider(router, "https://api.openai.test", 503)
    serving = provider(router, "http://local.test")
    answer = await world.call("POST", "/v1/files", content=b"--x--", headers={"content-type": "multipart/form-data"})
    assert (answer.status_code, failing.call_count, serving.called) == (503, 1, False)


async def test_providers_that_lack_a_credential_or_are_for_other_projects_are_passed_over(
    router: respx.MockRouter,
) -> None:
    world = world_of(router, "[nokey, walled, local]")
    provider(router, "https://api.openai.test", 503)
    passed_over = [provider(router, url) for url in ("http://nokey.test", "http://walled.test")]
    serving = provider(router, "http://local.test")
    assert (await world.call("POST", "/v1/chat/completions", json=CHAT)).status_code == 200
    assert ([each.called for each in passed_over], serving.call_count) == ([False, False], 1)


@pytest.mark.parametrize(
    "file",
    [
        {"budgets.yaml": "budgets: [{name: b, limit: 0 USD, window: day, applies_to: {provider: local}}]"},
        {"budgets.yaml": "limits: [{name: r, requests_per_minute: 0, applies_to: {provider: local}}]"},
    ],
    ids=["budget", "rate limit"],
)
async def test_a_rule_against_the_other_provider_holds_and_leaves_the_call_where_it_was(
    router: respx.MockRouter, file: dict[str, str]
) -> None:
    world = world_of(router, **file)
    provider(router, "https://api.openai.test", 503)
    serving = provider(router, "http://local.test")
    assert (await world.call("POST", "/v1/chat/completions", json=CHAT)).status_code == 503
    (entry,) = world.settled
    assert (serving.called, entry.call.provider, entry.outcome) == (False, "openai", Outcome.PROVIDER_ERROR)
    assert world.counters.in_flight == world.counters.held_pico == 0


async def test_budgets_and_limits_of_a_provider_count_what_it_served(router: respx.MockRouter) -> None:
    of = "per: provider, applies_to: {provider: [openai, local]}"
    budget = f"budgets: [{{name: b, limit: 1 calls, window: day, {of}}}]"
    rules = f"{budget}\nlimits: [{{name: r, requests_per_minute: 9, {of}}}]"
    world = world_of(router, **{"budgets.yaml": rules})
    failing = provider(router, "https://api.openai.test", 503)
    provider(router, "http://local.test")
    first = await world.call("POST", "/v1/chat/completions", json=CHAT)
    assert (first.status_code, first.headers["x-ratelimit-remaining-requests"]) == (200, "8")
    # The other provider's budget is used up, and the first one's isn't touched.
    second = await world.call("POST", "/v1/chat/completions", json=CHAT)
    assert (second.status_code, failing.call_count) == (503, 2)


async def test_where_all_fail_the_last_one_is_the_answer_and_all_are_on_record(router: respx.MockRouter) -> None:
    world = world_of(router, "[local, wide]")
    provider(router, "https://api.openai.test", httpx.ConnectError("refused"))
    provider(router, "http://local.test", 500)
    provider(router, "http://wide.test", 529)
    answer = await world.call("POST", "/v1/chat/completions", json=CHAT)
    assert answer.status_code == 529
    (entry,) = world.settled
    assert (entry.call.provider, entry.status, entry.cost.total_pico) == ("wide", 529, 0)
    assert entry.edits == ("fallback openai connect", "fallback local 500")


async def test_a_status_that_an_admin_lists_counts_as_a_failure_and_another_no_longer(router: respx.MockRouter) -> None:
    models = "models:\n  - {name: spare, fallback: [local], fallback_on: [429]}\n"
    world = world_of(router, **{"models.yaml": models})
    failing = provider(router, "https://api.openai.test", 429)
    serving = provider(router, "http://local.test")
    answer = await world.call("POST", "/v1/chat/completions", json=CHAT)
    assert (answer.status_code, answer.headers["x-outlay-edited"]) == (200, "fallback openai 429")
    failing.side_effect = lambda _: httpx.Response(503, stream=httpx.ByteStream(b"{}"))
    answer = await world.call("POST", "/v1/chat/completions", json=CHAT)
    assert (answer.status_code, serving.call_count) == (503, 1)
