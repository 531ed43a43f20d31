"""Gemini's dialect: its paths, what it refuses to forward, and errors that the real SDK understands."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types

from proxy.dialects import gemini
from proxy.dialects.dialect import ModelList, Operation, UnreadableError
from proxy.dialects.gemini import CACHE, CACHES, COUNT, EMBED, GENERATE, IMAGES, MODELS, STREAM, Gemini
from proxy.model.call import Request
from proxy.model.decision import Reason, Refusal
from proxy.model.usage import Usage

DIALECT = Gemini()
BODY = b'{"contents":[{"parts":[{"text":"hi"}]}]}'
SSE = b"text/event-stream"
JSON = b"application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/v1beta/models/gemini-2.5-flash:generateContent", GENERATE),
        ("POST", "/v1/models/gemini-2.5-flash:generateContent", GENERATE),
        ("POST", "/v1alpha/models/gemini-2.5-flash:streamGenerateContent", STREAM),
        ("POST", "/v1beta/models/gemini-2.5-flash%3AgenerateContent", GENERATE),
        ("POST", "/v1beta/tunedModels/mine-1:generateContent", GENERATE),
        ("POST", "/v1beta/models/gemini-2.5-flash:countTokens", COUNT),
        ("POST", "/v1beta/models/gemini-embedding-001:embedContent", EMBED),
        ("POST", "/v1beta/models/gemini-embedding-001:batchEmbedContents", EMBED),
        ("POST", "/v1beta/models/imagen-4.0-generate-001:predict", IMAGES),
        ("POST", "/v1beta/cachedContents", CACHE),
        ("GET", "/v1beta/cachedContents", CACHES),
        ("GET", "/v1beta/cachedContents/abc", CACHES),
        ("PATCH", "/v1beta/cachedContents/abc", CACHES),
        ("DELETE", "/v1beta/cachedContents/abc", CACHES),
        ("GET", "/v1beta/models", MODELS),
        ("GET", "/v1beta/models/gemini-2.5-flash", replace(MODELS, lists=ModelList("gemini-2.5-flash"))),
        ("GET", "/v1/models", MODELS),
        ("GET", "/v1beta/models/gemini-2.5-flash:generateContent", None),
        ("POST", "/v1beta/models/gemini-2.5-flash:batchGenerateContent", None),
        ("POST", "/v1beta/models/veo-3.1-generate-preview:predictLongRunning", None),
        ("POST", "/v1beta/models/a%2Fb:generateContent", None),
        ("POST", "/v1beta/models/:generateContent", None),
        ("POST", "/v1beta/models/a:b:generateContent", None),
        ("POST", "/v1beta/models/a%253AgenerateContent", None),
        ("POST", "/v1beta/cachedContents/abc", None),
        ("POST", "/upload/v1beta/files", None),
        ("GET", "/v1beta/files", None),
        ("POST", "/v2/models/a:generateContent", None),
        ("POST", "/v1beta/interactions", None),
    ],
)
def test_operations(method: str, path: str, operation: Operation | None) -> None:
    assert DIALECT.operation(method, path) == operation


def read(operation: Operation, target: str, body: bytes = BODY, headers: dict[bytes, bytes] | None = None) -> Request:
    return DIALECT.read(operation, body, headers or {}, target.encode())


@pytest.mark.parametrize(
    ("target", "model"),
    [
        ("/v1beta/models/gemini-2.5-flash:generateContent", "gemini-2.5-flash"),
        ("/v1/models/gemini-2.5-flash:generateContent?alt=json", "gemini-2.5-flash"),
        ("/v1beta/models/gemini%2D2.5-flash%3AgenerateContent?a=b:c", "gemini-2.5-flash"),
        ("/v1beta/tunedModels/mine-1:generateContent", "tunedModels/mine-1"),
    ],
)
def test_the_model_is_the_paths(target: str, model: str) -> None:
    assert read(GENERATE, target).model == model


def test_only_a_stream_streams() -> None:
    path = "/v1beta/models/m:"
    assert read(STREAM, path + "streamGenerateContent?alt=sse").stream
    assert not read(GENERATE, path + "generateContent").stream
    assert DIALECT.streams(STREAM, JSON)
    assert DIALECT.streams(STREAM, SSE)
    assert not DIALECT.streams(GENERATE, JSON)


@pytest.mark.parametrize("query", ["alt=proto", "alt=media", "$alt=proto", "%61lt=proto", "alt=sse&alt=proto"])
def test_an_answer_in_a_format_that_is_not_metered_is_refused(query: str) -> None:
    with pytest.raises(UnreadableError, match="alt must be json or sse"):
        read(STREAM, f"/v1beta/models/m:streamGenerateContent?{query}")


@pytest.mark.parametrize("query", ["", "alt=json", "alt=sse", "$alt=json;enum-encoding=int", "%24alt=json%3Benum=int"])
def test_json_and_events_are_metered(query: str) -> None:
    assert read(STREAM, f"/v1beta/models/m:streamGenerateContent?{query}").model == "m"


def test_an_answer_without_its_usage_is_not_to_be_had() -> None:
    target = "/v1beta/models/m:generateContent"
    for query in ("?fields=candidates", "?%24fields=candidates", "?alt=json&fields=*"):
        with pytest.raises(UnreadableError, match="selection of fields"):
            read(GENERATE, target + query)
    with pytest.raises(UnreadableError, match="selection of fields"):
        read(GENERATE, target, headers={b"x-goog-fieldmask": b"candidates"})


def test_a_body_that_names_another_model_is_refused() -> None:
    target = "/v1beta/models/gemini-2.5-flash:generateContent"
    assert read(GENERATE, target, b'{"model":"models/gemini-2.5-flash","contents":[]}').model == "gemini-2.5-flash"
    with pytest.raises(UnreadableError, match="another model"):
        read(GENERATE, target, b'{"model":"models/gemini-2.5-pro","contents":[]}')


def test_counting_is_free_and_needs_no_readable_body() -> None:
    assert not COUNT.priced
    assert read(COUNT, "/v1beta/models/m:countTokens", b"?").model == "m"


def test_the_header_names_the_tier_where_the_usage_does_not() -> None:
    answer = {"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 3}}
    told = {**answer, "usageMetadata": {"promptTokenCount": 3, "serviceTier": "standard"}}
    for body, header, tier in ((answer, b"flex", "flex"), (told, b"flex", ""), (answer, b"", "priority")):
        for operation, kind in ((GENERATE, JSON), (STREAM, JSON)):
            meter: Any = DIALECT.meter(
                operation, Request("m", service_tier="priority"), content_type=kind, hide_usage=False
            )
            meter.headers({b"x-gemini-service-tier": header})
            meter.feed(json.dumps(body if operation is GENERATE else [body]).encode())
            meter.finish()
            assert meter.reading().served.service_tier == tier


@pytest.mark.parametrize("asked", ["flex", "batch"])
def test_no_caller_takes_a_discount_that_the_provider_does_not_name(asked: str) -> None:
    meter = DIALECT.meter(GENERATE, Request("m", service_tier=asked), content_type=JSON, hide_usage=False)
    meter.feed(b'{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3}}')
    meter.finish()
    assert meter.reading().served.service_tier == ""


def test_free_operations_have_a_meter_that_counts_nothing() -> None:
    meter = DIALECT.meter(COUNT, Request("m"), content_type=JSON, hide_usage=False)
    meter.feed(b'{"totalTokens":5,"usageMetadata":{"promptTokenCount":5}}')
    meter.finish()
    assert (meter.reading().usage, meter.reading().complete) == (None, True)


@pytest.mark.parametrize(
    ("operation", "body", "usage"),
    [
        (EMBED, b'{"embedding":{},"usageMetadata":{"promptTokenCount":9}}', Usage(input_text=9)),
        (EMBED, b'{"embedding":{"values":[1]}}', None),
        (CACHE, b'{"name":"cachedContents/1","usageMetadata":{"totalTokenCount":5000}}', Usage(cache_write_5m=5000)),
        (
            IMAGES,
            b'{"predictions":[{"bytesBase64Encoded":"aa"},{"raiFilteredReason":"x"},{"gcsUri":"gs://a"}]}',
            Usage(output_images=2),
        ),
        (IMAGES, b'{"predictions":[]}', Usage()),
        (IMAGES, b"?", None),
    ],
)
def test_answers_of_other_operations(operation: Operation, body: bytes, usage: Usage | None) -> None:
    meter = DIALECT.meter(operation, Request("m"), content_type=JSON, hide_usage=False)
    meter.feed(body)
    meter.finish()
    reading = meter.reading()
    assert (reading.usage, reading.final) == (usage, usage is not None)


def test_facts_of_other_operations() -> None:
    request = read(IMAGES, "/v1beta/models/imagen:predict", b'{"instances":[{},{}],"parameters":{"sample_count":3}}')
    assert (request.model, request.fixed) == ("imagen", Usage(output_images=6))
    assert read(IMAGES, "/v1beta/models/imagen:predict", b'{"instances":[{}]}').fixed == Usage(output_images=4)
    embed = "/v1beta/models/embed:batchEmbedContents"
    request = read(EMBED, embed, b'{"requests":[{"model":"models/embed","content":{"parts":[{"text":"a"}]}}]}')
    assert (request.output_tokens_max, DIALECT.prompt_texts(request.content)) == (0, (["a"], 0))
    with pytest.raises(UnreadableError, match="another model"):
        read(EMBED, embed, b'{"requests":[{"model":"models/other"}]}')
    request = read(CACHE, "/v1beta/cachedContents", b'{"model":"models/gemini-2.5-pro","contents":[]}')
    assert (request.model, request.output_tokens_max) == ("gemini-2.5-pro", 0)


def client(status: int, body: bytes, content_type: str = "application/json") -> genai.Client:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=body, headers={"content-type": content_type})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    options = types.HttpOptions(base_url="http://127.0.0.1:1", httpx_client=http)
    return genai.Client(api_key="k", http_options=options)


@pytest.mark.parametrize(
    ("status", "reason", "error", "word"),
    [
        (400, Reason.BAD_REQUEST, errors.ClientError, "INVALID_ARGUMENT"),
        (400, Reason.POLICY, errors.ClientError, "FAILED_PRECONDITION"),
        (401, Reason.INVALID_KEY, errors.ClientError, "UNAUTHENTICATED"),
        (403, Reason.PROJECT_FORBIDDEN, errors.ClientError, "PERMISSION_DENIED"),
        (404, Reason.UNKNOWN_PATH, errors.ClientError, "NOT_FOUND"),
        (413, Reason.BODY_TOO_LARGE, errors.ClientError, "INVALID_ARGUMENT"),
        (429, Reason.POLICY, errors.ClientError, "RESOURCE_EXHAUSTED"),
        (502, Reason.PROVIDER_UNREACHABLE, errors.ServerError, "UNAVAILABLE"),
        (504, Reason.PROVIDER_TIMEOUT, errors.ServerError, "DEADLINE_EXCEEDED"),
    ],
)
def test_the_sdk_raises_its_own_error(status: int, reason: Reason, error: type[errors.APIError], word: str) -> None:
    refusal = Refusal(status, reason, "The budget is spent.", retry_after_s=7, rule="budgets.yaml:7")
    sdk = client(status, DIALECT.refusal(refusal, "c-1"))
    with pytest.raises(error) as caught:
        sdk.models.generate_content(model="m", contents="hi")
    assert (caught.value.code, caught.value.status) == (status, word)
    assert caught.value.message == "The budget is spent. [budgets.yaml:7] (outlay policy explain c-1)"
    info, wait = caught.value.details["error"]["details"]
    assert (info["reason"], info["metadata"]) == (reason.upper(), {"call_id": "c-1"})
    assert wait["retryDelay"] == "7s"


CAPPED = Refusal(400, Reason.POLICY, "The budget is spent.")
CHUNK = b'{"candidates":[{"content":{"parts":[{"text":"hi"}]}}]}'


def test_a_stream_ends_in_an_error_that_the_sdk_raises() -> None:
    body = b"data: " + CHUNK + b"\r\n\r\n" + DIALECT.stream_error(STREAM, CAPPED, "c-1", content_type=SSE)
    sdk = client(200, body, "text/event-stream")
    seen: list[Any] = []
    with pytest.raises(errors.ClientError, match="is spent"):
        seen.extend(chunk.text for chunk in sdk.models.generate_content_stream(model="m", contents="hi"))
    assert seen == ["hi"]


def test_an_array_ends_in_an_error_as_its_last_element() -> None:
    meter: Any = DIALECT.meter(STREAM, Request("m"), content_type=JSON, hide_usage=False)
    before, last = b"[" + CHUNK[:20], CHUNK[20:] + b"\n"
    meter.feed(before)
    meter.feed(last)
    whole = before + meter.tail() + DIALECT.stream_error(STREAM, CAPPED, "c-1", content_type=JSON)
    first, error = json.loads(whole)
    assert first == json.loads(CHUNK)
    assert error["error"]["code"] == 400


def test_the_credential() -> None:
    assert DIALECT.credential("AIza-1") == (b"x-goog-api-key", b"AIza-1")
    assert DIALECT.ask_usage(STREAM, BODY) is None
    assert gemini.Gemini.marker_header == b"x-goog-api-key"
