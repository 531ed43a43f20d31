"""Gemini's calls through the data plane: whose key goes where, arrays as they come, prices, and the end at a cap."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from proxy.model.entry import Outcome
from tests.flow.world import KEY, World

BODY = {"contents": [{"role": "user", "parts": [{"text": "hello there"}]}]}
PATH = "/v1beta/models/gemini-2.5-pro:"
HOST = "https://gemini.test"
SECRET = "AIza-gemini"


def answer(model: str = "gemini-2.5-pro", **usage: Any) -> dict[str, Any]:
    reported = {"promptTokenCount": 1000, "candidatesTokenCount": 100, "totalTokenCount": 1100, **usage}
    candidate = {"content": {"parts": [{"text": "hi"}], "role": "model"}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "usageMetadata": reported, "modelVersion": model, "responseId": "resp-1"}


def answered(
    world: World, body: bytes, content_type: str = "application/json; charset=UTF-8", status: int = 200
) -> Any:
    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"content-type": content_type}, stream=httpx.ByteStream(body))

    return world.router.route(url__startswith=HOST).mock(side_effect=respond)


async def bare(world: World, path: str, headers: dict[str, str], body: Any = BODY) -> httpx.Response:
    """One call with just these headers."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(world.app), base_url="http://outlay.test") as client:
        return await client.post(path, json=body, headers=headers)


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {"x-goog-api-key": KEY}),
        (f"?key={KEY}", {}),
        (f"?alt=sse&key={KEY}&x=1", {}),
        (f"?%6bey={KEY}", {}),
        (f"?key={KEY}", {"x-goog-api-key": "AIza-of-the-caller"}),
        ("", {"authorization": f"Bearer {KEY}", "x-goog-api-key": "AIza-of-the-caller"}),
        (f"?key={KEY}", {"x-goog-api-key": KEY, "authorization": f"Bearer {KEY}"}),
        (f"?token={KEY}", {"x-goog-api-key": KEY}),
    ],
)
async def test_the_callers_key_stays_and_the_providers_goes_up(
    world: World, query: str, headers: dict[str, str]
) -> None:
    route = answered(world, json.dumps(answer()).encode())
    response = await bare(world, PATH + "generateContent" + query, headers)
    assert response.status_code == 200
    sent = route.calls.last.request
    assert sent.headers.get_list("x-goog-api-key") == [SECRET]
    assert KEY not in str(sent.url) + str(sent.headers.multi_items())
    assert "AIza-of-the-caller" not in str(sent.url) + str(sent.headers.multi_items())
    assert sent.url.path == PATH + "generateContent"
    assert [entry.call.owner for entry in world.settled] == ["alice"]


async def test_an_own_key_passes_beside_the_outlay_key(world: World) -> None:
    route = answered(world, json.dumps(answer()).encode())
    await bare(world, PATH + "generateContent", {"x-outlay-key": KEY, "x-goog-api-key": "AIza-own"})
    await bare(world, PATH + "generateContent?key=AIza-own", {"x-outlay-key": KEY})
    first, second = (call.request for call in route.calls)
    assert (first.headers["x-goog-api-key"], "x-outlay-key" in first.headers) == ("AIza-own", False)
    assert second.url.query == b"key=AIza-own"


async def test_a_wrong_key_is_refused_in_googles_shape(world: World) -> None:
    response = await bare(world, PATH + "generateContent", {"x-goog-api-key": "outlay_wrong"})
    assert (response.status_code, response.json()["error"]["status"]) == (401, "UNAUTHENTICATED")


async def test_the_list_of_models_under_v1_is_that_of_whose_client_asks(world: World) -> None:
    gemini = world.router.get(f"{HOST}/v1/models").mock(return_value=httpx.Response(200, json={}))
    openai = world.router.get("https://api.openai.test/v1/models").mock(return_value=httpx.Response(200, json={}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(world.app), base_url="http://outlay.test") as client:
        await client.get("/v1/models", headers={"x-goog-api-key": KEY})
        await client.get("/v1/models", headers={"authorization": f"Bearer {KEY}"})
        await client.get("/gemini/v1beta/models", headers={"authorization": f"Bearer {KEY}"})
    assert (gemini.call_count, openai.call_count) == (1, 1)
    assert [entry.call.dialect for entry in world.settled] == ["gemini", "openai", "gemini"]


@pytest.mark.parametrize(
    ("model", "usage", "dollars_per_million"),
    [
        # ai.google.dev/gemini-api/docs/pricing: 1.25 and 10 dollars up to 200k tokens, cached 0.125.
        ("gemini-2.5-pro", {}, 1000 * 1.25 + 100 * 10),
        (
            "gemini-2.5-pro",
            {"cachedContentTokenCount": 400, "thoughtsTokenCount": 50, "totalTokenCount": 1150},
            600 * 1.25 + 400 * 0.125 + 150 * 10,
        ),
        # Above 200k tokens the whole call costs 2.50, 15 and 0.25.
        (
            "gemini-2.5-pro",
            {"promptTokenCount": 200_001, "cachedContentTokenCount": 1, "totalTokenCount": 200_101},
            200_000 * 2.5 + 0.25 + 100 * 15,
        ),
        # 0.30 for text, images and video, 1.00 for audio, 2.50 for output; cached text 0.03, audio 0.10.
        (
            "gemini-2.5-flash",
            {
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 300},
                    {"modality": "VIDEO", "tokenCount": 200},
                    {"modality": "AUDIO", "tokenCount": 500},
                ],
                "cachedContentTokenCount": 150,
                "cacheTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 50},
                    {"modality": "AUDIO", "tokenCount": 100},
                ],
            },
            450 * 0.30 + 400 * 1.00 + 50 * 0.03 + 100 * 0.10 + 100 * 2.50,
        ),
        # Flex costs half, priority 1.8 times.
        ("gemini-2.5-flash", {"serviceTier": "flex"}, 1000 * 0.15 + 100 * 1.25),
        ("gemini-2.5-flash", {"serviceTier": "priority"}, 1000 * 0.54 + 100 * 4.50),
        # 0.30 and 2.50 for text, 30 dollars for image tokens: 0.0387 an image.
        (
            "gemini-2.5-flash-image",
            {
                "candidatesTokenCount": 1300,
                "totalTokenCount": 2300,
                "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
            },
            1000 * 0.30 + 10 * 2.50 + 1290 * 30,
        ),
    ],
)
async def test_a_call_costs_what_googles_page_says(
    world: World, model: str, usage: dict[str, Any], dollars_per_million: float
) -> None:
    answered(world, json.dumps(answer(model, **usage)).encode())
    await world.call("POST", f"/v1beta/models/{model}:generateContent", json=BODY)
    (entry,) = world.settled
    assert entry.cost.total_pico == round(dollars_per_million * 1_000_000)
    assert (entry.cost.unpriced, entry.estimated, entry.served.request_id) == (False, False, "resp-1")


