"""Each provider of docs/providers.md by its entry there, answering in the shapes that it documents: what it reports is
what is settled, streamed or not, and its bytes pass."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from proxy.model.usage import Usage
from tests.servers.processes import ALICE_KEY, ROOT, Deployment
from tests.servers.raw_provider import Line, Seen, provider

PAGE: Final = (ROOT / "docs/providers.md").read_text()
ENTRIES: Final = [b for b in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S) if b.startswith("providers:")]
ASK: Final = b'"stream_options":{"include_usage":true},'
DONE: Final = b"data: [DONE]\n\n"


def event(value: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def piece(delta: Mapping[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "choices": [choice], **more})


def usage_alone(usage: Mapping[str, Any]) -> bytes:
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "choices": [], "usage": usage})


def whole(content: object = "hello you", **more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return json.dumps({"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice], **more}).encode()


SAID: Final = (piece({"role": "assistant", "content": ""}), piece({"content": "hello"}), piece({"content": " you"}))


@dataclass(frozen=True, slots=True)
class Server:
    """What one of them answers, and what of it must be settled."""

    model: str
    whole: bytes
    stream: tuple[bytes, ...]
    usage: Usage
    at: str = "/v1/chat/completions"
    streamed: Usage | None = None
    """Where a stream tells other things than a whole answer."""
    hidden: bytes = b""
    """The event that only outlay asked for."""
    estimated: bool = False
    """Of the stream."""
    asked: bool = True


TOTALS: Final = {"prompt_tokens": 90, "completion_tokens": 12, "total_tokens": 102}
PLAIN: Final = Usage(input_text=90, output_text=12)
CACHED: Final = {**TOTALS, "prompt_tokens_details": {"cached_tokens": 64}}
WITH_CACHE: Final = Usage(input_text=26, cache_read=64, output_text=12)
TIMES: Final = {"queue_time": 0.03, "prompt_time": 0.004, "completion_time": 0.1, "total_time": 0.104}
DEEPSEEK: Final = {
    **TOTALS,
    "prompt_tokens_details": {"cached_tokens": 64},
    "completion_tokens_details": {"reasoning_tokens": 5},
    "prompt_cache_hit_tokens": 64,
    "prompt_cache_miss_tokens": 26,
}
OPENROUTER: Final = {
    **TOTALS,
    "cost": 0.00123,
    "is_byok": False,
    "cost_details": {"upstream_inference_cost": None},
    "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 20, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
XAI: Final = {
    "prompt_tokens": 90,
    "completion_tokens": 12,
    "total_tokens": 202,
    "prompt_tokens_details": {"text_tokens": 90, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 64},
    "completion_tokens_details": {"reasoning_tokens": 100, "audio_tokens": 0},
    "num_sources_used": 0,
}
GEMINI: Final = {"prompt_tokens": 90, "completion_tokens": 12, "total_tokens": 162}
THINKING: Final = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
    {"type": "text", "text": "hello"},
]


def running(tokens: int) -> dict[str, int]:
    return {"prompt_tokens": 90, "completion_tokens": tokens, "total_tokens": 90 + tokens}


SERVERS: Final[dict[str, Server]] = {
    "groq": Server(
        "openai/gpt-oss-120b",
        whole(usage={**CACHED, **TIMES}, x_groq={"id": "req_1"}, service_tier="on_demand"),
        (
            piece({"content": "hello"}, x_groq={"id": "req_1"}),
            piece({}, "stop", x_groq={"id": "req_1", "usage": CACHED}),
        ),
        WITH_CACHE,
        at="/openai/v1/chat/completions",
    ),
    "mistral": Server(
        "magistral-medium-latest",
        whole(THINKING, usage=TOTALS),
        (piece({"content": THINKING}), piece({"content": ""}, "stop", usage=TOTALS)),
        PLAIN,
        asked=False,
    ),
    "deepseek": Server(
        "deepseek-reasoner",
        b"\n\n\n" + whole(usage=DEEPSEEK),
        (
            b": keep-alive\n\n",
            piece({"role": "assistant", "content": None, "reasoning_content": "hm"}),
            piece({"content": "hello", "reasoning_content": None}),
            piece({"content": ""}, "stop", usage=DEEPSEEK),
        ),
        Usage(input_text=26, cache_read=64, output_text=7, reasoning=5),
    ),
    "openrouter": Server(
        "anthropic/claude-sonnet-4.5",
        whole(usage=OPENROUTER, provider="Anthropic"),
        (
            b": OPENROUTER PROCESSING\n\n",
            *SAID,
            piece({"role": "assistant", "content": ""}, "stop"),
            piece({"role": "assistant", "content": ""}, usage=OPENROUTER),
        ),
        Usage(input_text=30, cache_read=40, cache_write_5m=20, output_text=7, reasoning=5),
        at="/api/v1/chat/completions",
        asked=False,
    ),
    "xai": Server(
        "grok-4.7",
        whole(usage=XAI),
        (piece({"content": "hello"}, usage=XAI), piece({}, "stop", usage=XAI)),
        Usage(input_text=26, cache_read=64, output_text=12, reasoning=100),
    ),
    "together": Server(
        "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        whole(usage={**TOTALS, "cached_tokens": 0}, prompt=[]),
        (*SAID, piece({"content": "", "token_id": 1}, "stop", usage=TOTALS)),
        PLAIN,
    ),
    "fireworks": Server(
        "accounts/fireworks/models/deepseek-v3p2",
        whole(usage=CACHED),
        (*SAID, piece({}, "stop", usage=CACHED)),
        WITH_CACHE,
        at="/inference/v1/chat/completions",
    ),
    "zai": Server(
        "glm-4.6",
        whole(usage=CACHED, request_id="r"),
        (*SAID, piece({"role": "assistant", "content": ""}, "stop", usage=CACHED)),
        WITH_CACHE,
        at="/api/paas/v4/chat/completions",
    ),
    "gemini-openai": Server(
        "gemini-2.5-flash",
        whole(usage=GEMINI),
        (piece({"content": "hello"}, usage=running(1)), piece({"content": " you"}, "stop", usage=GEMINI)),
        Usage(input_text=90, output_text=12, reasoning=60),
        at="/v1beta/openai/chat/completions",
    ),
    "vllm": Server(
        "llama-4",
        whole(usage={**TOTALS, "prompt_tokens_details": None}, prompt_logprobs=None, kv_transfer_params=None),
        (
            *(piece({"content": "a"}, usage=running(tokens)) for tokens in (1, 2, 3)),
            piece({}, "stop", usage=running(12)),
        ),
        PLAIN,
        hidden=usage_alone(TOTALS),
    ),
    "ollama": Server(
        "qwen3:8b",
        whole(usage=TOTALS, system_fingerprint="fp_ollama"),
        (*SAID, piece({"content": ""}, "stop", system_fingerprint="fp_ollama")),
        PLAIN,
        # The texts counted: 'hi' in one message of a user, by OpenAI's rule; 'hello you'.
        streamed=Usage(input_text=8, output_text=2),
        estimated=True,
    ),
    "lmstudio": Server(
        "lmstudio-x",
        whole(usage=TOTALS, stats={}),
        (*SAID, piece({}, "stop")),
        PLAIN,
        hidden=usage_alone(TOTALS),
    ),
}


@dataclass(slots=True)
class Got:
    """What came of one call."""

    answer: bytes = b""
    seen: Seen | None = None
    sent: bytes = b""
    entry: dict[str, Any] = field(default_factory=dict)


async def answered(line: Line) -> None:
    """By the first part of the path, which names the server."""
    while (seen := await line.request()) is not None:
        server = SERVERS[seen.target.split(b"/")[1].decode()]
        if b'"stream": true' not in seen.body:
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            await line.send(head % len(server.whole) + server.whole)
            continue
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for each in (*server.stream, *([server.hidden] if ASK in seen.body and server.hidden else []), DONE):
            await line.send(b"%x\r\n%b\r\n" % (len(each), each))
        await line.send(b"0\r\n\r\n")


def moved(entry: str, upstream: str) -> str:
    """The entry of the page, with the server's own host put before the path that it writes."""
    name = re.findall(r"^  (\S+):", entry, re.M)[0]
    url = re.findall(r'base_url: "(.*)"', entry)[0]
    key = re.sub(r"api_key: \{env: \w+\}", "api_key: {env: OPENAI_API_KEY}", entry)
    return key.removeprefix("providers:\n").replace(url, f"{upstream}/{name}{urlsplit(url).path}")


