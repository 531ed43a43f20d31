"""The real anthropic SDK: through the gateway it gives the same as when it calls the provider directly."""

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import anthropic
import pytest

from tests.servers.processes import ALICE_KEY, ANTHROPIC_SECRET, Deployment, StandIn

MESSAGES: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 100,
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "hello world"}],
}
TOOL = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
USE_TOOL: dict[str, Any] = {
    **MESSAGES,
    "messages": [{"role": "user", "content": "Please use the tool for Paris."}],
    "tools": [TOOL],
}
RESULT: dict[str, Any] = {
    **USE_TOOL,
    "messages": [
        *USE_TOOL["messages"],
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"}]},
    ],
}
BLOCKS: dict[str, Any] = {
    **MESSAGES,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [{"role": "user", "content": [{"type": "text", "text": "wörld \u2028 ☃"}]}],
}
COUNTED = {name: MESSAGES[name] for name in ("model", "system", "messages")}


def told(**headers: str) -> dict[str, Any]:
    return {"extra_headers": {f"x-standin-{name.replace('_', '-')}": value for name, value in headers.items()}}


CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "message": ("messages.create", MESSAGES),
    "message of blocks": ("messages.create", BLOCKS),
    "message to the output limit": ("messages.create", {**MESSAGES, "max_tokens": 5}),
    "message with a tool": ("messages.create", USE_TOOL),
    "message with a tool's result": ("messages.create", RESULT),
    "message compressed": ("messages.create", {**MESSAGES, **told(encoding="gzip")}),
    "message with details": (
        "messages.create",
        {
            **MESSAGES,
            **told(cached="40", cache_write_5m="7", cache_write_1h="8", reasoning="9", tier="priority", geo="us"),
        },
    ),
    "message with fields unknown to us": ("messages.create", {**MESSAGES, "extra_body": {"new": {"a": [1, None]}}}),
    "stream": ("messages.create", {**MESSAGES, "stream": True}),
    "stream to the output limit": ("messages.create", {**MESSAGES, "stream": True, "max_tokens": 5}),
    "stream with a tool": ("messages.create", {**USE_TOOL, "stream": True}),
    "stream with CRLF, comments and pings": (
        "messages.create",
        {**MESSAGES, "stream": True, **told(newline="crlf", comments="1")},
    ),
    "stream in br": ("messages.create", {**MESSAGES, "stream": True, **told(encoding="br")}),
    "stream without usage": ("messages.create", {**MESSAGES, "stream": True, **told(usage="none")}),
    "stream of 2,000 tokens": (
        "messages.create",
        {**MESSAGES, "stream": True, "max_tokens": 2000, **told(tokens="2000")},
    ),
    "count of tokens": ("messages.count_tokens", COUNTED),
    "models": ("models.list", {}),
    "one model": ("models.retrieve", {"model_id": "stand-in-small"}),
}
FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "too many requests": ("messages.create", {**MESSAGES, **told(status="429", retry_after="3")}),
    "provider failed": ("messages.create", {**MESSAGES, **told(status="500")}),
    "overloaded": ("messages.create", {**MESSAGES, "stream": True, **told(status="529")}),
    "no such model": ("messages.create", {**MESSAGES, "model": "stand-in-missing"}),
    "error event": ("messages.create", {**MESSAGES, "stream": True, **told(error_event_after="4")}),
    "stream cut": ("messages.create", {**MESSAGES, "stream": True, **told(cut_after="4")}),
    "stream cut after the first events": ("messages.create", {**MESSAGES, "stream": True, **told(cut_after="0")}),
    "answer cut": ("messages.create", {**MESSAGES, **told(cut_after="0")}),
}


@pytest.fixture(scope="module")
def addresses(provider: StandIn, outlay: Deployment) -> dict[str, tuple[str, str]]:
    return {"direct": (provider.url, ANTHROPIC_SECRET), "outlay": (outlay.url, ALICE_KEY)}


@pytest.fixture(scope="module")
def clients(addresses: dict[str, tuple[str, str]]) -> Iterator[dict[str, anthropic.Anthropic]]:
    made = {
        name: anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=300)
        for name, (url, key) in addresses.items()
    }
    yield made
    for client in made.values():
        client.close()


def outcome(client: anthropic.Anthropic, path: str, parameters: dict[str, Any]) -> list[Any]:
    """Everything the SDK hands to its user: results, events, and at last the error."""
    seen: list[Any] = []
    try:
        result = attrgetter(path)(client)(**parameters)
        if parameters.get("stream"):
            seen.extend(event.model_dump() for event in result)
        else:
            seen.append(result.model_dump())
    except Exception as error:  # the SDK lets errors of its HTTP library through as they are
        seen.append(_shown(error))
    return seen


