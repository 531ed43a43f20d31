"""Every kind of rule that the loader lets a server have changes a call: none is only believed to be in force."""

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


@pytest.mark.parametrize("name", sorted(ENFORCED - {"cases"}))
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


def test_every_kind_of_rule_is_tried() -> None:
    assert ENFORCED - {"cases"} <= FILES.keys()