@pytest.mark.parametrize(("model", "fee"), [("gemini-2.5-pro", 0.035), ("gemini-3-flash-preview", 2 * 0.014)])
async def test_searches_cost_by_the_prompt_and_since_gemini_3_by_the_query(
    world: World, model: str, fee: float
) -> None:
    grounded = answer(model)
    grounded["candidates"][0]["groundingMetadata"] = {"webSearchQueries": ["a", "b"]}
    answered(world, json.dumps(grounded).encode())
    await world.call("POST", f"/v1beta/models/{model}:generateContent", json=BODY)
    (entry,) = world.settled
    assert entry.cost.by_kind["web_search"] == round(fee * 10**12)


async def test_images_are_sold_by_the_piece(world: World) -> None:
    body = {"predictions": [{"bytesBase64Encoded": "aa", "mimeType": "image/png"}] * 2}
    answered(world, json.dumps(body).encode())
    call = {"instances": [{"prompt": "a boat"}], "parameters": {"sampleCount": 2}}
    await world.call("POST", "/v1beta/models/imagen-3.0-generate-001:predict", json=call)
    (entry,) = world.settled
    # 0.04 dollars an image (litellm's list, of ai.google.dev's pricing page).
    assert (entry.usage.output_images, entry.cost.total_pico) == (2, 80_000_000_000)


async def test_making_a_cache_costs_its_tokens_as_input(world: World) -> None:
    answered(world, json.dumps({"name": "cachedContents/1", "usageMetadata": {"totalTokenCount": 5000}}).encode())
    await world.call("POST", "/v1beta/cachedContents", json={"model": "models/gemini-2.5-flash", **BODY})
    (entry,) = world.settled
    assert (entry.call.model, entry.cost.total_pico) == ("gemini-2.5-flash", 5000 * 300_000)


@pytest.mark.parametrize(("query", "wire"), [("?alt=sse", "text/event-stream"), ("", "application/json")])
async def test_a_stream_passes_piece_by_piece_and_is_settled_before_its_end(
    world: World, query: str, wire: str
) -> None:
    piece = json.dumps(answer()).encode()
    pieces = [b"data: " + piece + b"\r\n\r\n"] * 2 if query else [b"[" + piece + b"\n", b",\r\n" + piece + b"\n", b"]"]
    seen: list[bytes] = []
    settled_at: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        for number, each in enumerate(pieces):
            assert len(seen) == number, "a piece was held back"
            yield each

    class Stream(httpx.AsyncByteStream):
        def __aiter__(self) -> AsyncIterator[bytes]:
            return body()

    world.router.route(url__startswith=HOST).mock(
        side_effect=lambda _: httpx.Response(200, headers={"content-type": wire}, stream=Stream())
    )
    await _asgi(world, PATH + "streamGenerateContent", query, seen, settled_at)
    assert b"".join(seen) == b"".join(pieces)
    (entry,) = world.settled
    assert (entry.outcome, entry.usage.input_text, entry.usage.output_text) == (Outcome.OK, 1000, 100)
    assert settled_at[-1] == 1
    assert entry.call.stream


async def _asgi(world: World, path: str, query: str, seen: list[bytes], settled_at: list[int]) -> None:
    """One call, its pieces recorded as they are sent, with the number of settlements at each."""
    body = json.dumps(BODY).encode()
    inbox = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if inbox:
            return inbox.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            if message["body"]:
                seen.append(message["body"])
            settled_at.append(len(world.settled))

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.removeprefix("?").encode(),
        "headers": [(b"x-goog-api-key", KEY.encode()), (b"content-length", str(len(body)).encode())],
    }
    await world.app(scope, receive, send)


async def test_a_refusal_names_what_cannot_be_metered(world: World) -> None:
    response = await world.call("POST", PATH + "generateContent?fields=candidates", json=BODY)
    assert (response.status_code, response.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    twice = b'{"contents":[],"generationConfig":{"maxOutputTokens":1},"generation_config":{"maxOutputTokens":9}}'
    response = await world.call("POST", PATH + "generateContent", content=twice)
    assert "stands twice" in response.json()["error"]["message"]


async def test_what_is_not_metered_is_not_forwarded(world: World) -> None:
    for method, path in (
        ("POST", "/upload/v1beta/files"),
        ("POST", "/v1beta/models/gemini-2.5-pro:batchGenerateContent"),
        ("POST", "/v1beta/interactions"),
    ):
        response = await world.call(method, path, headers={"x-goog-api-key": KEY})
        assert (response.status_code, response.json()["error"]["status"]) == (404, "NOT_FOUND")
    assert world.settled == []
