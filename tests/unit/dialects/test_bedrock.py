"""Bedrock's dialect: paths, ids, requests of every family, whole answers, refusals that AWS's clients understand."""

import json
from typing import Any

import botocore.session
import pytest
from botocore.parsers import create_parser

from proxy.dialects.bedrock import CONVERSE, CONVERSE_STREAM, COUNT, INVOKE, INVOKE_STREAM, Bedrock
from proxy.dialects.bedrock_models import family
from proxy.dialects.bedrock_usage import usage_of
from proxy.dialects.dialect import FramedMeter, HeadedRefusals, Reading, UnreadableError
from proxy.model.call import Request
from proxy.model.decision import Reason, Refusal
from proxy.model.usage import NO_USAGE, Usage

DIALECT = Bedrock()
CLAUDE = "us.anthropic.claude-sonnet-5-5"
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0"
QUOTED = ARN.replace(":", "%3A").replace("/", "%2F")


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/model/amazon.nova-lite-v1%3A0/converse", CONVERSE),
        ("POST", f"/model/{QUOTED}/converse-stream", CONVERSE_STREAM),
        ("POST", f"/model/{CLAUDE}/invoke", INVOKE),
        ("POST", f"/model/{CLAUDE}/invoke-with-response-stream", INVOKE_STREAM),
        ("POST", f"/model/{CLAUDE}/count-tokens", COUNT),
        ("GET", f"/model/{CLAUDE}/converse", None),
        ("POST", f"/model/{CLAUDE}/invoke-with-bidirectional-stream", None),
        ("POST", f"/model/{CLAUDE}/converse/", None),
        ("POST", "/model//converse", None),
        ("POST", "/model/a/b/converse", None),
        ("POST", "/async-invoke", None),
        ("POST", "/guardrail/x/version/1/apply", None),
    ],
)
def test_operations(method: str, path: str, operation: object) -> None:
    assert DIALECT.operation(method, path) == operation


def test_counting_is_free() -> None:
    assert (CONVERSE.priced, CONVERSE_STREAM.priced, INVOKE.priced, INVOKE_STREAM.priced, COUNT.priced) == (
        *(True,) * 4,
        False,
    )


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("anthropic.claude-sonnet-5", "anthropic.claude-sonnet-5"),
        ("us.anthropic.claude-sonnet-5", "anthropic.claude-sonnet-5"),
        ("us-gov.anthropic.claude-sonnet-5", "anthropic.claude-sonnet-5"),
        ("global.amazon.nova-2-lite-v1:0", "amazon.nova-2-lite-v1:0"),
        (ARN, "amazon.nova-pro-v1:0"),
        (
            "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/meta.llama3-8b-instruct-v1:0",
            "meta.llama3-8b-instruct-v1:0",
        ),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", ""),
        ("arn:aws:bedrock:us-east-1:1:provisioned-model/abc", ""),
        ("arn:nonsense", ""),
    ],
)
def test_the_family_of_an_id(name: str, known: str) -> None:
    assert family(name) == known


def read(body: dict[str, Any] | bytes, model: str = CLAUDE, operation: Any = CONVERSE, **headers: str) -> Request:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    action = {"converse": "converse", "invoke": "invoke", "count_tokens": "count-tokens"}.get(operation.name, "invoke")
    quoted = model.replace(":", "%3A").replace("/", "%2F")
    lines = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return DIALECT.read(operation, raw, lines, f"/model/{quoted}/{action}?x=1".encode())


def test_a_request_to_converse() -> None:
    body = {
        "messages": [{"role": "user", "content": [{"text": "hi"}, {"image": {"format": "png", "source": {}}}]}],
        "system": [{"text": "Be brief."}],
        "toolConfig": {"tools": [{"toolSpec": {"name": "w"}}], "toolChoice": {"auto": {}}},
        "inferenceConfig": {"maxTokens": 100, "temperature": 0.5},
        "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 50}},
        "serviceTier": {"type": "priority"},
    }
    request = read(body, ARN)
    assert (request.model, request.stream, request.output_tokens_max, request.thinking_tokens_max) == (
        ARN,
        False,
        100,
        50,
    )
    assert (request.service_tier, request.input_tokens_unseen) == ("priority", 5_000)
    assert request.content[-1] == b'"tools":[{"toolSpec": {"name": "w"}}]'