async def outcome_async(client: anthropic.AsyncAnthropic, path: str, parameters: dict[str, Any]) -> list[Any]:
    seen: list[Any] = []
    try:
        result = attrgetter(path)(client)(**parameters)
        if path == "models.list":
            return [model.model_dump() async for model in result]
        result = await result
        if parameters.get("stream"):
            seen.extend([event.model_dump() async for event in result])
        else:
            seen.append(result.model_dump())
    except Exception as error:  # the SDK lets errors of its HTTP library through as they are
        seen.append(_shown(error))
    return seen


def _shown(error: Exception) -> tuple[Any, ...]:
    """The error without the id that is each request's own."""
    body = getattr(error, "body", None)
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name != "request_id"}
    if isinstance(error, anthropic.APIStatusError):
        return type(error), error.status_code, body, error.response.headers.get("retry-after")
    return (type(error), body)


@pytest.mark.parametrize("name", [*CALLS, *FAULTS])
def test_the_sync_client_gets_the_same_as_directly(clients: dict[str, anthropic.Anthropic], name: str) -> None:
    path, parameters = (CALLS | FAULTS)[name]
    direct = outcome(clients["direct"], path, parameters)
    assert outcome(clients["outlay"], path, parameters) == direct
    assert isinstance(direct[-1], tuple) is (name in FAULTS)


@pytest.mark.parametrize("name", [*CALLS, *FAULTS])
async def test_the_async_client_gets_the_same_as_directly(addresses: dict[str, tuple[str, str]], name: str) -> None:
    path, parameters = (CALLS | FAULTS)[name]
    seen = {}
    for where, (url, key) in addresses.items():
        async with anthropic.AsyncAnthropic(base_url=url, api_key=key, max_retries=0, timeout=300) as client:
            seen[where] = await outcome_async(client, path, parameters)
    assert seen["outlay"] == seen["direct"]
    assert isinstance(seen["direct"][-1], tuple) is (name in FAULTS)


@pytest.mark.parametrize("parameters", [MESSAGES, USE_TOOL], ids=["text", "tool"])
def test_the_stream_helper_accumulates_the_same(
    clients: dict[str, anthropic.Anthropic], parameters: dict[str, Any]
) -> None:
    final = {}
    for where, client in clients.items():
        with client.messages.stream(**parameters) as stream:
            final[where] = stream.get_final_message().model_dump()
    assert final["outlay"] == final["direct"]
    assert final["direct"]["usage"]["output_tokens"] > 0


def test_a_bearer_token_works_as_well_as_an_api_key(outlay: Deployment, provider: StandIn) -> None:
    """Claude Code with ANTHROPIC_AUTH_TOKEN sends its key as a bearer; the provider still gets its own."""
    with anthropic.Anthropic(
        base_url=outlay.url,
        api_key=None,
        auth_token=ALICE_KEY,
        max_retries=0,
    ) as client:
        client.messages.create(**MESSAGES, extra_headers={"x-standin-marker": "bearer"})
    (call,) = [call for call in provider.calls() if call["marker"] == "bearer"]
    names = [name for name, _ in call["headers"]]
    assert ("x-api-key" in names, "authorization" in names) == (True, False)


def test_headers_and_bytes_of_a_stream_pass_unchanged(clients: dict[str, anthropic.Anthropic]) -> None:
    seen = {}
    for where, client in clients.items():
        with client.messages.with_streaming_response.create(**MESSAGES, stream=True, **told(newline="crlf")) as raw:
            lines = sorted(
                (name, value)
                for name, value in raw.http_response.headers.multi_items()
                if name not in ("date", "request-id", "x-outlay-call-id")
            )
            seen[where] = (b"".join(raw.http_response.iter_raw()), lines)
    assert seen["outlay"] == seen["direct"]


def test_beta_headers_and_queries_reach_the_provider(
    clients: dict[str, anthropic.Anthropic], provider: StandIn
) -> None:
    own = {"host", "x-api-key", "authorization", "connection", "content-length", "x-standin-marker"}
    seen = {}
    for where, client in clients.items():
        client.beta.messages.create(
            **MESSAGES,
            betas=["context-1m-2025-08-07", "unknown-beta"],
            extra_headers={"x-standin-marker": f"beta-{where}"},
        )
        (call,) = [call for call in provider.calls() if call["marker"] == f"beta-{where}"]
        headers = [line for line in call["headers"] if line[0] not in own]
        seen[where] = (call["target_sha256"], call["body_sha256"], headers)
    assert seen["outlay"] == seen["direct"]
