"""litellm as a client. Arguments and output: see calls.py."""

import asyncio
from typing import Any

import calls
import litellm

litellm.suppress_debug_info = True
litellm.telemetry = False
SAID = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello wörld"}]
TOOL = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
USE_TOOL: Any = {
    "messages": [{"role": "user", "content": "Please use the tool for Paris."}],
    "tools": [{"type": "function", "function": TOOL}],
    # Else litellm looks for the package `mcp`, which is none of its requirements.
    "_skip_mcp_handler": True,
}


def plain(value: Any) -> Any:
    """Without what litellm itself makes anew each time."""
    shown = value.model_dump()
    for made in ("created", "id"):
        shown.pop(made, None)
    return shown


def ask(address: calls.Address, **more: Any) -> dict[str, Any]:
    given = {"api_base": f"{address.url}/v1", "api_key": address.key, "messages": SAID, "num_retries": 0, "timeout": 20}
    return {**given, **more}


def anthropic(address: calls.Address, **more: Any) -> dict[str, Any]:
    return ask(address, api_base=address.url, model="anthropic/claude-lite", max_tokens=200, **more)


async def collected(stream: Any) -> list[Any]:
    return [plain(chunk) async for chunk in stream]


async def gathered(address: calls.Address) -> list[Any]:
    return [
        plain(await litellm.acompletion(**ask(address, model="openai/lite-async"))),
        await collected(await litellm.acompletion(**ask(address, model="openai/lite-async-stream", stream=True))),
        plain(await litellm.acompletion(**anthropic(address))),
        await collected(await litellm.acompletion(**anthropic(address, stream=True))),
    ]


def made(address: calls.Address) -> dict[str, Any]:
    told = {"x-standin-cached": "40", "x-standin-reasoning": "9", "x-standin-encoding": "gzip"}
    usage: Any = {"stream": True, "stream_options": {"include_usage": True}}
    one = litellm.completion
    vectors = {"api_base": f"{address.url}/v1", "api_key": address.key, "input": ["hello", "wörld"]}
    return {
        "completion": plain(one(**ask(address, model="openai/lite-chat"))),
        "details": plain(one(**ask(address, model="openai/lite-details", extra_headers=told))),
        "tool": plain(one(**ask(address, model="openai/lite-tool", **USE_TOOL))),
        "stream": [plain(chunk) for chunk in one(**ask(address, model="openai/lite-stream", stream=True))],
        "stream with usage": [plain(chunk) for chunk in one(**ask(address, model="openai/lite-usage", **usage))],
        "anthropic": plain(one(**anthropic(address))),
        "anthropic stream": [plain(chunk) for chunk in one(**anthropic(address, stream=True))],
        "embeddings": litellm.embedding(model="openai/lite-vectors", **vectors).model_dump(),
        "async": asyncio.run(gathered(address)),
    }


calls.main(made)