@pytest.mark.parametrize(
    ("body", "limit", "thinking", "unseen"),
    [
        ({}, None, None, 0),
        ({"inferenceConfig": {}}, None, None, 0),
        ({"inferenceConfig": {"maxTokens": 5}, "additionalModelRequestFields": {"max_tokens": 9}}, 9, None, 0),
        ({"additionalModelRequestFields": {"reasoning_config": {"type": "disabled"}}}, None, 0, 0),
        ({"serviceTier": {"type": "default"}}, None, None, 0),
        ({"messages": [{"content": [{"video": {"source": {}}}]}]}, None, None, 128_000),
        ({"messages": [{"content": [{"toolResult": {"content": [{"document": {"name": "d"}}]}}]}]}, None, None, 5_000),
        ({"messages": "nonsense", "system": 3, "toolConfig": []}, None, None, 0),
    ],
)
def test_limits_of_converse(body: dict[str, Any], limit: int | None, thinking: int | None, unseen: int) -> None:
    request = read(body)
    assert (request.output_tokens_max, request.thinking_tokens_max, request.input_tokens_unseen) == (
        limit,
        thinking,
        unseen,
    )
    assert request.service_tier == ""


def test_a_stored_prompt_has_an_allowance() -> None:
    assert read({}, "arn:aws:bedrock:us-east-1:1:prompt/ABC:1").input_tokens_unseen == 128_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"inferenceConfig":{"maxTokens":1},"inferenceConfig":{}}',
        b'{"inferenceConfig":{"maxTokens":1,"MaxTokens":9}}',
        b'{"inferenceConfig":{"maxTokens":"many"}}',
        b'{"messages":[],"Messages":[]}',
        b"[]",
        b"{",
    ],
)
def test_what_two_readers_could_read_differently_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        read(body)
    with pytest.raises(UnreadableError):
        read(
            body.replace(b"inferenceConfig", b"textGenerationConfig").replace(b"axTokens", b"axTokenCount"),
            "amazon.titan-text-express-v1",
            INVOKE,
        )


@pytest.mark.parametrize("path", [b"/model/%0A/converse", b"/model/" + b"x" * 257 + b"/converse", b"/nothing"])
def test_an_id_that_is_none_is_refused(path: bytes) -> None:
    with pytest.raises(UnreadableError):
        DIALECT.read(CONVERSE, b"{}", {}, path)


@pytest.mark.parametrize(
    ("model", "body", "limit", "choices", "fixed"),
    [
        (CLAUDE, {"max_tokens": 7, "max_gen_len": 1}, 7, 1, NO_USAGE),
        ("amazon.nova-lite-v1:0", {"inferenceConfig": {"max_new_tokens": 7}, "max_tokens": 1}, 7, 1, NO_USAGE),
        (
            "amazon.titan-text-express-v1",
            {"inputText": "a", "textGenerationConfig": {"maxTokenCount": 7}},
            7,
            1,
            NO_USAGE,
        ),
        ("meta.llama3-8b-instruct-v1:0", {"prompt": "a", "max_gen_len": 7, "max_tokens": 1}, 7, 1, NO_USAGE),
        ("mistral.mistral-7b-instruct-v0:2", {"prompt": "a", "max_tokens": 7}, 7, 1, NO_USAGE),
        ("ai21.j2-ultra-v1", {"prompt": "a", "maxTokens": 7, "numResults": 2}, 7, 2, NO_USAGE),
        ("cohere.command-text-v14", {"prompt": "a", "max_tokens": 7, "num_generations": 3}, 7, 3, NO_USAGE),
        (
            "openai.gpt-oss-20b-1:0",
            {"messages": [], "max_completion_tokens": 7, "max_tokens": 1, "n": 2},
            7,
            2,
            NO_USAGE,
        ),
        ("amazon.titan-embed-text-v2:0", {"inputText": "a"}, 1, 1, NO_USAGE),
        ("cohere.embed-english-v3", {"texts": ["a"], "max_tokens": 9}, 1, 1, NO_USAGE),
        ("amazon.nova-canvas-v1:0", {"imageGenerationConfig": {"numberOfImages": 4}}, 1, 1, Usage(output_images=4)),
        ("stability.sd3-5-large-v1:0", {"prompt": "a"}, 1, 1, Usage(output_images=1)),
        ("future.model-v1:0", {"max_tokens": 1, "odd": {}}, None, 1, NO_USAGE),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/x", {"max_tokens": 1}, None, 1, NO_USAGE),
    ],
)
def test_invoke_is_read_as_its_family_has_it(
    model: str, body: dict[str, Any], limit: int | None, choices: int, fixed: Usage
) -> None:
    request = read(body, model, INVOKE_STREAM, x_amzn_bedrock_service_tier="flex")
    assert (request.model, request.stream, request.service_tier) == (model, True, "flex")
    assert (request.output_tokens_max, request.choices, request.fixed) == (limit, choices, fixed)
    assert request.input_bytes == len(json.dumps(body))
    assert request.content or "claude" in model or "nova-lite" in model


