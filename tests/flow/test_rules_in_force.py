"""Every kind of rule that the loader lets a server have changes a call: none is only believed to be in force."""

import asyncio
import json
from collections.abc import Callable

import httpx
import pytest
import respx

from proxy.policy.load import ENFORCED
from tests.flow.world import World

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 100}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 30, "completion_tokens": 10, "total_tokens": 40},
}
FILES = {
    "budgets": ("budgets.yaml", "budgets: [{name: b, limit: 0 USD, window: month}]"),
    "limits": ("budgets.yaml", "limits: [{name: b, requests_per_minute: 0}]"),
    "models": ("models.yaml", "models: [{name: b, deny: [gpt-4o]}]"),
    "budgets.downgrade": (
        "budgets.yaml",
        "budgets: [{name: b, limit: 0.0005 USD, window: month, downgrade: {to: gpt-4o-mini}}]",
    ),
    "models.downgrade": ("models.yaml", "models: [{name: b, downgrade: {to: gpt-4o-mini}}]"),
    "models.output_tokens_max": ("models.yaml", "models: [{name: b, output_tokens_max: 5}]"),
    "models.fallback": ("models.yaml", "models: [{name: b, fallback: [local]}]"),
}
AGAINST_REPEATS = "redundancy: [{{name: b, classes: [exact_repeat], action: {}}}]"
REPEATS = {
    "redundancy": AGAINST_REPEATS.format("refuse"),
    "redundancy.action.warn": AGAINST_REPEATS.format("warn"),
    "redundancy.action.throttle": AGAINST_REPEATS.format("throttle, requests_per_minute: 1"),
    "redundancy.action.justify": AGAINST_REPEATS.format("justify"),
    "redundancy.action.refuse": AGAINST_REPEATS.format("refuse"),
    "evaluations": AGAINST_REPEATS.format("refuse")
    + "\nevaluations: [{name: nightly, keys: [k_alice], commit_header: x-commit, cap: 50 calls}]",
}
"""redundancy.yaml, for a prompt that is sent again and again."""


SHARED: dict[str, tuple[str, list[int]]] = {
    "redundancy.action.serve": ("redundancy: [{name: b, action: serve}]\ncache: {ttl: 10m}", [2, 2, 2]),
    "cache": ("redundancy: [{name: b, action: serve}]\ncache: {ttl: 30s}", [2, 2, 3]),
    "redundancy.action.coalesce": ("redundancy: [{name: b, action: coalesce}]", [1, 2, 3]),
}
"""Calls that have reached the provider: after two alike at the same moment, after one more, and a minute later."""


def refused(status: int) -> Callable[[httpx.Response, list[dict[str, object]]], bool]:
    return lambda answer, sent: answer.status_code == status and not sent and "'b'" in answer.text


EFFECTS: dict[str, Callable[[httpx.Response, list[dict[str, object]]], bool]] = {
    "budgets": refused(400),
    "limits": refused(400),
    "models": refused(400),
    "budgets.downgrade": lambda answer, sent: [body["model"] for body in sent] == ["gpt-4o-mini"],
    "models.downgrade": lambda answer, sent: [body["model"] for body in sent] == ["gpt-4o-mini"],
    "models.output_tokens_max": lambda answer, sent: [body["max_tokens"] for body in sent] == [5],
    "models.fallback": lambda answer, sent: answer.status_code == 200 and len(sent) == 2,
}


ENDS: dict[str, Callable[[httpx.Response], bool]] = {
    "redundancy": lambda last: last.status_code == 400,
    "redundancy.action.warn": lambda last: "(rule b)" in last.headers.get("x-outlay-warning", ""),
    "redundancy.action.throttle": lambda last: last.status_code == 429 and "retry-after" in last.headers,
    "redundancy.action.justify": lambda last: last.status_code == 400 and "x-outlay-justification" in last.text,
    "redundancy.action.refuse": lambda last: last.status_code == 400 and "'b'" in last.text,
    "evaluations": lambda last: last.status_code == 200 and "x-outlay-warning" not in last.headers,
}
"""What is true of the twelfth answer, at once behind the eleventh."""


@pytest.mark.parametrize("name", sorted(FILES))
async def test_a_rule_that_a_server_may_have_changes_a_call(router: respx.MockRouter, name: str) -> None:
    file, text = FILES[name]
    world = World(router, {file: text})
    sent: list[dict[str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        status = 503 if name == "models.fallback" and request.url.host == "api.openai.test" else 200
        headers = {"content-type": "application/json"}
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(json.dumps(ANSWER).encode()))

    world.router.route().mock(side_effect=answer)
    answered = await world.call("POST", "/v1/chat/completions", json=CHAT)
    assert EFFECTS[name](answered, sent), (answered.text, sent)


@pytest.mark.parametrize("name", sorted(REPEATS))
async def test_a_rule_against_repeats_changes_a_call(router: respx.MockRouter, name: str) -> None:
    world = World(router, {"redundancy.yaml": REPEATS[name]})
    stream = json.dumps(ANSWER).encode()
    headers = {"content-type": "application/json"}
    world.router.route().mock(
        side_effect=lambda _: httpx.Response(200, headers=headers, stream=httpx.ByteStream(stream))
    )
    answers = []
    for at in range(12):
        commit = f"{at:x}" * 40
        answers.append(await world.call("POST", "/v1/chat/completions", json=CHAT, headers={"x-commit": commit}))
        world.clock.advance(60_000_000 if at < 10 else 0)
    assert ENDS[name](answers[-1]), [answer.text for answer in answers]


@pytest.mark.parametrize("name", sorted(SHARED))
async def test_a_rule_that_shares_answers_spares_a_call(router: respx.MockRouter, name: str) -> None:
    text, expected = SHARED[name]
    world = World(router, {"redundancy.yaml": text})
    sent: list[bytes] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        await asyncio.sleep(0)
        headers = {"content-type": "application/json"}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(json.dumps(ANSWER).encode()))

    world.router.route().mock(side_effect=answer)
    body = {**CHAT, "temperature": 0}
    reached: list[int] = []
    for step in range(3):
        if step == 2:
            world.clock.advance(60_000_000)
        calls = (world.call("POST", "/v1/chat/completions", json=body) for _ in range(2 if step == 0 else 1))
        assert {each.status_code for each in await asyncio.gather(*calls)} == {200}
        reached.append(len(sent))
    assert reached == expected


def test_every_kind_of_rule_is_tried() -> None:
    assert ENFORCED - {"cases"} <= FILES.keys() | REPEATS.keys() | SHARED.keys()