async def test_what_each_server_reports_is_settled_and_its_bytes_pass(tmp_path: Path) -> None:
    async with provider(answered) as upstream:
        planes = Deployment(tmp_path, upstream.url)
        entries = "".join(moved(entry, upstream.url) for entry in ENTRIES)
        (tmp_path / "policies" / "providers.yaml").write_text("providers:\n" + entries)
        try:
            await asyncio.to_thread(planes.start_gateway)
            got = await called(planes.url, upstream.seen)
        finally:
            await asyncio.to_thread(planes.stop)
    for entry in settled(planes.data):
        got[entry["call"]["provider"], entry["call"]["stream"]].entry = entry
    assert {name for name, _ in got} == set(SERVERS) == {re.findall(r"^  (\S+):", e, re.M)[0] for e in ENTRIES}
    for (name, stream), call in got.items():
        checked(name, stream, call)


async def called(url: str, seen: list[Seen]) -> dict[tuple[str, bool], Got]:
    """Each server, streamed and not, through the gateway."""
    calls: dict[tuple[str, bool], Got] = {}
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {ALICE_KEY}"}) as client:
        for name, server in SERVERS.items():
            for stream in (False, True):
                asked = {"model": server.model, "messages": [{"role": "user", "content": "hi"}], "stream": stream}
                sent = json.dumps(asked).encode()
                answer = await client.post(f"{url}/{name}/v1/chat/completions", content=sent)
                assert answer.status_code == 200, (name, answer.text)
                calls[name, stream] = Got(answer.content, seen[-1], sent)
    return calls


def settled(data: Path) -> list[dict[str, Any]]:
    lines = [line for path in sorted(data.glob("journal/*/*.jsonl")) for line in path.read_bytes().splitlines()]
    return [entry for entry in map(json.loads, lines) if entry["t"] == "settled"]


def checked(name: str, stream: bool, call: Got) -> None:
    server = SERVERS[name]
    assert call.seen is not None
    assert call.seen.target.decode() == f"/{name}{server.at}"
    spliced = call.sent.replace(b"{", b"{" + ASK, 1) if stream and server.asked else call.sent
    assert call.seen.body == spliced, (name, stream)
    assert call.answer == (b"".join((*server.stream, DONE)) if stream else server.whole), (name, stream)
    expected = server.streamed or server.usage if stream else server.usage
    usage = {kind: count for kind, count in call.entry["usage"].items() if count}
    assert Usage(**usage) == expected, (name, stream)
    assert call.entry.get("estimated", False) is (server.estimated and stream), (name, stream)
