"""Batches before rules on models: the calls that they bring along are judged as each would be by itself."""

import gzip
import json
from typing import Any

import httpx
import pytest
import respx

from tests.flow.world import World

ANTHROPIC = {"anthropic-version": "2023-06-01"}
NO_O1 = "name: no-o1, deny: [o1-*], contact: platform@example.com"
HELLO = [{"role": "user", "content": "hello"}]


def world_of(router: respx.MockRouter, *rules: str, **more: Any) -> World:
    files = {"models.yaml": "models:\n" + "".join(f"  - {{{each}}}\n" for each in rules)} if rules else {}
    return World(router, {**files, **more.pop("files", {})}, **more)


def provider(router: respx.MockRouter) -> respx.Route:
    made = b'{"object":"file","id":"file-1"}'
    return router.route().mock(side_effect=lambda _: httpx.Response(200, stream=httpx.ByteStream(made)))


def line(model: str, url: str = "/v1/chat/completions", **more: Any) -> str:
    body = {"model": model, "messages": HELLO, **more}
    return json.dumps({"custom_id": "c", "method": "POST", "url": url, "body": body})


async def uploaded(world: World, *lines: str, purpose: str = "batch", path: str = "/v1/files") -> httpx.Response:
    files = {"file": ("calls.jsonl", "\n".join(lines).encode())}
    return await world.call("POST", path, data={"purpose": purpose}, files=files)


def message(model: str, **more: Any) -> dict[str, Any]:
    return {"custom_id": f"for-{model}", "params": {"model": model, "max_tokens": 100, "messages": HELLO, **more}}


async def submitted(world: World, *requests: dict[str, Any], **more: Any) -> httpx.Response:
    more = more or {"json": {"requests": list(requests)}}
    headers = {**ANTHROPIC, **more.pop("headers", {})}
    return await world.call("POST", "/v1/messages/batches", headers=headers, **more)


def refused(answer: httpx.Response, world: World, *words: str) -> None:
    assert answer.status_code == 400
    assert answer.headers["x-should-retry"] == "false"
    for word in words:
        assert word in answer.json()["error"]["message"]
    assert len(world.refused) == 1
    assert not world.settled
    assert not world.router.calls


async def test_a_file_of_a_batch_with_a_denied_model_is_refused_by_its_line(respx_mock: respx.MockRouter) -> None:
    provider(respx_mock)
    world = world_of(respx_mock, NO_O1)
    answer = await uploaded(world, line("gpt-4o"), "", line("o1-pro"), line("o1-mini"))
    refused(answer, world, "Line 3 of the file", "'no-o1'", "models.yaml:2", "'o1-pro'", "platform@example.com")
    assert answer.json()["error"]["code"] == "refused_by_policy"


@pytest.mark.parametrize(
    ("rule", "said", "words"),
    [
        ("output_tokens_max: 50", line("gpt-4o", max_tokens=900), "to 50 tokens"),
        ("output_tokens_max: 50", line("gpt-4o"), "to 50 tokens"),
        ("downgrade: {to: gpt-4o-mini}", line("gpt-4o"), "go to the model 'gpt-4o-mini'"),
        ("cost_max: 0.001 USD", line("gpt-4o", max_tokens=9000), "at most $0.001"),
        ("context_tokens_max: 5", line("gpt-4o", messages=[{"role": "user", "content": "hello " * 99}]), "at most 5"),
        ("allow: [gpt-4o-mini]", line("gpt-4o"), "does not allow"),
        ("deny: [gpt-4o], applies_to: {operation: chat}", line("gpt-4o"), "denies the model"),
        ("deny: [gpt-9]", line("gpt-4o", "/v1/videos"), "'url'"),
        ("deny: [gpt-9]", '{"url":"/v1/chat/completions","body":{"model":"a","Model":"gpt-9"}}', "twice"),
        ("deny: [gpt-9]", "model: gpt-9", "Line 1"),
    ],
)
async def test_each_line_is_held_to_each_kind_of_rule(
    respx_mock: respx.MockRouter, rule: str, said: str, words: str
) -> None:
    provider(respx_mock)
    world = world_of(respx_mock, f"name: r, {rule}")
    refused(await uploaded(world, said), world, "Line 1 of the file", words)


