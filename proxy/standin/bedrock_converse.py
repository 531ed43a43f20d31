"""Bedrock's converse: requests read, answers rendered, whole or as events."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from proxy.standin import tokens
from proxy.standin.bedrock_frames import BinaryFrames
from proxy.standin.behaviour import Behaviour
from proxy.standin.fields import asks_for_tool, objects, whole_number
from proxy.standin.protocol import Answer, Asked, Frame, Provider, Tool, WrongRequestError

_CALLS: Final = ("toolUse", "toolResult")
Event = tuple[str, dict[str, Any], int]
"""Name, fields, visible output tokens."""


class Converse:
    """POST /model/{id}/converse and /converse-stream."""

    provider: Provider = "bedrock"
    billed = True

    def __init__(self, model: str, *, stream: bool) -> None:
        self._model = model
        self._stream = stream

    def read(self, body: dict[str, Any]) -> Asked:
        messages = objects(body.get("messages"), "messages")
        tools = _tools(body)
        return Asked(
            model=self._model,
            prompt_tokens=prompt_tokens(body),
            stream=self._stream,
            output_tokens_max=whole_number(_part(body, "inferenceConfig"), "maxTokens", "max_new_tokens"),
            tool=_tool(tools) if asks_for_tool(messages[-1]) else None,
        )

    def whole(self, answer: Answer) -> dict[str, Any]:
        return {
            "output": {"message": {"role": "assistant", "content": [block(answer)]}},
            "stopReason": stop_reason(answer),
            **self._told(answer),
        }

    def frames(self, answer: Answer) -> Iterable[Frame]:
        for name, fields, count in told_in_order(answer, self._told(answer)):
            data = msgspec.json.encode({**fields, "p": "abcdefgh"})
            yield Frame(data, event=name, tokens=count, usage=name == "metadata")

    def _told(self, answer: Answer) -> dict[str, Any]:
        """Usage, and how it was served."""
        tier, speed = answer.behaviour.tier, answer.behaviour.speed
        return {
            **({"usage": _usage(answer)} if answer.usage_shown else {}),
            "metrics": {"latencyMs": 1},
            **({"serviceTier": {"type": tier}} if tier else {}),
            **({"performanceConfig": {"latency": speed}} if speed else {}),
        }

    def ping(self) -> Frame | None:
        return None

    def failure(self, message: str) -> Frame:
        return Frame(msgspec.json.encode({"message": message}), event="modelStreamErrorException")

    def framing(self, behaviour: Behaviour) -> BinaryFrames:
        return BinaryFrames(behaviour)


def prompt_tokens(body: dict[str, Any]) -> int:
    """The rule for messages; the system prompt counts as one, tools and their calls as their JSON."""
    messages = objects(body.get("messages"), "messages")
    if not messages:
        raise WrongRequestError("messages: at least one message is required", param="messages")
    count = tokens.ANSWER_TOKENS
    if body.get("system"):
        count += tokens.of_message("system", body["system"])
    for message in messages:
        content = message.get("content")
        count += tokens.of_message(str(message.get("role", "")), content)
        count += sum(tokens.of_json(each) for each in _blocks(content) if any(name in each for name in _CALLS))
    tools = _tools(body)
    return count + (tokens.of_json(tools) if tools else 0)


def told_in_order(answer: Answer, metadata: dict[str, Any]) -> Iterator[Event]:
    """The events of a stream, each with the tokens it shows."""
    yield "messageStart", {"role": "assistant"}, 0
    if answer.tool_name:
        tool = {"toolUseId": f"tooluse_{answer.id[:20]}", "name": answer.tool_name}
        yield "contentBlockStart", {"start": {"toolUse": tool}, "contentBlockIndex": 0}, answer.name_tokens
    for piece in answer.choices[0]:
        delta: dict[str, Any] = {"toolUse": {"input": piece}} if answer.tool_name else {"text": piece}
        yield "contentBlockDelta", {"delta": delta, "contentBlockIndex": 0}, 1
    yield "contentBlockStop", {"contentBlockIndex": 0}, 0
    yield "messageStop", {"stopReason": stop_reason(answer)}, 0
    yield "metadata", metadata, 0


def block(answer: Answer) -> dict[str, Any]:
    text = answer.texts[0]
    if not answer.tool_name:
        return {"text": text}
    # A call whose arguments were cut by the output limit has no readable input.
    given = {} if answer.limited else msgspec.json.decode(text)
    return {"toolUse": {"toolUseId": f"tooluse_{answer.id[:20]}", "name": answer.tool_name, "input": given}}


def stop_reason(answer: Answer) -> str:
    if answer.limited:
        return "max_tokens"
    return "tool_use" if answer.tool_name else "end_turn"


def _usage(answer: Answer) -> dict[str, Any]:
    """What is read from and written to a cache is not in `inputTokens`, but in the total."""
    usage = answer.usage
    writes = (("1h", usage.cache_write_1h), ("5m", usage.cache_write_5m))
    details = [{"ttl": ttl, "inputTokens": count} for ttl, count in writes if count]
    return {
        "inputTokens": usage.input_text,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.prompt_tokens + usage.output_tokens,
        "cacheReadInputTokens": usage.cache_read,
        "cacheWriteInputTokens": usage.cache_write_tokens,
        **({"cacheDetails": details} if details else {}),
    }


def _tools(body: dict[str, Any]) -> list[dict[str, Any]]:
    return objects(_part(body, "toolConfig").get("tools"), "tools")


def _tool(tools: list[dict[str, Any]]) -> Tool | None:
    for tool in tools:
        spec = tool.get("toolSpec")
        schema = spec.get("inputSchema") if isinstance(spec, dict) else None
        if isinstance(spec, dict) and isinstance(schema, dict) and isinstance(schema.get("json"), dict):
            return Tool(str(spec.get("name", "")), schema["json"])
    return None


def _part(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _blocks(content: object) -> list[dict[str, Any]]:
    return [each for each in content if isinstance(each, dict)] if isinstance(content, list) else []
