"""The output limit and the model that rules put into calls: every other byte stays."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.anthropic import Anthropic
from proxy.dialects.azure import Azure
from proxy.dialects.bedrock import Bedrock
from proxy.dialects.dialect import Dialect, Splice
from proxy.dialects.gemini import Gemini
from proxy.dialects.openai import OpenAI
from proxy.dialects.openai_edits import limit_output
from proxy.dialects.openai_operations import CHAT

CONVERSE = "/model/anthropic.claude-x/converse"
GENERATE = "/v1beta/models/gemini-x:generateContent"
DEPLOYED = "/openai/deployments/prod/chat/completions"


def limited(dialect: Dialect, target: str, body: bytes, tokens: int = 100) -> Splice | None:
    operation = dialect.operation("POST", target.partition("?")[0])
    assert operation is not None
    assert operation.output_limited
    request = dialect.read(operation, body, {}, target.encode())
    splice = dialect.limit_output(operation, request, body, tokens)
    if splice is not None:
        assert splice.edit == "max_tokens"
        assert dialect.read(operation, splice.body, {}, target.encode()).output_tokens_max == tokens
    return splice


def switched(dialect: Dialect, target: str, body: bytes, model: str = "other") -> tuple[bytes, bytes] | None:
    """Target and body of the call for the other model."""
    operation = dialect.operation("POST", target.partition("?")[0])
    assert operation is not None
    request = dialect.read(operation, body, {}, target.encode())
    splice = dialect.replace_model(operation, request, target.encode(), body, model)
    if splice is None:
        return None
    assert splice.edit == "model"
    there = splice.target or target.encode()
    assert dialect.read(operation, splice.body, {}, there).model == model
    return there, splice.body


@pytest.mark.parametrize(
    ("dialect", "target", "before", "after"),
    [
        (OpenAI(), "/v1/chat/completions", b'{ "model": "m"}', b'{"max_completion_tokens":100, "model": "m"}'),
        (OpenAI(), "/v1/chat/completions", b'{"max_tokens" : 900,"n":2}', b'{"max_tokens" : 100,"n":2}'),
        (OpenAI(), "/v1/chat/completions", b'{"max_tokens":-1}', b'{"max_tokens":100}'),
        (OpenAI(), "/v1/chat/completions", b'{"max_tokens":null}', b'{"max_completion_tokens":100,"max_tokens":null}'),
        (
            OpenAI(),
            "/v1/chat/completions",
            b'{"max_tokens":900,"max_completion_tokens":800}',
            b'{"max_tokens":100,"max_completion_tokens":100}',
        ),
        (OpenAI(), "/v1/completions", b'{"prompt":"p"}', b'{"max_tokens":100,"prompt":"p"}'),
        (OpenAI(), "/v1/responses", b'{"max_output_tokens":101}', b'{"max_output_tokens":100}'),
        (Azure(), DEPLOYED, b"{}", b'{"max_completion_tokens":100}'),
        (Anthropic(), "/v1/messages", b'{"max_tokens":4e3,"x":1}', b'{"max_tokens":100,"x":1}'),
        (Gemini(), GENERATE, b'{"contents":[]}', b'{"generationConfig":{"maxOutputTokens":100},"contents":[]}'),
        (
            Gemini(),
            GENERATE,
            b'{"generation_config": {"max_output_tokens": 900, "topK": 1}}',
            b'{"generation_config": {"max_output_tokens": 100, "topK": 1}}',
        ),
        (Gemini(), GENERATE, b'{"generationConfig":null}', b'{"generationConfig":{"maxOutputTokens":100}}'),
        (
            Bedrock(),
            CONVERSE,
            b'{"inferenceConfig":{"topP":1}}',
            b'{"inferenceConfig":{"maxTokens":100,"topP":1}}',
        ),
        (Bedrock(), "/model/anthropic.claude-x/invoke", b'{"max_tokens":900}', b'{"max_tokens":100}'),
    ],
)
def test_the_output_limit_stands_where_the_client_had_it(
    dialect: Dialect, target: str, before: bytes, after: bytes
) -> None:
    splice = limited(dialect, target, before)
    assert splice is not None
    assert splice.body == after


@pytest.mark.parametrize(
    ("dialect", "target", "body"),
    [
        (Anthropic(), "/v1/messages", b'{"max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":100}}'),
        (Bedrock(), CONVERSE, b'{"additionalModelRequestFields":{"max_tokens":900}}'),
        (Bedrock(), "/model/meta.llama-x/invoke", b'{"max_gen_len":900}'),
    ],
)
def test_what_can_not_be_limited_is_said_to_be_so(dialect: Dialect, target: str, body: bytes) -> None:
    assert limited(dialect, target, body) is None


@pytest.mark.parametrize(
    ("dialect", "target", "before", "there", "after"),
    [
        (OpenAI(), "/v1/chat/completions", b'{"a":1, "model" : "m"}', None, b'{"a":1, "model" : "other"}'),
        (OpenAI(), "/v1/responses", b'{"model":"m"}', None, b'{"model":"other"}'),
        (Anthropic(), "/v1/messages", b'{"model":"m"}', None, b'{"model":"other"}'),
        (
            Azure(),
            DEPLOYED + "?api-version=1",
            b"{}",
            "/openai/deployments/other/chat/completions?api-version=1",
            b"{}",
        ),
        (Azure(), "/openai/v1/responses", b'{"model":"prod"}', None, b'{"model":"other"}'),
        (Gemini(), GENERATE + "?alt=sse", b"{}", "/v1beta/models/other:generateContent?alt=sse", b"{}"),
        (
            Gemini(),
            GENERATE,
            b'{"model":"models/gemini-x"}',
            "/v1beta/models/other:generateContent",
            b'{"model":"models/other"}',
        ),
        (Bedrock(), CONVERSE, b"{}", "/model/other/converse", b"{}"),
    ],
)
def test_the_model_is_replaced_where_the_call_names_it(
    dialect: Dialect, target: str, before: bytes, there: str | None, after: bytes
) -> None:
    assert switched(dialect, target, before) == ((there or target).encode(), after)


def test_a_model_name_in_a_path_is_escaped() -> None:
    found = switched(Bedrock(), CONVERSE, b"{}", "us.a/b:0")
    assert found is not None
    assert found[0] == b"/model/us.a%2Fb%3A0/converse"


@pytest.mark.parametrize(
    ("dialect", "target", "body"),
    [
        (Bedrock(), "/model/anthropic.claude-x/invoke", b"{}"),
        (Anthropic(), "/v1/messages/count_tokens", b'{"model":"m"}'),
    ],
)
def test_calls_whose_model_can_not_be_replaced(dialect: Dialect, target: str, body: bytes) -> None:
    assert switched(dialect, target, body) is None


KEYS = st.sampled_from(("model", "max_tokens", "max_completion_tokens", "messages", "x", "y z", 'q"', "é"))
BODIES = st.dictionaries(KEYS, st.none() | st.integers(1, 9000) | st.just({"max_tokens": 5}) | st.text(), max_size=6)


@given(BODIES, st.sampled_from((None, 1)), st.booleans())
def test_only_the_limit_of_a_chat_changes(body: dict[str, Any], indent: int | None, ascii_only: bool) -> None:
    names = ("max_tokens", "max_completion_tokens")
    if any(isinstance(body.get(name), str | dict) for name in names):
        return
    splice = limit_output(CHAT, json.dumps(body, indent=indent, ensure_ascii=ascii_only).encode(), 100)
    assert splice is not None
    after = json.loads(splice.body)
    stated = [name for name in names if body.get(name) is not None]
    assert {key: value for key, value in after.items() if key not in names} == {
        key: value for key, value in body.items() if key not in names
    }
    for name in stated:
        assert after[name] == min(body[name], 100)
    if not stated:
        assert after["max_completion_tokens"] == 100
