"""OpenAI responses: requests read, answers rendered."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from proxy.model.usage import Usage
from proxy.standin import tokens
from proxy.standin.fields import asks_for_tool, objects, text_of, whole_number
from proxy.standin.protocol import CREATED, Answer, Asked, Frame, Provider, Tool, WrongRequestError


class OpenAIResponses:
    """POST /v1/responses."""

    provider: Provider = "openai"
    billed = True

    def read(self, body: dict[str, Any]) -> Asked:
        items = _items(body.get("input"))
        tools = objects(body.get("tools"), "tools")
        instructions = body.get("instructions")
        count = tokens.ANSWER_TOKENS + sum(map(_item_tokens, items))
        if isinstance(instructions, str):
            count += tokens.of_message("system", instructions)
        return Asked(
            model=text_of(body, "model"),
            prompt_tokens=count + (tokens.of_json(tools) if tools else 0),
            stream=bool(body.get("stream")),
            output_tokens_max=whole_number(body, "max_output_tokens"),
            tool=_tool(tools) if asks_for_tool(items[-1] if items else None) else None,
        )

    def whole(self, answer: Answer) -> dict[str, Any]:
        return _response(answer, _status(answer), [_item(answer, _item_status(answer))])

    def frames(self, answer: Answer) -> Iterable[Frame]:
        """Every event carries its own type and a number."""
        for number, (kind, fields, count) in enumerate(_events(answer)):
            event = {"type": kind, "sequence_number": number, **fields}
            yield Frame(msgspec.json.encode(event), event=kind, tokens=count, usage=kind in ENDS)

    def ping(self) -> Frame | None:
        return None

    def failure(self, message: str) -> Frame:
        event = {"type": "error", "sequence_number": 0, "code": "server_error", "message": message, "param": None}
        return Frame(msgspec.json.encode(event), event="error")


def usage_object(usage: Usage) -> dict[str, Any]:
    """Totals include what the details name apart."""
    prompt = usage.prompt_tokens
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": prompt + usage.output_tokens,
    }


ENDS: Final = ("response.completed", "response.incomplete")
Event = tuple[str, dict[str, Any], int]
"""Type, fields, visible output tokens."""


def _events(answer: Answer) -> Iterator[Event]:
    started = _response(answer, "in_progress", [])
    done = _item(answer, _item_status(answer))
    yield "response.created", {"response": started}, 0
    yield "response.in_progress", {"response": started}, 0
    yield "response.output_item.added", {"output_index": 0, "item": _opened(answer)}, answer.name_tokens
    yield from _call_events(answer) if answer.tool_name else _text_events(answer)
    yield "response.output_item.done", {"output_index": 0, "item": done}, 0
    status = _status(answer)
    yield f"response.{status}", {"response": _response(answer, status, [done])}, 0


def _text_events(answer: Answer) -> Iterator[Event]:
    place = {"item_id": _item_id(answer), "output_index": 0, "content_index": 0}
    text = answer.texts[0]
    yield "response.content_part.added", {**place, "part": _part("")}, 0
    for piece in answer.choices[0]:
        yield "response.output_text.delta", {**place, "delta": piece, "logprobs": []}, 1
    yield "response.output_text.done", {**place, "text": text, "logprobs": []}, 0
    yield "response.content_part.done", {**place, "part": _part(text)}, 0


def _call_events(answer: Answer) -> Iterator[Event]:
    place = {"item_id": _item_id(answer), "output_index": 0}
    for piece in answer.choices[0]:
        yield "response.function_call_arguments.delta", {**place, "delta": piece}, 1
    done = {**place, "name": answer.tool_name, "arguments": answer.texts[0]}
    yield "response.function_call_arguments.done", done, 0


def _items(value: object) -> list[dict[str, Any]]:
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    if value is None:
        raise WrongRequestError("you must provide an input parameter", param="input")
    return objects(value, "input")


def _item_tokens(item: dict[str, Any]) -> int:
    """A message by the rule for messages; the output of a tool as a message of the tool; a call as its JSON."""
    if item.get("type") == "function_call_output":
        return tokens.of_message("tool", item.get("output"))
    if "role" in item:
        return tokens.of_message(str(item["role"]), item.get("content"))
    return tokens.MESSAGE_TOKENS + tokens.of_json(item)


def _tool(tools: list[dict[str, Any]]) -> Tool | None:
    """The first function among them."""
    for tool in tools:
        if tool.get("type") == "function":
            return Tool(text_of(tool, "name"), tool.get("parameters") or {})
    return None


def _status(answer: Answer) -> str:
    return "incomplete" if answer.limited else "completed"


_item_status = _status


def _item_id(answer: Answer) -> str:
    return ("fc_" if answer.tool_name else "msg_") + answer.id


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _opened(answer: Answer) -> dict[str, Any]:
    item = _item(answer, "in_progress")
    return {**item, "arguments": ""} if answer.tool_name else {**item, "content": []}


def _item(answer: Answer, status: str) -> dict[str, Any]:
    text = answer.texts[0]
    if answer.tool_name:
        return {
            "id": _item_id(answer),
            "type": "function_call",
            "status": status,
            "arguments": text,
            "call_id": f"call_{answer.id[:20]}",
            "name": answer.tool_name,
        }
    return {"id": _item_id(answer), "type": "message", "status": status, "role": "assistant", "content": [_part(text)]}


def _response(answer: Answer, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    ended = status != "in_progress"
    return {
        "id": f"resp_{answer.id}",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": None,
        "max_output_tokens": None,
        "model": answer.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": answer.behaviour.tier or "default",
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage_object(answer.usage) if ended and answer.usage_shown else None,
        "user": None,
        "metadata": {},
    }
