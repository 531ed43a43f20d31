"""pydantic-ai as a client: its agents on chat completions and on responses. Arguments and output: see calls.py."""

import asyncio
import json
from typing import Any

import calls
from pydantic_ai import Agent, UsageLimits
from pydantic_ai.exceptions import UsageLimitExceeded
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

NEW_EACH_TIME = {"timestamp", "run_id", "conversation_id", "provider_url"}
TOLD = {"x-standin-cached": "40", "x-standin-reasoning": "9"}


def plain(value: Any) -> Any:
    """Without what pydantic-ai makes anew for each run, and without the address."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items() if name not in NEW_EACH_TIME}
    return [plain(each) for each in value] if isinstance(value, list) else value


def result(run: Any) -> list[Any]:
    usage = run.usage
    return [plain(json.loads(run.all_messages_json())), str(usage() if callable(usage) else usage)]


async def asked(address: calls.Address) -> dict[str, Any]:
    provider = OpenAIProvider(base_url=f"{address.url}/v1", api_key=address.key)
    found: dict[str, Any] = {}
    for kind, model in (("chat", OpenAIChatModel), ("responses", OpenAIResponsesModel)):
        agent = Agent(model(f"agent-{kind}", provider=provider), instructions="Be brief.", retries=0)
        found[kind] = result(await agent.run("hello wörld", model_settings={"extra_headers": TOLD}))
        streaming = Agent(model(f"agent-{kind}-stream", provider=provider))
        async with streaming.run_stream("hello wörld") as stream:
            pieces = [text async for text in stream.stream_text(delta=True, debounce_by=None)]
            found[f"{kind} streamed"] = [pieces, *result(stream)]
        found[f"{kind} tool"] = await tool(Agent(model(f"agent-{kind}-tool", provider=provider)))
    return found


async def tool(agent: Agent) -> list[Any]:
    """The tool is called, and its answer goes back to the model."""
    called: list[str] = []

    @agent.tool_plain
    def weather(city: str = "") -> str:
        """The weather of a city."""
        called.append(city)
        return "sunny"

    try:
        return [
            called,
            *result(await agent.run("Please use the tool for Paris.", usage_limits=UsageLimits(request_limit=3))),
        ]
    except UsageLimitExceeded as error:
        return [called, str(error)]


calls.main(lambda address: asyncio.run(asked(address)))
