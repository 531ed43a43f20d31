"""Lists of models, as callers see them under rules that keep some models from them."""

import gzip
import json

import httpx
import pytest
import respx

from proxy.gateway.listing import LIST_BYTES_MAX
from tests.flow.world import World

OPENAI = b'{"object": "list", "data": [{"id": "gpt-4o"}, {"id": "o1-pro"}, {"id": "gpt-5"}], "more": 1}'
WITHOUT_O1 = b'{"object": "list", "data": [{"id": "gpt-4o"}, {"id": "gpt-5"}], "more": 1}'
JSON = {"content-type": "application/json"}
ANTHROPIC = {"anthropic-version": "2023-06-01"}
GOOGLE = {"x-goog-api-key": "outlay_alice", "authorization": ""}
NO_O1 = "name: no-o1, deny: [o1-*], contact: platform@example.com"


def world_of(router: respx.MockRouter, *rules: str) -> World:
    return World(router, {"models.yaml": "models:\n" + "".join(f"  - {{{each}}}\n" for each in rules)})


def answers(
    router: respx.MockRouter, body: bytes, headers: dict[str, str] | None = None, status: int = 200
) -> respx.Route:
    return router.route().mock(
        side_effect=lambda _: httpx.Response(status, headers=headers or JSON, stream=httpx.ByteStream(body))
    )


async def test_a_denied_model_is_not_in_the_list(respx_mock: respx.MockRouter) -> None:
    answers(respx_mock, OPENAI, {**JSON, "etag": "W/1", "x-request-id": "r1", "content-length": str(len(OPENAI))})
    world = world_of(respx_mock, NO_O1)
    answer = await world.call("GET", "/v1/models")
    assert answer.content == WITHOUT_O1
    assert answer.headers["x-outlay-edited"] == "models"
    assert (answer.headers["content-length"], answer.headers["x-request-id"]) == (str(len(WITHOUT_O1)), "r1")
    assert "etag" not in answer.headers
    assert world.settled[0].edits == ("models",)


@pytest.mark.parametrize(
    "rule",
    [
        "name: others, deny: ['*'], applies_to: {project: search}",
        "name: shadow, deny: ['*'], mode: shadow",
        "name: chats, deny: ['*'], applies_to: {operation: chat}",
        "name: elsewhere, deny: ['*'], applies_to: {provider: local}",
        "name: all, allow: ['*']",
        "name: long, output_tokens_max: 1, cost_max: 0.000001 USD",
    ],
)
async def test_where_no_rule_keeps_a_model_away_not_a_byte_changes(respx_mock: respx.MockRouter, rule: str) -> None:
    packed = gzip.compress(OPENAI)
    answers(respx_mock, packed, {**JSON, "content-encoding": "gzip", "etag": "W/1"})
    world = world_of(respx_mock, rule)
    answer = await world.call("GET", "/v1/models", headers={"accept-encoding": "gzip"})
    assert answer.content == OPENAI
    assert (answer.headers["content-encoding"], answer.headers["etag"]) == ("gzip", "W/1")
    assert "x-outlay-edited" not in answer.headers


async def test_a_compressed_list_comes_plain_where_it_is_edited(respx_mock: respx.MockRouter) -> None:
    answers(respx_mock, gzip.compress(OPENAI), {**JSON, "content-encoding": "gzip"})
    answer = await world_of(respx_mock, NO_O1).call("GET", "/v1/models", headers={"accept-encoding": "gzip"})
    assert (answer.content, "content-encoding" in answer.headers) == (WITHOUT_O1, False)


async def test_only_what_is_allowed_is_shown_in_each_dialect(respx_mock: respx.MockRouter) -> None:
    world = world_of(respx_mock, "name: few, allow: [claude-haiku-*, gemini-2.5-flash]", "name: x, deny: ['*-old']")
    pages = {
        "api.anthropic.test": b'{"data":[{"id":"claude-haiku-4"},{"id":"opus"}],"has_more":true,"last_id":"z"}',
        "gemini.test": b'{"models":[{"name":"models/gemini-2.5-flash"},{"name":"models/an-old"}],"nextPageToken":"t"}',
    }
    for host, body in pages.items():
        respx_mock.route(host=host).mock(
            side_effect=lambda _, body=body: httpx.Response(200, headers=JSON, stream=httpx.ByteStream(body))
        )
    anthropic = await world.call("GET", "/v1/models?limit=2", headers=ANTHROPIC)
    assert anthropic.content == b'{"data":[{"id":"claude-haiku-4"}],"has_more":true,"last_id":"z"}'
    gemini = await world.call("GET", "/v1beta/models?pageSize=2", headers=GOOGLE)
    assert gemini.content == b'{"models":[{"name":"models/gemini-2.5-flash"}],"nextPageToken":"t"}'


@pytest.mark.parametrize(
    ("body", "headers", "why"),
    [
        (b"<html>models</html>", JSON, "can't be read"),
        (b'{"items":[{"id":"o1-pro"}]}', JSON, "no list of models"),
        (OPENAI, {**JSON, "content-encoding": "rot13"}, "content-encoding"),
        (b'{"data":[' + b" " * LIST_BYTES_MAX + b"]}", JSON, "longer"),
    ],
)
async def test_a_list_that_cannot_be_read_is_not_shown_where_rules_hide_models(
    respx_mock: respx.MockRouter, body: bytes, headers: dict[str, str], why: str
) -> None:
    answers(respx_mock, body, headers)
    world = world_of(respx_mock, NO_O1)
    answer = await world.call("GET", "/v1/models", headers={"accept-encoding": "identity"})
    assert answer.status_code == 502
    assert why in answer.json()["error"]["message"]
    assert len(world.settled) == 1


async def test_an_error_of_the_provider_passes_as_it_is(respx_mock: respx.MockRouter) -> None:
    answers(respx_mock, b"<html>busy</html>", {"content-type": "text/html"}, 503)
    answer = await world_of(respx_mock, NO_O1).call("GET", "/v1/models")
    assert (answer.status_code, answer.content) == (503, b"<html>busy</html>")


@pytest.mark.parametrize(
    ("path", "headers", "kind"),
    [
        ("/v1/models/o1-pro", {}, ("code", "model_not_found")),
        ("/v1/models/o1%2Dpro", {}, ("code", "model_not_found")),
        ("/v1/models/o1-pro", ANTHROPIC, ("type", "not_found_error")),
        ("/v1beta/models/o1-pro", GOOGLE, ("status", "NOT_FOUND")),
    ],
)
async def test_a_model_kept_from_the_caller_is_not_there(
    respx_mock: respx.MockRouter, path: str, headers: dict[str, str], kind: tuple[str, str]
) -> None:
    world = world_of(respx_mock, NO_O1)
    answer = await world.call("GET", path, headers=headers)
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error[kind[0]] == kind[1]
    for word in ("'no-o1'", "models.yaml:2", "o1-pro", "platform@example.com"):
        assert word in error["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert not respx_mock.calls
    assert world.refused[0].matched == ("no-o1",)


async def test_any_other_model_is(respx_mock: respx.MockRouter) -> None:
    answers(respx_mock, json.dumps({"id": "gpt-4o", "x": "o1-pro"}).encode())
    answer = await world_of(respx_mock, NO_O1).call("GET", "/v1/models/gpt-4o")
    assert (answer.status_code, answer.json()["id"]) == (200, "gpt-4o")
