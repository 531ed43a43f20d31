"""Anthropic's dialect: its paths, and refusals that the real SDK understands."""

from dataclasses import replace
from typing import Any

import anthropic
import httpx2
import pytest
from recorded import MESSAGES, stream

from proxy.dialects import anthropic_batches
from proxy.dialects.anthropic import COUNT, FILES, MODELS, Anthropic
from proxy.dialects.anthropic import MESSAGES as MESSAGES_OPERATION
from proxy.dialects.dialect import ModelList
from proxy.model.decision import Reason, Refusal

DIALECT = Anthropic()
CALL: dict[str, Any] = {"model": "claude", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/v1/messages", MESSAGES_OPERATION),
        ("POST", "/v1/messages/count_tokens", COUNT),
        ("GET", "/v1/models", MODELS),
        ("GET", "/v1/models/claude-sonnet-4-5", replace(MODELS, lists=ModelList("claude-sonnet-4-5"))),
        ("GET", "/v1/messages", None),
        ("POST", "/v1/messages/batches", anthropic_batches.SUBMIT),
        ("GET", "/v1/messages/batches/msgbatch_1", anthropic_batches.BATCHES),
        ("DELETE", "/v1/messages/batches/msgbatch_1", anthropic_batches.DELETED),
        ("GET", "/v1/messages/batches/msgb%61tch_1/results", None),
        ("GET", "/v1/files/file_1/content", FILES),
        ("POST", "/v1/models", None),
        ("POST", "/v1/complete", None),
    ],
)
def test_operations(method: str, path: str, operation: object) -> None:
    assert DIALECT.operation(method, path) == operation


def test_only_messages_cost() -> None:
    assert (MESSAGES_OPERATION.priced, COUNT.priced, MODELS.priced) == (True, False, False)
    assert COUNT.body_read
    assert DIALECT.read(COUNT, b'{"model":"claude","messages":[]}', {}, b"").model == "claude"


def test_every_stream_carries_its_usage_unasked() -> None:
    assert DIALECT.ask_usage(MESSAGES_OPERATION, b'{"stream":true}') is None


def test_the_credential() -> None:
    assert DIALECT.credential("sk-ant-1") == (b"x-api-key", b"sk-ant-1")


def client(status: int, body: bytes, content_type: str = "application/json") -> anthropic.Anthropic:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, content=body, headers={"content-type": content_type})

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return anthropic.Anthropic(api_key="k", base_url="http://127.0.0.1:1", http_client=http, max_retries=0)


@pytest.mark.parametrize(
    ("status", "reason", "error", "kind"),
    [
        (400, Reason.BAD_REQUEST, anthropic.BadRequestError, "invalid_request_error"),
        (400, Reason.POLICY, anthropic.BadRequestError, "invalid_request_error"),
        (400, Reason.UNPRICED, anthropic.BadRequestError, "invalid_request_error"),
        (401, Reason.INVALID_KEY, anthropic.AuthenticationError, "authentication_error"),
        (403, Reason.PROJECT_FORBIDDEN, anthropic.PermissionDeniedError, "permission_error"),
        (404, Reason.UNKNOWN_PATH, anthropic.NotFoundError, "not_found_error"),
        (413, Reason.BODY_TOO_LARGE, anthropic.RequestTooLargeError, "request_too_large"),
        (429, Reason.POLICY, anthropic.RateLimitError, "rate_limit_error"),
        (502, Reason.PROVIDER_UNREACHABLE, anthropic.InternalServerError, "api_error"),
        (503, Reason.UNMETERABLE, anthropic.InternalServerError, "api_error"),
        (504, Reason.PROVIDER_TIMEOUT, anthropic.InternalServerError, "timeout_error"),
        (529, Reason.OVERLOADED, anthropic.InternalServerError, "overloaded_error"),
    ],
)
def test_the_sdk_raises_its_own_error(
    status: int, reason: Reason, error: type[anthropic.APIStatusError], kind: str
) -> None:
    refusal = Refusal(status, reason, "The budget is spent.", rule="budgets.yaml:7")
    with client(status, DIALECT.refusal(refusal, "c-1")) as sdk, pytest.raises(error) as caught:
        sdk.messages.create(**CALL)
    assert caught.value.type == kind
    assert caught.value.api_message == "The budget is spent. [budgets.yaml:7] (outlay policy explain c-1)"
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["request_id"] == "c-1"


def test_a_stream_ends_in_an_error_that_the_sdk_raises() -> None:
    refusal = Refusal(400, Reason.POLICY, "The budget is spent.")
    body = stream(MESSAGES[:8]) + b": half" + DIALECT.stream_error(MESSAGES_OPERATION, refusal, "c-1")
    kinds: list[str] = []
    with client(200, body, "text/event-stream") as sdk, pytest.raises(anthropic.APIStatusError, match="is spent"):
        kinds.extend(event.type for event in sdk.messages.create(**CALL, stream=True))
    assert kinds[0] == "message_start"
    assert kinds[-1] == "content_block_delta"
