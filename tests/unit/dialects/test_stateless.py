"""Which answers may stand for the same request, and which requests are meant to have the same answer."""

import json
from typing import Any

import pytest

from proxy.dialects.stateless import deterministic, stateless
from proxy.model.call import Request

GEMINI = "generate_content"


def said(operation: str, /, *, request: Request | None = None, **members: Any) -> bool:
    return stateless(operation, request or Request("m"), json.dumps(members).encode())


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("chat", {"messages": []}),
        ("chat", {"store": None}),
        ("chat", {"store": False, "tools": [{"type": "function", "function": {"name": "f"}}]}),
        ("completions", {"prompt": "a"}),
        ("embeddings", {"input": "a"}),
        (
            "messages",
            {"tools": [{"name": "f", "input_schema": {}}, {"type": "custom", "name": "g"}], "mcp_servers": []},
        ),
        (GEMINI, {"tools": [{"functionDeclarations": [{"name": "f"}]}]}),
        ("converse", {"toolConfig": {"tools": [{"toolSpec": {"name": "f"}}, {"cachePoint": {"type": "default"}}]}}),
        ("responses", {"store": False, "prompt": None, "background": False}),
    ],
)
def test_what_stands_in_the_request_alone(operation: str, members: dict[str, Any]) -> None:
    assert said(operation, **members)


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("images", {}),
        ("batches", {}),
        ("responses", {}),
        ("responses", {"store": None}),
        ("chat", {"store": True}),
        ("chat", {"store": "yes"}),
        ("chat", {"tools": "all"}),
        ("messages", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
        ("messages", {"container": "c_1"}),
        ("messages", {"mcp_servers": [{"url": "https://a.test"}]}),
        (GEMINI, {"tools": [{"googleSearch": {}}]}),
        (GEMINI, {"tools": [{"functionDeclarations": [], "codeExecution": {}}]}),
        (GEMINI, {"cachedContent": "caches/1"}),
        ("converse", {"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}}),
        ("converse", {"promptVariables": {"a": {"text": "b"}}}),
        ("invoke", {"video": {"uri": "s3://bucket/a"}}),
    ],
)
def test_what_depends_on_something_else(operation: str, members: dict[str, Any]) -> None:
    assert not said(operation, **members)


@pytest.mark.parametrize(
    "request_",
    [
        Request("m", background=True),
        Request("m", input_tokens_unseen=1),
        Request("m", web_searches_max=1),
        Request("gpt-5-Search-api"),
    ],
)
def test_what_its_dialect_saw_of_it(request_: Request) -> None:
    assert not said("chat", request=request_)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"tools": [}', b"\xff"])
def test_what_cannot_be_read_is_not_known_to_be(body: bytes) -> None:
    assert not stateless("chat", Request("m"), body)


@pytest.mark.parametrize(
    ("members", "same"),
    [
        ({}, False),
        ({"temperature": 0}, True),
        ({"temperature": 0.0}, True),
        ({"temperature": 0.1}, False),
        ({"temperature": 1, "seed": 7}, True),
        ({"generationConfig": {"temperature": 0}}, True),
        ({"generationConfig": {"seed": 0}}, True),
        ({"inferenceConfig": {"temperature": 0.5}}, False),
    ],
)
def test_what_is_meant_to_be_the_same_each_time(members: dict[str, Any], same: bool) -> None:
    body = json.dumps(members).encode()
    assert deterministic("chat", body) is same
    assert deterministic("embeddings", body)
