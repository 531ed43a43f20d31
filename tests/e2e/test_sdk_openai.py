"""The real openai SDK: through the gateway it gives the same as when it calls the provider directly."""

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import openai
import pytest

from tests.servers.processes import ALICE_KEY, OPENAI_SECRET, Deployment, StandIn

SAID = [{"role": "system", "content": "Be brief."}, {"role": "user", "name": "alice", "content": "hello world"}]
FUNCTION = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
TOOLS = [{"type": "function", "function": FUNCTION}]
USE_TOOL = [{"role": "user", "content": "Please use the tool for Paris."}]
CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": SAID}
ASKED: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
RESPONSES: dict[str, Any] = {"model": "gpt-4o", "instructions": "Be brief.", "input": "hello world"}
RESPONSES_TOOLS: dict[str, Any] = {
    "model": "gpt-4o",
    "input": "Please use the tool for Paris.",
    "tools": [{"type": "function", "strict": False, **FUNCTION}],
}
PARTS = [{"role": "user", "content": [{"type": "text", "text": "hello"}, {"type": "text", "text": "wörld \u2028 ☃"}]}]


def told(**headers: str) -> dict[str, Any]:
    return {"extra_headers": {f"x-standin-{name.replace('_', '-')}": value for name, value in headers.items()}}


CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("chat.completions.create", CHAT),
    "chat of parts": ("chat.completions.create", {**CHAT, "messages": PARTS}),
    "chat with several choices": ("chat.completions.create", {**CHAT, "n": 3}),
    "chat to the output limit": ("chat.completions.create", {**CHAT, "max_completion_tokens": 5}),
    "chat with a tool": ("chat.completions.create", {**CHAT, "messages": USE_TOOL, "tools": TOOLS}),
    "chat compressed": ("chat.completions.create", {**CHAT, **told(encoding="br")}),
    "chat with details": ("chat.completions.create", {**CHAT, **told(cached="40", reasoning="9", tier="flex")}),
    "chat without usage": ("chat.completions.create", {**CHAT, **told(usage="none")}),
    "chat with fields unknown to us": ("chat.completions.create", {**CHAT, "extra_body": {"new": {"a": [1, None]}}}),
    "stream": ("chat.completions.create", {**CHAT, "stream": True}),
    "stream that asks for usage": ("chat.completions.create", {**CHAT, **ASKED}),
    "stream of several choices": ("chat.completions.create", {**CHAT, **ASKED, "n": 2}),
    "stream with a tool": ("chat.completions.create", {**CHAT, "messages": USE_TOOL, "tools": TOOLS, "stream": True}),
    "stream with CRLF and comments": (
        "chat.completions.create",
        {**CHAT, "stream": True, **told(newline="crlf", comments="1")},
    ),
    "stream in gzip": ("chat.completions.create", {**CHAT, **ASKED, **told(encoding="gzip")}),
    "stream in zstd that does not ask": ("chat.completions.create", {**CHAT, "stream": True, **told(encoding="zstd")}),
    "stream of 2,000 tokens": ("chat.completions.create", {**CHAT, **ASKED, **told(tokens="2000")}),
    "responses": ("responses.create", RESPONSES),
    "responses to the output limit": ("responses.create", {**RESPONSES, "max_output_tokens": 5}),
    "responses with a tool": ("responses.create", RESPONSES_TOOLS),
    "responses stream": ("responses.create", {**RESPONSES, "stream": True}),
    "responses stream to the output limit": ("responses.create", {**RESPONSES, "stream": True, "max_output_tokens": 5}),
    "responses stream with a tool": ("responses.create", {**RESPONSES_TOOLS, "stream": True}),
    "responses stream with an error event": (
        "responses.create",
        {**RESPONSES, "stream": True, **told(error_event_after="4")},
    ),
    "models": ("models.list", {}),
    "one model": ("models.retrieve", {"model": "stand-in-small"}),
}
FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "too many requests": ("chat.completions.create", {**CHAT, **told(status="429", retry_after="3")}),
    "provider failed": ("responses.create", {**RESPONSES, **told(status="500")}),
    "no such model": ("chat.completions.create", {**CHAT, "model": "stand-in-missing"}),
    "refused by the provider": ("chat.completions.create", {**CHAT, "n": 1000}),
    "error event": ("chat.completions.create", {**CHAT, "stream": True, **told(error_event_after="4")}),
    "stream cut": ("chat.completions.create", {**CHAT, "stream": True, **told(cut_after="4")}),
    "stream cut after the first event": ("chat.completions.create", {**CHAT, **ASKED, **told(cut_after="0")}),
    "answer cut": ("chat.completions.create", {**CHAT, **told(cut_after="0")}),
}


