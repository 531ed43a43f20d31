"""Anthropic messages: requests read, answers rendered."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from proxy.model.usage import Usage
from proxy.standin import tokens
from proxy.standin.fields import asks_for_tool, objects, text_of, whole_number
from proxy.standin.protocol import Answer, Asked, Frame, Provider, Tool, WrongRequestError


class AnthropicMessages:
    """POST /v1/messages."""

    provider: Provider = "anthropic"
    billed = True

    def read(self, body: dict[str, Any]) -> Asked:
        messages = objects(body.get("messages"), "messages")
        tools = objects(body.get("tools"), "tools")
        limit = whole_number(body, "max_tokens")
        if limit is None:
            raise WrongRequestError("max_tokens: Field required", param="max_tokens")
        return Asked(
            model=text_of(body, "model"),
            prompt_tokens=prompt_tokens(body),
            stream=bool(body.get("stream")),
            output_tokens_max=limit,
            tool=_tool(tools) if asks_for_tool(messages[-1]) else None,
        )

    def whole(self, answer: Answer) -> dict[str, Any]:
        ended = {"stop_reason": _stop_reason(answer), "stop_sequence": None}
        usage = {"usage": _usage(answer, answer.usage.output_tokens)} if answer.usage_shown else {}
        return {**_message(answer, [_block(answer)]), **ended, **usage}

    def frames(self, answer: Answer) -> Iterable[Frame]:
        for kind, fields, count in _events(answer):
            data = msgspec.json.encode({"type": kind, **fields})
            yield Frame(data, event=kind, tokens=count, usage=kind == "message_delta")

    def ping(self) -> Frame | None:
        return Frame(b'{"type":"ping"}', event="ping")

    def failure(self, message: str) -> Frame:
        error = {"type": "overloaded_error", "message": message}
        return Frame(msgspec.json.encode({"type": "error", "error": error}), event="error")


class AnthropicCountTokens:
    """POST /v1/messages/count_tokens."""

    provider: Provider = "anthropic"
    billed = False

    def read(self, body: dict[str, Any]) -> Asked:
        return Asked(model=text_of(body, "model"), prompt_tokens=prompt_tokens(body))

    def whole(self, answer: Answer) -> dict[str, Any]:
        return {"input_tokens": answer.usage.input_text}

    def frames(self, answer: Answer) -> Iterable[Frame]:
        return ()

    def ping(self) -> Frame | None:
        return None

    def failure(self, message: str) -> Frame:
        return AnthropicMessages().failure(message)


def prompt_tokens(body: dict[str, Any]) -> int:
    """Tokens of a prompt: the system prompt counts as one message of the role 'system'."""
    messages = objects(body.get("messages"), "messages")
    if not messages:
        raise WrongRequestError("messages: at least one message is required", param="messages")
    count = tokens.ANSWER_TOKENS + sum(_message_tokens(message) for message in messages)
    if body.get("system"):
        count += tokens.of_message("system", body["system"])
    tools = objects(body.get("tools"), "tools")
    return count + (tokens.of_json(tools) if tools else 0)


Event = tuple[str, dict[str, Any], int]
"""Type, fields, visible output tokens."""


def _events(answer: Answer) -> Iterator[Event]:
    """`message_delta` repeats the whole usage, cumulative: whoever adds it to that of `message_start` counts twice."""
    started = {"stop_reason": None, "stop_sequence": None, **_shown(answer, min(1, answer.usage.output_tokens))}
    yield "message_start", {"message": {**_message(answer, []), **started}}, 0
    yield "content_block_start", {"index": 0, "content_block": _opened(answer)}, answer.name_tokens
    for piece in answer.choices[0]:
        yield "content_block_delta", {"index": 0, "delta": _delta(answer, piece)}, 1
    yield "content_block_stop", {"index": 0}, 0
    delta = {"stop_reason": _stop_reason(answer), "stop_sequence": None}
    yield "message_delta", {"delta": delta, **_final(answer)}, 0
    yield "message_stop", {}, 0


def _message_tokens(message: dict[str, Any]) -> int:
    """The rule for messages; calls of tools in it count as their JSON."""
    content = message.get("content")
    count = tokens.of_message(str(message.get("role", "")), content)
    blocks = content if isinstance(content, list) else []
    return count + sum(tokens.of_json(block) for block in blocks if _is_call(block))


def _is_call(block: object) -> bool:
    return isinstance(block, dict) and block.get("type") == "tool_use"


def _tool(tools: list[dict[str, Any]]) -> Tool | None:
    """The first tool that the client itself runs."""
    for tool in tools:
        if isinstance(tool.get("input_schema"), dict):
            return Tool(text_of(tool, "name"), tool["input_schema"])
    return None


def _stop_reason(answer: Answer) -> str:
    if answer.limited:
        return "max_tokens"
    return "tool_use" if answer.tool_name else "end_turn"


def _message(answer: Answer, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"msg_{answer.id}",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
    }


def _block(answer: Answer) -> dict[str, Any]:
    text = answer.texts[0]
    if not answer.tool_name:
        return {"type": "text", "text": text}
    # A call whose arguments were cut by the output limit has no readable input.
    return {**_call(answer), "input": {} if answer.limited else msgspec.json.decode(text)}


def _opened(answer: Answer) -> dict[str, Any]:
    return _call(answer) if answer.tool_name else {"type": "text", "text": ""}


def _call(answer: Answer) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{answer.id[:20]}", "name": answer.tool_name, "input": {}}


def _delta(answer: Answer, piece: str) -> dict[str, Any]:
    if answer.tool_name:
        return {"type": "input_json_delta", "partial_json": piece}
    return {"type": "text_delta", "text": piece}


def _shown(answer: Answer, output_tokens: int) -> dict[str, Any]:
    return {"usage": _usage(answer, output_tokens)} if answer.usage_shown else {}


def _usage(answer: Answer, output_tokens: int) -> dict[str, Any]:
    """As in `message_start` and in whole answers; what is read from and written to a cache is not in `input_tokens`."""
    usage, behaviour = answer.usage, answer.behaviour
    served = {"service_tier": behaviour.tier or "standard", "inference_geo": behaviour.geo or "not_available"}
    return {
        "input_tokens": usage.input_text,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": output_tokens,
        **_thinking(usage, output_tokens),
        **served,
        **({"speed": behaviour.speed} if behaviour.speed else {}),
    }


def _thinking(usage: Usage, output_tokens: int) -> dict[str, Any]:
    known = usage.reasoning if output_tokens == usage.output_tokens else 0
    return {"output_tokens_details": {"thinking_tokens": known}} if known else {}


def _final(answer: Answer) -> dict[str, Any]:
    if not answer.usage_shown:
        return {}
    usage = answer.usage
    totals = {
        "input_tokens": usage.input_text,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.output_tokens,
        **_thinking(usage, usage.output_tokens),
    }
    return {"usage": totals}