@pytest.mark.parametrize(
    ("content", "texts", "framing"),
    [
        ([b'"prompt":"a b"'], ["a b"], 0),
        ([b'"texts":["a","b"]'], ["a", "b"], 0),
        (
            [b'"system":[{"text":"s"}]', b'"messages":[{"role":"user","content":[{"text":"u"}]}]'],
            ["system", "s", "user", "u"],
            9,
        ),
        ([b'"messages":[{"role":"u","content":[{"toolUse":{"name":"w"}}]}]'], ["u", '{"toolUse":{"name":"w"}}'], 6),
        ([b'"prompt":{'], [], 0),
    ],
)
def test_texts_of_a_prompt(content: list[bytes], texts: list[str], framing: int) -> None:
    assert DIALECT.prompt_texts(content) == (texts, framing)


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        ({"inputTokens": 3, "outputTokens": 2}, Usage(input_text=3, output_text=2)),
        (
            {
                "inputTokens": 3,
                "outputTokens": 2,
                "cacheReadInputTokens": 5,
                "cacheWriteInputTokens": 9,
                "cacheDetails": [{"ttl": "1h", "inputTokens": 4}, {"ttl": "5m", "inputTokens": 5}],
            },
            Usage(input_text=3, output_text=2, cache_read=5, cache_write_1h=4, cache_write_5m=5),
        ),
        ({"cacheWriteInputTokens": 2, "cacheDetails": [{"ttl": "1h", "inputTokens": 4}]}, Usage(cache_write_1h=4)),
        ({"inputTextTokenCount": 6}, Usage(input_text=6)),
        ({"inputTokens": 0, "outputTokens": 0}, None),
        ({"inputTokens": "3", "cacheDetails": "x"}, None),
        ([], None),
    ],
)
def test_kinds_are_disjoint(reported: Any, usage: Usage | None) -> None:
    assert usage_of(reported) == usage


def whole(operation: Any, body: bytes, model: str = CLAUDE, **headers: str) -> Reading:
    meter = DIALECT.meter(operation, Request(model=model), content_type=b"application/json", hide_usage=False)
    assert isinstance(meter, FramedMeter)
    meter.headers(
        {f"x-amzn-bedrock-{name.replace('_', '-')}".encode(): value.encode() for name, value in headers.items()}
    )
    for byte in body:
        meter.feed(bytes([byte]))
    meter.finish()
    return meter.reading()


def test_a_whole_answer_of_converse() -> None:
    answer = {
        "output": {"message": {"content": [{"text": "hi"}]}},
        "usage": {"inputTokens": 3, "outputTokens": 2},
        "serviceTier": {"type": "flex"},
        "performanceConfig": {"latency": "optimized"},
        "trace": {"promptRouter": {"invokedModelId": ARN}},
    }
    reading = whole(CONVERSE, json.dumps(answer).encode())
    assert (reading.usage, reading.final) == (Usage(input_text=3, output_text=2), True)
    assert (reading.served.model, reading.served.service_tier, reading.served.speed) == (ARN, "flex", "optimized")