@pytest.fixture(scope="module")
def addresses(provider: StandIn, outlay: Deployment) -> dict[str, tuple[str, str]]:
    return {"direct": (f"{provider.url}/v1", OPENAI_SECRET), "outlay": (f"{outlay.url}/v1", ALICE_KEY)}


@pytest.fixture(scope="module")
def clients(addresses: dict[str, tuple[str, str]]) -> Iterator[dict[str, openai.OpenAI]]:
    made = {
        name: openai.OpenAI(base_url=url, api_key=key, max_retries=0, timeout=300)
        for name, (url, key) in addresses.items()
    }
    yield made
    for client in made.values():
        client.close()


def outcome(client: openai.OpenAI, path: str, parameters: dict[str, Any]) -> list[Any]:
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


async def outcome_async(client: openai.AsyncOpenAI, path: str, parameters: dict[str, Any]) -> list[Any]:
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
    if isinstance(error, openai.APIStatusError):
        return type(error), error.status_code, error.body, error.response.headers.get("retry-after")
    return (type(error), getattr(error, "body", None))


@pytest.mark.parametrize("name", [*CALLS, *FAULTS])
def test_the_sync_client_gets_the_same_as_directly(clients: dict[str, openai.OpenAI], name: str) -> None:
    path, parameters = (CALLS | FAULTS)[name]
    direct = outcome(clients["direct"], path, parameters)
    assert outcome(clients["outlay"], path, parameters) == direct
    assert isinstance(direct[-1], tuple) is (name in FAULTS)


@pytest.mark.parametrize("name", [*CALLS, *FAULTS])
async def test_the_async_client_gets_the_same_as_directly(addresses: dict[str, tuple[str, str]], name: str) -> None:
    path, parameters = (CALLS | FAULTS)[name]
    seen = {}
    for where, (url, key) in addresses.items():
        async with openai.AsyncOpenAI(base_url=url, api_key=key, max_retries=0, timeout=300) as client:
            seen[where] = await outcome_async(client, path, parameters)
    assert seen["outlay"] == seen["direct"]
    assert isinstance(seen["direct"][-1], tuple) is (name in FAULTS)


def test_a_stream_that_asked_for_no_usage_shows_none(clients: dict[str, openai.OpenAI]) -> None:
    chunks = list(clients["outlay"].chat.completions.create(**CHAT, stream=True))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


def test_the_stream_helper_accumulates_the_same(clients: dict[str, openai.OpenAI]) -> None:
    final = {}
    for where, client in clients.items():
        with client.chat.completions.stream(**CHAT) as stream:
            final[where] = stream.get_final_completion().model_dump()
        with client.responses.stream(**RESPONSES) as stream:
            final[where]["response"] = stream.get_final_response().model_dump()
    assert final["outlay"] == final["direct"]


def test_headers_and_bytes_of_an_answer_pass_unchanged(clients: dict[str, openai.OpenAI]) -> None:
    seen = {}
    for where, client in clients.items():
        raw = client.chat.completions.with_raw_response.create(**CHAT)
        lines = sorted(
            (name, value)
            for name, value in raw.http_response.headers.multi_items()
            if name not in ("date", "x-request-id", "x-outlay-call-id")
        )
        seen[where] = (raw.http_response.content, lines)
    assert seen["outlay"] == seen["direct"]


def test_bytes_of_a_request_pass_unchanged(clients: dict[str, openai.OpenAI], provider: StandIn) -> None:
    """Save the credential, which is the provider's own, and what belongs to the connection."""
    own = {"host", "authorization", "connection", "content-length"}
    seen = {}
    for where, client in clients.items():
        marker = f"bytes-{where}"
        client.chat.completions.create(
            **{**CHAT, "messages": PARTS},
            extra_query={"api-version": "2026-01-01", "q": "ä b"},
            extra_headers={"x-standin-marker": marker, "x-outlay-session": "s", "x-unknown": 'a;b="c"'},
        )
        (call,) = [call for call in provider.calls() if call["marker"] == marker]
        headers = [line for line in call["headers"] if line[0] not in own | {"x-standin-marker", "x-outlay-session"}]
        seen[where] = (call["target_sha256"], call["body_sha256"], headers)
        credential = dict(call["headers"])["authorization"]
        seen[f"{where} credential"] = credential
    assert seen["outlay"] == seen["direct"]
    assert seen["outlay credential"] == seen["direct credential"]