@pytest.mark.parametrize("purpose", ["batch", "assistants"])
async def test_what_rules_let_pass_goes_on_byte_for_byte(respx_mock: respx.MockRouter, purpose: str) -> None:
    route = provider(respx_mock)
    world = world_of(respx_mock, NO_O1, "name: short, output_tokens_max: 50")
    model = "gpt-4o" if purpose == "batch" else "o1-pro"
    answer = await uploaded(world, line(model, max_tokens=50), purpose=purpose)
    assert answer.status_code == 200
    assert line(model, max_tokens=50).encode() in route.calls[0].request.content
    (settled,) = world.settled
    assert (settled.call.operation, settled.edits, settled.names) == ("file_upload", (), {"file-1": "uploaded"})


async def test_an_upload_in_parts_is_refused_for_a_batch_only(respx_mock: respx.MockRouter) -> None:
    provider(respx_mock)
    world = world_of(respx_mock, NO_O1)
    begun = {"filename": "a.jsonl", "bytes": 9, "mime_type": "text/jsonl"}
    refused(await world.call("POST", "/v1/uploads", json={**begun, "purpose": "batch"}), world, "POST /v1/files")
    answer = await world.call("POST", "/v1/uploads", json={**begun, "purpose": "assistants"})
    assert answer.status_code == 200


async def test_a_message_batch_is_refused_by_its_request(respx_mock: respx.MockRouter) -> None:
    provider(respx_mock)
    world = world_of(respx_mock, "name: no-opus, deny: [claude-opus-*]")
    answer = await submitted(world, message("claude-haiku-4-5"), message("claude-opus-4-1"))
    refused(answer, world, "Request 2 of the batch ('for-claude-opus-4-1')", "'no-opus'", "models.yaml:2")


@pytest.mark.parametrize(
    "body",
    [
        b'{"requests":[],"Requests":[]}',
        b'{"requests":[],"requests":[{"params":{}}]}',
        b'{"requests":[3]}',
        b'{"request":[]}',
        b"[1]",
        b"{",
        b'{"requests":[{"custom_id":"a","params":{"model":"a","model":"b"}}]}',
        b'{"requests":[{"custom_id":"a"}]}',
    ],
)
async def test_a_message_batch_that_can_be_read_in_two_ways_is_refused(
    respx_mock: respx.MockRouter, body: bytes
) -> None:
    provider(respx_mock)
    world = world_of(respx_mock, NO_O1)
    refused(await submitted(world, content=body), world)


async def test_a_message_batch_within_the_rules_passes_compressed_too(respx_mock: respx.MockRouter) -> None:
    route = provider(respx_mock)
    world = world_of(respx_mock, NO_O1, "name: short, output_tokens_max: 100")
    body = gzip.compress(json.dumps({"requests": [message("claude-haiku-4-5")]}).encode())
    answer = await submitted(world, content=body, headers={"content-encoding": "gzip"})
    assert (answer.status_code, route.calls[0].request.content) == (200, body)
    answer = await submitted(world, content=body, headers={"content-encoding": "rot13"})
    assert answer.status_code == 415


async def test_without_rules_a_batch_of_any_length_passes_unread(respx_mock: respx.MockRouter) -> None:
    route = provider(respx_mock)
    body = b'{"requests":[' + b" " * 3000 + b"?"
    free = world_of(respx_mock, "name: later, deny: ['*'], mode: shadow", body_bytes_max=1000)
    assert (await submitted(free, content=body)).status_code == 200
    assert route.calls[0].request.content == body
    ruled = world_of(respx_mock, NO_O1, body_bytes_max=1000)
    assert (await submitted(ruled, content=body)).status_code == 413


async def test_models_without_a_price_are_refused_in_a_batch_where_they_are_elsewhere(
    respx_mock: respx.MockRouter,
) -> None:
    provider(respx_mock)
    world = world_of(respx_mock, files={"prices.yaml": "unpriced: refuse"})
    refused(await uploaded(world, line("nobody-prices-this")), world, "Line 1", "no known price")


@pytest.mark.parametrize(
    ("path", "headers"), [("/v1/batches", {}), ("/v1/messages/batches", ANTHROPIC)], ids=["openai", "anthropic"]
)
async def test_a_rule_for_the_operation_closes_batches(
    respx_mock: respx.MockRouter, path: str, headers: dict[str, str]
) -> None:
    provider(respx_mock)
    world = world_of(respx_mock, "name: no-batches, applies_to: {operation: batch_submit}, deny: ['*']")
    body = {"input_file_id": "file-1", "requests": []}
    answer = await world.call("POST", path, headers=headers, json=body)
    refused(answer, world, "'no-batches'", "denies the operation 'batch_submit'")
    assert (await world.call("GET", path, headers=headers)).status_code == 200