def test_streams_of_openais_models_hold_cached_tokens_in_their_input() -> None:
    told = {"inputTokens": 4995, "outputTokens": 9, "cacheWriteInputTokens": 4993}
    assert usage_of(told, inclusive=True) == Usage(input_text=2, cache_write_5m=4993, output_text=9)
    assert usage_of({**told, "inputTokens": 2}, inclusive=True) == Usage(
        input_text=2, cache_write_5m=4993, output_text=9
    )


COUNTS = {"input_token_count": "5", "output_token_count": "2"}


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        ({"type": "message", "usage": {"input_tokens": 4, "cache_read_input_tokens": 1, "output_tokens": 2}},
         Usage(input_text=4, cache_read=1, output_text=2)),
        ({"output": {}, "usage": {"inputTokens": 4, "outputTokens": 2, "cacheReadInputTokenCount": 1}},
         Usage(input_text=4, cache_read=1, output_text=2)),
        ({"embedding": [0.1], "inputTextTokenCount": 4}, Usage(input_text=5, output_text=2)),
        ({"embeddings": [[0.1]]}, Usage(input_text=5, output_text=2)),
        (["unknown"], Usage(input_text=5, output_text=2)),
    ],
)  # fmt: skip
def test_counts_in_headers_fill_what_a_body_does_not_tell(body: Any, usage: Usage) -> None:
    reading = whole(INVOKE, json.dumps(body).encode(), **COUNTS)
    assert (reading.usage, reading.final, reading.complete) == (usage, True, True)


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        ({"results": [{"outputText": "a", "tokenCount": 2}, {"tokenCount": 3}], "inputTextTokenCount": 4},
         Usage(input_text=4, output_text=5)),
        ({"generation": "a", "prompt_token_count": 4, "generation_token_count": 2}, Usage(input_text=4, output_text=2)),
        ({"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 2}}, Usage(input_text=4, output_text=2)),
    ],
)  # fmt: skip
def test_bodies_that_count_themselves(body: Any, usage: Usage) -> None:
    assert whole(INVOKE, json.dumps(body).encode()).usage == usage


def test_an_answer_cut_after_its_headers_has_their_counts() -> None:
    reading = whole(INVOKE, b'{"type":"mess', **COUNTS)
    assert (reading.usage, reading.final, reading.complete) == (Usage(input_text=5, output_text=2), True, False)


def test_an_uncounted_answer_keeps_its_texts() -> None:
    body = {"outputs": [{"text": "a"}], "choices": [{"message": {"content": "b", "tool_calls": [{"id": 1}]}}]}
    reading = whole(INVOKE, json.dumps(body).encode())
    assert (reading.usage, reading.complete) == (None, True)
    assert "".join(reading.texts) == 'ab[{"id":1}]'


SERVICE = botocore.session.Session().get_service_model("bedrock-runtime")


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        (400, Reason.BAD_REQUEST, "ValidationException"),
        (400, Reason.POLICY, "AccessDeniedException"),
        (400, Reason.PROVIDER_UNCONFIGURED, "ValidationException"),
        (401, Reason.INVALID_KEY, "UnrecognizedClientException"),
        (403, Reason.PROJECT_FORBIDDEN, "AccessDeniedException"),
        (404, Reason.UNKNOWN_PATH, "ResourceNotFoundException"),
        (413, Reason.BODY_TOO_LARGE, "ValidationException"),
        (429, Reason.POLICY, "ThrottlingException"),
        (502, Reason.PROVIDER_UNREACHABLE, "ServiceUnavailableException"),
        (503, Reason.OVERLOADED, "ServiceUnavailableException"),
        (504, Reason.PROVIDER_TIMEOUT, "ModelTimeoutException"),
    ],
)
def test_awss_library_reads_our_refusals(status: int, reason: Reason, code: str) -> None:
    refusal = Refusal(status, reason, "No.", rule="models.yaml:3")
    assert isinstance(DIALECT, HeadedRefusals)
    headers = {name.decode(): value.decode() for name, value in DIALECT.refusal_headers(refusal)}
    answer = {"status_code": status, "headers": headers, "body": DIALECT.refusal(refusal, "call_1")}
    error = create_parser("rest-json").parse(answer, SERVICE.operation_model("Converse").output_shape)["Error"]
    assert error == {"Code": code, "Message": "No. [models.yaml:3] (outlay policy explain call_1)"}
