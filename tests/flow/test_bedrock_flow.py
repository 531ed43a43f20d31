"""Bedrock's calls through the data plane: whose credential goes where, ids byte for byte, prices, refusals."""

import json
from typing import Any

import httpx
import pytest

from proxy.model.usage import Usage
from tests.flow.world import KEY, World

ID = "us.anthropic.claude-sonnet-5-5"
ARN = "arn%3aaws:bedrock%3Aus-east-1:123456789012%3Ainference-profile%2Fus.anthropic.claude-sonnet-5-5"
BODY = b'{ "messages":[{"role":"user","content":[{"text":"hi"}]}],\n "future": 1 }'
ANSWER = {"output": {"message": {"content": [{"text": "hello"}]}}, "usage": {"inputTokens": 1000, "outputTokens": 100}}
SIGNED = (
    f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-east-1/bedrock/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=0123456789abcdef"
)


def answered(world: World, status: int = 200, **headers: str) -> Any:
    lines = {"content-type": "application/json", **headers}

    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=lines, stream=httpx.ByteStream(json.dumps(ANSWER).encode()))

    return world.router.route(url__startswith="https://bedrock.test").mock(side_effect=respond)


@pytest.mark.parametrize("authorization", [f"Bearer {KEY}", SIGNED], ids=["bearer", "signed"])
async def test_the_callers_credential_stays_and_the_providers_goes_up(world: World, authorization: str) -> None:
    route = answered(world)
    headers = {
        "authorization": authorization,
        "x-amz-date": "20260101T000000Z",
        "x-amz-security-token": "of the caller",
        "x-amz-content-sha256": "00",
        "amz-sdk-invocation-id": "kept",
    }
    response = await world.call("POST", f"/bedrock/model/{ARN}/converse", headers=headers, content=BODY)
    assert (response.status_code, response.json()) == (200, ANSWER)
    sent = route.calls.last.request
    assert sent.headers["authorization"] == "Bearer bedrock-key"
    assert not [name for name in sent.headers if name.startswith("x-amz-")]
    assert sent.headers["amz-sdk-invocation-id"] == "kept"
    assert KEY.encode() not in b"".join(name + value for name, value in sent.headers.raw)
    assert sent.extensions["target"] == f"/model/{ARN}/converse".encode()
    assert sent.content == BODY
    entry = world.settled[0]
    assert entry.call.model == f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{ID}"
    # 2.20 and 11.00 dollars a million
    assert (entry.usage, entry.cost.total_pico) == (Usage(input_text=1000, output_text=100), 3_300_000_000)


async def test_a_refusal_has_the_exception_in_its_header(world: World) -> None:
    body = b'{"messages":[],"messages":[]}'
    response = await world.call("POST", f"/bedrock/model/{ID}/converse", content=body)
    assert (response.status_code, response.headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert response.headers["x-should-retry"] == "false"
    assert "stands twice" in response.json()["message"]


async def test_an_own_signature_passes_untouched_beside_the_outlay_key(world: World) -> None:
    route = answered(world)
    theirs = {
        "x-outlay-key": KEY,
        "authorization": SIGNED.replace(KEY, "AKIDEXAMPLE"),
        "x-amz-date": "20260101T000000Z",
    }
    await world.call("POST", f"/bedrock/model/{ID}/converse", headers=theirs, content=BODY)
    sent = route.calls.last.request
    assert (sent.headers["authorization"], sent.headers["x-amz-date"]) == (
        theirs["authorization"],
        theirs["x-amz-date"],
    )
    assert "x-outlay-key" not in sent.headers


@pytest.mark.parametrize("path", [f"/bedrock/model/{ID}", "/bedrock/async-invoke", f"/bedrock/model/{ID}/converse/x"])
async def test_what_is_not_metered_is_not_forwarded(world: World, path: str) -> None:
    response = await world.call("POST", path, content=BODY)
    assert (response.status_code, response.headers["x-amzn-errortype"]) == (404, "ResourceNotFoundException")


async def test_counting_is_free_and_on_record(world: World) -> None:
    answered(world)
    await world.call("POST", f"/bedrock/model/{ID}/count-tokens", content=b'{"input":{"converse":{}}}')
    entry = world.settled[0]
    assert (entry.call.operation, entry.call.model, entry.cost.price_id) == ("count_tokens", ID, "free")


async def test_the_providers_request_id_is_on_record(world: World) -> None:
    answered(world, **{"x-amzn-requestid": "aws-1"})
    response = await world.call("POST", f"/bedrock/model/{ID}/converse", content=BODY)
    assert response.headers["x-amzn-requestid"] == "aws-1"
    assert world.settled[0].served.request_id == "aws-1"
