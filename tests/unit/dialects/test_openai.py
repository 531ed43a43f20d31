"""OpenAI's dialect: its paths, and refusals that the real SDK understands."""

import json
from dataclasses import replace

import httpx
import openai
import pytest
from recorded import CHAT, RESPONSES, stream

from proxy.dialects.dialect import ModelList
from proxy.dialects.openai import OpenAI
from proxy.dialects.openai_operations import CHAT as CHAT_OPERATION
from proxy.dialects.openai_operations import COMPACT, COUNT
from proxy.dialects.openai_operations import RESPONSES as RESPONSES_OPERATION
from proxy.dialects.openai_places import MODELS, STORED
from proxy.model.decision import Reason, Refusal

DIALECT = OpenAI()


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/v1/chat/completions", CHAT_OPERATION),
        ("POST", "/v1/responses", RESPONSES_OPERATION),
        ("POST", "/v1/responses/compact", COMPACT),
        ("POST", "/v1/responses/input_tokens", COUNT),
        ("GET", "/v1/models", MODELS),
        ("GET", "/v1/models/gpt-4o", replace(MODELS, lists=ModelList("gpt-4o"))),
        ("GET", "/v1/models/meta-llama/Llama-3", replace(MODELS, lists=ModelList("meta-llama/Llama-3"))),
        ("GET", "/v1/responses/resp_1", STORED),
        ("DELETE", "/v1/responses/resp_1", STORED),
        ("POST", "/v1/responses/resp_1/cancel", STORED),
        ("GET", "/v1/responses/resp_1/input_items", STORED),
        ("GET", "/v1/chat/completions", None),
        ("DELETE", "/v1/models/ft:x", None),
        ("GET", "/v1/responses", None),
        ("GET", "/v1/responses/", None),
        ("POST", "/v1/responses/resp_1", None),
        ("POST", "/v1/responses/resp_1/input_items", None),
        ("POST", "/v1/chat/completions/", None),
        ("GET", "/v1/embeddings", None),
        ("GET", "/", None),
    ],
)
def test_operations(method: str, path: str, operation: object) -> None:
    assert DIALECT.operation(method, path) == operation


def test_what_spends_is_read_and_priced() -> None:
    for operation in (CHAT_OPERATION, RESPONSES_OPERATION, COMPACT):
        assert operation.priced
        assert operation.body_read
    assert not any(operation.priced for operation in (COUNT, MODELS, STORED))
    assert COUNT.body_read


def test_requests_are_read_by_their_operation() -> None:
    body = b'{"model":"gpt-5","stream":true,"max_tokens":1,"max_output_tokens":2}'
    chat, responses = (DIALECT.read(each, body, {}, b"") for each in (CHAT_OPERATION, RESPONSES_OPERATION))
    assert (chat.output_tokens_max, chat.usage_asked) == (1, False)
    assert (responses.output_tokens_max, responses.usage_asked) == (2, True)
    assert DIALECT.ask_usage(CHAT_OPERATION, body) is not None


def test_the_credential() -> None:
    assert DIALECT.credential("sk-1") == (b"authorization", b"Bearer sk-1")


def client(status: int, body: bytes, content_type: str = "application/json") -> openai.OpenAI:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=body, headers={"content-type": content_type})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    return openai.OpenAI(api_key="k", base_url="http://127.0.0.1:1/v1", http_client=http, max_retries=0)


@pytest.mark.parametrize(
    ("status", "reason", "error", "kind", "code"),
    [
        (400, Reason.BAD_REQUEST, openai.BadRequestError, "invalid_request_error", "bad_request"),
        (400, Reason.POLICY, openai.BadRequestError, "invalid_request_error", "refused_by_policy"),
        (401, Reason.INVALID_KEY, openai.AuthenticationError, "invalid_request_error", "invalid_api_key"),
        (403, Reason.PROJECT_FORBIDDEN, openai.PermissionDeniedError, "permission_error", "project_forbidden"),
        (404, Reason.UNKNOWN_PATH, openai.NotFoundError, "invalid_request_error", "unknown_path"),
        (413, Reason.BODY_TOO_LARGE, openai.APIStatusError, "invalid_request_error", "body_too_large"),
        (429, Reason.POLICY, openai.RateLimitError, "rate_limit_error", "rate_limit_exceeded"),
        (502, Reason.PROVIDER_UNREACHABLE, openai.InternalServerError, "server_error", "provider_unreachable"),
        (503, Reason.UNMETERABLE, openai.InternalServerError, "server_error", "metering_unavailable"),
        (504, Reason.PROVIDER_TIMEOUT, openai.InternalServerError, "server_error", "provider_timeout"),
    ],
)
def test_the_sdk_raises_its_own_error(
    status: int, reason: Reason, error: type[openai.APIStatusError], kind: str, code: str
) -> None:
    refusal = Refusal(status, reason, "The budget is spent.", rule="budgets.yaml:7")
    with client(status, DIALECT.refusal(refusal, "c-1")) as sdk, pytest.raises(error) as caught:
        sdk.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    assert (caught.value.type, caught.value.code, caught.value.param) == (kind, code, None)
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["message"] == "The budget is spent. [budgets.yaml:7] (outlay policy explain c-1)"


def test_a_rule_that_the_message_names_is_not_named_twice() -> None:
    refusal = Refusal(400, Reason.POLICY, "Refused by budgets.yaml:7.", rule="budgets.yaml:7")
    assert json.loads(DIALECT.refusal(refusal, ""))["error"]["message"] == "Refused by budgets.yaml:7."


CAPPED = Refusal(400, Reason.POLICY, "The budget is spent.")


@pytest.mark.parametrize("begun", [b"", b": half a comm"])
def test_a_chat_stream_ends_in_an_error_that_the_sdk_raises(begun: bytes) -> None:
    body = stream(CHAT[:2]) + begun + DIALECT.stream_error(CHAT_OPERATION, CAPPED, "c-1")
    seen: list[str | None] = []
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    with client(200, body, "text/event-stream") as sdk, pytest.raises(openai.APIError, match="The budget is spent"):
        seen.extend(chunk.choices[0].delta.content for chunk in sdk.chat.completions.create(**asked))
    assert seen == ["", "Grüße, "]


def test_a_response_stream_ends_in_the_protocols_error_event() -> None:
    body = stream(RESPONSES[:5]) + DIALECT.stream_error(RESPONSES_OPERATION, CAPPED, "c-1")
    with client(200, body, "text/event-stream") as sdk:
        *_, last = sdk.responses.create(model="gpt-5", input="hi", stream=True)
    assert last.type == "error"
    assert (last.message, last.code, last.param) == (
        "The budget is spent. (outlay policy explain c-1)",
        "refused_by_policy",
        None,
    )
